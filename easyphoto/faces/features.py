"""Location of brows, eyes, nose and mouth: a prior from the five points, refined on the picture.

Every feature is searched along one line at a time. Each candidate position is scored by the evidence in the picture and
by a prior on where faces have it; without evidence (blond brows, hair, blur) the prior wins. Lengths are in units of
`FaceFrame`, measured on 226 photographs against a dense landmarker.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from easyphoto.faces.face_view import FaceView

# Positions along a brow from its inner to its outer end, relative to the middle of the eye.
_BROW_ALONG = np.arange(-0.30, 0.36, 0.05)
_BROW_ARCH = (
    np.array([-0.35, -0.275, -0.2, -0.125, -0.05, 0.025, 0.1, 0.175, 0.25, 0.325, 0.4]),
    np.array([0.020, 0.012, -0.002, -0.018, -0.030, -0.036, -0.037, -0.025, 0.0, 0.032, 0.053]),
)
_BROW_HALF = ((-0.35, 0.0, 0.40), (0.062, 0.045, 0.032))
_BROW_ABOVE = np.arange(0.0, 0.72, 0.02)
_BROW_SLANT = np.arange(-0.25, 0.26, 0.05)
# Height above the eyes: 0.09 to 0.33 (5 and 95 % quantiles). A face's two brows differ less than brows of two faces.
_USUAL_BROW, _BROW_SPREAD, _SLANT_SPREAD, _PAIR_SPREAD = 0.23, 0.20, 0.12, 0.08
# With these values half of 452 brows are within 0.014 of the landmarker's height and 94 % within 0.1; with one fixed
# height above the eyes (0.34) it was 0.12 and 37 %. Least error among 40 combinations of distance, weights and spreads.
_BROW_GAP, _LIGHT_ABOVE, _LIGHT_BELOW = 0.11, 0.7, 0.5
_DARKEST, _SEEN = 60.0, 8.0
_USUAL_ENDS, _LEAST_ENDS, _MOST_ENDS = (-0.31, 0.37), (-0.22, 0.25), (-0.40, 0.45)
# The middle of the lids is 0.04 ± 0.06 below the detector's point. A search by darkness was no more accurate, because
# lashes and shadows are as dark as eyes.
_EYE_AXES, _EYE_DROP = (0.235, 0.11), 0.02
_LIP_TOPS, _LIP_BOTTOMS = np.arange(-0.36, 0.1, 0.015), np.arange(0.05, 0.62, 0.015)
_USUAL_TOP, _USUAL_BOTTOM, _TOP_SPREAD, _BOTTOM_SPREAD = -0.06, 0.25, 0.08, 0.09
_LIP_ALONG = np.linspace(-0.6, 0.6, 9)
_LIP_CURVE = (
    np.linspace(-1, 1, 11),
    np.array([0.03, 0.51, 0.75, 0.89, 0.96, 1.0, 0.96, 0.89, 0.75, 0.51, 0.03]),
)


@dataclass(frozen=True, eq=False)
class Brow:
    outline: np.ndarray
    """(N, 2) polygon of u and v."""
    seen: bool
    """Whether the picture shows a dark line here under lighter skin; otherwise this is the usual position."""


@dataclass(frozen=True, eq=False)
class Features:
    """Outlines as (N, 2) polygons of u and v."""

    brows: tuple[Brow, Brow]
    eyes: tuple[np.ndarray, np.ndarray]
    nose: np.ndarray
    mouth: np.ndarray


def features_of(view: FaceView, lab: np.ndarray) -> Features:
    """The features of a view; `lab` is (side, side, 3) float32: L, a, b in 0..255, lightly blurred."""
    lightness = np.ascontiguousarray(lab[..., 0])
    # Skin is the lightest colour nearby; the brush is wider than a brow is high.
    brush = np.ones((17, 17), np.uint8)
    lit = cv2.GaussianBlur(cv2.dilate(cv2.GaussianBlur(lightness, (0, 0), 2.0), brush), (0, 0), 6.0)
    darkness = lit - lightness
    left, right = view.points[:2]
    return Features(_brows(view, darkness), (_eye(left), _eye(right)), _nose(view), _mouth(view, lab))


def _brows(view: FaceView, darkness: np.ndarray) -> tuple[Brow, Brow]:
    """Both brows, located jointly: when one is hidden, the other determines its height."""
    scores = [_brow_scores(view, darkness, eye) for eye in (0, 1)]
    best = [score.max(axis=1) for score in scores]
    apart = (_BROW_ABOVE[:, None] - _BROW_ABOVE[None]) / _PAIR_SPREAD
    pair = best[0][:, None] + best[1][None] - 0.5 * apart**2
    heights = np.unravel_index(int(np.argmax(pair)), pair.shape)
    outlines = []
    for eye, height in enumerate(heights):
        slant = _BROW_SLANT[int(np.argmax(scores[eye][height]))]
        outlines.append(_brow(view, darkness, eye, float(_BROW_ABOVE[height]), float(slant)))
    return outlines[0], outlines[1]


def _brow_scores(view: FaceView, darkness: np.ndarray, eye: int) -> np.ndarray:
    """(heights, slants) scores: a brow is a dark line with light above and, with less weight, below."""
    u = _outward(view, eye, _BROW_ALONG)
    arch = np.interp(_BROW_ALONG, *_BROW_ARCH) + _BROW_SLANT[:, None] * _BROW_ALONG
    v = view.points[eye, 1] - _BROW_ABOVE[:, None, None] + arch

    def dark(down: float) -> np.ndarray:
        seen = np.clip(view.sampled(darkness, u, v + down), -10, _DARKEST)
        return np.asarray(seen.mean(axis=-1))

    evidence = dark(0) - _LIGHT_ABOVE * dark(-_BROW_GAP) - _LIGHT_BELOW * dark(_BROW_GAP)
    height = (_BROW_ABOVE[:, None] - _USUAL_BROW) / _BROW_SPREAD
    return np.asarray(evidence / 3.0 - 0.5 * (height**2 + (_BROW_SLANT[None] / _SLANT_SPREAD) ** 2))


def _brow(view: FaceView, darkness: np.ndarray, eye: int, above: float, slant: float) -> Brow:
    def line(along: np.ndarray) -> np.ndarray:
        arch = np.interp(along, *_BROW_ARCH) + slant * along
        return np.asarray(view.points[eye, 1] - above + arch)

    along = np.arange(_MOST_ENDS[0], _MOST_ENDS[1] + 0.01, 0.05)
    u, v = _outward(view, eye, along), line(along)
    dark, light = (view.sampled(darkness, u[None], v[None] - up)[0] for up in (0, _BROW_GAP))
    inner, outer = _dark_ends(along, dark - light)
    seen = float(np.median(dark - light)) > _SEEN
    along = np.linspace(inner, outer, 9)
    u, v, half = _outward(view, eye, along), line(along), np.interp(along, *_BROW_HALF)
    outline = np.concatenate([np.column_stack([u, v - half]), np.column_stack([u, v + half])[::-1]])
    return Brow(outline, seen)


def _dark_ends(along: np.ndarray, dark: np.ndarray) -> tuple[float, float]:
    """Inner and outer end of a brow: its contiguous dark columns, within the limits of brows."""
    core = (along >= _LEAST_ENDS[0]) & (along <= _LEAST_ENDS[1])
    usual = float(np.median(dark[core]))
    if usual < 4:
        return _USUAL_ENDS
    light = dark < 0.35 * usual
    before, after = np.flatnonzero(light & (along < _LEAST_ENDS[0])), np.flatnonzero(light & (along > _LEAST_ENDS[1]))
    inner = along[before[-1] + 1] if len(before) else along[0]
    outer = along[after[0] - 1] if len(after) else along[-1]
    return float(min(inner, _LEAST_ENDS[0])), float(max(outer, _LEAST_ENDS[1]))


def _outward(view: FaceView, eye: int, along: np.ndarray) -> np.ndarray:
    return np.asarray(view.points[eye, 0] + (-along if eye == 0 else along))


def _eye(eye: np.ndarray) -> np.ndarray:
    turn = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    return np.column_stack([eye[0] + _EYE_AXES[0] * np.cos(turn), eye[1] + _EYE_DROP + _EYE_AXES[1] * np.sin(turn)])


def _nose(view: FaceView) -> np.ndarray:
    (u, v), bridge = view.points[2], 0.12
    return np.array([(-0.09, bridge), (0.09, bridge), (u + 0.27, v), (u, v + 0.16), (u - 0.27, v)])


def _mouth(view: FaceView, lab: np.ndarray) -> np.ndarray:
    """Outline of both lips and what is between them; teeth and the dark of an open mouth do not affect the search."""
    light, red, yellow = (np.ascontiguousarray(lab[..., channel]) for channel in range(3))
    # The upper lip is in its own shadow, the lower one is pinker. Least error among 22 weightings: 0.05 at the upper
    # edge and 0.04 at the lower on average (a fixed ellipse: 0.12 and 0.09).
    upper = (0.3 * red - 0.2 * light - 0.3 * yellow) / 6.0 + 0.6 * _unlike_cheeks(view, lab)
    lower = (red - 0.8 * yellow) / 3.0
    bottom = _USUAL_BOTTOM + 0.35 * (float(np.clip(view.box[3], 1.45, 2.05)) - 1.8)
    top = _lip_edge(view, upper, _LIP_TOPS, 1, _USUAL_TOP, _TOP_SPREAD)
    base = _lip_edge(view, lower, _LIP_BOTTOMS, -1, bottom, _BOTTOM_SPREAD)
    corners = view.points[3:]
    along, curve = _LIP_CURVE
    ends = corners[0] + np.outer((along + 1) / 2, corners[1] - corners[0])
    above = np.column_stack([ends[:, 0], ends[:, 1] + top * curve])
    below = np.column_stack([ends[:, 0], ends[:, 1] + base * curve])
    return np.concatenate([above, below[::-1]])


def _unlike_cheeks(view: FaceView, lab: np.ndarray) -> np.ndarray:
    """Distance from the cheeks' colour, capped. Teeth differ from skin as much as lips do, so that the edge between lip
    and teeth is not taken for the lip's outer edge."""
    u, v = view.points[2]
    beside = np.array([[u - 0.45], [u + 0.45]]), np.full((2, 1), v - 0.1)
    skin = [view.sampled(np.ascontiguousarray(lab[..., channel]), *beside).mean() for channel in range(3)]
    unlike: np.ndarray = np.minimum(np.abs(lab - skin) / (25.0, 6.0, 6.0), 2.5).sum(-1)
    return unlike.astype(np.float32)


def _lip_edge(view: FaceView, lip: np.ndarray, places: np.ndarray, inward: int, usual: float, spread: float) -> float:
    left, right = view.points[3:]
    u = (left[0] + right[0]) / 2 + _LIP_ALONG * (right[0] - left[0]) / 2
    line = (left[1] + right[1]) / 2 + _LIP_ALONG * (right[1] - left[1]) / 2
    v = line + places[:, None] * np.interp(_LIP_ALONG, *_LIP_CURVE)
    steps = np.array((0.03, 0.06, 0.09))[:, None, None] * inward
    within, beyond = (view.sampled(lip, u[None, None], v[None] + way).mean(axis=(0, 2)) for way in (steps, -steps))
    return float(places[int(np.argmax(within - beyond - 0.5 * ((places - usual) / spread) ** 2))])
