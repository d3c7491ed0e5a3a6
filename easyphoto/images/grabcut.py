"""OpenCV's GrabCut with marks: what stands in front, told from what is behind by its colours."""

from __future__ import annotations

import cv2
import numpy as np


def in_front(picture: np.ndarray, marks: np.ndarray, *, rounds: int) -> np.ndarray:
    """(height, width) bool: what stands in front, surely or probably, in a (height, width, 3) uint8 picture.

    `marks`: (height, width) uint8 of cv2.GC_BGD, GC_FGD, GC_PR_BGD and GC_PR_FGD, which are changed. In which colours
    the picture is decides what counts as near.
    """
    behind, before = np.zeros((1, 65)), np.zeros((1, 65))
    # It begins with random clusters, and the same seed must give the same picture.
    cv2.setRNGSeed(0)
    cv2.grabCut(np.ascontiguousarray(picture), marks, None, behind, before, rounds, cv2.GC_INIT_WITH_MASK)
    return np.isin(marks, (cv2.GC_FGD, cv2.GC_PR_FGD))
