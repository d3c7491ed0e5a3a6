"""An object's mask, and the square around it."""

from __future__ import annotations

import numpy as np
from PIL import Image

from easyphoto.geometry import Box
from easyphoto.preprocess.cutout import object_mask, square_of


class Network:
    id, weights = "network", ()

    def __init__(self, mask: np.ndarray) -> None:
        self._mask = mask

    def mask(self, picture: Image.Image) -> np.ndarray:
        return self._mask


def ball(x: int, y: int, radius: int, side: int = 240) -> np.ndarray:
    rows, columns = np.mgrid[:side, :side]
    return (columns - x) ** 2 + (rows - y) ** 2 <= radius**2


def picture(thing: np.ndarray) -> Image.Image:
    noise = np.random.default_rng(0).integers(-6, 7, (*thing.shape, 3))
    colours = np.where(thing[..., None], (200, 60, 40), (60, 110, 170)) + noise
    return Image.fromarray(colours.astype(np.uint8))


def test_without_a_network_an_object_is_told_from_the_ground_by_its_colours() -> None:
    thing = ball(130, 100, 50)

    mask = object_mask(picture(thing))

    assert mask is not None
    overlap = ((mask > 0.5) & thing).sum() / ((mask > 0.5) | thing).sum()
    assert overlap > 0.95


def test_specks_do_not_belong_to_the_object_and_the_other_of_two_does() -> None:
    both = ball(70, 120, 30) | ball(170, 120, 28)
    mask = object_mask(picture(both), Network((both | ball(200, 30, 8)).astype(np.float32)))

    assert mask is not None
    assert np.array_equal(mask > 0.5, both)


def test_where_nothing_or_everything_stands_out_there_is_no_object() -> None:
    for share in (0.0, 1.0):
        assert object_mask(picture(ball(120, 120, 50)), Network(np.full((240, 240), share, np.float32))) is None


def test_the_square_has_a_margin_and_lies_in_the_picture() -> None:
    assert square_of(ball(120, 100, 40).astype(np.float32)) == Box(70, 50, 172, 152)
    # At the edge it is moved, and where it would be larger than the picture it is as large as that.
    assert square_of(ball(20, 100, 40).astype(np.float32)) == Box(0, 50, 102, 152)
    assert square_of(ball(120, 120, 110).astype(np.float32)) == Box(0, 0, 240, 240)
