"""Numbers about a face, on drawings whose true points are known."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter

from easyphoto.drawings.identity import sample_identity
from easyphoto.drawings.renderer import draw
from easyphoto.drawings.scene import sample_scene
from easyphoto.faces.engine import Face
from easyphoto.faces.score import (
    angle_score,
    cosine,
    exposure,
    frontality,
    likeness,
    mean_embedding,
    sharpness,
)
from easyphoto.geometry import Box
from easyphoto.images.pictures import as_picture
from tests.fakes import FakeEngine, face_at


@pytest.fixture(scope="module")
def drawn() -> tuple[Image.Image, Face]:
    identity = sample_identity(1003)
    drawing = draw(identity, sample_scene(3, identity), 256)
    return as_picture(drawing.image), Face(Box(*drawing.faces[0].box), drawing.faces[0].points, 1.0)


def tilted(degrees: float) -> Face:
    angle = np.radians(degrees)
    eyes = np.array([[0, 0], [np.cos(angle), np.sin(angle)]]) * 40 + 100
    points = np.vstack([eyes, eyes.mean(0, keepdims=True) + np.array([0, 20]), eyes + np.array([0, 40])])
    return Face(Box(80, 80, 160, 180), points.astype(np.float32), 1.0)


@pytest.mark.parametrize(("degrees", "score"), [(0, 1.0), (9, 0.9), (-45, 0.5), (90, 0.0), (135, 0.0)])
def test_the_angle_score_falls_evenly_with_the_tilt(degrees: float, score: float) -> None:
    assert angle_score(tilted(degrees)) == pytest.approx(score, abs=1e-5)


def test_a_nose_midway_is_frontal_and_a_nose_at_an_eye_is_not() -> None:
    face = face_at(Box(0, 0, 100, 100))
    turned = face.points.copy()
    turned[2, 0] = 30

    assert frontality(face) == pytest.approx(1.0)
    assert frontality(Face(face.box, turned, 1.0)) == pytest.approx(0.0)


def test_blur_lowers_sharpness_below_the_limit(drawn: tuple[Image.Image, Face]) -> None:
    picture, face = drawn
    soft = picture.filter(ImageFilter.GaussianBlur(0.045 * face.box.width))

    assert sharpness(picture, face) > 0.5
    assert sharpness(soft, face) < 0.12


def test_sharpness_does_not_depend_on_size_or_contrast(drawn: tuple[Image.Image, Face]) -> None:
    picture, face = drawn
    large = picture.resize((picture.width * 3, picture.height * 3), Image.Resampling.LANCZOS)
    twice = Face(face.box.scaled(6), face.points * 6, 1.0)
    larger = large.resize((large.width * 2, large.height * 2), Image.Resampling.LANCZOS)
    once = Face(face.box.scaled(3), face.points * 3, 1.0)
    flat = ImageEnhance.Contrast(picture).enhance(0.6)

    assert sharpness(larger, twice) == pytest.approx(sharpness(large, once), abs=0.05)
    assert sharpness(flat, face) == pytest.approx(sharpness(picture, face), abs=0.05)


def soft_drawing(seed: int) -> tuple[Image.Image, Face]:
    """As a lens draws it, a little soft, which is where blocks stand out."""
    identity = sample_identity(seed)
    drawing = draw(identity, sample_scene(3, identity), 384)
    face = Face(Box(*drawing.faces[0].box), drawing.faces[0].points, 1.0)
    return as_picture(drawing.image).filter(ImageFilter.GaussianBlur(0.01 * face.box.width)), face


@pytest.mark.parametrize("seed", [1005, 1009])
@pytest.mark.parametrize("quality", [10, 15, 20, 30, 40])
@pytest.mark.parametrize("scale", [1.0, 0.8, 0.65, 0.5])
def test_blocks_of_jpeg_are_no_detail(seed: int, quality: int, scale: float) -> None:
    picture, face = soft_drawing(seed)
    size = (round(picture.width * scale), round(picture.height * scale))
    first = compressed(picture, quality).resize(size, Image.Resampling.BICUBIC).resize(picture.size)
    later = compressed(picture.resize(size, Image.Resampling.BICUBIC), quality).resize(picture.size)

    for copy in (first, later):
        assert sharpness(copy, face) <= sharpness(picture, face) + 0.01


def test_a_reduced_copy_is_no_sharper_than_its_original(drawn: tuple[Image.Image, Face]) -> None:
    picture, face = drawn

    for scale in (0.9, 0.7, 0.5, 0.35):
        small = picture.resize((round(picture.width * scale),) * 2, Image.Resampling.LANCZOS)
        there = Face(face.box.scaled(scale), face.points * scale, 1.0)
        assert sharpness(small, there) <= sharpness(picture, face) + 0.01


def test_the_more_blur_the_less_sharp(drawn: tuple[Image.Image, Face]) -> None:
    picture, face = drawn
    radii = [0.0, 0.005, 0.01, 0.02, 0.03, 0.045]
    values = [sharpness(picture.filter(ImageFilter.GaussianBlur(radius * face.box.width)), face) for radius in radii]

    assert values == sorted(values, reverse=True)
    assert values[0] > 0.6
    assert values[-1] < 0.12


def test_grain_is_no_detail(drawn: tuple[Image.Image, Face]) -> None:
    picture, face = drawn
    grain = np.random.default_rng(1).normal(0, 4, (picture.height, picture.width, 1))
    grainy = as_picture(np.clip(np.asarray(picture) + grain, 0, 255).astype(np.uint8))

    assert sharpness(grainy, face) == pytest.approx(sharpness(picture, face), abs=0.02)


def compressed(picture: Image.Image, quality: int) -> Image.Image:
    held = io.BytesIO()
    picture.save(held, format="JPEG", quality=quality)
    return Image.open(held).convert("RGB")


def test_burnt_out_and_flat_faces_are_badly_exposed(drawn: tuple[Image.Image, Face]) -> None:
    picture, face = drawn
    burnt = ImageEnhance.Brightness(picture).enhance(6.0)
    flat = ImageEnhance.Contrast(picture).enhance(0.05)

    assert exposure(picture, face) > 0.95
    assert exposure(burnt, face) < 0.4
    assert exposure(flat, face) < 0.4


def test_a_face_outside_the_picture_scores_nothing_and_does_not_crash() -> None:
    picture = Image.new("RGB", (10, 10))

    assert sharpness(picture, face_at(Box(50, 50, 90, 90))) == 0.0
    assert exposure(picture, face_at(Box(50, 50, 90, 90))) == 0.0


def test_the_mean_embedding_has_unit_length() -> None:
    mean = mean_embedding([np.array([1.0, 0.0]), np.array([0.0, 1.0])])

    assert mean == pytest.approx([0.7071, 0.7071], abs=1e-4)
    with pytest.raises(ValueError, match="no vector"):
        mean_embedding([])


def test_likeness_is_the_cosine_to_the_mean_and_names_its_embedder() -> None:
    found = likeness(FakeEngine(), np.array([1.0, 0.0]), [np.array([1.0, 0.0]), np.array([0.0, 1.0])])

    assert found is not None
    assert found.embedder == "fake-colours"
    assert found.cosine == pytest.approx(0.7071, abs=1e-4)
    assert likeness(FakeEngine(embedder=None), np.array([1.0]), [np.array([1.0])]) is None
    assert cosine(np.zeros(2), np.ones(2)) == 0.0


def test_strangers_are_compared_by_the_mean_of_the_pairs() -> None:
    # The pairs' cosines are 1 and 0, so 0.5; the fake's strangers lie evenly from -1 to 1.
    found = likeness(FakeEngine(), np.array([1.0, 0.0]), [np.array([1.0, 0.0]), np.array([0.0, 1.0])])

    assert found is not None
    assert found.strangers == pytest.approx(75.0)


def test_two_photos_cannot_tell_how_alike_a_persons_photos_are() -> None:
    two = [np.array([1.0, 0.0]), np.array([0.0, 1.0])]

    few = likeness(FakeEngine(), np.array([1.0, 0.0]), two)
    enough = likeness(FakeEngine(), np.array([1.0, 0.0]), [*two, np.array([0.6, 0.8])])

    assert few is not None
    assert few.percentile is None
    # The photos' cosines to the mean of the others are 0.32, 0.45 and 0.99; this face's to the mean of all is 0.66.
    assert enough is not None
    assert enough.cosine == pytest.approx(0.664, abs=1e-3)
    assert enough.percentile == pytest.approx(200 / 3)


def test_an_engine_without_a_scale_cannot_tell_about_strangers() -> None:
    class Unmeasured(FakeEngine):
        scale = None

    found = likeness(Unmeasured(), np.array([1.0, 0.0]), [np.array([1.0, 0.0])])

    assert found is not None
    assert (found.percentile, found.strangers) == (None, None)
