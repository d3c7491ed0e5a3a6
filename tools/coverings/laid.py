"""A drawn covering on a photographed face: warped by its five points, in the photo's light, as sharp as the photo."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from coverings.canvas import LEFT, POINTS, TOP, UNIT, Ground

EYES, MOUTH = ((-0.5, 0.0), (0.5, 0.0)), (0.0, 1.12)


@dataclass(frozen=True, eq=False)
class Laid:
    picture: np.ndarray
    """uint8 RGB."""
    covered: tuple[float, float, float]
    """How much of the left eye, the right eye and the mouth is hidden, 0 to 1."""


def placed(points: np.ndarray) -> np.ndarray:
    """The (2, 3) affine matrix from the ground's pixels to the picture's, by least squares over the five points."""
    source = np.column_stack([(POINTS - (LEFT, TOP)) * UNIT, np.ones(5)])
    matrix, *_ = np.linalg.lstsq(source, np.asarray(points, np.float64), rcond=None)
    return matrix.T


def hidden(ground: Ground) -> tuple[float, float, float]:
    """Shares of the eyes' and the mouth's cores that lie under the covering."""
    cores = [ground.ellipse(eye, (0.22, 0.11)) for eye in EYES] + [ground.ellipse(MOUTH, (0.36, 0.13))]
    left, right, mouth = (float((core * ground.opacity).sum() / core.sum()) for core in cores)
    return left, right, mouth


def laid(picture: np.ndarray, points: np.ndarray, ground: Ground, rng: np.random.Generator) -> Laid:
    """The ground's covering on an RGB picture."""
    matrix = placed(points)
    scale = np.sqrt(abs(np.linalg.det(matrix[:, :2])))
    colour, alpha = ground.colour, ground.opacity
    if scale < 0.7:
        colour, alpha = (cv2.GaussianBlur(one, (0, 0), 0.45 / scale) for one in (colour * alpha[..., None], alpha))
        colour = colour / np.maximum(alpha, 1e-4)[..., None]
    size = picture.shape[1::-1]
    over = cv2.warpAffine(colour, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    alpha = cv2.warpAffine(alpha, matrix, size, flags=cv2.INTER_LINEAR)
    unit = scale * UNIT
    soft = float(rng.uniform(0.2, 0.02 * unit + 0.6))
    over, alpha = cv2.GaussianBlur(over, (0, 0), soft), cv2.GaussianBlur(alpha, (0, 0), soft)
    over = over * _light(picture, points, unit, rng)[..., None]
    ground_picture = picture.astype(np.float32)
    if rng.random() < 0.5:
        fall = cv2.GaussianBlur(alpha, (0, 0), 0.06 * unit + 0.5)
        shift = np.array([[1, 0, rng.normal(0, 0.04) * unit], [0, 1, 0.05 * unit]], np.float32)
        fall = cv2.warpAffine(fall, shift, size)
        ground_picture = ground_picture * (1 - rng.uniform(0.1, 0.5) * fall[..., None])
    mixed = ground_picture * (1 - alpha[..., None]) + over * alpha[..., None]
    mixed += rng.normal(0, rng.uniform(0, 3), mixed.shape) * alpha[..., None]
    return Laid(np.clip(mixed, 0, 255).astype(np.uint8), hidden(ground))


def _light(picture: np.ndarray, points: np.ndarray, unit: float, rng: np.random.Generator) -> np.ndarray:
    """The slow part of the face's light, about 1, and how light the scene is as a whole."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    slow = cv2.GaussianBlur(grey, (0, 0), 0.5 * unit + 1)
    x, y = np.clip(points.mean(0), 0, np.array(picture.shape[1::-1]) - 1).astype(int)
    relative = np.clip(slow / max(float(slow[y, x]), 8.0), 0.4, 1.6) ** rng.uniform(0, 1)
    whole = np.clip(slow[y, x] / 130, 0.35, 1.25) ** rng.uniform(0, 1)
    return relative * whole
