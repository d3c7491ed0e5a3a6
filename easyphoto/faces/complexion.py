"""Segmentation of skin from hair, hats and background, with colour models that follow the local light.

Skin is learnt from the face's own cheeks, everything else from the surroundings of the head. Both are local Gaussians
that compete for every pixel and are refitted to the pixels they won (Lankton & Tannenbaum, "Localizing region-based
active contours", 2008). So a cheek may darken into shadow while the hair beside it stays hair.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from easyphoto.faces.face_view import SCALE, FaceView

# The competition runs on every second pixel; only the final scores use all pixels.
_HALF = 2
_ROUNDS = 4
# Reach of a neighbourhood, in units of `FaceFrame`: a third of the distance between the eyes.
_REACH = 0.35
# Least deviations of L, a, b (bytes) and of texture (natural logarithm): noise and JPEG blocks alone reach them.
_LEAST_SPREAD = np.array((6.0, 2.3, 2.3, 0.26), np.float32)
# Cap on one feature's squared deviation: no single feature decides, since a highlight is still skin.
_MOST_STRANGE = 16.0
_SURE = 8.0
# Hair counts as dark when its L (0..255) is this much below the cheeks'.
_DARK_HAIR = 40.0


@dataclass(frozen=True, eq=False)
class Complexion:
    """Skin score and colour of every pixel of a view."""

    score: np.ndarray
    """(side, side) float32: log odds of skin against everything else."""
    lab: np.ndarray
    """(side, side, 3) float32: L, a, b in 0..255, lightly blurred."""

    @property
    def skin(self) -> np.ndarray:
        """(side, side) bool: more likely skin than not."""
        return self.score > 0


@dataclass(frozen=True, eq=False)
class _Spread:
    mean: np.ndarray
    variance: np.ndarray


def complexion_of(view: FaceView, depth: np.ndarray, person: np.ndarray) -> Complexion:
    """The complexion of a view.

    `depth` is (side, side) float32, the distance from the face's outline in units, negative outside; `person` is
    (side, side) bool, roughly where the person is.
    """
    features = _features(view.image)
    lab = np.ascontiguousarray(features[..., :3])
    field = _Field.of(view, features, depth)
    own = _smaller(person.astype(np.float32)) > 0.5
    sure = _sure_skin(view, field)
    skin = _robust(field.features[sure], least=(8, 3, 3, 0.25))
    strange = _strangeness(field.features, skin)
    other = _sure_other(field, strange)
    # Hair and wall get models of their own: one model for both would be too wide to match either.
    rest = [_rest(field.features[other & place], skin) for place in (own, ~own)]
    prior = _prior(field.depth, field.v)
    won, lost = sure.astype(np.float32), other.astype(np.float32)

    def odds(seen: np.ndarray, radius: int) -> np.ndarray:
        rivals = [
            _near(field.features, lost * place, everywhere) for place, everywhere in zip((own, ~own), rest, strict=True)
        ]
        return _odds(seen, _near(field.features, won, skin), rivals, strange, prior, radius=radius)

    for _ in range(_ROUNDS):
        share = 1 / (1 + np.exp(-odds(field.features, 2)))
        won = np.where((share > 0.5) & (field.depth > -0.7) & field.usable, share, 0).astype(np.float32)
        lost = np.where((share < 0.5) & field.usable, 1 - share, 0).astype(np.float32)
    score = odds(features, 4)
    if _crown_lightness(field) < skin.mean[0] - _DARK_HAIR:
        # Where hair is dark, anything inside that is lighter than the cheeks is a highlight on skin.
        score[(depth > 0.1) & (lab[..., 0] > skin.mean[0])] = _SURE
    return Complexion(score, lab)


@dataclass(frozen=True, eq=False)
class _Field:
    """The view at half resolution, on which the competition runs."""

    features: np.ndarray
    depth: np.ndarray
    usable: np.ndarray
    """bool: inside the picture."""
    u: np.ndarray
    v: np.ndarray

    @classmethod
    def of(cls, view: FaceView, features: np.ndarray, depth: np.ndarray) -> _Field:
        u, v = (_smaller(np.broadcast_to(axis, depth.shape)) for axis in (view.u, view.v))
        return cls(_smaller(features), _smaller(depth), _smaller(view.inside.astype(np.float32)) > 0.99, u, v)


def _features(image: np.ndarray) -> np.ndarray:
    """L, a, b and texture per pixel: blond hair may have the skin's colour, but it is never as smooth."""
    lab = cv2.cvtColor(cv2.GaussianBlur(image, (0, 0), 1.0), cv2.COLOR_RGB2LAB).astype(np.float32)
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    rough = np.abs(grey - cv2.GaussianBlur(grey, (0, 0), 1.5))
    return np.dstack([lab, np.log1p(cv2.GaussianBlur(rough, (0, 0), 2.5))])


