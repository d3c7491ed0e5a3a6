"""Light as a plane over the skin."""

from __future__ import annotations

import numpy as np
import pytest

from easyphoto.faces.light import Light, brightened, light_of, places, relit
from easyphoto.geometry import Box
from easyphoto.images.srgb import as_bytes, linear
from tests.fakes import face_at

FACE = face_at(Box(0, 0, 100, 100))
SKIN = np.ones((100, 100), np.float32)


def lit(across: float, down: float, level: tuple[float, float, float] = (0.40, 0.25, 0.18)) -> np.ndarray:
    """Even skin under a lamp: bytes."""
    x, y = places(FACE, (100, 100))
    return as_bytes(np.array(level) * np.exp(across * x + down * y)[..., None])


def test_bytes_go_to_linear_light_and_back():
    every = np.arange(256, dtype=np.uint8).repeat(3).reshape(1, -1, 3)

    assert (as_bytes(linear(every)) == every).all()
    assert linear(np.array([188], np.uint8))[0] == pytest.approx(0.5029, abs=1e-3)


def test_the_lamp_at_one_side_is_found():
    found = light_of(lit(0.6, -0.3), SKIN, FACE)

    assert (found.across, found.down) == pytest.approx((0.6, -0.3), abs=0.02)
    assert np.exp(found.level) == pytest.approx([0.40, 0.25, 0.18], rel=0.02)


def test_a_mole_and_a_highlight_hardly_turn_the_lamp():
    picture = lit(0.6, 0.0)
    picture[20:30, 70:80] = 20
    picture[60:66, 20:26] = 255

    assert light_of(picture, SKIN, FACE).across == pytest.approx(0.6, abs=0.08)


def test_a_face_under_another_lamp_is_that_lamp_s():
    here, there = lit(0.5, 0.0), lit(-0.5, 0.0, (0.15, 0.10, 0.08))

    moved = relit(here, light_of(here, SKIN, FACE), light_of(there, SKIN, FACE), FACE)

    assert np.abs(moved.astype(int) - there).max() <= 6


def test_half_of_what_comes_from_above_stays_the_face_s_own():
    bearded, plain = lit(0.0, -0.8), lit(0.0, 0.0)

    moved = relit(bearded, light_of(bearded, SKIN, FACE), light_of(plain, SKIN, FACE), FACE)

    assert light_of(moved, SKIN, FACE).down == pytest.approx(-0.4, abs=0.05)


def test_the_whites_of_eyes_stay_white_when_skin_becomes_paler_or_darker():
    level = np.array([0.2, 0.2, 0.2])

    paler = brightened(np.array([0.0, 0.2, 1.0]), np.full(3, 3.0), level)

    assert paler == pytest.approx([0.0, 0.6, 1.0])


def test_a_share_of_0_changes_nothing():
    picture = lit(0.3, 0.2)
    share = np.zeros((100, 100), np.float32)
    share[:, 50:] = 1
    other = Light(np.log([0.1, 0.1, 0.1]), 0.0, 0.0)

    moved = relit(picture, light_of(picture, SKIN, FACE), other, FACE, share=share)

    assert (moved[:, :50] == picture[:, :50]).all()
    assert (moved[:, 50:] < picture[:, 50:]).all()


def test_too_little_skin_has_no_light():
    skin = np.zeros((100, 100), np.float32)
    skin[:5, :5] = 1

    with pytest.raises(ValueError, match="only 25 pixels of skin"):
        light_of(lit(0, 0), skin, FACE)
