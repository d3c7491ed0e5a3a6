"""The visible label: where it stands, what it covers, and that nothing else changes."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from easyphoto.faces.engine import Face
from easyphoto.geometry import Box, Size
from easyphoto.images import pictures
from easyphoto.inference.ai_label import place_of, plate_for, with_label
from easyphoto.inference.results import Photograph, Stage

PLATE = Size(100, 20)
PICTURE = Size(400, 300)
CORNERS = {
    "bottom right": Box(293, 273, 393, 293),
    "bottom left": Box(7, 273, 107, 293),
    "top right": Box(293, 7, 393, 27),
    "top left": Box(7, 7, 107, 27),
}
BOTTOM_RIGHT, BOTTOM_LEFT, TOP_RIGHT = Box(280, 200, 380, 290), Box(20, 200, 120, 290), Box(300, 10, 380, 100)


@pytest.mark.parametrize(
    ("faces", "corner"),
    [
        ((), "bottom right"),
        ((Box(150, 100, 250, 200),), "bottom right"),
        ((BOTTOM_RIGHT,), "bottom left"),
        ((BOTTOM_RIGHT, BOTTOM_LEFT), "top right"),
        ((BOTTOM_RIGHT, BOTTOM_LEFT, TOP_RIGHT), "top left"),
    ],
)
def test_it_stands_in_the_first_corner_without_a_face(faces: tuple[Box, ...], corner: str):
    assert place_of(PLATE, PICTURE, faces) == CORNERS[corner]


def test_it_stands_where_the_picture_is_seen():
    alpha = np.full((300, 400), 255, np.uint8)
    alpha[200:, 200:] = 0

    assert place_of(PLATE, PICTURE, (), Image.fromarray(alpha)) == CORNERS["bottom left"]


@pytest.mark.parametrize(("side", "height"), [(256, 18), (512, 20), (1024, 44), (2048, 83)])
def test_its_size_is_that_of_the_picture(side: int, height: int):
    assert plate_for(Size(side, side)).height == height


def test_in_a_tiny_picture_it_takes_half_of_the_width():
    assert plate_for(Size(96, 96)).size == (48, 12)


@pytest.mark.parametrize("ground", [255, 128, 0])
def test_it_is_legible_on_any_ground(ground: int):
    """Letters and plate differ by more than 4.5 : 1, and the plate or its rim from the ground."""
    made = with_label(photograph(Image.new("RGB", (512, 512), (ground,) * 3)), (), Size(512, 512))
    left, top, right, bottom = made.made_by["ai_label"]["box"]

    values = np.asarray(made.image)[top:bottom, left:right, 0].astype(float)

    linear = ((values / 255 + 0.055) / 1.055) ** 2.4
    plate, letters = np.median(linear), linear.max()
    assert (letters + 0.05) / (plate + 0.05) > 4.5
    row = values[len(values) // 2]
    assert abs(row - ground).max() > 60


def photograph(image: Image.Image) -> Photograph:
    mask = np.zeros((image.height, image.width), np.float32)
    return Photograph(image, 7, (), (Stage("result", image),), (), mask, {"family": "x"})


def test_nothing_but_the_label_changes_and_the_mask_says_where_it_is():
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (512, 512, 3), np.uint8))

    made = with_label(photograph(noise), (), Size(512, 512))

    left, top, right, bottom = made.made_by["ai_label"]["box"]
    changed = (np.asarray(made.image) != np.asarray(noise)).any(axis=2)
    inside = np.zeros_like(changed)
    inside[top:bottom, left:right] = True
    assert changed[inside].mean() > 0.8
    assert not changed[~inside].any()
    assert ((made.mask == 1) == inside).all()
    assert made.made_by["ai_label"]["text"] == "made with AI"
    assert made.made_by["family"] == "x"
    # The step that ends in the result stays without it.
    assert (np.asarray(made.stages[-1].image) == np.asarray(noise)).all()


def test_on_an_enlarged_result_it_keeps_off_the_face_where_that_is_now():
    face = Face(Box(400, 400, 500, 500), np.zeros((5, 2)), 1.0)

    made = with_label(photograph(Image.new("RGB", (1024, 1024))), (face,), Size(512, 512))

    left, _, right, bottom = made.made_by["ai_label"]["box"]
    assert right < 512
    assert left < 20
    assert bottom > 1000


def test_an_old_pillow_with_a_single_size_of_font_draws_it_as_large(monkeypatch: pytest.MonkeyPatch):
    from PIL import ImageFont

    monkeypatch.setattr("easyphoto.inference.ai_label.built_in_font", lambda size: ImageFont.load_default_imagefont())

    old = plate_for(Size(1024, 1024))

    assert old.height == pytest.approx(plate_for_now(monkeypatch).height, rel=0.1)
    assert np.asarray(old)[..., 0].max() > 240


def plate_for_now(monkeypatch: pytest.MonkeyPatch) -> Image.Image:
    monkeypatch.setattr("easyphoto.inference.ai_label.built_in_font", pictures.built_in_font)
    return plate_for(Size(1024, 1024))
