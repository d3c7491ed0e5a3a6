"""Masks and blurs at any size are those of OpenCV's brush and Gaussian, up to stated bounds."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from easyphoto.images.blur import blurred
from easyphoto.images.masks import dilated, feathered, inner_fade


def cloud(height: int, width: int, seed: int = 0, *, softness: float = 4.0) -> np.ndarray:
    """A soft mask of blobs in 0..1, some of them cut by the picture's edge."""
    noise = np.random.default_rng(seed).random((height, width)).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), softness)
    return np.clip((soft - np.median(soft)) / (soft.max() - np.median(soft)), 0, 1)


def brushed(mask: np.ndarray, radius: int) -> np.ndarray:
    """The oracle: OpenCV's own round brush."""
    side = 2 * abs(radius) + 1
    change = cv2.dilate if radius > 0 else cv2.erode
    brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return change(mask.astype(np.float32), brush, borderType=cv2.BORDER_REPLICATE)


@pytest.mark.parametrize("radius", [1, 2, 3, 7, 24, 40, -1, -2, -5, -24, -40])
def test_a_soft_mask_is_grown_and_shrunk_exactly_as_by_the_brush(radius: int) -> None:
    mask = cloud(90, 130)

    assert (dilated(mask, radius) == brushed(mask, radius)).all()


@pytest.mark.parametrize("radius", [1, 2, 3, 7, 24, -1, -2, -5, -24])
@pytest.mark.parametrize("kind", [np.float32, np.bool_])
def test_a_plain_mask_is_grown_and_shrunk_exactly_as_by_the_brush(radius: int, kind: type) -> None:
    mask = (cloud(120, 80, 1, softness=9.0) > 0.2).astype(kind)

    made = dilated(mask, radius)

    assert made.dtype == np.float32
    assert (made == brushed(mask, radius)).all()


@pytest.mark.parametrize("radius", [25, 40, 75, -25, -40])
def test_by_large_radii_a_plain_mask_differs_from_the_brush_s_by_less_than_half_a_pixel(radius: int) -> None:
    mask = (cloud(300, 260, 2, softness=30.0) > 0.2).astype(np.float32)
    changing = 1 - mask if radius > 0 else mask
    away = cv2.distanceTransform(changing.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)

    different = dilated(mask, radius) != brushed(mask, radius)

    assert 0 < different.sum() < 0.01 * mask.size
    assert (np.abs(away[different] - abs(radius)) < 0.5 + 0.01).all()


@pytest.mark.parametrize("radius", [10, 30, -10, -30])
def test_a_mask_that_fills_the_picture_stays_full_and_an_empty_one_empty(radius: int) -> None:
    assert (dilated(np.ones((50, 60), np.float32), radius) == 1).all()
    assert (dilated(np.zeros((50, 60), np.float32), radius) == 0).all()


@pytest.mark.parametrize("change", [feathered, inner_fade, lambda mask, width: dilated(mask, width)])
def test_a_mask_changes_in_a_large_picture_as_in_a_small_one(change) -> None:
    small = np.zeros((80, 90), np.float32)
    small[30:55, 25:60] = 1
    large = np.pad(small, ((400, 200), (100, 300)))

    made = change(large, 12)

    assert np.abs(made[400:480, 100:190] - change(small, 12)).max() < 1e-6
    assert made.sum() == pytest.approx(change(small, 12).sum())


@pytest.mark.parametrize("deviation", [12.5, 20.0, 37.0, 75.0])
def test_a_large_blur_of_an_edge_is_the_gaussian_s_within_a_five_hundredth(deviation: float) -> None:
    disc = np.zeros((700, 900), np.float32)
    cv2.circle(disc, (420, 330), 180, 1.0, cv2.FILLED)

    difference = np.abs(blurred(disc, deviation) - cv2.GaussianBlur(disc, (0, 0), deviation))

    assert difference.max() < 0.002


def test_at_the_picture_s_border_a_large_blur_mirrors_what_is_inside() -> None:
    corner = np.zeros((400, 500, 3), np.uint8)
    corner[:150, :150] = 255

    made, exact = blurred(corner, 30.0), cv2.GaussianBlur(corner, (0, 0), 30.0)

    assert (made.dtype, made.shape) == (np.uint8, (400, 500, 3))
    assert np.abs(made.astype(int) - exact).max() <= 2


def test_white_noise_is_blurred_within_a_hundredth() -> None:
    noise = np.random.default_rng(3).integers(0, 2, (500, 500)).astype(np.float32)

    assert np.abs(blurred(noise, 16.0) - cv2.GaussianBlur(noise, (0, 0), 16.0)).max() < 0.01


def test_a_small_blur_is_the_gaussian_itself() -> None:
    mask = cloud(60, 70)

    assert (blurred(mask, 5.0) == cv2.GaussianBlur(mask, (0, 0), 5.0)).all()
