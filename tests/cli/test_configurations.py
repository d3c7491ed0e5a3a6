"""`--config` and `easyphoto configurations`: one file for page and command line."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from easyphoto.cli.configurations import configured
from easyphoto.cli.main import main
from easyphoto.cli.opening import open_app
from easyphoto.cli.options import settings_of
from easyphoto.cli.parser import build_parser
from easyphoto.errors import BadRecord, BadSettings, UnknownConfiguration
from easyphoto.settings.inference import InferenceSettings
from easyphoto.settings.options import FaceSettings, Options, WeightSettings
from easyphoto.settings.training import PreprocessSettings, TrainSettings
from easyphoto.workspace.configurations import PHOTOGRAPH, TRAIN, Configuration, Configurations, configuration_of
from easyphoto.workspace.folders import Workspace

TYPED = ["train", "anna", "--photos", "photos"]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    root = tmp_path / "workspace"
    root.mkdir()
    return Workspace(root)


def quick(name: str = "quick") -> Configuration:
    options = Options("sd15", "drawings", FaceSettings(detector="scrfd"), WeightSettings(offline=True))
    return configuration_of(TRAIN, name, options, TrainSettings(steps=40, flip=True), PreprocessSettings(keep=9))


def asked(workspace: Workspace, *words: str) -> argparse.Namespace:
    return configured(build_parser().parse_args([*TYPED, *words]), workspace, TRAIN)


@pytest.mark.parametrize("way", ["name", "file"])
def test_saved_settings_are_taken_by_name_and_by_file(workspace: Workspace, tmp_path: Path, way: str) -> None:
    file = tmp_path / "mine.json"
    file.write_text(quick().text(), "utf-8")
    Configurations(workspace, TRAIN).save(quick())

    arguments = asked(workspace, "--config", "quick" if way == "name" else str(file))

    assert settings_of(TrainSettings, arguments) == TrainSettings(steps=40, flip=True)
    assert settings_of(PreprocessSettings, arguments) == PreprocessSettings(keep=9)
    options = open_app(arguments, workspace).options
    assert (options.base, options.engine) == ("sd15", "drawings")
    assert (options.faces, options.weights) == (FaceSettings(detector="scrfd"), WeightSettings(offline=True))


def test_what_is_typed_wins_also_where_it_is_the_default(workspace: Workspace) -> None:
    Configurations(workspace, TRAIN).save(quick())

    arguments = asked(
        workspace, "--config", "quick", "--steps", "7", "--no-flip", "--engine", "auto", "--base", "miniature",
        "--detector", "auto", "--no-offline",
    )  # fmt: skip

    assert settings_of(TrainSettings, arguments) == TrainSettings(steps=7)
    assert settings_of(PreprocessSettings, arguments) == PreprocessSettings(keep=9)
    options = open_app(arguments, workspace).options
    assert (options.base, options.engine) == ("miniature", "auto")
    assert (options.faces, options.weights) == (FaceSettings(), WeightSettings())


def test_without_saved_settings_nothing_changes(workspace: Workspace) -> None:
    arguments = asked(workspace)

    assert settings_of(TrainSettings, arguments) == TrainSettings()
    assert open_app(arguments, workspace).options == Options()


def test_a_file_that_does_not_fit_is_named(workspace: Workspace, tmp_path: Path) -> None:
    other = configuration_of(PHOTOGRAPH, "x", Options(), InferenceSettings())
    (tmp_path / "other.json").write_text(other.text(), "utf-8")
    (tmp_path / "bad.json").write_text(json.dumps({**quick().record(), "settings": {"steps": 0}}), "utf-8")

    with pytest.raises(BadRecord, match=r"The settings in other\.json are for 'photograph'\."):
        asked(workspace, "--config", str(tmp_path / "other.json"))
    with pytest.raises(BadSettings, match=r"bad\.json: steps cannot be 0\. It must be between 1 and 20000\."):
        asked(workspace, "--config", str(tmp_path / "bad.json"))
    with pytest.raises(BadRecord, match=r"absent\.json cannot be read"):
        asked(workspace, "--config", "absent.json")
    with pytest.raises(UnknownConfiguration, match="There are no saved settings 'quick'"):
        asked(workspace, "--config", "quick")


def test_what_a_file_of_another_version_says_more_is_told(
    workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = {**quick().record(), "made_by": "EasyPhoto 0.0.1", "wings": 2}
    (tmp_path / "old.json").write_text(json.dumps(record), "utf-8")

    assert settings_of(TrainSettings, asked(workspace, "--config", str(tmp_path / "old.json"))).steps == 40
    assert "Note: Unknown setting: wings." in capsys.readouterr().err


def test_saved_settings_go_out_and_come_in_again(
    workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Configurations(workspace, TRAIN).save(quick())
    file, place = tmp_path / "out.json", ["--workspace", str(workspace.root)]

    assert main(["configurations", "export", "quick", "--out", str(file), *place]) == 0
    assert main(["configurations", "import", str(file), *place]) == 2
    assert main(["configurations", "import", str(file), "--name", "again", *place]) == 0
    assert main(["configurations", "show", "again", *place]) == 0
    assert main(["configurations", "delete", "quick", *place]) == 0
    assert main(["configurations", *place]) == 0

    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert lines[0] == str(file)
    assert lines[1] == "again  train"
    assert '  "name": "again",' in lines
    assert lines[-3:] == [str(workspace.configurations / "train" / "quick.json"), "name   of", "again  train"]
    assert "There are saved settings 'quick' already." in said.err


def test_one_name_in_two_kinds_is_asked_about(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    Configurations(workspace, TRAIN).save(quick())
    Configurations(workspace, PHOTOGRAPH).save(configuration_of(PHOTOGRAPH, "quick", Options(), InferenceSettings()))
    place = ["--workspace", str(workspace.root)]

    assert main(["configurations", "delete", "quick", *place]) == 2
    assert main(["configurations", "delete", "quick", "--kind", "photograph", *place]) == 0
    assert main(["configurations", "show", "nothing", *place]) == 2

    said = capsys.readouterr().err
    assert "There are settings 'quick' for each of train, photograph. Choose one with --kind." in said
    assert "There are no saved settings 'nothing'. Known: quick." in said
    assert Configurations(workspace, TRAIN).names() == ("quick",)


@pytest.mark.parametrize(
    ("words", "count", "first_steps", "strength"),
    [
        ([], 1, None, None),
        (["--preset", "fast"], 1, 20, None),
        (["--preset", "thorough"], 4, 60, None),
        (["--preset", "thorough", "--count", "2"], 2, 60, None),
        (["--config", "mine.json"], 3, 33, 0.4),
        (["--config", "mine.json", "--preset", "fast"], 1, 20, 0.4),
        (["--config", "mine.json", "--preset", "balanced"], 1, None, 0.4),
        (["--config", "mine.json", "--preset", "fast", "--first-steps", "7"], 1, 7, 0.4),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_preset_wins_over_saved_settings_and_what_is_typed_over_both(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    count: int,
    first_steps: int | None,
    strength: float | None,
) -> None:
    monkeypatch.chdir(tmp_path)
    head = {"easyphoto": "configuration", "version": 1, "kind": "photograph", "name": "mine"}
    settings = {"count": 3, "first_steps": 33, "first_strength": 0.4}
    Path("mine.json").write_text(json.dumps({**head, "settings": settings}))
    typed = build_parser().parse_args(["photograph", "anna", "--template", "a.png", *words])

    made = settings_of(InferenceSettings, configured(typed, Workspace(tmp_path / "w"), PHOTOGRAPH))

    assert (made.count, made.first_steps, made.first_strength) == (count, first_steps, strength)


def test_programs_are_told_which_settings_are_saved(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["configurations", "--json", "--workspace", str(tmp_path)]) == 0
    none = json.loads(capsys.readouterr().out)
    folder = tmp_path / "configurations" / "train"
    folder.mkdir(parents=True)
    (folder / "soft light.json").write_text("{}")
    assert main(["configurations", "--json", "--workspace", str(tmp_path)]) == 0
    some = json.loads(capsys.readouterr().out)

    assert none == {"format": 1, "configurations": []}
    assert some == {"format": 1, "configurations": [{"name": "soft light", "kind": "train"}]}