def _smaller(field: np.ndarray) -> np.ndarray:
    size = tuple(-(-side // _HALF) for side in field.shape[1::-1])
    return np.asarray(cv2.resize(field, size, interpolation=cv2.INTER_AREA))


def _larger(field: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return np.asarray(cv2.resize(field, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR))


def _sure_skin(view: FaceView, field: _Field) -> np.ndarray:
    """bool: cheeks and nose without eyes and nostrils. Because of side light, each half keeps the pixels near its own
    colour."""
    u, v = field.u, field.v
    eyes, nose, mouth = view.points[:2], view.points[2], view.points[3:].mean(0)
    sure = field.usable & (field.depth > 0.15) & (v > 0.18) & (v < mouth[1] - 0.18)
    for eye in eyes:
        sure &= np.hypot((u - eye[0]) / 0.36, (v - eye[1]) / 0.26) > 1
    sure &= np.hypot((u - nose[0]) / 0.3, (v - nose[1] - 0.12) / 0.12) > 1
    alike = np.zeros_like(sure)
    for side in (sure & (u <= nose[0]), sure & (u > nose[0])):
        if side.sum() < 15:
            continue
        own = _robust(field.features[side], least=(7.2, 2.4, 2.4, 0))
        off = np.abs(field.features - own.mean)[..., :3] / np.sqrt(own.variance[:3])
        alike |= side & (off.max(-1) < 2.5)
    if alike.sum() > 20:
        return alike
    around: np.ndarray = sure if sure.sum() > 20 else np.hypot(u, v - 0.5) < 0.5
    return around


def _sure_other(field: _Field, strange: np.ndarray) -> np.ndarray:
    """bool: surroundings of another colour than the face, and all that is above the forehead: fair hair or a bald crown
    may share its colour."""
    depth, v = field.depth, field.v
    around = ((depth < -0.12) & (strange > 9)) | ((depth < -0.6) & (v < 0.8) & (strange > 4))
    crown = (v < -1.3) & (np.abs(field.u) < 1.0)
    other: np.ndarray = field.usable & (around | crown)
    return other


def _crown_lightness(field: _Field) -> float:
    crown = field.usable & (field.v < -1.3) & (field.v > -1.8) & (np.abs(field.u) < 0.6)
    return float(np.median(field.features[crown][:, 0])) if crown.any() else 255.0


def _strangeness(features: np.ndarray, skin: _Spread) -> np.ndarray:
    """Squared distance of each colour from the cheeks'; L counts less, as light varies over a face more than hue."""
    deviation = np.maximum(np.sqrt(skin.variance[:3]), (14.0, 4.0, 4.0))
    off = ((features[..., :3] - skin.mean[:3]) / deviation) ** 2
    strange: np.ndarray = 0.35 * np.minimum(off[..., 0], 36) + off[..., 1] + off[..., 2]
    return strange.astype(np.float32)


def _prior(depth: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Prior log odds of skin: high inside the outline below the brows, falling with the height above them."""
    # Ears and neck are skin outside the outline.
    outside = np.where((depth > -0.35) | (v > 1.2), -0.3, -2.5)
    outside[(depth > -0.27) & (v > -0.3) & (v < 0.75)] = 0.6
    face = np.maximum(np.clip(depth * 14, -2.5, 3.5), outside)
    forehead = np.clip(1.5 + (v + 0.35) * 2.2, -2.5, 1.5) + np.clip(depth * 6, -2, 0)
    return np.where(v > -0.35, face, forehead).astype(np.float32)


def _robust(sample: np.ndarray, *, least: tuple[float, ...]) -> _Spread:
    if not len(sample):
        # Misdetected points, outside the picture.
        sample = np.array([[128.0, 128.0, 128.0, 0.7]], np.float32)
    middle = np.median(sample, axis=0)
    deviation = 1.4826 * np.median(np.abs(sample - middle), axis=0)
    return _Spread(middle, np.maximum(deviation, least) ** 2)


def _rest(sample: np.ndarray, skin: _Spread) -> _Spread:
    """The global model of what is not skin; with hardly any sample, a grey with the opposite lightness of the skin."""
    if len(sample) > 20:
        return _robust(sample, least=(20, 5, 5, 0.4))
    return _Spread(np.array([255 - skin.mean[0], 128, 128, 1.5]), np.array([3600.0, 100.0, 100.0, 1.0]))


def _near(features: np.ndarray, weight: np.ndarray, everywhere: _Spread) -> _Spread:
    """Weighted mean and variance around each pixel, falling back to those of the whole class where weights are low."""
    few, sigma = 0.01, _REACH * SCALE / (2 * _HALF)
    fields, weight = _smaller(features), _smaller(weight)[..., None]

    def blurred(field: np.ndarray) -> np.ndarray:
        return cv2.GaussianBlur(field, (0, 0), sigma).reshape(*field.shape[:2], -1)

    total = blurred(weight) + few
    mean = (blurred(fields * weight) + few * everywhere.mean) / total
    square = (blurred(fields**2 * weight) + few * (everywhere.variance + everywhere.mean**2)) / total
    return _Spread(mean.astype(np.float32), np.maximum(square - mean**2, 0).astype(np.float32))


def _odds(
    features: np.ndarray,
    skin: _Spread,
    rivals: list[_Spread],
    strange: np.ndarray,
    prior: np.ndarray,
    *,
    radius: int,
) -> np.ndarray:
    shape = features.shape
    against = _surprise(features, skin, _LEAST_SPREAD**2)
    for_skin = np.minimum(*(_surprise(features, rival, 2 * _LEAST_SPREAD**2) for rival in rivals))
    evidence = 0.5 * (for_skin - against) - 0.25 * np.clip(_larger(strange, shape) - 9, 0, 20)
    odds = (np.clip(evidence, -_SURE, _SURE) + _larger(prior, shape)).astype(np.float32)
    return _edge_kept(odds, features[..., 0] / 255, radius)


def _surprise(features: np.ndarray, spread: _Spread, least: np.ndarray) -> np.ndarray:
    mean, variance = _larger(spread.mean, features.shape), _larger(spread.variance, features.shape) + least
    surprise: np.ndarray = (np.minimum((features - mean) ** 2 / variance, _MOST_STRANGE) + np.log(variance)).sum(-1)
    return surprise


def _edge_kept(field: np.ndarray, guide: np.ndarray, radius: int) -> np.ndarray:
    """The guided filter of He et al., "Guided image filtering", 2010: smooths, but not across the guide's edges."""

    def mean(of: np.ndarray) -> np.ndarray:
        return cv2.boxFilter(of, -1, (2 * radius + 1, 2 * radius + 1))

    guide_mean, field_mean = mean(guide), mean(field)
    slope = (mean(guide * field) - guide_mean * field_mean) / (mean(guide * guide) - guide_mean**2 + 1e-3)
    return np.asarray(mean(slope) * guide + mean(field_mean - slope * guide_mean))
