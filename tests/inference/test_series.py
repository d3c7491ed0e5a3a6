"""Several pictures of one template: painted together, the same as one by one, and handed on as they are finished."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from PIL import Image

from easyphoto.architectures.miniature import MINIATURE
from easyphoto.backends.base import InpaintRequest, Result
from easyphoto.errors import BackendError, OutOfMemory
from easyphoto.inference.pipeline import opened_session, photographs
from easyphoto.inference.results import Photograph
from easyphoto.inference.session import PhotographSession, PipelineModels
from easyphoto.progress import Cancelled, Progress
from easyphoto.settings.inference import InferenceSettings
from tests.fakes import FakeBackend
from tests.inference.test_pipeline import SETTINGS, Studio

FOUR = replace(SETTINGS, count=4)


def asked(studio: Studio) -> list[str]:
    """The passes in the order in which they were painted, such as "9000 first 7"."""
    return [
        " ".join(
            [
                *(each.name.removesuffix(".safetensors") for each in request.conditions),
                {0.15: "first", 0.30: "second"}[request.denoise] if "easyphoto" in request.prompt else "joint",
                str(request.seed),
            ]
        )
        for request in studio.requests()
    ]


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return Studio(tmp_path)


def session_of(studio: Studio, template: Image.Image, people: int, settings: InferenceSettings) -> PhotographSession:
    tools = PipelineModels(studio.backend, studio.engine, studio.progress)
    return opened_session(template, studio.subjects[:people], settings, MINIATURE, tools)


def everything(made: Photograph) -> list[object]:
    stages = [(stage.name, stage.face, stage.image.tobytes()) for stage in made.stages]
    return [made.image.tobytes(), made.seed, made.likeness, stages, made.notes, made.mask.tolist(), made.record()]


@pytest.mark.parametrize("at_a_time", [2, 3, 8])
def test_each_picture_is_the_same_in_everything_as_one_by_one(tmp_path: Path, at_a_time: int):
    alone, batched = Studio(tmp_path), Studio(tmp_path)
    batched.backend.at_a_time = at_a_time

    one_by_one = alone.photograph(alone.group, 2, FOUR)
    together = batched.photograph(batched.group, 2, FOUR)

    assert alone.backend.batches == []
    assert max(batched.backend.batches) == min(at_a_time, 4)
    for one, other in zip(one_by_one.results, together.results, strict=True):
        assert everything(one) == everything(other)
    assert (one_by_one.notes, one_by_one.seated) == (together.notes, together.seated)


def test_all_passes_with_a_person_s_lora_come_together_and_the_borders_last(studio: Studio):
    studio.backend.at_a_time = 2

    studio.photograph(studio.group, 2, replace(SETTINGS, count=3))

    assert asked(studio) == [
        "9000 first 7", "9000 first 8", "9000 second 7", "9000 second 8",
        "9006 first 7", "9006 first 8", "9006 second 7", "9006 second 8",
        "joint 7", "joint 8",
        "9000 first 9", "9000 second 9", "9006 first 9", "9006 second 9", "joint 9",
    ]  # fmt: skip
    assert studio.backend.batches == [2] * 5


def test_faces_that_need_the_same_networks_are_painted_together_as_many_as_the_backend_can_use(studio: Studio):
    studio.backend.at_a_time = 4
    studio.subjects = [replace(each, identities=()) for each in studio.subjects]

    studio.photograph(studio.group, 2, replace(SETTINGS, count=3))

    # Two faces of two seeds, then of one; the borders of two, then of one.
    assert studio.backend.batches == [4, 4, 2, 2, 2]
    assert asked(studio)[:4] == ["first 7", "first 7", "first 8", "first 8"]


def test_a_backend_that_paints_one_by_one_is_asked_for_one_picture_after_the_other(studio: Studio):
    studio.photograph(studio.group, 2, replace(SETTINGS, count=2))

    assert studio.backend.batches == []
    assert asked(studio) == [
        f"{what} {seed}"
        for seed in (7, 8)
        for what in ("9000 first", "9000 second", "9006 first", "9006 second", "joint")
    ]


def test_a_picture_is_handed_on_before_the_next_batch_begins(studio: Studio):
    studio.backend.at_a_time = 2
    painted = [(made.seed, len(studio.requests())) for made in photographs(session_of(studio, studio.one, 1, FOUR))]

    assert painted == [(7, 4), (8, 4), (9, 8), (10, 8)]


@dataclass
class Failing(FakeBackend):
    """Cannot paint one seed, or not several pictures at once."""

    seed: int | None = None
    most: int = 100

    def inpaint(self, request: InpaintRequest, progress: Progress) -> Result:
        if request.seed == self.seed:
            raise BackendError("The model produced values that are not numbers.")
        return super().inpaint(request, progress)

    def inpaint_many(self, requests: Sequence[InpaintRequest], progress: Progress) -> tuple[Result, ...]:
        made = super().inpaint_many(requests, progress)
        if len(requests) > self.most:
            raise OutOfMemory("The device does not have enough memory for this picture.")
        return made


def test_a_picture_that_cannot_be_painted_costs_none_of_those_before_it(studio: Studio):
    studio.backend = Failing(at_a_time=4, seed=9)
    handed_on = photographs(session_of(studio, studio.one, 1, FOUR))

    assert [next(handed_on).seed, next(handed_on).seed] == [7, 8]
    with pytest.raises(BackendError, match="not numbers"):
        next(handed_on)


def test_a_batch_that_does_not_fit_is_painted_one_by_one_like_the_rest(studio: Studio):
    studio.backend = Failing(at_a_time=2, most=1)

    made = studio.photograph(studio.one, 1, FOUR)

    assert studio.backend.batches == [2]
    assert sorted(each.seed for each in made.results) == [7, 8, 9, 10]
    done = [step[0] for step in studio.progress.steps]
    assert done == sorted(done)
    assert studio.progress.steps[-1][:2] == (800, 800)


def test_progress_counts_every_picture_and_says_which_are_in_the_making(studio: Studio):
    studio.backend.at_a_time = 3

    studio.photograph(studio.group, 2, FOUR)

    done = [step[0] for step in studio.progress.steps]
    assert done == sorted(done)
    assert studio.progress.steps[-1][:2] == (2000, 2000)
    said = list(dict.fromkeys(step[2] for step in studio.progress.steps))
    assert said[:5] == [
        "seeds 7 to 9: face 1, first pass",
        "seed 7: face 1, first pass",
        "seed 8: face 1, first pass",
        "seed 9: face 1, first pass",
        "seeds 7 to 9: face 1, second pass",
    ]
    assert said[-1] == "seed 10: joint pass"


@pytest.mark.parametrize("check", [3, 6, 11])
def test_a_cancel_ends_a_batch_within_a_step(studio: Studio, check: int):
    studio.backend.at_a_time = 4
    studio.progress.cancel_at = check

    with pytest.raises(Cancelled):
        studio.photograph(studio.one, 1, FOUR)

    assert studio.progress.checks == check


def test_seeds_go_on_from_zero_after_the_largest(studio: Studio):
    studio.backend.at_a_time = 2

    made = photographs(session_of(studio, studio.one, 1, replace(SETTINGS, count=2, seed=2**32 - 1)))

    assert [each.seed for each in made] == [2**32 - 1, 0]
    assert "seeds 4294967295 to 0: face 1, first pass" in {step[2] for step in studio.progress.steps}
