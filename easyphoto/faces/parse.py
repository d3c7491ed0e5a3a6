"""Parts of a photographed face without a parsing network: five points give the geometry, GrabCut the outlines.

Where a saliency network has told the person from the background, its outline serves instead of GrabCut's.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from easyphoto.faces.engine import Face, Part
from easyphoto.geometry import Box, Size
from easyphoto.images import resized_mask

# GrabCut is slow on large pictures and its outline is no finer for it.
_WORK_SIDE = 224
_CROP_FACTOR = 2.4
_ROUNDS = 4


@dataclass(frozen=True)
class FaceFrame:
    """Upright coordinates of a face: the origin between the eyes, the unit the longer of two eye distances' estimates.

    v grows from the eyes to the mouth. The unit is robust against a turned head, where the eyes come closer.
    """

    origin: np.ndarray
    right: np.ndarray
    down: np.ndarray
    unit: float

    @classmethod
    def of(cls, points: np.ndarray) -> FaceFrame:
        points = np.asarray(points, np.float64)
        eyes, mouth = points[:2].mean(0), points[3:5].mean(0)
        line = points[1] - points[0]
        # On an upright adult face the mouth lies about 1.1 eye distances below the eyes.
        unit = max(float(np.linalg.norm(line)), float(np.linalg.norm(mouth - eyes)) / 1.1, 1e-3)
        length = float(np.linalg.norm(line))
        right = line / length if length > 1e-6 else np.array([1.0, 0.0])
        return cls(eyes, right, np.array([-right[1], right[0]]), unit)

    def place(self, u: float, v: float) -> np.ndarray:
        return self.origin + self.unit * (u * self.right + v * self.down)

    def coordinates(self, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """u and v of every pixel."""
        rows, columns = np.mgrid[: shape[0], : shape[1]]
        x, y = columns - self.origin[0], rows - self.origin[1]
        u = (x * self.right[0] + y * self.right[1]) / self.unit
        v = (x * self.down[0] + y * self.down[1]) / self.unit
        return u.astype(np.float32), v.astype(np.float32)


def surroundings(face: Face, size: Size) -> Box:
    """The part of a picture of that size, in whole pixels, in which `landmark_parts` labels a face."""
    half = _CROP_FACTOR * max(face.box.width, face.box.height) / 2
    x, y = face.box.centre
    return Box(*Box(x - half, y - half, x + half, y + half).clipped(size).as_ints())


def landmark_parts(image: np.ndarray, face: Face, foreground: np.ndarray | None = None) -> np.ndarray:
    """Part labels (uint8, the picture's size) of a photographed RGB face; background beyond 2.4 face lengths.

    `foreground`, a float mask of the picture's size, says where people are; without it GrabCut guesses.
    """
    crop = surroundings(face, Size.of(image))
    labels = np.zeros(image.shape[:2], np.uint8)
    if crop.width < 8 or crop.height < 8:
        return labels
    left, top, right, bottom = (int(value) for value in crop.as_ints())
    scale = min(1.0, _WORK_SIDE / max(crop.width, crop.height))
    work = Size(max(8, round(crop.width * scale)), max(8, round(crop.height * scale)))
    small = cv2.resize(image[top:bottom, left:right], (work.width, work.height), interpolation=cv2.INTER_AREA)
    ratio = np.array([work.width / crop.width, work.height / crop.height])
    points = (np.asarray(face.points, np.float64) - (left, top)) * ratio
    box = Box(face.box.left - left, face.box.top - top, face.box.right - left, face.box.bottom - top).scaled(ratio[0])
    people = None if foreground is None else resized_mask(foreground[top:bottom, left:right], work) > 0.5
    found = _parts(small, points, box, people)
    labels[top:bottom, left:right] = _enlarged(found, (right - left, bottom - top))
    return labels


def _parts(image: np.ndarray, points: np.ndarray, box: Box, people: np.ndarray | None) -> np.ndarray:
    frame = FaceFrame.of(points)
    u, v = frame.coordinates(image.shape[:2])
    oval = _oval(frame, box, u, v)
    person = _foreground(image, oval, u, v) if people is None else _one_person(people, oval, v)
    skin_like = _skin_likeness(image, frame, u, v)
    labels = np.zeros(image.shape[:2], np.uint8)
    chin = _chin(frame, box)
    above, below = v < chin, v >= chin
    is_face = (oval <= 1.0) & person & above
    # Hair falls over the forehead; from the brows down the oval is face whatever its colour (shadow, beard).
    is_face &= skin_like | (v > -0.5)
    beside = above & (oval > 1.0) & (oval < 1.45) & (v > -0.4) & (v < 0.9) & skin_like
    labels[person & above] = Part.HAIR
    labels[person & above & (v > 0.75) & ~skin_like] = Part.CLOTHES
    labels[person & above & (v > 0.75) & skin_like] = Part.NECK
    labels[person & beside] = Part.EARS
    labels[person & below] = Part.CLOTHES
    labels[person & below & skin_like & (np.abs(u) < 1.0) & (v < chin + 1.0)] = Part.NECK
    labels[is_face] = Part.SKIN
    _draw_features(labels, frame, points)
    return labels


def _chin(frame: FaceFrame, box: Box) -> float:
    """Where the face ends, in units below the eyes: the box's lower edge, kept to what faces have."""
    bottom = ((box.left + box.right) / 2 - frame.origin[0]) * frame.down[0]
    bottom += (box.bottom - frame.origin[1]) * frame.down[1]
    return float(np.clip(bottom / frame.unit, 1.5, 2.1))


def _oval(frame: FaceFrame, box: Box, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Distance from the face's middle, 1 at the outline; the outline reaches from the hair line to the chin."""
    chin = _chin(frame, box)
    # A turned head's cheek lies to the side of the eyes' middle, where the box's middle tells.
    middle = float(np.clip((box.centre[0] - frame.origin[0]) * frame.right[0] / frame.unit, -0.35, 0.35))
    top, half_width = -1.05, float(np.clip(0.5 * box.width / frame.unit, 0.95, 1.2))
    centre, half_height = (top + chin) / 2, (chin - top) / 2
    # Wider at the cheeks than at the chin: the width shrinks downwards.
    narrowing = 1.0 - 0.16 * np.clip((v - centre) / half_height, 0, 1) ** 2
    return np.sqrt(((u - middle) / (half_width * narrowing)) ** 2 + ((v - centre) / half_height) ** 2)


def _foreground(image: np.ndarray, oval: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """The person by GrabCut: the face is sure, hair around it and shoulders below are likely."""
    marks = np.full(image.shape[:2], cv2.GC_PR_BGD, np.uint8)
    marks[(oval < 1.35) & (v < 1.2)] = cv2.GC_PR_FGD
    shoulders = (v > 1.2) & (np.abs(u) < 0.9 + np.clip(v - 1.5, 0, 1.2) * 2.2)
    marks[shoulders] = cv2.GC_PR_FGD
    marks[(np.abs(u) < 0.5) & (v > 2.4)] = cv2.GC_FGD
    marks[_elsewhere(oval, v)] = cv2.GC_BGD
    marks[oval < 0.85] = cv2.GC_FGD
    # The brow line's hair: where it has the background's colour, GrabCut would cut a notch into the head.
    marks[(oval < 1.12) & (v < 0.3) & (np.abs(u) < 0.85)] = cv2.GC_FGD
    if not ((marks == cv2.GC_BGD) | (marks == cv2.GC_PR_BGD)).any():
        return np.ones(image.shape[:2], bool)
    before, behind = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(0)
    bgr = np.ascontiguousarray(image[..., ::-1])
    cv2.grabCut(bgr, marks, None, behind, before, _ROUNDS, cv2.GC_INIT_WITH_MASK)
    person = ((marks == cv2.GC_FGD) | (marks == cv2.GC_PR_FGD)).astype(np.uint8)
    brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    person = cv2.morphologyEx(cv2.morphologyEx(person, cv2.MORPH_CLOSE, brush), cv2.MORPH_OPEN, brush)
    return _joined_to(person, oval < 0.85)


def _one_person(people: np.ndarray, oval: np.ndarray, v: np.ndarray) -> np.ndarray:
    """This person of everybody in the mask: without the neighbours' heads, and without who stands apart."""
    return _joined_to((people & ~_elsewhere(oval, v)).astype(np.uint8), oval < 0.85)


def _elsewhere(oval: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Beside and above the head, farther than hair reaches."""
    far: np.ndarray = (v < 1.2) & (oval > 1.9)
    return far


def _joined_to(mask: np.ndarray, seed: np.ndarray) -> np.ndarray:
    """The pieces of `mask` that touch `seed`: specks of background that look like skin are dropped."""
    _, pieces = cv2.connectedComponents(mask | seed.astype(np.uint8))
    touching = np.unique(pieces[seed])
    joined: np.ndarray = np.isin(pieces, touching[touching > 0])
    return joined


def _skin_likeness(image: np.ndarray, frame: FaceFrame, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Pixels whose colour is that of the cheeks and the nose, in this light."""
    lab = cv2.cvtColor(cv2.GaussianBlur(image, (0, 0), 1.0), cv2.COLOR_RGB2LAB).astype(np.float32)
    sure = (np.abs(u) < 0.6) & (v > 0.2) & (v < 0.75)
    if sure.sum() < 12:
        around: np.ndarray = np.hypot(u, v - 0.4) < 1.6
        return around
    sample = lab[sure]
    middle = np.median(sample, axis=0)
    spread = np.maximum(1.4826 * np.median(np.abs(sample - middle), axis=0), (14.0, 4.0, 4.0))
    distance = ((lab - middle) / spread) ** 2
    # Light changes over a face more than hue does.
    near: np.ndarray = (0.35 * distance[..., 0] + distance[..., 1] + distance[..., 2]) < 14.0
    return near


def _draw_features(labels: np.ndarray, frame: FaceFrame, points: np.ndarray) -> None:
    """Nose, brows, eyes and mouth as ellipses and polygons around the five points."""
    unit, tilt = frame.unit, float(np.degrees(np.arctan2(frame.right[1], frame.right[0])))

    def ellipse(middle: np.ndarray, axes: tuple[float, float], part: Part) -> None:
        size = (max(1, round(axes[0] * unit)), max(1, round(axes[1] * unit)))
        centre = (round(float(middle[0])), round(float(middle[1])))
        cv2.ellipse(labels, centre, size, tilt, 0, 360, int(part), -1)

    tip = points[2]
    bridge = frame.origin + 0.12 * unit * frame.down
    wings = [tip - 0.27 * unit * frame.right, tip + 0.27 * unit * frame.right]
    under = tip + 0.16 * unit * frame.down
    sides = [bridge - 0.09 * unit * frame.right, bridge + 0.09 * unit * frame.right]
    outline = np.array([sides[0], sides[1], wings[1], under, wings[0]])
    cv2.fillPoly(labels, [np.round(outline).astype(np.int32)], int(Part.NOSE))
    for eye in points[:2]:
        ellipse(eye - 0.34 * unit * frame.down, (0.32, 0.09), Part.BROWS)
        ellipse(eye, (0.24, 0.13), Part.EYES)
    corners = points[3:5]
    half = float(np.linalg.norm(corners[1] - corners[0])) / 2 / unit
    ellipse(corners.mean(0) + 0.02 * unit * frame.down, (max(half * 1.08, 0.2), 0.19), Part.MOUTH)


def _enlarged(labels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Labels at another size with smooth edges."""
    result = np.zeros((size[1], size[0]), np.uint8)
    strongest = np.zeros((size[1], size[0]), np.float32)
    for label in np.unique(labels):
        share = cv2.resize((labels == label).astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
        wins = share > strongest
        result[wins] = label
        strongest[wins] = share[wins]
    return result
