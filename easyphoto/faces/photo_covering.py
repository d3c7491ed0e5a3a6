"""Detection of covered eyes and mouths on photographed faces: regressions on YuNet's scores for halves of the face and
on colours and edges.

No network for this task is available under a free licence. The three sets of weights below are logistic regressions,
fitted by `tools/coverings/fit.py --alarms 0.015` on 208 photographs: 1842 uncovered faces (including beards, clear
glasses, fringes and hats) and 2613 with drawn coverings, all rotated, relit, reduced and compressed. In
cross-validation by photo they reported 4.1 % of the uncovered faces as covered (1.7 % without photos that were blurred
from the start), and found 96 % of the masks, 92 % of the hands on mouths, 95 % of the hair over an eye and 83 % of the
sunglasses. A hand over half of the face is a known weakness (50 %).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from easyphoto.faces.covering_measures import EyeMeasures, measured
from easyphoto.faces.engine import Covering, Face, covering_of
from easyphoto.faces.face_view import FaceFrame
from easyphoto.faces.yunet_halves import Halves, Opinion, YuNetHalves
from easyphoto.geometry import Box, Size
from easyphoto.images.pictures import as_array
from easyphoto.weights.catalog import UsedWeight

Measures = Mapping[str, float]

ONE_EYE: Measures = {
    "face": -0.163, "face, to the other": -0.307, "object": -0.084, "edges, to the other": -2.498, "lids": -1.71,
    "light": 0.761, "unlike": 1.075, "one": -3.253,
}  # fmt: skip
BOTH_EYES: Measures = {
    "face": -0.5, "object": -0.141, "off": 2.98, "lids": -2.881, "colour": 1.023, "fall": 1.055, "unlike": -1.808,
    "one": -1.441,
}  # fmt: skip
MOUTH: Measures = {"below eyes": -0.594, "edges": -1.034, "lips": -4.521, "red": -1.729, "hue": 0.694, "one": -2.179}
# Least eye distance in pixels for a verdict.
_LEAST_DISTANCE = 11.0
# Half side of the crop around a face, in longer sides of its box; everything measured is within it.
_AROUND = 1.2


class PhotoCovering:
    """Satisfies `CoveringSense`. Loads YuNet's file a second time."""

    def __init__(self, yunet: Path, weights: tuple[UsedWeight, ...] = ()) -> None:
        self.weights = weights
        self._halves = YuNetHalves(yunet)

    def covering(self, picture: Image.Image, face: Face) -> Covering | None:
        """The hidden parts; None when eyes and mouth are visible or the face is too small to tell."""
        if FaceFrame.of(face.points).unit < _LEAST_DISTANCE:
            return None
        left, right, both, mouth = measures_of(picture, face, self._halves)
        no_eyes = odds(BOTH_EYES, both) > 0
        return covering_of(
            no_eyes or odds(ONE_EYE, left) > 0, no_eyes or odds(ONE_EYE, right) > 0, odds(MOUTH, mouth) > 0
        )


def odds(weights: Measures, measures: Measures) -> float:
    """Log odds of being hidden, relative to the limit; the weight "one" is the intercept."""
    return sum(weight * (1.0 if name == "one" else measures[name]) for name, weight in weights.items())


def measures_of(picture: Image.Image, face: Face, halves: YuNetHalves) -> tuple[Measures, Measures, Measures, Measures]:
    """The regressions' inputs by name, for the left eye, the right eye, both eyes and the mouth."""
    side = max(face.box.width, face.box.height)
    x, y = face.points.mean(0)
    area = Box(x - _AROUND * side, y - _AROUND * side, x + _AROUND * side, y + _AROUND * side)
    left, top, right, bottom = area.clipped(Size.of(picture)).as_ints()
    image = as_array(picture.crop((left, top, right, bottom)))
    points = np.asarray(face.points, np.float64) - (left, top)
    one, other, mouth = measured(image, points)
    answers = halves.answers(image, points)
    twice = answers.left_eye_twice, answers.right_eye_twice
    return (
        _one_eye(one, other, *twice),
        _one_eye(other, one, *twice[::-1]),
        _both_eyes(one, other, answers),
        {"below eyes": answers.below_eyes.object, **vars(mouth)},
    )


def _one_eye(own: EyeMeasures, other: EyeMeasures, twice: Opinion, other_twice: Opinion) -> Measures:
    """Inputs that reveal a single hidden eye: YuNet does not recognise it, but the other one."""
    return {
        "face": twice.face,
        "face, to the other": twice.face - other_twice.face,
        "object": twice.object,
        "edges, to the other": own.edges - other.edges,
        "lids": own.lids,
        "light": own.light,
        "unlike": own.unlike,
    }


def _both_eyes(one: EyeMeasures, other: EyeMeasures, answers: Halves) -> Measures:
    """Inputs that reveal a pair of eyes hidden by sunglasses, combined from both eyes' measures."""
    return {
        "face": max(answers.left_eye_twice.face, answers.right_eye_twice.face),
        "object": answers.both_eyes.object,
        "off": answers.both_eyes.off,
        "lids": min(one.lids, other.lids),
        "colour": min(one.colour, other.colour),
        "fall": (one.fall + other.fall) / 2,
        "unlike": one.unlike,
    }
