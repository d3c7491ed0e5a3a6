"""What hides a photographed face's eyes or mouth: YuNet's answers to halves of it, and its colours and edges, weighed.

No network for it is at hand under a free licence. The weights are a logistic regression's, made by
`tools/coverings/fit.py` from photographs with drawn coverings: `models/covering/README.md` says on what, and how well.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from easyphoto.errors import WeightsMissing
from easyphoto.faces.covering import Covering, covering_of
from easyphoto.faces.covering_measures import EYE, MOUTH, STATISTICS, WHOLE, Measures, Patch, measured
from easyphoto.faces.engine import Face
from easyphoto.faces.face_view import FaceFrame
from easyphoto.faces.yunet_halves import ANSWERS, VIEWS, YuNetHalves
from easyphoto.geometry import Box, Size
from easyphoto.images import as_array
from easyphoto.weights.catalog import UsedWeight

FILE = "weights.json"
# Eyes nearer to each other than this, in pixels, are too small for a word about them.
_LEAST_DISTANCE = 11.0
# Of the picture around a face, in face sides: all that is measured lies within.
_AROUND = 1.2
_MIRRORED_POINTS = [1, 0, 2, 4, 3]
# Places in `Measures.shape` of what lies left or right: nose and mouth.
_SIDEWAYS = (1, 3)
# A measure counts along, and more where it lies beyond what most bare faces have, but not without end.
_FARTHEST = 4.0


@dataclass(frozen=True, eq=False)
class Weights:
    """For one part of the face; every array has a row or a value for each measure."""

    names: tuple[str, ...]
    mean: np.ndarray
    deviation: np.ndarray
    knots: np.ndarray
    """(N, 4): between which values 94 % and 60 % of bare faces lie, in deviations: far low, low, high, far high."""
    slopes: np.ndarray
    """(N, 5): along, beyond high, beyond low, beyond far high, beyond far low."""
    bias: float
    limit: float
    """The sum from which the part is called hidden."""

    @classmethod
    def read(cls, record: dict[str, Any]) -> Weights:
        arrays = {name: np.asarray(record[name], np.float64) for name in ("mean", "deviation", "knots", "slopes")}
        return cls(names=tuple(record["names"]), bias=float(record["bias"]), limit=float(record["limit"]), **arrays)

    def is_hidden(self, values: dict[str, float]) -> bool:
        return self.sum(values) >= self.limit

    def sum(self, values: dict[str, float]) -> float:
        """Log odds of being hidden."""
        chosen = np.array([values[name] for name in self.names])
        terms = (curves(((chosen - self.mean) / self.deviation)[None], self.knots)[0] * self.slopes).sum()
        return self.bias + float(terms)


def curves(values: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """(M, N) values in deviations as (M, N, 5): themselves, and how far they lie beyond each of the knots."""
    far_low, low, high, far_high = knots.T
    beyond = values - high, low - values, values - far_high, far_low - values
    return np.stack([np.clip(values, -2 * _FARTHEST, 2 * _FARTHEST), *(np.clip(b, 0, _FARTHEST) for b in beyond)], -1)


class PhotoCovering:
    """Satisfies `CoveringSense`. Reads YuNet once more, and the weights."""

    def __init__(self, yunet: Path, folder: Path, weights: tuple[UsedWeight, ...] = ()) -> None:
        self.weights = weights
        file = folder / FILE
        try:
            record = json.loads(file.read_text("utf-8"))
        except FileNotFoundError as error:
            raise WeightsMissing(
                f"{file} is not there.", advice="It ships with EasyPhoto: restore models/covering from the repository."
            ) from error
        self._eye, self._mouth = Weights.read(record["eye"]), Weights.read(record["mouth"])
        self._halves = YuNetHalves(yunet)

    def covering(self, picture: Image.Image, face: Face) -> Covering | None:
        """None where eyes and mouth are seen, and where the face is too small to tell."""
        if FaceFrame.of(face.points).unit < _LEAST_DISTANCE:
            return None
        left, right, mouth = values_of(picture, face, self._halves)
        one, other, below = self._eye.is_hidden(left), self._eye.is_hidden(right), self._mouth.is_hidden(mouth)
        return covering_of(one, other, below)


def values_of(
    picture: Image.Image, face: Face, halves: YuNetHalves
) -> tuple[dict[str, float], dict[str, float], dict[str, float]]:
    """All that can be weighed, by name, for the left eye, the right eye and the mouth."""
    side = max(face.box.width, face.box.height)
    x, y = face.points.mean(0)
    area = Box(x - _AROUND * side, y - _AROUND * side, x + _AROUND * side, y + _AROUND * side)
    left, top, right, bottom = area.clipped(Size.of(picture)).as_ints()
    image = as_array(picture.crop((left, top, right, bottom)))
    points = np.asarray(face.points, np.float64) - (left, top)
    return by_part(measured(image, points, face.score), halves.answers(image, points))


def by_part(
    measures: Measures, answers: dict[str, np.ndarray]
) -> tuple[dict[str, float], dict[str, float], dict[str, float]]:
    """Names and values; the right eye's as seen in the mirror."""
    shape = measures.shape.copy()
    shape[list(_SIDEWAYS)] *= -1
    seen = {name: mirrored(answers[name]) for name in ("whole", "both eyes")}
    own, other = answers["left eye twice"], answers["right eye twice"]
    left_views = {"whole": answers["whole"], "both eyes": answers["both eyes"], "own eye": own, "other eye": other}
    right_views = {**seen, "own eye": other, "other eye": own}
    mouth_views = {name: answers[name] for name in VIEWS[:3]}
    return (
        dict(_named(measures.left_eye, EYE, measures.whole, measures.shape, left_views)),
        dict(_named(measures.right_eye, EYE, measures.mirrored, shape, right_views)),
        dict(_named(measures.mouth, MOUTH, measures.whole, measures.shape, mouth_views, measures.spots)),
    )


def mirrored(answer: np.ndarray) -> np.ndarray:
    """A view's answer as the view's mirror image would have it."""
    points = answer[-10:].reshape(5, 2)[_MIRRORED_POINTS] * (-1, 1)
    return np.concatenate([answer[:-10], points.ravel()])


def _named(
    own: np.ndarray,
    layout: Patch,
    whole: np.ndarray,
    shape: np.ndarray,
    views: dict[str, np.ndarray],
    spots: np.ndarray | None = None,
) -> Iterator[tuple[str, float]]:
    yield from _cells("part", own, layout)
    yield from _cells("face", whole, WHOLE)
    for place, value in enumerate(shape):
        yield f"shape {place}", float(value)
    for name, answer in views.items():
        yield from ((f"{name} {place}", float(answer[place])) for place in range(ANSWERS))
    for place, value in enumerate(() if spots is None else spots):
        yield f"spot {place // 3} {STATISTICS[place % 3]}", float(value)


def _cells(what: str, values: np.ndarray, layout: Patch) -> Iterator[tuple[str, float]]:
    for place, value in enumerate(values):
        cell, statistic = divmod(place, len(STATISTICS))
        row, column = divmod(cell, layout.columns)
        yield f"{what} {row + 1},{column + 1} {STATISTICS[statistic]}", float(value)
