"""Commands as records: the keys of before, whatever they hold, and read back as they were."""

import json
from pathlib import Path

import pytest

from easyphoto.commands.add_person import AddPerson
from easyphoto.commands.change_words import ProposeWords
from easyphoto.commands.check import CheckPhotos
from easyphoto.commands.choose_checkpoint import ChooseCheckpoint
from easyphoto.commands.draw_style_previews import DrawStylePreviews
from easyphoto.commands.draw_template import DrawTemplate
from easyphoto.commands.fetch_weights import FetchWeights
from easyphoto.commands.import_persons import ImportPersons
from easyphoto.commands.photograph import PhotographPersons
from easyphoto.commands.place import PlaceObject
from easyphoto.commands.records import read_command, read_whole
from easyphoto.commands.resume import ResumeTraining
from easyphoto.commands.setup_trainer import SetupTrainer
from easyphoto.commands.train import TrainPerson
from easyphoto.errors import BadRecord, BadSettings
from easyphoto.jobs.answers import COMMANDS as QUEUED
from easyphoto.settings.declarations import settings_record
from easyphoto.settings.drawing import DrawingSettings
from easyphoto.settings.inference import InferenceSettings
from easyphoto.settings.options import Options, WeightSettings
from easyphoto.settings.placing import PlacingSettings
from easyphoto.settings.training import PreprocessSettings, TrainSettings

PHOTOS = tuple(Path(f"/somewhere/{number}.png") for number in range(2))
COMMANDS = {
    "check": CheckPhotos(PHOTOS, {"0.png": 2}, "1.png", PreprocessSettings(keep=7), Options("miniature")),
    "add": AddPerson("Anna", PHOTOS, {"0.png": 2}, "1.png", PreprocessSettings(keep=7), Options("miniature")),
    "train": TrainPerson(
        "Anna", PHOTOS, {"0.png": 2}, "1.png", TrainSettings(steps=10), PreprocessSettings(retouch=True),
        Options("sd15.safetensors", "photographs", weights=WeightSettings("research")),
    ),
    "choose": ChooseCheckpoint("carla", 400),
    "place": PlaceObject("Cup", PHOTOS[0], PHOTOS[1], settings=PlacingSettings(count=2, prompt="on a table")),
    "previews": DrawStylePreviews(("office", "beach"), again=True, options=Options("miniature")),
    "propose": ProposeWords("Anna"),
    "resume": ResumeTraining("20260101T000000Z-anna", Options("miniature")),
    "photograph": PhotographPersons(
        ("anna", "ben"), PHOTOS, ((1, 0), None), InferenceSettings(count=2, seed=7), out=Path("/somewhere/else")
    ),
    "template": DrawTemplate("garden", "a garden", negative="rain", size=(64, 128), seed=3, steps=2),
    "setup": SetupTrainer(),
    "weights": FetchWeights(("photographs", "sd15")),
    "import": ImportPersons(Path("/somewhere/dora.zip"), "Dora"),
}  # fmt: skip


LATER = {
    "photograph": {
        "identity": "auto",
        "identity_weight": None,
        "identity_start": 0.0,
        "identity_end": 1.0,
        "ai_label": False,
        "scene": "",
    },
    "train": {"text_encoder_share": 1.0, "cuda_graph": "auto"},
}
"""Settings that came after the samples were written: an earlier record lacks them, and they get their defaults."""
GONE = {"train": ("voters",)}
"""Settings that the samples have and later versions do not."""
LATER_FIELDS = {
    "photograph": {"drawing": settings_record(DrawingSettings()), "pose_picture": None},
    "check": {"kind": "face"},
    "train": {"kind": "face", "words": None},
}
"""The same for fields."""


def sample(kind: str) -> dict:
    """The request in a job's record of the time before there were commands, with the settings of today."""
    request = json.loads((Path(__file__).parents[1] / "jobs" / "samples" / f"{kind}.json").read_text())["request"]
    settings = {"settings": request["settings"] | LATER[kind]} if kind in LATER else {}
    for name in GONE.get(kind, ()):
        del settings["settings"][name]
    return request | settings | LATER_FIELDS.get(kind, {})


def test_every_command_that_becomes_a_job_has_a_sample():
    assert set(COMMANDS) == set(QUEUED)


@pytest.mark.parametrize("kind", COMMANDS)
def test_a_record_has_the_keys_of_before_and_a_version(kind: str):
    record = COMMANDS[kind].record()

    assert record.pop("version") == 1
    assert keys_of(record) == keys_of(sample(kind))
    assert "somewhere" not in json.dumps(record)


