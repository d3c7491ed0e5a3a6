"""Retouch: blotches and shine go, pores, moles, creases and everything outside the skin stay."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image

from easyphoto.faces.retouch import retouched

SIDE = 240
WIDTH = 200.0
TONE = np.array([200.0, 150.0, 130.0])
ALL = np.ones((SIDE, SIDE), np.float32)


def bump(x: float, y: float, spread: float) -> np.ndarray:
    rows, columns = np.mgrid[:SIDE, :SIDE]
    return np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * spread**2))[..., None]


def skin(added: np.ndarray | float = 0.0, *, pores: float = 6.0) -> Image.Image:
    """Even skin with pores of that deviation, and what is added."""
    grain = np.random.default_rng(0).normal(0, pores, (SIDE, SIDE, 1))
    return Image.fromarray(np.clip(np.rint(TONE + grain + added), 0, 255).astype(np.uint8))


def levels(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture).astype(np.float64)


def soft(picture: Image.Image) -> np.ndarray:
    return cv2.GaussianBlur(levels(picture), (0, 0), 4.0)


def blotch_left(strength: float) -> float:
    """Height of a blotch of 10 levels after the retouch, against the skin 60 pixels beside it."""
    after = soft(retouched(skin(10 * bump(120, 120, 8)), ALL, face_width=WIDTH, strength=strength))
    return float(after[120, 120].mean() - after[60:64, 58:62].mean())


def test_a_blotch_shrinks_by_more_than_half_and_the_more_the_stronger():
    before = soft(skin(10 * bump(120, 120, 8)))
    height = float(before[120, 120].mean() - before[60:64, 58:62].mean())

    assert height == pytest.approx(8.0, abs=1.0)
    assert blotch_left(1.0) < 0.5 * height
    assert 0.6 * height < blotch_left(0.4) < 0.85 * height


def test_pores_keep_nine_tenths_of_their_energy():
    before = skin(10 * bump(120, 120, 8))

    after = retouched(before, ALL, face_width=WIDTH, strength=1.0)

    energy = [float((levels(one) - cv2.GaussianBlur(levels(one), (0, 0), 2.0)).var()) for one in (before, after)]
    assert 0.9 < energy[1] / energy[0] < 1.1


def test_redness_goes_like_a_blotch():
    before = skin(np.array([8.0, -8.0, -8.0]) * bump(120, 120, 8))

    after = retouched(before, ALL, face_width=WIDTH, strength=1.0)

    def redness(picture: Image.Image) -> float:
        tone = soft(picture)[120, 120] - soft(picture)[60, 60]
        return float(tone[0] - tone[1])

    assert redness(before) > 10
    assert redness(after) < 0.6 * redness(before)


def test_a_mole_keeps_its_contrast():
    mole = np.zeros((SIDE, SIDE, 1))
    cv2.circle(mole, (120, 120), 4, -50.0, cv2.FILLED)

    after = soft(retouched(skin(mole), ALL, face_width=WIDTH, strength=1.0))
    before = soft(skin(mole))

    assert after[60, 60].mean() - after[120, 120].mean() > 0.95 * (before[60, 60].mean() - before[120, 120].mean())


def test_a_blotch_beside_a_mole_goes_like_any_other():
    mole = np.zeros((SIDE, SIDE, 1))
    cv2.circle(mole, (120, 138), 5, -90.0, cv2.FILLED)
    before = skin(mole + 10 * bump(120, 120, 6), pores=0)

    after = levels(retouched(before, ALL, face_width=WIDTH, strength=1.0))

    assert levels(before)[118, 120].mean() - TONE.mean() == pytest.approx(10, abs=1)
    assert after[118, 120].mean() - TONE.mean() < 3


def test_a_crease_keeps_its_contrast():
    crease = np.zeros((SIDE, SIDE, 1))
    cv2.line(crease, (40, 60), (200, 180), -50.0, 4)

    after = soft(retouched(skin(crease), ALL, face_width=WIDTH, strength=1.0))
    before = soft(skin(crease))

    assert after[200, 60].mean() - after[120, 120].mean() > 0.95 * (before[200, 60].mean() - before[120, 120].mean())


def test_shine_is_dimmed_and_warm_light_is_not():
    shine = retouched(skin(45 * bump(120, 120, 20)), ALL, face_width=WIDTH, strength=1.0)
    warm = retouched(skin(45 * TONE / TONE.mean() * bump(120, 120, 20)), ALL, face_width=WIDTH, strength=1.0)

    def top(picture: Image.Image) -> float:
        return float((soft(picture)[120, 120] - soft(picture)[20, 20]).mean())

    assert top(shine) < 0.75 * 45
    assert top(warm) > top(shine) + 3


def test_hair_beside_the_skin_neither_changes_nor_darkens_it():
    dark = np.zeros((SIDE, SIDE, 1))
    dark[:, 120:] = -110
    mask = ALL.copy()
    mask[:, 120:] = 0

    before = skin(dark)
    after = retouched(before, mask, face_width=WIDTH, strength=1.0)

    assert (np.asarray(after)[:, 120:] == np.asarray(before)[:, 120:]).all()
    assert levels(after)[:, 112:120].mean() == pytest.approx(levels(before)[:, 112:120].mean(), abs=0.5)


def test_outside_the_skin_every_byte_stays():
    mask = np.zeros((SIDE, SIDE), np.float32)
    mask[40:200, 40:200] = 1
    before = skin(10 * bump(120, 120, 8))

    after = np.asarray(retouched(before, mask, face_width=WIDTH, strength=1.0))

    assert (after[mask == 0] == np.asarray(before)[mask == 0]).all()
    assert (after[mask == 1] != np.asarray(before)[mask == 1]).any()


@pytest.mark.parametrize(("strength", "mask"), [(0.0, ALL), (1.0, 0 * ALL)])
def test_without_strength_or_without_skin_every_byte_stays(strength: float, mask: np.ndarray):
    before = skin(10 * bump(120, 120, 8))

    after = retouched(before, mask, face_width=WIDTH, strength=strength)

    assert after.tobytes() == before.tobytes()


def test_the_reach_follows_the_face():
    """The same picture twice as large is the same retouch twice as large."""
    small = skin(10 * bump(120, 120, 8), pores=0)
    large = small.resize((2 * SIDE, 2 * SIDE), Image.Resampling.BICUBIC)
    mask = np.ones((2 * SIDE, 2 * SIDE), np.float32)

    after = retouched(large, mask, face_width=2 * WIDTH, strength=1.0).resize((SIDE, SIDE), Image.Resampling.BOX)
    expected = retouched(small, ALL, face_width=WIDTH, strength=1.0)

    assert np.abs(levels(after) - levels(expected)).max() <= 2


def test_a_mask_of_another_size_is_refused():
    with pytest.raises(ValueError, match="does not fit"):
        retouched(skin(), np.ones((10, 10), np.float32), face_width=70)


def test_a_face_of_a_few_pixels_is_no_error():
    tiny = skin().crop((0, 0, 12, 12))

    assert retouched(tiny, np.ones((12, 12), np.float32), face_width=10, strength=1.0).size == (12, 12)


def test_a_face_is_retouched_in_a_large_picture_as_in_a_small_one():
    grain = np.random.default_rng(4).normal(0, 6, (SIDE, SIDE, 1))
    spots = 14 * bump(120, 120, 8) - 60 * bump(60, 90, 2) - 60 * bump(3, 100, 2)
    small = np.clip(np.rint(TONE + grain + spots), 0, 255).astype(np.uint8)
    large = np.full((SIDE + 300, SIDE + 500, 3), 40, np.uint8)
    large[200 : 200 + SIDE, 150 : 150 + SIDE] = small
    mask = np.pad(ALL, ((200, 100), (150, 350)))
    alone = np.pad(small, ((60, 60), (60, 60), (0, 0)), constant_values=40)

    made = levels(retouched(Image.fromarray(large), mask, face_width=WIDTH, strength=1.0))
    beside = levels(retouched(Image.fromarray(alone), np.pad(ALL, 60), face_width=WIDTH, strength=1.0))

    assert (made[:200] == 40).all()
    assert (made[:, :150] == 40).all()
    assert np.abs(made[200 : 200 + SIDE, 150 : 150 + SIDE] - beside[60 : 60 + SIDE, 60 : 60 + SIDE]).max() <= 1
    assert np.abs(made[200 : 200 + SIDE, 150 : 150 + SIDE] - small).max() > 3
