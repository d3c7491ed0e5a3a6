"""The rounds of test pictures: which are whole, which are for the eye, and how long those to come take."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

from easyphoto.progress import Cancelled
from easyphoto.settings.presets import preset
from easyphoto.settings.training import TrainSettings
from easyphoto.storage.records import write_json
from easyphoto.training.checkpoint import marks
from easyphoto.training.events import Done, Sample
from easyphoto.training.pictures import Picture
from easyphoto.training.rounds import is_whole, judging_seconds
from easyphoto.training.run import RunFolder, TrainRun
from tests.fakes import RecordingProgress

MakeRun = Callable[..., TrainRun]
TrainHere = Callable[..., list[Any]]


@pytest.mark.parametrize(
    ("steps", "validations", "whole"),
    [
        (800, 8, (500, 600, 700, 800)),
        (500, 8, (312, 375, 438, 500)),
        (6, 3, (4, 6)),
        (4, 2, (4,)),
        (7, 1, (7,)),
        (1, 8, (1,)),
    ],
)
def test_the_rounds_of_the_second_half_are_whole(steps: int, validations: int, whole: tuple[int, ...]):
    assert tuple(mark for mark in marks(steps, validations) if is_whole(mark, steps)) == whole


class CancelsOnce(RecordingProgress):
    """Cancels as soon as that file is there."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.file = file

    def check(self) -> None:
        if self.file.is_file():
            raise Cancelled


def samples_of(said: list[Any]) -> list[tuple[int, int, bool]]:
    """Step, template, and whether there is a score."""
    return [(event.step, event.template, event.score is not None) for event in said if isinstance(event, Sample)]


def test_before_the_half_one_picture_is_shown_and_not_judged(
    make_run: MakeRun, train_here: TrainHere, templates: tuple[str, ...], tmp_path: Path
):
    said = train_here(make_run(templates=templates, steps=8, validations=4), tmp_path)

    assert samples_of(said) == [
        (2, 0, False), (4, 0, False), (6, 0, True), (6, 1, True), (8, 0, True), (8, 1, True),
    ]  # fmt: skip
    # Every mark has a checkpoint all the same, which can be chosen by hand.
    assert [RunFolder(tmp_path).checkpoint(step).is_file() for step in (2, 4, 6, 8)] == [True] * 4
    likeness = json.loads((tmp_path / "curves.json").read_text())["likeness"]
    assert [(row["step"], row["mean"] is None, len(row["scores"])) for row in likeness] == [
        (2, True, 1), (4, True, 1), (6, False, 2), (8, False, 2),
    ]  # fmt: skip


def test_what_an_earlier_version_judged_before_the_half_is_shown_without_its_scores(
    make_run: MakeRun, train_here: TrainHere, templates: tuple[str, ...], tmp_path: Path
):
    run = make_run(templates=templates)
    fresh = train_here(run, tmp_path / "fresh")[-1]
    folder = RunFolder(tmp_path / "begun")
    with pytest.raises(Cancelled):
        train_here(run, folder.root, CancelsOnce(folder.scores(2)))
    assert not folder.checkpoint(4).exists()
    # As it judged both templates after step 2, in its favour.
    for template in (0, 1):
        folder.sample(2, template).write_bytes(folder.sample(2, 0).read_bytes())
    pictures = [Picture(2, number, f"samples/step-000002-{number:02d}.png", 0.99) for number in (0, 1)]
    write_json(folder.scores(2), {"pictures": [asdict(picture) for picture in pictures]})

    said = train_here(run, folder.root)

    done = said[-1]
    assert isinstance(done, Done)
    assert samples_of(said) == [(2, 0, False), (2, 1, False), (4, 0, True), (4, 1, True), (6, 0, True), (6, 1, True)]
    assert done.sha256 == fresh.sha256
    assert (done.best_step, done.best) == (fresh.best_step, fresh.best)


def test_the_time_left_is_measured_by_rounds_of_the_same_size_else_by_pictures():
    assert judging_seconds((), (4, 4)) is None
    assert judging_seconds(((1, 2.0), (1, 4.0)), (1, 4)) == 3.0 + 12.0
    assert judging_seconds(((1, 3.0), (4, 6.0)), (1, 4, 4)) == 3.0 + 6.0 + 6.0
    assert judging_seconds(((1, 3.0),), ()) == 0.0


STEP, DENOISE, AUTOENCODER = 7.977, 2.353, 3.631
"""TFLOP of SD 1.5, as tools/validation_share.py counts them: a training step, a step of a test picture, and its
autoencoder."""


@pytest.mark.parametrize(
    ("name", "steps", "pictures", "percent"),
    # At each mark of the first half one picture, four at each of the second.
    [("fast", 400, 2 + 8, 5.3), ("balanced", 800, 4 + 16, 6.6), ("thorough", 1200, 6 + 24, 6.6)],
)
def test_test_pictures_take_at_most_eight_percent_of_a_training(name: str, steps: int, pictures: int, percent: float):
    settings = preset(TrainSettings, name)
    places = marks(steps, settings.validations)

    drawn = sum(4 if is_whole(mark, steps) else 1 for mark in places)
    each = round(settings.validation_steps * settings.validation_strength) * DENOISE + AUTOENCODER
    share = 100 * drawn * each / (drawn * each + steps * STEP)

    assert settings.steps in (None, steps)
    assert drawn == pictures
    assert round(share, 1) == percent