def test_a_record_of_before_is_read_with_what_is_gone():
    request = json.loads((Path(__file__).parents[1] / "jobs" / "samples" / "train.json").read_text())["request"]

    assert request["settings"]["voters"] == 10
    assert read_command(TrainPerson, request).settings == TrainSettings(steps=10, validation_steps=20)


@pytest.mark.parametrize("kind", COMMANDS)
def test_a_record_of_before_is_written_again_as_it_was(kind: str):
    assert read_command(QUEUED[kind], sample(kind)).record() == {**sample(kind), "version": 1}


@pytest.mark.parametrize("kind", COMMANDS)
def test_what_was_written_is_read_back(kind: str):
    record = json.loads(json.dumps(COMMANDS[kind].record()))

    assert read_command(QUEUED[kind], record).record() == record


@pytest.mark.parametrize("kind", COMMANDS)
def test_a_whole_record_makes_the_same_command_again(kind: str):
    record = json.loads(json.dumps(COMMANDS[kind].whole_record(str)))

    assert read_whole(QUEUED[kind], record, Path) == COMMANDS[kind]


def test_a_whole_record_names_files_as_it_is_told_and_finds_them_where_it_is_told():
    record = COMMANDS["place"].whole_record(lambda file: f"sent/{file.name}")

    assert (record["template"], record["mask"]) == ("sent/0.png", "sent/1.png")
    assert read_whole(PlaceObject, record, Path("/elsewhere").joinpath).mask == Path("/elsewhere/sent/1.png")


def test_a_whole_record_keeps_what_clients_must_not_learn():
    options = Options(weights=WeightSettings(webui="/somewhere/webui"))

    assert read_whole(AddPerson, AddPerson("Anna", PHOTOS, options=options).whole_record(str), Path).options == options


def test_a_whole_record_may_name_a_setting_that_is_gone():
    """A server's successor submits what it had not finished, and may be of a later version."""
    record = COMMANDS["train"].whole_record(str)
    record["settings"]["voters"] = 10

    assert read_whole(TrainPerson, record, Path) == COMMANDS["train"]


@pytest.mark.parametrize("change", [{"photos": 3}, {"settings": {"steps": "many"}}, {"settings": {"unheard_of": 1}}])
def test_a_whole_record_that_does_not_fit_makes_no_command(change: dict):
    record = COMMANDS["train"].whole_record(str)

    with pytest.raises((BadRecord, BadSettings)):
        read_whole(TrainPerson, record | change, Path)


def test_where_the_web_ui_lies_is_not_recorded():
    command = TrainPerson("anna", PHOTOS, options=Options(weights=WeightSettings(webui="/somewhere/webui")))

    assert command.record()["options"]["weights"] == {"licences": "commercial-safe", "offline": False}


def test_a_setting_that_is_gone_or_not_allowed_any_more_hides_nothing():
    record = {**COMMANDS["train"].record(), "settings": {"steps": 10, "rank": 10**9, "of 2030": True}}

    command = read_command(TrainPerson, record)

    assert isinstance(command, TrainPerson)
    assert command.settings == TrainSettings(steps=10)


@pytest.mark.parametrize(
    ("kind", "key", "value"),
    [
        ("check", "photos", ["a.png", 3]),
        ("check", "photos", "a.png"),
        ("check", "chosen_faces", {"a.png": "first"}),
        ("train", "name", None),
        ("train", "settings", [1]),
        ("train", "options", {"base": 3}),
        ("photograph", "assignments", [["left"]]),
        ("photograph", "persons", {"anna": 1}),
        ("template", "size", [64]),
        ("resume", "run", 3),
        ("import", "source", None),
    ],
)
def test_a_damaged_record_is_named(kind: str, key: str, value: object):
    with pytest.raises(BadRecord, match=f"The request of a job '{kind}' is damaged"):
        read_command(QUEUED[kind], {**COMMANDS[kind].record(), key: value})


def test_a_record_that_lacks_what_every_such_command_says_is_damaged():
    with pytest.raises(BadRecord, match="photos is missing"):
        read_command(TrainPerson, {"name": "anna"})


def keys_of(record: dict) -> dict:
    """Its keys, and those of the records in it."""
    return {
        key: keys_of(value) if isinstance(value, dict) and key != "chosen_faces" else None
        for key, value in record.items()
    }
