"""Saved settings: what is in a file, what is not, and what becomes of one that does not fit."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from easyphoto.errors import BadName, BadRecord, BadSettings, InputError, UnknownConfiguration
from easyphoto.settings.inference import InferenceSettings
from easyphoto.settings.options import FaceSettings, Options, WeightSettings
from easyphoto.settings.training import PreprocessSettings, TrainSettings
from easyphoto.workspace.configurations import (
    PHOTOGRAPH,
    TRAIN,
    Configuration,
    Configurations,
    checked_name,
    configuration_from,
    configuration_of,
    read_configuration,
)
from easyphoto.workspace.folders import Workspace
from tests.killing import killed_at

HOME = "/home/anna/models/v1-5.safetensors"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    root = tmp_path / "workspace"
    root.mkdir(0o700)
    return Workspace(root)


def quick(name: str = "Quick look", base: str | None = "sd15") -> Configuration:
    weights = WeightSettings(offline=True, webui="/home/a")
    options = Options(base, "photographs", FaceSettings(detector="scrfd"), weights)
    return configuration_of(TRAIN, name, options, TrainSettings(steps=40), PreprocessSettings(keep=9))


def portraits(**settings: Any) -> Configuration:
    return configuration_of(PHOTOGRAPH, "Portraits", Options(), InferenceSettings(**settings))


def written(**changes: Any) -> dict[str, Any]:
    return {**quick().record(), **changes}


def test_what_is_saved_comes_back_in_another_process(workspace: Workspace):
    Configurations(workspace, TRAIN).save(quick())

    found = Configurations(workspace, TRAIN).get("Quick look")

    assert found.settings == TrainSettings(steps=40)
    assert found.parts["preprocess"] == PreprocessSettings(keep=9)
    assert found.parts["faces"] == FaceSettings(detector="scrfd")
    assert (found.name, found.base, found.engine, found.dropped) == ("Quick look", "sd15", "photographs", ())
    assert Configurations(workspace, PHOTOGRAPH).names() == ()


def test_a_file_says_what_it_is_and_names_every_setting(workspace: Workspace):
    Configurations(workspace, TRAIN).save(quick())

    file = workspace.root / "configurations" / "train" / "Quick look.json"
    said = json.loads(file.read_text("utf-8"))

    assert (said["easyphoto"], said["version"], said["kind"], said["name"]) == (
        "configuration", 1, "train", "Quick look",
    )  # fmt: skip
    # Defaults as well: another version may have others.
    assert said["settings"]["steps"] == 40
    assert said["settings"]["batch"] == 4
    assert said["settings"]["rank"] is None
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_folder_of_this_machine_is_in_no_file_and_a_checkpoints_path_in_none_that_leaves_it():
    assert "webui" not in quick().record()["weights"]
    assert quick(base=HOME).record()["base"] == HOME
    assert quick(base=HOME).portable.base == "v1-5.safetensors"
    assert quick(base=r"C:\models\v1-5.safetensors").portable.base == "v1-5.safetensors"
    assert quick(base=None).portable.base is None


def test_an_identity_that_names_persons_is_left_out_and_that_is_said():
    found = portraits(identity="anna=faceid, ben=lora", cfg=3.0)

    assert found.settings == InferenceSettings(cfg=3.0)
    assert "anna" not in found.text()
    assert found.dropped == ("The setting 'identity' names persons, and is left out.",)
    assert portraits(identity="faceid").settings == InferenceSettings(identity="faceid")


def test_a_file_that_people_wrote_may_leave_out_what_they_do_not_care_about():
    found = configuration_from(
        {"easyphoto": "configuration", "version": 1, "kind": "photograph", "settings": {"cfg": 3}},
        kind=PHOTOGRAPH, source="mine.json",
    )  # fmt: skip

    assert found.settings == InferenceSettings(cfg=3)
    assert (found.name, found.base, found.engine) == ("mine", None, "auto")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"settings": {"stesp": 40}},
            r"mine\.json: Unknown setting: stesp\. Did you mean 'steps'\? Known: alpha, batch, ",
        ),
        ({"settings": {"steps": "many"}}, r"mine\.json: steps cannot be 'many'\. It must be a whole number or nothing"),
        ({"settings": {"batch": 99}}, r"mine\.json: batch cannot be 99\. It must be between 1 and 32"),
        ({"settings": []}, r"mine\.json: Settings are a name and a value each"),
        ({"preprocess": {"background": "red"}}, r"mine\.json: background cannot be 'red'\. Choose one of: keep, white"),
        ({"weights": {"webui": "/home/a"}}, r"mine\.json: Unknown setting: webui\. Known: licences, offline\."),
        ({"photos": ["a.jpg"]}, r"mine\.json: Unknown setting: photos\."),
        ({"engine": "clay"}, r"mine\.json: engine cannot be 'clay'\. Choose one of: auto, drawings, photographs"),
        ({"base": 7}, r"mine\.json: base cannot be 7\. It must be text"),
    ],
)
def test_a_setting_that_does_not_fit_is_named_with_its_file_and_what_is_allowed(changes: dict[str, Any], said: str):
    with pytest.raises(BadSettings, match=said):
        configuration_from(written(**changes), kind=TRAIN, source="mine.json")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([], "There are no saved settings in mine.json."),
        ({"format": 1, "id": "anna"}, "There are no saved settings in mine.json."),
        (written(version=2), "mine.json has an unknown format. It may come from a later version of EasyPhoto."),
        (written(version=True), "mine.json has an unknown format."),
        (written(kind="photograph"), "The settings in mine.json are for 'photograph'. Settings for 'train' are"),
        (written(kind=None), "The settings in mine.json are for None."),
    ],
)
def test_another_file_is_refused_by_name(content: Any, said: str):
    with pytest.raises(BadRecord) as caught:
        configuration_from(content, kind=TRAIN, source="mine.json")

    assert str(caught.value).startswith(said)


def test_a_file_of_another_version_is_read_with_what_is_known_and_the_rest_is_said():
    content = written(
        made_by="EasyPhoto 0.1.0", colour="blue", settings={"steps": 40, "wings": 2, "batch": 99}, engine="clay"
    )

    found = configuration_from(content, kind=TRAIN, source="old.json")

    assert found.settings == TrainSettings(steps=40)
    assert (found.base, found.engine) == ("sd15", "auto")
    assert [said.partition(". ")[0] for said in found.dropped] == [
        "Unknown setting: colour",
        "Unknown setting: wings",
        "batch cannot be 99",
        "engine cannot be 'clay'",
    ]


@pytest.mark.parametrize("name", ["", " ", "a/b", "..", ".hid", "con", "nul.txt", "a\\b", "why?", "a\nb", "x" * 61])
def test_a_name_that_no_disk_or_not_every_disk_holds_is_refused(workspace: Workspace, name: str):
    with pytest.raises(BadName, match="Saved settings cannot be called"):
        checked_name(name)
    with pytest.raises(InputError):
        Configurations(workspace, TRAIN).get(name)


def test_a_name_may_be_words_of_any_language(workspace: Workspace):
    for name in ("Quick look", "快速 1", "für später"):
        Configurations(workspace, TRAIN).save(quick(name))

    assert Configurations(workspace, TRAIN).names() == ("für später", "Quick look", "快速 1")


def test_a_name_in_other_letters_is_the_same_one_as_on_disks_without_case(workspace: Workspace):
    saved = Configurations(workspace, TRAIN)
    saved.save(quick("Quick look"))

    again = saved.save(replace(quick("QUICK look"), base="sdxl"))

    assert again.name == "Quick look"
    assert saved.names() == ("Quick look",)
    assert saved.has("quick LOOK")
    assert saved.get("quick look").base == "sdxl"


def test_what_is_deleted_is_gone_and_an_unknown_name_lists_the_known_ones(workspace: Workspace):
    saved = Configurations(workspace, TRAIN)
    saved.save(quick("one"))
    saved.save(quick("two"))

    saved.delete("ONE")

    assert saved.names() == ("two",)
    with pytest.raises(UnknownConfiguration, match=r"There are no saved settings 'one'\. Known: two\."):
        saved.get("one")


def test_a_damaged_file_is_named(tmp_path: Path):
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "large.json").write_bytes(b" " * (1 << 20) + b"{}")

    for name in ("broken.json", "large.json", "absent.json"):
        with pytest.raises(InputError, match=name):
            read_configuration(tmp_path / name, kind=TRAIN)


def test_killed_while_it_is_written_the_one_before_is_there_whole(workspace: Workspace):
    saved = Configurations(workspace, TRAIN)
    saved.save(quick())

    number = 1
    while killed_at(number, lambda: saved.save(replace(quick(), base="sdxl"))):
        assert saved.names() == ("Quick look",)
        assert saved.get("Quick look").base in ("sd15", "sdxl")
        number += 1
    assert number > 3
    assert saved.get("Quick look").base == "sdxl"
