"""What keeps a transfer of colour from doing harm: faces of one colour, strong contrasts, next to no skin."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image

from easyphoto.faces.colour import colour_transferred

SIDE = 64
WHOLE = np.ones((SIDE, SIDE), np.float32)


def skin(lightness: float, deviation: float, *, tint: float = 0.0, tint_deviation: float = 0.0) -> Image.Image:
    """Half of the pixels as far below a lightness (of 100) as the others are above it; so too from green to red."""
    lab = np.zeros((SIDE, SIDE, 3), np.float32)
    lab[:, ::2, 0], lab[:, 1::2, 0] = lightness - deviation, lightness + deviation
    lab[::2, :, 1], lab[1::2, :, 1] = tint - tint_deviation, tint + tint_deviation
    rgb = cv2.cvtColor(lab, cv2.COLOR_Lab2RGB)
    return Image.fromarray(np.rint(np.clip(rgb, 0, 1) * 255).astype(np.uint8))


def tone(picture: Image.Image) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of lightness and of green to red."""
    lab = cv2.cvtColor(np.asarray(picture, np.float32) / 255, cv2.COLOR_RGB2Lab)[..., :2].reshape(-1, 2)
    return lab.mean(0), lab.std(0)


def transferred(face: Image.Image, template: Image.Image) -> Image.Image:
    return colour_transferred(face, WHOLE, template, WHOLE, edge=0)


@pytest.mark.parametrize(
    ("had", "wanted", "has"),
    [
        (10.0, 12.0, 12.0),
        (10.0, 14.0, 14.0),
        (10.0, 30.0, 16.0),
        (10.0, 7.0, 7.0),
        (10.0, 2.0, 6.0),
        (10.0, 0.4, 10.0),
        (0.85, 12.0, 0.85),
        (2.0, 1.5, 1.5),
    ],
    ids=[
        "a little more contrast", "more contrast", "far more: 1.6 times at most", "less contrast",
        "far less: 0.6 times at least", "a template of one colour", "a face of one colour",
        "faint ones are no constants",
    ],
)  # fmt: skip
def test_contrast_follows_the_template_s_within_bounds(had: float, wanted: float, has: float) -> None:
    made = transferred(skin(60, had), skin(40, wanted))

    mean, deviation = tone(made)
    assert mean[0] == pytest.approx(40, abs=0.8)
    assert deviation[0] == pytest.approx(has, abs=0.3)


def test_a_channel_of_one_colour_does_not_keep_another_from_its_contrast() -> None:
    face = skin(60, 10, tint=10, tint_deviation=0.3)

    mean, deviation = tone(transferred(face, skin(50, 14, tint=20, tint_deviation=8)))

    assert mean == pytest.approx([50, 20], abs=0.6)
    assert deviation == pytest.approx([14, 0.3], abs=0.4)


def spots(count: int) -> np.ndarray:
    mask = np.zeros((SIDE, SIDE), np.float32)
    mask.flat[:count] = 1
    return mask


@pytest.mark.parametrize("whose", ["face", "template"])
def test_fewer_than_twenty_pixels_of_skin_give_no_colour(whose: str) -> None:
    def made(count: int) -> Image.Image:
        masks = (spots(count), WHOLE) if whose == "face" else (WHOLE, spots(count))
        return colour_transferred(skin(60, 10), masks[0], skin(40, 10), masks[1], edge=0)

    with pytest.raises(ValueError, match="only 19 pixels of skin"):
        made(19)
    assert np.asarray(made(20)).shape == (SIDE, SIDE, 3)


def test_half_skin_is_none() -> None:
    """Where a mask is soft, a half and less belongs to what lies beside it."""
    with pytest.raises(ValueError, match="only 0 pixels of skin"):
        colour_transferred(skin(60, 10), WHOLE * 0.5, skin(40, 10), WHOLE, edge=0)


def test_colours_that_leave_the_gamut_end_at_its_bounds() -> None:
    made = np.asarray(transferred(skin(50, 20), skin(95, 30)))

    assert made.max() == 255
    assert made.min() < 230
