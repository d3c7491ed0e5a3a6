"""Sizes, boxes and point sets on a picture: arithmetic only, no pixels.

Coordinates are pixels with the origin at the picture's top left corner; `right` and `bottom` are exclusive.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

Point = tuple[float, float]


@dataclass(frozen=True)
class Size:
    width: int
    height: int

    @property
    def short(self) -> int:
        return min(self.width, self.height)

    @property
    def long(self) -> int:
        return max(self.width, self.height)

    @classmethod
    def of(cls, image: object) -> Size:
        """The size of a PIL image or of an array shaped (height, width, …)."""
        if isinstance(image, np.ndarray):
            return cls(image.shape[1], image.shape[0])
        width, height = image.size  # type: ignore[attr-defined]
        return cls(width, height)

    @classmethod
    def in_multiples(cls, width: float, height: float, multiple: int) -> Size:
        """The size whose sides are the nearest multiples, at least one of each."""
        return cls(*(max(1, round(side / multiple)) * multiple for side in (width, height)))


@dataclass(frozen=True)
class Box:
    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top

    @property
    def area(self) -> float:
        return max(self.width, 0.0) * max(self.height, 0.0)

    @property
    def centre(self) -> Point:
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2

    @property
    def size(self) -> Size:
        return Size(round(self.width), round(self.height))

    def as_ints(self) -> tuple[int, int, int, int]:
        """Left, top, right, bottom as rounded integers, for PIL's `crop` and numpy slices."""
        return round(self.left), round(self.top), round(self.right), round(self.bottom)

    def moved(self, x: float, y: float) -> Box:
        return Box(self.left + x, self.top + y, self.right + x, self.bottom + y)

    def scaled(self, factor: float) -> Box:
        """The box with every coordinate multiplied by `factor`, as on the same picture at another size."""
        return Box(self.left * factor, self.top * factor, self.right * factor, self.bottom * factor)

    def grown(self, left: float, top: float, right: float, bottom: float) -> Box:
        """The box widened by so many pixels on each side."""
        return Box(self.left - left, self.top - top, self.right + right, self.bottom + bottom)

    def clipped(self, size: Size) -> Box:
        return Box(max(self.left, 0), max(self.top, 0), min(self.right, size.width), min(self.bottom, size.height))

    def common_area(self, other: Box) -> float:
        """Area of the intersection, in square pixels."""
        return Box(
            max(self.left, other.left),
            max(self.top, other.top),
            min(self.right, other.right),
            min(self.bottom, other.bottom),
        ).area

    def intersection_over_union(self, other: Box) -> float:
        common = self.common_area(other)
        union = self.area + other.area - common
        return common / union if union > 0 else 0.0


def square_around(face: Box, factor: float, picture: Size) -> Box:
    """The square of side `factor` × the longer side of `face`, in whole pixels, moved or shrunk to lie in the picture.

    It is centred on the face if the picture allows. A square longer than the picture's short side shrinks to that side,
    so that the crop stays square and inside the picture.
    """
    side = max(1, min(math.ceil(factor * max(face.width, face.height)), picture.short))
    x, y = face.centre
    left = min(max(round(x - side / 2), 0), picture.width - side)
    top = min(max(round(y - side / 2), 0), picture.height - side)
    return Box(left, top, left + side, top + side)


def similarity(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The rotation, uniform scale and translation that map `source` to `target` in the least-squares sense.

    Umeyama, "Least-squares estimation of transformation parameters between two point patterns", 1991, without
    reflection. Takes two (N, 2) arrays of pixels, N ≥ 2; returns the (2, 3) float64 matrix for `cv2.warpAffine`.
    Raises ValueError if all source points coincide.
    """
    source, target = np.asarray(source, np.float64), np.asarray(target, np.float64)
    source_mean, target_mean = source.mean(0), target.mean(0)
    source_centred, target_centred = source - source_mean, target - target_mean
    variance = (source_centred**2).sum() / len(source)
    if variance <= 0:
        raise ValueError("The source points are all the same point.")
    u, singular, vt = np.linalg.svd(target_centred.T @ source_centred / len(source))
    sign = np.array([1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt)) or 1.0])
    rotation = u @ np.diag(sign) @ vt
    scale = (singular * sign).sum() / variance
    matrix = np.empty((2, 3))
    matrix[:, :2] = scale * rotation
    matrix[:, 2] = target_mean - scale * rotation @ source_mean
    return matrix


def resized_points(points: np.ndarray, factor: float | np.ndarray) -> np.ndarray:
    """(N, 2) pixel coordinates after the picture was resized by `factor`, a number or an (x, y) pair; float64.

    Coordinates are measured from the centre of pixel 0, which is half a pixel from the picture's edge at either size.
    """
    return (np.asarray(points, np.float64) + 0.5) * factor - 0.5


def transformed(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """(N, 2) points mapped by a (2, 3) affine matrix; float64."""
    return np.asarray(points, np.float64) @ matrix[:, :2].T + matrix[:, 2]


def scale_of(matrix: np.ndarray) -> float:
    """The factor by which a (2, 3) affine matrix scales lengths."""
    return float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))


def lying_at(matrix: np.ndarray, size: Size) -> Box:
    """The bounding box, in whole pixels, of a picture of `size` mapped by a (2, 3) matrix between pixel centres."""
    ends = [(x, y) for x in (-0.5, size.width - 0.5) for y in (-0.5, size.height - 0.5)]
    places = transformed(np.array(ends), matrix)
    (left, top), (right, bottom) = np.ceil(places.min(0)), np.floor(places.max(0)) + 1
    return Box(float(left), float(top), float(right), float(bottom))


def moved_into(matrix: np.ndarray, box: Box) -> np.ndarray:
    """The (2, 3) matrix whose target is the crop `box` of the original target picture."""
    return np.column_stack([matrix[:, :2], matrix[:, 2] - (box.left, box.top)])


def direction(vector: np.ndarray) -> np.ndarray:
    """The vector flattened to float64 (N,) and normalised to length 1; a zero vector stays zero."""
    flat = np.asarray(vector, np.float64).ravel()
    norm = float(np.linalg.norm(flat))
    return flat / norm if norm > 0 else flat


def unit(vector: np.ndarray) -> np.ndarray:
    """The vector flattened to float32 (N,) and normalised to length 1; a zero vector stays zero."""
    return np.asarray(direction(vector), np.float32)


def eye_line_tilt(points: np.ndarray) -> float:
    """Angle of the line from the viewer's left eye to the viewer's right eye to the horizontal, in degrees, −180..180.

    `points` is (N ≥ 2, 2) in pixels, the two eyes first.
    """
    (left_x, left_y), (right_x, right_y) = np.asarray(points, np.float64)[:2]
    return math.degrees(math.atan2(right_y - left_y, right_x - left_x))


def nose_place(points: np.ndarray) -> float:
    """Position of the nose tip along the line from the viewer's left eye (0) to the viewer's right eye (1).

    `points` is (N ≥ 3, 2) in pixels: the two eyes, then the nose tip.
    """
    left, right, nose = np.asarray(points, np.float64)[:3]
    line = right - left
    return float((nose - left) @ line / max(line @ line, 1e-9))
