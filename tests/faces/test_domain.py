"""What a face looks like, and what a set of pictures is taken for."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from easyphoto.architectures.base import models_folder
from easyphoto.faces.domain import DomainChoice, chosen_domain, domain_of_score, drawn_score
from easyphoto.faces.drawn_engine import DrawnEngine
from easyphoto.faces.engine import Domain, Face
from easyphoto.geometry import Box
from easyphoto.progress import NullProgress
from tests.fakes import face_at
from tests.photographed import drawn, on_ground, photographed

DRAWINGS, PHOTOGRAPHS = Domain.DRAWINGS, Domain.PHOTOGRAPHS


def as_it_is(picture: Image.Image) -> Image.Image:
    return picture


def grey(picture: Image.Image) -> Image.Image:
    return picture.convert("L").convert("RGB")


def poor_jpeg(picture: Image.Image) -> Image.Image:
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=10)
    return Image.open(stream).convert("RGB")


def gif(picture: Image.Image) -> Image.Image:
    return picture.quantize(256).convert("RGB")


def noisy(picture: Image.Image) -> Image.Image:
    noise = np.random.default_rng(0).normal(0, 5, (picture.height, picture.width, 1))
    return Image.fromarray(np.clip(np.asarray(picture) + noise, 0, 255).astype(np.uint8))


STATES: tuple[Callable[[Image.Image], Image.Image], ...] = (as_it_is, grey, poor_jpeg, gif, noisy)


@pytest.fixture(scope="module")
def engine() -> DrawnEngine:
    return DrawnEngine(models_folder() / "miniature" / "faces")


def seen_as(engine: DrawnEngine, picture: Image.Image, face: Face) -> Domain:
    return domain_of_score(drawn_score(picture, face, engine.doubt(picture, face)))


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("style", ["paint", "ink"])
def test_a_drawn_face_looks_drawn_in_every_state(engine: DrawnEngine, style: str, state) -> None:
    faces = [drawn(seed, style=style) for seed in range(8)]

    assert [seen_as(engine, state(picture), face) for picture, face in faces] == [DRAWINGS] * 8


@pytest.mark.parametrize("state", STATES)
def test_a_face_with_light_on_every_pixel_looks_photographed_in_every_state(engine: DrawnEngine, state) -> None:
    faces = [photographed(seed) for seed in range(8)]

    assert [seen_as(engine, state(picture), face) for picture, face in faces] == [PHOTOGRAPHS] * 8


@pytest.mark.parametrize("width", [40, 60])
def test_small_faces_look_as_large_ones_do(engine: DrawnEngine, width: int) -> None:
    looks = []
    for picture, face in [drawn(seed) for seed in range(6)] + [photographed(seed) for seed in range(6)]:
        factor = width / face.box.width
        side = round(picture.width * factor)
        points = ((face.points + 0.5) * factor - 0.5).astype(np.float32)
        small = picture.resize((side, side), Image.Resampling.BOX)
        looks.append(seen_as(engine, small, Face(face.box.scaled(factor), points, 0.9)))

    assert looks == [DRAWINGS] * 6 + [PHOTOGRAPHS] * 6


@pytest.mark.parametrize("ground", [(255, 255, 255), (0, 0, 0), (200, 60, 40)], ids=["white", "black", "red"])
def test_what_is_behind_a_face_does_not_count(engine: DrawnEngine, ground: tuple[int, int, int]) -> None:
    drawings, photographs = [drawn(seed) for seed in range(6)], [photographed(seed) for seed in range(6)]

    looks = [
        seen_as(engine, on_ground(picture, seed, ground), face)
        for each in (drawings, photographs)
        for seed, (picture, face) in enumerate(each)
    ]

    assert looks == [DRAWINGS] * 6 + [PHOTOGRAPHS] * 6


def test_a_blank_picture_or_points_at_one_edge_do_no_harm(engine: DrawnEngine) -> None:
    blank = Image.new("RGB", (64, 64), "white")

    assert seen_as(engine, blank, face_at(Box(-40, -40, 10, 10))) in (DRAWINGS, PHOTOGRAPHS)


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    """Five files whose widths say which they are."""
    files = [tmp_path / f"{number}.png" for number in range(5)]
    for number, file in enumerate(files):
        Image.new("RGB", (50 + number, 50)).save(file)
    return files


def finder(*widths: int) -> Callable[[Image.Image], tuple[Face, ...]]:
    """Sees a face on the pictures of those widths."""
    return lambda picture: (face_at(Box(10, 10, 40, 40)),) if picture.width in widths else ()


def looks(*drawn_widths: int) -> Callable[[Image.Image, Face], Domain]:
    return lambda picture, face: DRAWINGS if picture.width in drawn_widths else PHOTOGRAPHS


def test_the_majority_of_the_faces_decides(pictures: list[Path]) -> None:
    everywhere = finder(50, 51, 52, 53, 54)

    mostly_drawn = chosen_domain(pictures, [everywhere], looks(50, 51, 52), NullProgress())
    mostly_not = chosen_domain(pictures, [everywhere], looks(50, 51), NullProgress())

    assert mostly_drawn == DomainChoice(DRAWINGS, 5, 3)
    assert mostly_not == DomainChoice(PHOTOGRAPHS, 5, 3)
    assert mostly_not.why == "3 of 5 faces look photographed"


def test_a_draw_is_taken_for_photographs(pictures: list[Path]) -> None:
    found = chosen_domain(pictures, [finder(50, 51)], looks(50), NullProgress())

    assert found == DomainChoice(PHOTOGRAPHS, 2, 1)


def test_a_face_that_the_first_finder_misses_is_seen_by_the_second(pictures: list[Path]) -> None:
    found = chosen_domain(pictures, [finder(50), finder(50, 51, 52)], looks(51, 52), NullProgress())

    assert found == DomainChoice(DRAWINGS, 3, 2)


def test_broken_pictures_and_those_without_a_face_have_no_vote(pictures: list[Path]) -> None:
    pictures[0].write_bytes(b"no picture")

    assert chosen_domain(pictures, [finder(50, 54)], looks(54), NullProgress()) == DomainChoice(DRAWINGS, 1, 1)
    assert chosen_domain(pictures, [finder()], looks(), NullProgress()) is None
