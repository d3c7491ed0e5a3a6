"""The outline of a person's face: measured on their photos, and given to the face of a template.

Jaw and chin make a good part of a likeness, and a face pasted inside another's outline has none of its own. The
template's picture is bent in a narrow band around its own outline, as retouchers do, so that hair, neck and what lies
behind move along and nothing has to be painted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from easyphoto.faces.engine import FACE_PARTS, Face, Part, part_mask
from easyphoto.geometry import Box, eye_line_tilt
from easyphoto.images.masks import largest_piece

# From the viewer's right ear round the chin to the left one: degrees clockwise from the right. Above is the hairline,
# which belongs to the template.
ANGLES = np.arange(-20.0, 201.0, 4.0)
# Radii are looked for up to this many face widths from the middle of the face.
FARTHEST = 1.2
# The part of the person's outline that the template's takes on. On 53 pairs of 15 drawn persons, each outline the
# median of ten photos, the mean distance to the true outline was 0.0276 face widths before, 0.0209 at 0.5, 0.0197 at
# 0.7, 0.0192 at 0.85 and 0.0194 at 1.
STRENGTH = 0.85
# No outline is moved farther than this, in face widths: beyond lies a mistake of a part map.
MOST_MOVED = 0.12
# Fewer photos on which a stretch of the outline is seen free of hair do not make a median.
FEWEST_SEEN = 3
# Standard deviation in steps of ANGLES of the blur along the outline: part maps step by a pixel, jaws do not.
ALONG = 2.5
# The band that bends: from this share of the radius inside, to this many face widths (and once and a half the move
# itself) outside. Twice the outer reach gave no better picture and half as much change again around the face.
INNER_REACH, OUTER_REACH = 0.70, 0.04
# A detector's box is 2.4 % of the width off on either side and 3.4 % at the chin (standard deviation on drawn people);
# the part map's own edges, where no hair hides them, are averaged in.
EDGE_ROWS = (0.30, 0.90)
EDGE_SHARE = 0.15
MOST_CORRECTED = 0.12


@dataclass(frozen=True, eq=False)
class Outline:
    """Radius of a face at each of ANGLES, in face widths from the face's middle; NaN where hair or nothing is there."""

    radii: np.ndarray


@dataclass(frozen=True)
class HeadFrame:
    """Where a head lies: the middle of the face in pixels, its tilt in degrees, its width in pixels."""

    x: float
    y: float
    tilt: float
    width: float


def outline_of(labels: np.ndarray, face: Face) -> Outline:
    """The outline of one face by its part map (uint8, height × width)."""
    return Outline(_radii(labels, head_frame(labels, face)))


def common_outline(outlines: Sequence[Outline]) -> Outline | None:
    """The median of a person's photos; None where too few show any of it."""
    if len(outlines) < FEWEST_SEEN:
        return None
    radii = np.stack([outline.radii for outline in outlines])
    enough = np.isfinite(radii).sum(0) >= FEWEST_SEEN
    median = np.full(len(ANGLES), np.nan)
    median[enough] = np.nanmedian(radii[:, enough], axis=0)
    return Outline(median) if enough.any() else None


@dataclass(frozen=True, eq=False)
class Bend:
    """Where each pixel of the bent picture comes from; `moved` is by how many pixels."""

    columns: np.ndarray
    rows: np.ndarray
    moved: np.ndarray

    def picture(self, image: np.ndarray) -> np.ndarray:
        """A uint8 RGB array bent; bytes that do not move stay."""
        bent = cv2.remap(image, self.columns, self.rows, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        return np.where((self.moved > 0)[..., None], bent, image)

    def labels(self, labels: np.ndarray) -> np.ndarray:
        return cv2.remap(labels, self.columns, self.rows, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)


def bend_to(outline: Outline, labels: np.ndarray, face: Face, free: np.ndarray) -> Bend | None:
    """What gives the face `outline`; None where nothing is to be moved.

    `labels` is the part map of the face, `free` (float, 0..1, same size) is 0 where nothing may move.
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
    """The detector's box, corrected by the edges that the part map shows."""
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
    """Left, right and lower edge of the face on the part map; None where hair hides it."""
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
    """bool: the face in one piece, without gaps between brows and lids."""
    mask = cv2.morphologyEx(part_mask(labels, FACE_PARTS).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    return largest_piece(mask)


def _radii(labels: np.ndarray, frame: HeadFrame) -> np.ndarray:
    """Where rays from the face's middle leave it, in face widths; NaN where they leave it into hair or the picture."""
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
    """Along the outline; what is unknown takes from its neighbours and fades to 0 where these are unknown too."""
    known = np.isfinite(values).astype(float)
    steps = np.arange(-6, 7)
    kernel = np.exp(-0.5 * (steps / ALONG) ** 2)
    weight = np.convolve(known, kernel, "same")
    return np.convolve(np.nan_to_num(values), kernel, "same") / np.maximum(weight, 0.5 * kernel.sum())


def _bend(frame: HeadFrame, own: np.ndarray, wanted: np.ndarray, free: np.ndarray) -> Bend:
    """A picture of the size of `free` bent so that radius `wanted` shows what lay at radius `own` (pixels)."""
    rows, columns = np.mgrid[: free.shape[0], : free.shape[1]].astype(np.float32)
    x, y = columns - np.float32(frame.x), rows - np.float32(frame.y)
    radius = np.hypot(x, y)
    # −90 to 270, so that no seam lies below the face.
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
    return Bend((centre[0] + x * factor).astype(np.float32), (centre[1] + y * factor).astype(np.float32), moved)
