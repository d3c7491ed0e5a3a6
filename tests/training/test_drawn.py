"""A run of a scene: test pictures from its words, no likeness, and the words in its file."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from easyphoto.architectures.registry import FAMILIES
from easyphoto.images.pictures import read_picture
from easyphoto.progress import Cancelled
from easyphoto.report.learning import training_section
from easyphoto.report.parts import Gallery
from easyphoto.settings.training import TrainSettings
from easyphoto.training.events import Done, Sample, Start, to_line
from easyphoto.training.lora import read_lora
from easyphoto.training.run import RunFolder, TrainRun
from tests.fakes import RecordingProgress
from tests.training.conftest import write_dataset

FINGERPRINT_OF_BEFORE = "f28342a25208ccb6b0401ab497bd27f8703006c2e5e66116019a2f840ae72977"
"""Of a run as the version wrote it that knew nothing but faces."""
MakeRun = Callable[..., TrainRun]
TrainHere = Callable[..., list[Any]]


@pytest.fixture
def scene(make_run: MakeRun) -> TrainRun:
    return replace(make_run(), person="room", concept="scene", trigger="easyphoto_scene, room")


def test_a_scenes_last_checkpoint_is_taken_and_nothing_is_judged(
    scene: TrainRun, train_here: TrainHere, tmp_path: Path
):
    said = train_here(scene, tmp_path)
    done = said[-1]

    assert isinstance(done, Done)
    assert (done.best_step, done.best, done.last, done.embedder, done.notes) == (6, None, None, None, ())
    samples = [event for event in said if isinstance(event, Sample)]
    assert [(event.step, event.template, event.score) for event in samples] == [
        (2, 0, None), *((step, number, None) for step in (4, 6) for number in range(4)),
    ]  # fmt: skip
    assert len({Path(event.path).read_bytes() for event in samples}) == 9
    last = RunFolder(tmp_path).checkpoint(6)
    assert (tmp_path / "lora.safetensors").read_bytes() == last.read_bytes()
    assert (tmp_path / "portrait.png").read_bytes() == (tmp_path / "samples" / "step-000006-00.png").read_bytes()
    # A column for the steps, four for the pictures; a row for what was learned from, three for the checkpoints.
    assert read_picture(tmp_path / "contact-sheet.png").size == (5 * 256, 4 * 288)


def test_its_report_speaks_of_no_likeness(scene: TrainRun, train_here: TrainHere, tmp_path: Path):
    events = train_here(scene, tmp_path)
    RunFolder(tmp_path).events.write_text("".join(f"{to_line(event)}\n" for event in events))

    section = training_section(tmp_path)

    assert section.words.startswith("The last checkpoint, of step 6, is used.")
    assert "likeness" not in str(section).lower()
    (gallery,) = (part for part in section.parts if isinstance(part, Gallery))
    assert [(figure.caption, figure.detail) for figure in gallery.figures[:2]] == [("step 2", ""), ("step 4", "")]


def test_its_file_says_what_it_shows_and_what_calls_it(scene: TrainRun, train_here: TrainHere, tmp_path: Path):
    train_here(scene, tmp_path)
    train_here(replace(scene, concept="object"), tmp_path / "object")

    metadata = read_lora(tmp_path / "lora.safetensors")[1]
    assert metadata["ep_lora_version"] == "scene"
    assert metadata["ep_prompt"] == metadata["modelspec.trigger_phrase"] == "easyphoto_scene, room"
    assert metadata["easyphoto_kind"] == "scene"
    assert metadata["modelspec.description"].startswith("A scene, learned by EasyPhoto")
    assert read_lora(tmp_path / "object" / "lora.safetensors")[1]["easyphoto_kind"] == "object"


def test_a_scene_is_learned_from_all_pictures_and_a_person_is_judged_by_some(
    make_run: MakeRun, train_here: TrainHere, tmp_path: Path
):
    data = write_dataset(tmp_path / "data", photos=8)
    person = make_run(dataset=data, steps=1, validations=1)
    scene = replace(person, concept="scene")

    started = {}
    for name, run in (("person", person), ("scene", scene)):
        said = train_here(run, tmp_path / name)
        started[name] = next(event for event in said if isinstance(event, Start))

    assert (started["scene"].photos, started["scene"].held_out) == (8, 0)
    assert (started["person"].photos, started["person"].held_out) == (6, 2)


def test_a_scenes_run_goes_on_to_the_same_bytes(scene: TrainRun, train_here: TrainHere, tmp_path: Path):
    train_here(scene, tmp_path / "whole")
    with pytest.raises(Cancelled):
        train_here(scene, tmp_path / "parts", RecordingProgress(cancel_at=12))
    assert not RunFolder(tmp_path / "parts").outcome.exists()

    train_here(scene, tmp_path / "parts")

    for name in ("lora.safetensors", "curves.json", "contact-sheet.png"):
        assert (tmp_path / "parts" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_what_is_learned_decides_resolution_rank_and_alpha():
    def prescribed(family: str, concept: str, **settings: Any) -> tuple[int, int, float]:
        run = TrainRun("a", "a", family, "", "", concept=concept, settings=TrainSettings(**settings))
        return run.kind.resolution, run.rank, run.alpha

    assert prescribed("sd15", "face") == (512, 128, 64)
    assert prescribed("sd15", "scene") == (768, 256, 128)
    assert prescribed("sd15", "object") == (512, 128, 64)
    assert prescribed("sdxl", "scene") == (1024, 32, 16)
    assert prescribed("sd15", "scene", resolution=512, rank=64) == (512, 64, 32)
    assert all(family.for_kind("face") == family for family in FAMILIES.values())


def test_a_run_of_before_is_read_as_a_persons_and_resumed_under_its_fingerprint(make_run: MakeRun, tmp_path: Path):
    run = make_run()
    record = run.record()
    del record["concept"]
    (tmp_path / "run.json").write_text(json.dumps({"format": 1, **record}))

    read = TrainRun.read(tmp_path / "run.json")

    assert read == run
    assert read.shows_face
    fixed = TrainRun(
        "anna",
        "a",
        "miniature",
        "miniature",
        "dataset",
        settings=TrainSettings(seed=3, validation_steps=20),
        former={"voters": 10},
    )
    assert fixed.fingerprint() == FINGERPRINT_OF_BEFORE
    assert replace(fixed, concept="scene").fingerprint() != FINGERPRINT_OF_BEFORE
