"""SCRFD (Guo et al., 2021) from InsightFace's .onnx files, run by onnxruntime without the insightface package."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from easyphoto.errors import WeightsMissing
from easyphoto.faces.candidates import as_faces, letterboxed, strongest
from easyphoto.faces.engine import Face
from easyphoto.faces.onnx_session import answers_of, open_session
from easyphoto.images.pictures import as_array
from easyphoto.messages import text
from easyphoto.weights.catalog import UsedWeight

_SIDE = 640
_STRIDES = (8, 16, 32)
_ANCHORS = 2
_SCORE = 0.5
_OVERLAP = 0.4


class Scrfd:
    """Detector of faces with five points. Rejects SCRFD files that give boxes only."""

    id = "scrfd"

    def __init__(self, file: Path, weights: tuple[UsedWeight, ...] = ()) -> None:
        self.weights = weights
        self._file = file
        self._session = open_session(file)
        first = self._session.get_inputs()[0]
        self._input = first.name
        fixed = len(first.shape) == 4 and isinstance(first.shape[2], int)
        self._side = first.shape[2] if fixed else _SIDE
        if len(self._session.get_outputs()) != 3 * len(_STRIDES):
            raise self._unfit(f"it has {len(self._session.get_outputs())} outputs")

    def detect(self, picture: Image.Image) -> tuple[Face, ...]:
        square, back = letterboxed(as_array(picture), self._side)
        numbers = ((square.astype(np.float32) - 127.5) / 128.0).transpose(2, 0, 1)[None]
        answers = answers_of(self._session, {self._input: np.ascontiguousarray(numbers)}, self.id)
        scores, boxes, points = self._by_kind(answers)
        kept = strongest(boxes, scores, _OVERLAP)
        return as_faces(boxes[kept] * np.tile(back, 2), points[kept] * back, scores[kept])

    def _by_kind(self, answers: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Scores (N,), boxes (N, 4) and points (N, 5, 2) of all strides above the score limit, in the square's pixels.

        Exports name and order their outputs differently, with or without a batch axis. An output's last axis identifies
        its kind (1 score, 4 distances, 10 coordinates), its length the stride.
        """
        flat = [np.asarray(answer, np.float32).reshape(-1, answer.shape[-1]) for answer in answers]
        by_kind = {
            kind: sorted((one for one in flat if one.shape[1] == kind), key=len, reverse=True) for kind in (1, 4, 10)
        }
        scores, boxes, points = [], [], []
        for level, stride in enumerate(_STRIDES):
            centres = _centres(self._side, stride)
            found = [by_kind[kind][level] if level < len(by_kind[kind]) else None for kind in (1, 4, 10)]
            if any(one is None or len(one) != len(centres) for one in found):
                raise self._unfit(f"its outputs are {[tuple(answer.shape) for answer in answers]}")
            score, distances, offsets = (one for one in found if one is not None)
            sure = score[:, 0] >= _SCORE
            scores.append(score[sure, 0])
            boxes.append(_boxes(centres[sure], distances[sure] * stride))
            points.append(centres[sure][:, None] + offsets[sure].reshape(-1, 5, 2) * stride)
        return np.concatenate(scores), np.concatenate(boxes), np.concatenate(points)

    def _unfit(self, because: str) -> WeightsMissing:
        return WeightsMissing(
            text("{file} is not an SCRFD with five points: {because}.", file=self._file, because=because),
            advice=text("Use scrfd_10g_bnkps.onnx (antelopev2) or det_10g.onnx (buffalo_l)."),
        )


def _centres(side: int, stride: int) -> np.ndarray:
    """(N, 2) x and y of the anchors in pixels, row by row, each position once per anchor."""
    count = side // stride
    rows, columns = np.mgrid[:count, :count]
    places = np.stack([columns, rows], axis=-1).reshape(-1, 2) * float(stride)
    return np.repeat(places, _ANCHORS, axis=0)


def _boxes(centres: np.ndarray, distances: np.ndarray) -> np.ndarray:
    """(N, 4) boxes from anchors (N, 2) and distances (N, 4) to the left, top, right and bottom edge."""
    return np.concatenate([centres - distances[:, :2], centres + distances[:, 2:]], axis=1)
