"""Quality scores of a face (upright, frontal, sharp, well lit) and similarity of faces."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from easyphoto.faces.deblocked import deblocked
from easyphoto.faces.engine import Face, FaceEngine, Likeness
from easyphoto.faces.likeness_scale import own_percentile, share_below
from easyphoto.geometry import Size, direction, eye_line_tilt, nose_place

# Face width in pixels at which sharpness is measured; no model family can use finer detail.
_FACE_WIDTH = 112
# Cosine coefficients of 8 × 8 pixels below this share of the face's grey range, or below this many levels, count as
# blocks and grain. Of 7,154 copies of 120 photographs and 80 drawings (JPEG quality 10 to 40, some reduced or enlarged)
# 74 score sharper than their original by more than 0.01, the worst by 0.05; without this step 2,845, the worst by 0.49.
# On as many held out: 179, the worst by 0.09, instead of 3,671.
_STEP, _LEAST_STEP = 0.4, 24.0
_AGAIN = 17
# Photographs lose 0.66 of their edges and drawings 0.85; blurred by 3 % of the face's width 0.37 and 0.44. Scaled so
# that a usual photograph scores 0.6, and a limit of 0.12 rejects as many of 1,400 sharp and blurred ones as before.
_NOTHING, _SCALE = 0.417, 0.25


def angle_score(face: Face) -> float:
    """1 when the eye line is level, 0 when it is vertical or beyond."""
    return max(0.0, (90.0 - abs(eye_line_tilt(face.points))) / 90.0)


def frontality(face: Face) -> float:
    """1 when the nose is midway between the eyes, 0 when it is at an eye or beyond, as in profile."""
    return max(0.0, 1.0 - 2.0 * abs(nose_place(face.points) - 0.5))


def sharpness(picture: Image.Image, face: Face) -> float:
    """0 (blurred) to 1 (crisp). Faces are scaled to one width, so that photos compare."""
    return sharpness_of(_face_at_one_width(picture, face))


def sharpness_of(grey: np.ndarray) -> float:
    """0 (blurred) to 1 (crisp): how much of the edges of a (height, width) float32 grey picture in 0..255 is lost when
    it is blurred once more.

    After Crete et al., "The blur effect", 2007: a blurred picture hardly changes when blurred again. Unlike the
    Laplacian's variance this depends neither on contrast nor on skin. Blocks and grain change a lot as well, so they
    are removed first, and edges are weighted by their square.
    """
    import cv2

    if min(grey.shape) < 8:
        return 0.0
    low, high = np.percentile(grey, (3, 97))
    grey = deblocked(grey, max(_LEAST_STEP, _STEP * float(high - low)))
    grey = cv2.GaussianBlur(grey, (0, 0), 0.8)
    kept = []
    for axis in (0, 1):
        kernel = (1, _AGAIN) if axis == 0 else (_AGAIN, 1)
        before = np.abs(np.diff(grey, axis=axis))
        after = np.abs(np.diff(cv2.blur(grey, kernel), axis=axis))
        total = float((before**2).sum())
        kept.append(float((before * np.maximum(before - after, 0)).sum()) / total if total > 1e-6 else 0.0)
    # The less sharp direction decides, because motion blurs only one.
    return float(1.0 - np.exp(min(0.0, _NOTHING - min(kept)) / _SCALE))


def exposure(picture: Image.Image, face: Face) -> float:
    """0 (overexposed, underexposed or flat) to 1; depends on the range of lightness, not on the skin's lightness."""
    return exposure_of(_grey_face(picture, face))


def exposure_of(grey: np.ndarray) -> float:
    """The same of a (height, width) float32 grey picture in 0..255."""
    if grey.size == 0:
        return 0.0
    clipped = float(np.mean((grey <= 4) | (grey >= 251)))
    low, high = np.percentile(grey, (3, 97))
    span = min(1.0, float(high - low) / 60.0)
    return float(np.clip(span * (1.0 - 1.5 * clipped), 0.0, 1.0))


def _face_at_one_width(picture: Image.Image, face: Face) -> np.ndarray:
    """(height, width) float32 grey in 0..255 of the middle of the face box, scaled to a face width of `_FACE_WIDTH`."""
    inner = face.box.grown(*(-0.08 * face.box.width,) * 4).clipped(Size.of(picture))
    if inner.width < 2 or inner.height < 2:
        return np.zeros((0, 0), np.float32)
    factor = _FACE_WIDTH / face.box.width
    size = (max(1, round(inner.width * factor)), max(1, round(inner.height * factor)))
    # The box is fractional; rounded, it would show slightly different parts in scaled copies of a picture.
    box = (inner.left, inner.top, inner.right, inner.bottom)
    return np.asarray(picture.convert("L").resize(size, Image.Resampling.BICUBIC, box=box), np.float32)


def _grey_face(picture: Image.Image, face: Face) -> np.ndarray:
    """(height, width) float32 grey in 0..255 of the middle of the face box; the face is at most `_FACE_WIDTH` wide."""
    inner = face.box.grown(*(-0.08 * face.box.width,) * 4).clipped(Size.of(picture))
    if inner.width < 1 or inner.height < 1:
        return np.zeros((0, 0), np.float32)
    crop = picture.crop(inner.as_ints()).convert("L")
    factor = min(1.0, _FACE_WIDTH / face.box.width)
    if factor < 1:
        size = (max(1, round(crop.width * factor)), max(1, round(crop.height * factor)))
        crop = crop.resize(size, Image.Resampling.BOX)
    return np.asarray(crop, np.float32)


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    """Cosine similarity of two (N,) vectors; 0 when one of them is zero."""
    norm = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(np.dot(one, other)) / norm if norm > 0 else 0.0


def mean_embedding(vectors: Sequence[np.ndarray]) -> np.ndarray:
    """The mean direction of (N,) vectors: (N,) float32 of unit length. Raises ValueError for no vectors."""
    if not vectors:
        raise ValueError("There is no vector to average.")
    mean = np.mean([np.asarray(vector, np.float64) for vector in vectors], axis=0)
    return np.asarray(direction(mean), np.float32)


def likeness(engine: FaceEngine, vector: np.ndarray | None, reference: Sequence[np.ndarray]) -> Likeness | None:
    """Likeness of a face's embedding `vector` (N,) to those of a person's photos; None when there is nothing to compare
    or the engine has no embedder."""
    if engine.embedder is None or vector is None or not reference:
        return None
    value = cosine(vector, mean_embedding(reference))
    # The scale is measured on pairs of single photos; a mean of several is closer to every face than each of them.
    pairs = float(np.mean([cosine(vector, other) for other in reference]))
    strangers = share_below(engine.scale.strangers, pairs) if engine.scale is not None else None
    return Likeness(engine.embedder, value, own_percentile(reference, value), strangers)


def largest_face_embedding(
    engine: FaceEngine, picture: Image.Image, faces: Sequence[Face] | None = None
) -> np.ndarray | None:
    """(N,) float32 embedding of the picture's largest face; None without a face or an embedder.

    `faces` are the picture's, if it was searched before.
    """
    found = engine.detect(picture) if faces is None else faces
    largest = max(found, key=lambda face: face.box.area, default=None)
    return None if largest is None else engine.embed(picture, largest)
