"""Tiles: the picture comes out as if it had been done at once."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from easyphoto.progress import Cancelled, NullProgress
from easyphoto.restoration.tiles import rising, starts, tiled
from tests.fakes import RecordingProgress
from tests.restoration.fakes import ramp_picture


def blurring(piece: np.ndarray) -> np.ndarray:
    """Twice as large, and wrong within 4 pixels of its border: what lies beyond counts as black."""
    blurred = cv2.blur(piece.astype(np.float32), (9, 9), borderType=cv2.BORDER_CONSTANT)
    return cv2.resize(blurred, None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST)


@pytest.mark.parametrize(("width", "height"), [(150, 70), (64, 64), (65, 130), (30, 20)])
def test_no_seam_is_seen(width: int, height: int):
    picture = ramp_picture(width, height)

    whole = blurring(picture)
    made = tiled(picture, blurring, 2, NullProgress(), tile=64, overlap=18)

    assert made.shape == (2 * height, 2 * width, 3)
    assert np.abs(made - whole).max() <= 1.0


def test_with_too_little_overlap_the_seam_would_be_seen():
    """The test above can fail."""
    picture = ramp_picture(150, 70)

    made = tiled(picture, blurring, 2, NullProgress(), tile=64, overlap=3)

    assert np.abs(made - blurring(picture)).max() > 10


def test_the_network_never_sees_more_than_a_tile():
    seen: list[tuple[int, int]] = []

    def watching(piece: np.ndarray) -> np.ndarray:
        seen.append(piece.shape[:2])
        return piece.astype(np.float32)

    picture = ramp_picture(200, 100)
    made = tiled(picture, watching, 1, NullProgress(), tile=64, overlap=12)

    assert set(seen) == {(64, 64)}
    assert len(seen) == 8
    assert (made == picture).all()


def test_tiles_begin_where_they_overlap_enough():
    assert starts(64, 64, 12) == [0]
    assert starts(30, 64, 12) == [0]
    assert starts(100, 64, 12) == [0, 36]
    assert starts(200, 64, 12) == [0, 52, 104, 136]


def test_a_tile_leaves_its_border_to_its_neighbour():
    weights = rising(8, 6, begins=False)

    assert weights.tolist() == [0.0, 0.0, 0.25, 0.75, 1.0, 1.0, 1.0, 1.0]
    assert rising(3, 6, begins=True).tolist() == [1.0, 1.0, 1.0]


def test_progress_is_told_and_a_cancel_obeyed():
    progress = RecordingProgress()
    tiled(ramp_picture(100, 64), blurring, 2, progress, tile=64, overlap=18)
    assert [step[:2] for step in progress.steps] == [(1, 2), (2, 2)]

    with pytest.raises(Cancelled):
        tiled(ramp_picture(100, 64), blurring, 2, RecordingProgress(cancel_at=2), tile=64, overlap=18)
