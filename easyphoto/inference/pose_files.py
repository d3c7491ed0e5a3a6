"""Reads OpenPose's output, which may be anybody's file: its own, and that of web UIs.

{"people": [{"pose_keypoints_2d": [x, y, confidence, …]}], "canvas_width": 512, "canvas_height": 768}, or a list of such
with one picture. There are 18 joints (COCO), or 25 (BODY_25), in pixels or as fractions of the canvas.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np

from easyphoto.backends.skeletons import JOINTS
from easyphoto.errors import BadPose, EasyPhotoError
from easyphoto.geometry import Size
from easyphoto.messages import Text, note, text
from easyphoto.storage.files import cause_of, read_regular
from easyphoto.storage.records import parsed

SUFFIX = ".json"
MOST_BYTES, MOST_FIGURES, MOST_SIDE = 4 << 20, 16, 16_384
# BODY_25 has the middle of the hips as joint 8, and feet from joint 19.
_OF_25 = (0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18)
_MARGIN = 1 / 12
"""Around figures whose canvas is not told, as a fraction of their longer side."""
_MORE = ("face_keypoints_2d", "hand_left_keypoints_2d", "hand_right_keypoints_2d")


def is_pose_file(file: Path) -> bool:
    """Whether the file is to be read as OpenPose's output."""
    return file.suffix.lower() == SUFFIX


def read_pose_file(file: Path) -> tuple[Size, tuple[np.ndarray, ...], tuple[Text, ...]]:
    """The canvas, the figures on it as (18, 2) pixels, and notes. Raises BadPose."""
    content = _content(file)
    people = [person for person in content.get("people") or () if isinstance(person, Mapping)][:MOST_FIGURES]
    figures = [figure for person in people if (figure := _figure(file, person)) is not None]
    if not figures:
        raise _wrong(file, text("there are no people in it"))
    size, placed = _on_canvas(content, figures)
    more = any(any(person.get(name) or ()) for person in people for name in _MORE)
    said = note("pose-without-hands", "Of {file} hands and faces are left out; the bodies are drawn.", file=file.name)
    return size, tuple(placed), (said,) if more else ()


def _content(file: Path) -> Mapping[str, Any]:
    try:
        content = parsed(read_regular(file, MOST_BYTES))
    except OSError as error:
        raise _wrong(file, text("it cannot be read ({cause})", cause=cause_of(error))) from error
    except (EasyPhotoError, ValueError) as error:
        raise _wrong(file, text("it is no JSON")) from error
    first = content[0] if isinstance(content, list) and content else content
    if not isinstance(first, Mapping) or not isinstance(first.get("people"), list):
        raise _wrong(file, text("it is no output of OpenPose"))
    return first


def _figure(file: Path, person: Mapping[str, Any]) -> np.ndarray | None:
    """(18, 2) with NaN for what is not seen; None for a person without any joint."""
    said = person.get("pose_keypoints_2d") or ()
    if not isinstance(said, Sequence) or not all(_is_number(value) for value in said):
        raise _wrong(file, text("a joint is no number"))
    if not said:
        return None
    joints = {3 * len(JOINTS): range(len(JOINTS)), 3 * 25: _OF_25}.get(len(said))
    if joints is None:
        raise _wrong(file, text("a person has {count} numbers instead of 54 or 75", count=len(said)))
    points = np.array(said, np.float64).reshape(-1, 3)[list(joints)]
    points[(points[:, 2] <= 0) | (points[:, :2] == 0).all(axis=1)] = np.nan
    return None if np.isnan(points).all() else points[:, :2]


def _on_canvas(content: Mapping[str, Any], figures: list[np.ndarray]) -> tuple[Size, list[np.ndarray]]:
    sides = [content.get(name) for name in ("canvas_width", "canvas_height")]
    told = [round(side) for side in sides if _is_number(side) and 1 <= side <= MOST_SIDE]
    size = Size(told[0], told[1]) if len(told) == 2 else None
    every = np.concatenate(figures)
    if np.nanmax(every) <= 1 and np.nanmin(every) >= 0:
        size = size or Size(512, 512)
        return size, [figure * [size.width, size.height] for figure in figures]
    if size is not None:
        return size, figures
    low, high = np.nanmin(every, axis=0), np.nanmax(every, axis=0)
    margin = _MARGIN * max(float((high - low).max()), 1.0)
    wide, tall = np.ceil(high - low + 2 * margin).astype(int)
    return Size(int(wide), int(tall)), [figure - low + margin for figure in figures]


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) and abs(value) < 1e6


def _wrong(file: Path, why: Text) -> BadPose:
    return BadPose(
        text("{file} shows no pose: {why}.", file=file.name, why=why),
        advice=text("Give the JSON that OpenPose or a web UI's ControlNet saves with a pose."),
    )
