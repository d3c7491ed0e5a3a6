"""The face takes the template's light."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from easyphoto.faces.colour import LabStatistics, colour_transferred, tone_of, toned
from easyphoto.images.masks import inner_fade


def patch(colour: tuple[int, int, int], noise: float = 8.0, seed: int = 0) -> Image.Image:
    grain = np.random.default_rng(seed).normal(0, noise, (64, 64, 1))
    return Image.fromarray(np.clip(np.array(colour) + grain, 0, 255).astype(np.uint8))


WHOLE = np.ones((64, 64), np.float32)


def test_skin_takes_the_template_s_mean():
    result = colour_transferred(patch((200, 150, 120)), WHOLE, patch((120, 90, 80), seed=1), WHOLE, edge=2)

    assert np.asarray(result).mean((0, 1)) == pytest.approx([120, 90, 80], abs=2.5)


def test_lips_and_everything_else_outside_the_skin_stay_byte_for_byte():
    face = np.array(patch((200, 150, 120)))
    face[40:50, 20:44] = (190, 40, 60)
    skin = WHOLE.copy()
    skin[40:50, 20:44] = 0

    result = np.asarray(colour_transferred(Image.fromarray(face), skin, patch((90, 70, 60)), WHOLE, edge=3))

    assert (result[40:50, 20:44] == (190, 40, 60)).all()
    assert abs(int(result[10, 10, 0]) - 200) > 60


def test_a_near_constant_face_is_moved_and_not_stretched():
    flat = np.full((64, 64, 3), 150, np.uint8)
    flat[::2] += 1

    result = np.asarray(colour_transferred(Image.fromarray(flat), WHOLE, patch((100, 100, 100), 20), WHOLE, edge=0))

    assert result.std() < 1.5
    assert result.mean() == pytest.approx(100, abs=3)


def test_contrast_grows_by_at_most_1_6():
    have, want = (
        LabStatistics(np.array([50.0, 0, 0]), np.array([5.0, 5, 5])),
        LabStatistics(np.array([50.0, 0, 0]), np.array([50.0, 50, 50])),
    )
    picture = np.asarray(patch((119, 119, 119), 14))

    moved = toned(picture, have, want)

    assert moved.std() / picture.std() == pytest.approx(1.6, abs=0.1)


def test_a_mask_without_skin_is_refused():
    with pytest.raises(ValueError, match="0 pixels of skin"):
        tone_of(np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8), np.float32))


def test_the_fade_is_0_outside_and_1_inside():
    mask = np.zeros((40, 40), np.float32)
    mask[10:30, 10:30] = 1

    fade = inner_fade(mask, 4)

    assert fade[9].max() == 0
    assert fade[20, 20] == 1
    assert 0 < fade[20, 11] < fade[20, 13] < 1
