"""The majority among embeddings."""

from __future__ import annotations

import numpy as np
import pytest

from easyphoto.preprocess.identity import majority


def at(degrees: float) -> np.ndarray:
    return np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], np.float32)


def test_the_larger_group_wins_and_its_mean_ignores_the_stranger() -> None:
    group = majority([at(80), at(0), at(10), at(20)], limit=0.9)

    assert group.members == (False, True, True, True)
    assert group.agrees
    # 10 degrees is the mean of 0, 10 and 20: cosines of 70, 10, 0 and 10 degrees.
    assert group.cosines == pytest.approx((0.3420, 0.9848, 1.0, 0.9848), abs=1e-3)


def test_a_split_without_a_majority_does_not_agree() -> None:
    assert not majority([at(0), at(90)], limit=0.9).agrees
    assert not majority([at(0), at(2), at(90), at(92)], limit=0.9).agrees


def test_one_photo_agrees_with_itself() -> None:
    group = majority([at(33)], limit=0.9)

    assert group.members == (True,)
    assert group.agrees
