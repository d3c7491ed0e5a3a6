"""Validation pictures where the device is too small for all of them at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch")

from easyphoto.architectures.miniature import MINIATURE
from easyphoto.backends.base import Capabilities, InpaintRequest, Result
from easyphoto.errors import OutOfMemory
from easyphoto.faces.engine import Face
from easyphoto.geometry import Box
from easyphoto.images.pictures import as_picture
from easyphoto.progress import NullProgress, Progress
from easyphoto.training.run import RunFolder, TrainRun
from easyphoto.training.validate import Validator, make_views
from tests.fakes import FakeBackend, FakeEngine


class SmallBackend(FakeBackend):
    """Holds one picture at a time, or none."""

    holds_one = True

    def capabilities(self) -> Capabilities:
        return replace(super().capabilities(), device="cpu")

    def inpaint_many(self, requests: Sequence[InpaintRequest], progress: Progress) -> tuple[Result, ...]:
        raise OutOfMemory("The device does not have enough memory for this picture.")

    def inpaint(self, request: InpaintRequest, progress: Progress) -> Result:
        if not self.holds_one:
            raise OutOfMemory("The device does not have enough memory for this picture.")
        return super().inpaint(request, progress)


def judge_with(backend: FakeBackend, templates: tuple[str, ...], folder: Path) -> Validator:
    run = TrainRun("lena", "a person", "miniature", "/base", "/data", templates=templates)
    views, _ = make_views([Path(template) for template in templates], FakeEngine(), MINIATURE)
    return Validator(run, RunFolder(folder), backend, FakeEngine(), views, None)


def test_templates_that_do_not_fit_together_are_drawn_one_at_a_time(templates: tuple[str, ...], tmp_path: Path):
    judge = judge_with(SmallBackend(), templates, tmp_path)

    pictures = judge.draw(4, NullProgress(), whole=True)

    assert [picture.template for picture in pictures] == [view.template for view in judge.views]
    assert all((tmp_path / picture.path).is_file() for picture in pictures)


def test_where_not_even_one_fits_that_is_said(templates: tuple[str, ...], tmp_path: Path):
    backend = SmallBackend()
    backend.holds_one = False

    with pytest.raises(OutOfMemory):
        judge_with(backend, templates, tmp_path).draw(4, NullProgress(), whole=True)


def test_a_views_points_lie_where_the_template_shows_them(tmp_path: Path):
    """Light dots on the template are found again where the parser is told that the face's points are."""
    spots = np.array([(30, 40), (66, 40), (48, 58), (34, 70), (62, 70)], np.float32) * 5 + 2
    rows, columns = np.mgrid[:600, :500]
    # Soft, because the resampling takes whole pixels only.
    dots = sum(np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 50.0) for x, y in spots)
    as_picture(np.rint(255 * dots)[..., None].repeat(3, -1)).save(tmp_path / "dots.png")
    told: list[np.ndarray] = []

    class Parser(FakeEngine):
        def parse(self, picture: Image.Image, face: Face) -> np.ndarray:
            told.append(face.points)
            return super().parse(picture, face)

    face = Face(Box(120, 150, 370, 400), spots, 1.0)
    (view,) = make_views([tmp_path / "dots.png"], Parser(faces=(face,)), MINIATURE)[0]

    seen = np.asarray(view.image.convert("L"), np.float64)
    for point in told[0]:
        left, top = np.round(point).astype(int) - 7
        part = seen[top : top + 15, left : left + 15]
        rows, columns = np.mgrid[top : top + 15, left : left + 15]
        found = (columns * part).sum() / part.sum(), (rows * part).sum() / part.sum()
        # Without the half pixel they would lie 0.33 off; the averaging to whole pixels moves a spot by up to 0.05.
        assert point == pytest.approx(found, abs=0.06)
