"""Validation pictures where the device is too small for all of them at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch")

from easyphoto.backends.base import Capabilities, InpaintRequest, Result
from easyphoto.errors import OutOfMemory
from easyphoto.families import MINIATURE
from easyphoto.progress import NullProgress, Progress
from easyphoto.training.run import RunFolder, TrainRun
from easyphoto.training.validate import Judge, make_views
from tests.fakes import FakeBackend, FakeEngine


class SmallBackend(FakeBackend):
    """Holds one picture at a time, or none."""

    holds_one = True

    def capabilities(self) -> Capabilities:
        return replace(super().capabilities(), device="cpu")

    def inpaint_many(self, requests: Sequence[InpaintRequest], progress: Progress) -> tuple[Result, ...]:
        raise OutOfMemory("The device has not enough memory for this picture.")

    def inpaint(self, request: InpaintRequest, progress: Progress) -> Result:
        if not self.holds_one:
            raise OutOfMemory("The device has not enough memory for this picture.")
        return super().inpaint(request, progress)


def judge_with(backend: FakeBackend, templates: tuple[str, ...], folder: Path) -> Judge:
    run = TrainRun("lena", "a person", "miniature", "/base", "/data", templates=templates)
    views, _ = make_views([Path(template) for template in templates], FakeEngine(), MINIATURE)
    return Judge(run, RunFolder(folder), backend, FakeEngine(), views, None)


def test_templates_that_do_not_fit_together_are_drawn_one_at_a_time(templates: tuple[str, ...], tmp_path: Path):
    judge = judge_with(SmallBackend(), templates, tmp_path)

    pictures = judge.draw(4, "step-000004", NullProgress())

    assert [picture.template for picture in pictures] == [view.template for view in judge.views]
    assert all((tmp_path / picture.path).is_file() for picture in pictures)


def test_where_not_even_one_fits_that_is_said(templates: tuple[str, ...], tmp_path: Path):
    backend = SmallBackend()
    backend.holds_one = False

    with pytest.raises(OutOfMemory):
        judge_with(backend, templates, tmp_path).draw(4, "step-000004", NullProgress())
