"""A painted object is told from the background that was painted with it."""

import cv2
import numpy as np
import pytest

from easyphoto.images.masks import feathered
from easyphoto.images.pictures import blended
from easyphoto.inference.cut_out import object_in


def grainy(colours: np.ndarray, seed: int = 1) -> np.ndarray:
    """As networks paint: with grain, and soft edges."""
    noise = np.random.default_rng(seed).normal(0, 8, colours.shape)
    return np.clip(cv2.GaussianBlur(colours.astype(np.float32), (0, 0), 1.5) + noise, 0, 255).astype(np.uint8)


@pytest.fixture
def scene():
    """A crop of 200 pixels: a disc is painted, with a red ball on dull green in it; around it is a clean blue."""
    rows, columns = np.indices((200, 200))
    painted = np.hypot(rows - 100, columns - 100) < 70
    ball = np.hypot(rows - 105, columns - 95) < 35
    colours = np.where(ball[..., None], (200, 40, 60), (90, 120, 80))
    alpha = feathered(painted.astype(np.float32), 5)
    return blended(np.full((200, 200, 3), (40, 60, 200), np.uint8), grainy(colours), alpha), alpha, ball


def test_the_object_is_taken_and_the_background_is_not(scene):
    crop, alpha, ball = scene

    found = object_in(crop, alpha)

    common, either = ((found > 0.5) & ball).sum(), ((found > 0.5) | ball).sum()
    assert common / either > 0.9


def test_nothing_is_taken_that_was_not_painted(scene):
    crop, alpha, _ = scene

    assert (object_in(crop, alpha) <= alpha).all()


def test_the_same_picture_is_cut_alike_each_time(scene):
    crop, alpha, _ = scene

    assert object_in(crop, alpha).tobytes() == object_in(crop, alpha).tobytes()


def test_where_there_is_only_background_nothing_is_cut_out(scene):
    crop, alpha, _ = scene
    bare = blended(crop, grainy(np.full(crop.shape, (90, 120, 80))), alpha)

    assert object_in(bare, alpha) is None


def test_without_anything_painted_nothing_is_looked_for(scene):
    crop, alpha, _ = scene

    assert object_in(crop, np.zeros_like(alpha)) is None
