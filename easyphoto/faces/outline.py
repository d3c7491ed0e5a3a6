"""The outline of a person's face: measured on their photos and transferred to a template's face.

Jaw and chin contribute much to a likeness, and a face pasted inside another's outline lacks them. The template is
warped in a narrow band around its outline, as retouchers do, so that hair, neck and background move along and nothing
has to be inpainted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from easyphoto.faces.engine import FACE_PARTS, Face, Part, part_mask
from easyphoto.geometry import Box, eye_line_tilt
from easyphoto.images.masks import largest_piece

# Degrees clockwise from the right: from the viewer's right ear round the chin to the left ear. Above them is the
# hairline, which stays the template's.
ANGLES = np.arange(-20.0, 201.0, 4.0)
# Largest radius searched, in face widths from the middle of the face.
FARTHEST = 1.2
# Share of the difference between the two outlines that is applied. On 53 pairs of 15 drawn persons, each outline the
# median of ten photos, the mean distance to the true outline was 0.0276 face widths before, 0.0209 at 0.5, 0.0197 at
# 0.7, 0.0192 at 0.85 and 0.0194 at 1.
STRENGTH = 0.85
# Largest move of the outline, in face widths; larger differences are errors of a part map.
MOST_MOVED = 0.12
# Fewest photos showing a stretch of the outline free of hair for a median.
FEWEST_SEEN = 3
# Standard deviation, in steps of ANGLES, of the blur along the outline, which removes the part map's pixel steps.
ALONG = 2.5
# The warped band: inwards to this share of the radius, outwards by this many face widths plus 1.5 times the move.
# Twice the outer reach gave no better picture and half as much change again around the face.
INNER_REACH, OUTER_REACH = 0.70, 0.04
# A detector's box is off by 2.4 % of the width on either side and 3.4 % at the chin (standard deviation on drawn
# people); the part map's own edges, where no hair hides them, are averaged in.
EDGE_ROWS = (0.30, 0.90)
EDGE_SHARE = 0.15
MOST_CORRECTED = 0.12


@dataclass(frozen=True, eq=False)
class Outline:
    """Radii of a face's outline."""

    radii: np.ndarray
    """(len(ANGLES),) float64, face widths from the face's middle; NaN where hidden by hair or unknown."""


@dataclass(frozen=True)
class HeadFrame:
    """Position of a head: middle of the face in pixels, tilt in degrees, width in pixels."""

    x: float
    y: float
    tilt: float
    width: float


def outline_of(labels: np.ndarray, face: Face) -> Outline:
    """The outline of one face from its (height, width) uint8 part map."""
    return Outline(_radii(labels, head_frame(labels, face)))


def common_outline(outlines: Sequence[Outline]) -> Outline | None:
    """The median outline over a person's photos; None when too few show any of it."""
    if len(outlines) < FEWEST_SEEN:
        return None
    radii = np.stack([outline.radii for outline in outlines])
    enough = np.isfinite(radii).sum(0) >= FEWEST_SEEN
    median = np.full(len(ANGLES), np.nan)
    median[enough] = np.nanmedian(radii[:, enough], axis=0)
    return Outline(median) if enough.any() else None


