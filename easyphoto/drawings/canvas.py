"""A picture and its label map, painted together with antialiased polygons."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

Colour = tuple[float, float, float]
_SHIFT = 4


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """Linear interpolation from ``a`` to ``b`` by ``share`` (0..1)."""
    return tuple(x + (y - x) * share for x, y in zip(a, b, strict=True))  # type: ignore[return-value]


def shade(colour: Colour, factor: float) -> Colour:
    """``colour`` made darker (factor below 1) or lighter, clipped to 0..1."""
    return tuple(min(1.0, max(0.0, c * factor)) for c in colour)  # type: ignore[return-value]


def shadow(colour: Colour, factor: float) -> Colour:
    """A skin colour in shadow: darker and redder, because plain darkening would turn it grey."""
    return tuple(min(1.0, c * factor**power) for c, power in zip(colour, (0.72, 1.08, 1.2), strict=True))


def bytes_of(colour: Colour) -> tuple[float, float, float]:
    """A colour from 0..1 to whole numbers in 0..255, clipped."""
    return tuple(float(round(255.0 * min(1.0, max(0.0, c)))) for c in colour)  # type: ignore[return-value]


def ribbon(curve: np.ndarray, width: np.ndarray | float) -> np.ndarray:
    """The (2N, 2) polygon of a stroke along an (N, 2) curve; ``width`` is the full width, a number or (N,), in the
    curve's unit."""
    along = np.gradient(curve, axis=0)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    across /= np.linalg.norm(across, axis=1, keepdims=True) + 1e-9
    reach = across * (np.broadcast_to(np.asarray(width, dtype=np.float64), len(curve))[:, None] / 2)
    return np.concatenate([curve + reach, (curve - reach)[::-1]])


def taper(count: int, thick: float, ends: float = 0.15) -> np.ndarray:
    """(count,) stroke widths of a pen: ``thick`` in the middle, ``ends`` times that at both ends."""
    t = np.linspace(0.0, np.pi, count)
    return thick * (ends + (1.0 - ends) * np.sin(t))


def ellipse(u: float, v: float, a: float, b: float, angle: float = 0.0, count: int = 24) -> np.ndarray:
    """A (count, 2) ellipse polygon around (u, v) with half axes a and b, rotated by ``angle`` radians."""
    t = np.linspace(0.0, 2.0 * np.pi, count, endpoint=False)
    x, y = a * np.cos(t), b * np.sin(t)
    c, s = np.cos(angle), np.sin(angle)
    return np.stack([u + c * x - s * y, v + s * x + c * y], axis=1)


class Canvas:
    """``image`` (H, W, 3) uint8 RGB and ``labels`` (H, W) uint8. Points are (N, 2) pixels, colours are in 0..1."""

    def __init__(self, image: np.ndarray, labels: np.ndarray) -> None:
        self.image = image
        self.labels = labels

    def fill(self, points: np.ndarray, colour: Colour, label: int | None = None) -> None:
        """Fill an antialiased polygon with one colour and, if given, its label."""
        fixed = _fixed(points)
        cv2.fillPoly(self.image, [fixed], bytes_of(colour), cv2.LINE_AA, _SHIFT)
        if label is not None:
            cv2.fillPoly(self.labels, [fixed], int(label), cv2.LINE_8, _SHIFT)

    def mark(self, points: np.ndarray, label: int) -> None:
        """Set the label of a polygon without painting."""
        cv2.fillPoly(self.labels, [_fixed(points)], int(label), cv2.LINE_8, _SHIFT)

    def glaze(self, points: np.ndarray, colour: Colour, alpha: float) -> None:
        """Fill a polygon with opacity ``alpha`` (0..1)."""
        self.clipped(points, lambda inner: inner.image.__setitem__(slice(None), bytes_of(colour)), alpha=alpha)

    def clipped(
        self,
        points: np.ndarray,
        painter: Callable[[Canvas], None],
        label: int | None = None,
        alpha: float = 1.0,
    ) -> None:
        """Let ``painter`` paint on a canvas clipped to a polygon.

        The painter gets a ``Window`` with a copy of the part under the polygon, whose position is ``origin``.
        """
        height, width = self.labels.shape
        x0, y0 = np.maximum(np.floor(points.min(axis=0)).astype(int) - 2, 0)
        x1, y1 = np.minimum(np.ceil(points.max(axis=0)).astype(int) + 3, (width, height))
        if x0 >= x1 or y0 >= y1:
            return
        place = (slice(y0, y1), slice(x0, x1))
        fixed = _fixed(points - (x0, y0))
        mask = np.zeros((y1 - y0, x1 - x0), dtype=np.uint8)
        cv2.fillPoly(mask, [fixed], 255, cv2.LINE_AA, _SHIFT)
        inner = Window(self.image[place].copy(), self.labels[place], np.array([x0, y0], dtype=np.float64))
        kept_labels = inner.labels.copy()
        painter(inner)
        weight = mask.astype(np.float32) * np.float32(alpha / 255.0)
        under = np.ascontiguousarray(self.image[place])
        self.image[place] = cv2.blendLinear(inner.image, under, weight, 1.0 - weight)
        inside = mask > 127
        np.copyto(self.labels[place], kept_labels, where=~inside)
        if label is not None:
            self.labels[place][inside] = label


class Window(Canvas):
    """A part of a larger canvas; points are given in the larger canvas's pixels."""

    def __init__(self, image: np.ndarray, labels: np.ndarray, origin: np.ndarray) -> None:
        super().__init__(image, labels)
        self.origin = origin

    def fill(self, points: np.ndarray, colour: Colour, label: int | None = None) -> None:
        """As `Canvas.fill`; ``points`` are (N, 2) pixels of the larger canvas."""
        fixed = _fixed(points - self.origin)
        cv2.fillPoly(self.image, [fixed], bytes_of(colour), cv2.LINE_AA, _SHIFT)
        if label is not None:
            cv2.fillPoly(self.labels, [fixed], int(label), cv2.LINE_8, _SHIFT)

    def warp(self, picture: np.ndarray, matrix: np.ndarray) -> None:
        """Cover the whole window with an (h, w, 3) uint8 picture; ``matrix`` (2, 3) maps its pixels to the canvas's."""
        moved = matrix.copy()
        moved[:, 2] -= self.origin
        height, width = self.labels.shape
        self.image[:] = cv2.warpAffine(
            picture, moved, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )


def _fixed(points: np.ndarray) -> np.ndarray:
    return np.rint(points * (1 << _SHIFT)).astype(np.int32)
