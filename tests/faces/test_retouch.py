"""Retouch: blotches go, edges and everything outside the skin stay."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from easyphoto.faces.retouch import retouched


def speckled() -> Image.Image:
    grain = np.random.default_rng(0).normal(0, 4, (80, 80, 1))
    picture = np.clip(np.array([190, 150, 130]) + grain, 0, 255).astype(np.uint8)
    picture[:, 40:] //= 3
    return Image.fromarray(picture)


def test_blotches_are_fainter_and_the_edge_is_where_it_was():
    before, skin = speckled(), np.ones((80, 80), np.float32)

    after = np.asarray(retouched(before, skin, face_width=70)).astype(int)

    was = np.asarray(before).astype(int)
    assert after[10:70, 5:35, 0].std() < 0.85 * was[10:70, 5:35, 0].std()
    assert after[40, 39, 0] - after[40, 40, 0] > 0.9 * (was[40, 39, 0] - was[40, 40, 0])


def test_outside_the_skin_every_byte_stays():
    before, skin = speckled(), np.zeros((80, 80), np.float32)
    skin[20:60, 5:35] = 1

    after = np.asarray(retouched(before, skin, face_width=70))

    assert (after[skin == 0] == np.asarray(before)[skin == 0]).all()


def test_a_mask_of_another_size_is_refused():
    with pytest.raises(ValueError, match="does not fit"):
        retouched(speckled(), np.ones((10, 10), np.float32), face_width=70)
