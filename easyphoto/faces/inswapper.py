"""Face fusion by the network inswapper_128 instead of the built-in warp.

Its licence allows research only; the weight store decides whether it may be used. The network takes the template's
aligned face and an embedding of the person's face by w600k_r50; embeddings of other embedders mean other faces to it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from easyphoto.errors import MissingCapability, WeightsMissing
from easyphoto.faces.crop import ARCFACE_POINTS
from easyphoto.faces.embedders import Embedder, open_embedder
from easyphoto.faces.engine import Face
from easyphoto.faces.onnx_session import answers_of, open_session
from easyphoto.geometry import similarity, unit
from easyphoto.images.masks import fading_square
from easyphoto.images.pictures import as_array, as_picture, blended, warped
from easyphoto.messages import text
from easyphoto.progress import Progress
from easyphoto.weights.catalog import UsedWeight
from easyphoto.weights.store import WeightStore

INSWAPPER = "inswapper"
FILE_ID = "inswapper-128"
# The catalogue's id of w600k_r50, on whose embeddings the network was trained.
EMBEDDER_ID = "buffalo_l"
NUMBERS = 512
# `ARCFACE_POINTS` (112 px) shifted by 8 px to the right in a square of 128 px; scaled for other sides.
SIDE, SHIFT = 128, 8.0
# The square's edge, where the network sees only half of the surroundings, fades over this share of its side.
FADE = 0.12


def open_inswapper(store: WeightStore, progress: Progress) -> InSwapper:
    """The network and its embedder, downloaded if necessary. Raises EnvironmentFailure when unavailable."""
    file = store.require(FILE_ID, progress)
    embedder = open_embedder(EMBEDDER_ID, store, progress)
    if embedder is None:
        raise MissingCapability(
            text(
                "{inswapper} needs the face recognition model {embedder_id}, which is not available.",
                inswapper=INSWAPPER,
                embedder_id=EMBEDDER_ID,
            )
        )
    return InSwapper(file, embedder, weights=(store.used(FILE_ID), *embedder.weights))


class InSwapper:
    """One opened inswapper network. Raises MissingCapability for any embedder other than w600k_r50."""

    def __init__(self, file: Path, embedder: Embedder, *, weights: tuple[UsedWeight, ...] = ()) -> None:
        if embedder.id != EMBEDDER_ID:
            raise MissingCapability(
                text(
                    "{inswapper} only works with the face recognition model {embedder_id} (w600k_r50), not with {id}.",
                    inswapper=INSWAPPER,
                    embedder_id=EMBEDDER_ID,
                    id=embedder.id,
                ),
                advice=text("Choose the face recognition model {embedder_id}, or warp.", embedder_id=EMBEDDER_ID),
            )
        self.weights = weights
        self._embedder = embedder
        self._map = last_matrix(file)
        self._session = open_session(file)
        self._picture_input, self._vector_input, self._side = inputs_of(self._session, file)

    def fused(self, source: Image.Image, source_face: Face, target: Image.Image, target_face: Face) -> Image.Image:
        vector = unit(self._embedder.embed(source, source_face) @ self._map)
        base = as_array(target)
        matrix = similarity(target_face.points, square_points(self._side))
        swapped = self._swapped(warped(base, matrix, (self._side, self._side), outside=0), vector)
        back = cv2.invertAffineTransform(matrix)
        alpha = warped(fading_square(self._side, FADE * self._side), back, base.shape, outside=0)
        return as_picture(blended(base, warped(swapped, back, base.shape), np.clip(alpha, 0, 1)))

    def _swapped(self, square: np.ndarray, vector: np.ndarray) -> np.ndarray:
        """(side, side, 3) uint8 RGB: the template's square with the person's face."""
        shown = np.ascontiguousarray(square.transpose(2, 0, 1)[None].astype(np.float32) / 255)
        feed = {self._picture_input: shown, self._vector_input: vector[None]}
        answer = answers_of(self._session, feed, INSWAPPER)[0][0]
        if not np.isfinite(answer).all():
            raise ValueError(f"{INSWAPPER} answered with what is no number")
        return np.rint(np.clip(answer.transpose(1, 2, 0), 0, 1) * 255).astype(np.uint8)


def last_matrix(file: Path) -> np.ndarray:
    """(512, 512) float32: the graph's last constant, which maps an embedding to the network's latent.

    Raises MissingCapability without the package onnx, WeightsMissing when the file has no such constant.
    """
    try:
        import onnx
    except ImportError as error:
        raise MissingCapability(
            text("{name} needs the package onnx, which is not installed.", name=file.name),
            advice=text("Run: pip install onnx"),
        ) from error
    try:
        constants = onnx.load(str(file)).graph.initializer
        matrix = np.asarray(onnx.numpy_helper.to_array(constants[-1]), np.float32) if constants else np.empty(0)
    except Exception as error:  # protobuf's errors have no common base but Exception
        raise not_inswapper(file, "it is no ONNX file") from error
    if matrix.shape != (NUMBERS, NUMBERS):
        raise not_inswapper(file, f"its last constant has the shape {matrix.shape}, not {(NUMBERS, NUMBERS)}")
    return matrix


def inputs_of(session: Any, file: Path) -> tuple[str, str, int]:
    """Names of the picture's and the embedding's input, and the square's side in pixels.

    Raises WeightsMissing when the inputs are not inswapper's.
    """
    inputs = session.get_inputs()
    shapes = [list(one.shape) for one in inputs]
    fits = (
        len(shapes) == 2
        and len(shapes[0]) == 4
        and shapes[0][1] == 3
        and isinstance(shapes[0][2], int)
        and shapes[0][2] == shapes[0][3]
        and shapes[1][-1] == NUMBERS
    )
    if not fits:
        raise not_inswapper(file, f"its inputs have the shapes {shapes}")
    return inputs[0].name, inputs[1].name, int(shapes[0][2])


def square_points(side: int) -> np.ndarray:
    """(5, 2) float64: the five points in a square of `side` pixels."""
    return np.add(ARCFACE_POINTS, (SHIFT, 0.0)) * (side / SIDE)


def not_inswapper(file: Path, because: str) -> WeightsMissing:
    return WeightsMissing(
        text("{name} is not the model inswapper_128: {because}.", name=file.name, because=because),
        advice=text("Run: easyphoto weights check"),
    )
