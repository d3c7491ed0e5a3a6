"""The truth, a drawing of the person in the template's scene, and how far a result is from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from easyphoto.bench.persons import PICTURE_SIZE, TEMPLATES, BenchPerson, scene_of
from easyphoto.drawings.identity import DrawnIdentity, sample_identity
from easyphoto.drawings.renderer import Drawing, draw
from easyphoto.faces.engine import FACE_PARTS, Part, part_mask
from easyphoto.images.masks import dilated
from easyphoto.images.srgb import as_lab

FIRST_UNMATCHED = 1_300_000
"""First seed of strangers with skin and hair colours of their own."""
# In face widths: the band around both faces where only the template should be visible, and the margin inside both
# within which details are not compared because of the outlines.
RIM, INSIDE = 0.10, 0.05


@dataclass(frozen=True, eq=False)
class Pair:
    """A template, and the person in its scene, with the template's pose, light, expression, hair and clothes."""

    template: Drawing
    truth: Drawing
    matched: bool
    """Whether the stranger on the template has the person's skin and hair colour."""

    @property
    def width(self) -> float:
        """Width of the template's face in pixels."""
        left, _, right, _ = self.template.faces[0].box
        return right - left


def pairs_of(member: BenchPerson) -> Iterator[Pair]:
    """Yield the member's templates, then as many of strangers with other skin and hair."""
    for drawing in member.templates:
        yield _pair(member.identity, drawing.faces[0].identity, matched=True)
    for number in range(TEMPLATES):
        # One seed for each member and template, as in `draw_member`.
        stranger = sample_identity(FIRST_UNMATCHED + member.seed * TEMPLATES + number)
        yield _pair(member.identity, stranger, matched=False)


def _pair(person: DrawnIdentity, stranger: DrawnIdentity, *, matched: bool) -> Pair:
    scene = scene_of(stranger, 0)
    return Pair(draw(stranger, scene, PICTURE_SIZE), draw(person, scene, PICTURE_SIZE), matched)


def rim(result: np.ndarray, pair: Pair) -> float:
    """Return the mean CIE76 difference to the template within `RIM` outside both faces (ears included).

    `result` is (height, width, 3) uint8 RGB. If the person has another skin colour, the neck must change and is left
    out.
    """
    both = np.maximum(face_of(pair.template, ears=True), face_of(pair.truth, ears=True))
    band = (dilated(both, RIM * pair.width) > 0.5) & (both < 0.5)
    if not pair.matched:
        band &= (pair.template.parts != Part.NECK) & (pair.truth.parts != Part.NECK)
    return float(colour_difference(result, pair.template.image)[band].mean())


def outline_distance(result: np.ndarray, pair: Pair) -> float:
    """Return the mean distance of the result's face contour to the truth's, in face widths, without hair's contours.

    `result` is (height, width, 3) uint8 RGB. Among the pixels that are face in only one of template and truth, those
    where the result looks more like the template lie on the wrong side of its contour. Their area over the contour's
    length is the distance.
    """
    template, truth = face_of(pair.template), face_of(pair.truth)
    hair = (pair.template.parts == Part.HAIR) | (pair.truth.parts == Part.HAIR)
    disputed = (template != truth) & ~hair
    to_template = colour_difference(result, pair.template.image)
    wrong = disputed & (to_template < colour_difference(result, pair.truth.image))
    return float(wrong.sum() / contour_length(pair.truth) / pair.width)


def detail(result: np.ndarray, pair: Pair) -> float:
    """Return the high-pass energy inside both faces relative to the truth's.

    `result` is (height, width, 3) uint8 RGB.
    """
    both = np.minimum(face_of(pair.template), face_of(pair.truth))
    inside = dilated(both, -INSIDE * pair.width) > 0.5
    return float(high_pass(result)[inside].mean() / high_pass(pair.truth.image)[inside].mean())


def face_of(drawing: Drawing, *, ears: bool = False) -> np.ndarray:
    """Return the face by the drawing's labels: (height, width) float32, 0 or 1, with gaps between lines closed."""
    parts = (*FACE_PARTS, Part.EARS) if ears else FACE_PARTS
    mask = part_mask(drawing.parts, parts)
    return cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))


def contour_length(drawing: Drawing) -> int:
    """Return the length of the face's contour in pixels, where it does not border on hair."""
    face = face_of(drawing)
    hair = cv2.dilate(part_mask(drawing.parts, (Part.HAIR,)), np.ones((5, 5), np.uint8))
    edge = (face - cv2.erode(face, np.ones((3, 3), np.uint8)) > 0.5) & (hair < 0.5)
    return max(1, int(edge.sum()))


def colour_difference(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the CIE76 difference of two (height, width, 3) uint8 RGB arrays as (height, width) float32."""
    return np.asarray(np.linalg.norm(as_lab(one) - as_lab(other), axis=2))


def high_pass(picture: np.ndarray) -> np.ndarray:
    """Return how much of a (height, width, 3) uint8 RGB array is finer than about 2 pixels: (height, width) float32."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return np.asarray(np.abs(cv2.Laplacian(cv2.GaussianBlur(grey, (0, 0), 0.8), cv2.CV_32F)))