@dataclass(frozen=True, eq=False)
class Bend:
    """A warp of a part of a picture, as the source of every pixel; beyond the part nothing moves."""

    part: tuple[slice, slice]
    """Its rows and columns; the arrays have its shape."""
    columns: np.ndarray
    """float32: source column in the whole picture."""
    rows: np.ndarray
    """float32: source row in the whole picture."""
    moved: np.ndarray
    """float32: distance moved, in pixels."""

    def picture(self, image: np.ndarray) -> np.ndarray:
        """A (height, width, 3) uint8 RGB picture warped; pixels that do not move keep their bytes."""
        bent = cv2.remap(image, self.columns, self.rows, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        made = image.copy()
        cv2.copyTo(bent, (self.moved > 0).view(np.uint8), made[self.part])
        return made

    def labels(self, labels: np.ndarray) -> np.ndarray:
        """A (height, width) uint8 part map warped, by nearest neighbour."""
        made = labels.copy()
        made[self.part] = cv2.remap(labels, self.columns, self.rows, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
        return made


def bend_to(outline: Outline, labels: np.ndarray, face: Face, free: np.ndarray) -> Bend | None:
    """The warp that gives the face `outline`; None when nothing has to move.

    `labels` is the face's (height, width) uint8 part map; `free`, of the same shape and in 0..1, is 0 where nothing may
    move.
    """
    frame = head_frame(labels, face)
    own = _radii(labels, frame)
    change = np.clip(STRENGTH * _smoothed(outline.radii - own), -MOST_MOVED, MOST_MOVED)
    # Nothing moves at the ends, where the hairline begins.
    steps = np.arange(len(ANGLES))
    change *= np.clip(np.minimum(steps, steps[::-1]) / 4.0, 0.0, 1.0)
    known = np.isfinite(own)
    if not known.any() or np.abs(change).max() * frame.width < 0.5:
        return None
    own = np.interp(ANGLES, ANGLES[known], own[known])
    return _bend(frame, own * frame.width, (own + change) * frame.width, free)


def head_frame(labels: np.ndarray, face: Face) -> HeadFrame:
    """Position of the head: the detector's box, corrected by the edges in the (height, width) uint8 part map."""
    box = _corrected(face.box, _edges(labels, face.box))
    (x, y), tilt = box.centre, eye_line_tilt(face.points)
    return HeadFrame(x, y, tilt, box.width)


def _corrected(box: Box, edges: tuple[float | None, float | None, float | None]) -> Box:
    left, right, bottom = edges

    def kept(edge: float | None, detected: float, length: float) -> float:
        return detected if edge is None or abs(edge - detected) > MOST_CORRECTED * length else edge

    left = 0.5 * (box.left + kept(left, box.left, box.width))
    right = 0.5 * (box.right + kept(right, box.right, box.width))
    return Box(left, box.top, right, kept(bottom, box.bottom, box.height))


def _edges(labels: np.ndarray, box: Box) -> tuple[float | None, float | None, float | None]:
    """Left, right and lower edge of the face in the part map; None for an edge hidden by hair."""
    mask, hair = _face(labels), labels == Part.HAIR
    first, last = (round(box.top + share * box.height) for share in EDGE_ROWS)
    lefts, rights = [], []
    for row in range(max(first, 0), min(last, len(mask))):
        inside = np.flatnonzero(mask[row])
        if len(inside) < 5:
            continue
        left, right = int(inside[0]), int(inside[-1])
        if not hair[row, max(left - 4, 0) : left].any():
            lefts.append(left)
        if not hair[row, right + 1 : right + 5].any():
            rights.append(right + 1)
    middle = mask[:, max(round(box.left + 0.35 * box.width), 0) : max(round(box.right - 0.35 * box.width), 0)]
    rows = np.flatnonzero(middle.any(1))
    bottom = float(rows[-1] + 1) if len(rows) else None
    if bottom is not None and hair[int(bottom) : int(bottom) + 4, round(box.centre[0])].any():
        bottom = None
    return (
        float(np.quantile(lefts, EDGE_SHARE)) if len(lefts) > 5 else None,
        float(np.quantile(rights, 1 - EDGE_SHARE)) if len(rights) > 5 else None,
        bottom,
    )


def _face(labels: np.ndarray) -> np.ndarray:
    """bool mask of the face in one piece, with gaps between brows and lids closed."""
    mask = cv2.morphologyEx(part_mask(labels, FACE_PARTS).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    return largest_piece(mask)


def _radii(labels: np.ndarray, frame: HeadFrame) -> np.ndarray:
    """Radii at which rays from the face's middle leave it, in face widths; NaN where they leave into hair or beyond the
    picture."""
    angles = np.radians(ANGLES + frame.tilt)[:, None]
    along = np.arange(0.30, FARTHEST, 0.004) * frame.width
    columns = (frame.x + np.cos(angles) * along).astype(np.float32)
    rows = (frame.y + np.sin(angles) * along).astype(np.float32)
    inside = cv2.remap(_face(labels).astype(np.float32), columns, rows, cv2.INTER_LINEAR, borderValue=0) > 0.5
    beyond_picture = 255
    parts = cv2.remap(labels, columns, rows, cv2.INTER_NEAREST, borderValue=beyond_picture)
    radii = np.full(len(ANGLES), np.nan)
    for index in range(len(ANGLES)):
        hits = np.flatnonzero(inside[index])
        if not len(hits):
            continue
        next_to_it = parts[index, hits[-1] + 1 : hits[-1] + 6]
        if len(next_to_it) == 5 and not np.isin(next_to_it, (Part.HAIR, beyond_picture)).any():
            radii[index] = along[hits[-1]] / frame.width
    return radii


def _smoothed(values: np.ndarray) -> np.ndarray:
    """Values blurred along the outline; unknown ones are filled from neighbours and fade to 0 without known ones."""
    known = np.isfinite(values).astype(float)
    steps = np.arange(-6, 7)
    kernel = np.exp(-0.5 * (steps / ALONG) ** 2)
    weight = np.convolve(known, kernel, "same")
    return np.convolve(np.nan_to_num(values), kernel, "same") / np.maximum(weight, 0.5 * kernel.sum())


def _bend(frame: HeadFrame, own: np.ndarray, wanted: np.ndarray, free: np.ndarray) -> Bend:
    """A warp of a picture with the height and width of `free` that moves radius `own` to radius `wanted` (pixels, per
    angle)."""
    farthest = np.maximum(own, wanted) + OUTER_REACH * frame.width + 1.5 * np.abs(wanted - own)
    part = _around(frame, float(farthest.max()), free.shape)
    free = free[part]
    rows, columns = np.mgrid[part].astype(np.float32)
    x, y = columns - np.float32(frame.x), rows - np.float32(frame.y)
    radius = np.hypot(x, y)
    # −90 to 270 degrees, which puts the discontinuity above the face.
    angle = (np.degrees(np.arctan2(y, x)) - frame.tilt + 90.0) % 360.0 - 90.0
    old, new = np.interp(angle, ANGLES, own), np.interp(angle, ANGLES, wanted)
    inner = INNER_REACH * np.minimum(old, new)
    outer = np.maximum(old, new) + OUTER_REACH * frame.width + 1.5 * np.abs(new - old)
    within = (radius > inner) & (radius <= new)
    without = (radius > new) & (radius < outer)
    source = np.where(within, inner + (radius - inner) * (old - inner) / np.maximum(new - inner, 1e-3), radius)
    source = np.where(without, old + (radius - new) * (outer - old) / np.maximum(outer - new, 1e-3), source)
    source = np.where((angle < ANGLES[0]) | (angle > ANGLES[-1]), radius, source)
    move = (source - radius) * free
    factor = 1.0 + move / np.maximum(radius, 1e-3)
    moved = np.where(np.abs(move) > 0.02, np.abs(move), 0.0).astype(np.float32)
    centre = np.float32(frame.x), np.float32(frame.y)
    return Bend(part, (centre[0] + x * factor).astype(np.float32), (centre[1] + y * factor).astype(np.float32), moved)


def _around(frame: HeadFrame, radius: float, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Rows and columns of a picture of `shape` (height, width) within `radius` pixels of the head's middle."""
    reach = radius + 1
    top, left = (max(0, math.floor(middle - reach)) for middle in (frame.y, frame.x))
    bottom, right = math.ceil(frame.y + reach), math.ceil(frame.x + reach)
    return slice(top, min(max(bottom, top), shape[0])), slice(left, min(max(right, left), shape[1]))
