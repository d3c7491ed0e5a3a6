"""ArcFace-type embedders in .onnx files: AuraFace, InsightFace's recognition models and others with that interface."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from easyphoto.errors import EnvironmentFailure
from easyphoto.faces.crop import CropRecipe
from easyphoto.faces.engine import Face, LikenessScale
from easyphoto.faces.onnx_session import answers_of, open_session
from easyphoto.geometry import unit
from easyphoto.messages import text
from easyphoto.weights.catalog import UsedWeight

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

# Accepted lengths of an embedding. Published face embedders have 128 to 1024 dimensions; a class score has far fewer,
# a picture far more.
_FEWEST, _MOST = 64, 4096


class ArcFaceEmbedder:
    """Embeds an aligned face as a unit vector. The input layout (NCHW or NHWC) and side are read from the graph.

    The embedding of the mirrored face is not averaged in, because published limits hold without it.
    Raises EnvironmentFailure when the file is not an embedder.
    """

    def __init__(
        self,
        file: Path,
        recipe: CropRecipe,
        *,
        id: str,
        scale: LikenessScale | None = None,
        weights: tuple[UsedWeight, ...] = (),
    ) -> None:
        self.id, self.scale, self.weights = id, scale, weights
        self._recipe = recipe
        self._session = open_session(file)
        self._input, self._side, self._channels_first = _input_of(self._session, file, recipe.side)
        self._prove(file)

    def vector(self, picture: Image.Image, face: Face) -> np.ndarray:
        """(N,) float32 numbers as the network gives them; `picture` is RGB."""
        square = self._recipe.square(picture, face, self._side)
        return np.asarray(self._run(self._recipe.numbers(square)), np.float32).ravel()

    def embed(self, picture: Image.Image, face: Face) -> np.ndarray:
        """(N,) float32 embedding of unit length; `picture` is RGB."""
        return unit(self.vector(picture, face))

    def _prove(self, file: Path) -> None:
        """Run the network on a grey square and check that it returns one finite vector."""
        try:
            output = self._run(np.zeros((self._side, self._side, 3), np.float32))
        except EnvironmentFailure as error:
            raise _no_embedder(file, f"it does not take a square of {self._side} px") from error
        if output.size != output.shape[-1] or not _FEWEST <= output.size <= _MOST:
            raise _no_embedder(file, f"one face gives numbers of the shape {output.shape}, which is no vector")
        if not np.isfinite(output).all():
            raise _no_embedder(file, "it answers with what is no number")

    def _run(self, numbers: np.ndarray) -> np.ndarray:
        shown = numbers.transpose(2, 0, 1) if self._channels_first else numbers
        return answers_of(self._session, {self._input: np.ascontiguousarray(shown[None])}, self.id)[0]


def _input_of(session: InferenceSession, file: Path, usual: int) -> tuple[str, int, bool]:
    """Name of the input, its side in pixels (`usual` when the graph leaves it open), and whether it is NCHW."""
    inputs, outputs = session.get_inputs(), session.get_outputs()
    if len(inputs) != 1 or len(outputs) != 1:
        raise _no_embedder(file, f"it has {len(inputs)} inputs and {len(outputs)} outputs, not one of each")
    shape: Sequence[object] = inputs[0].shape
    if len(shape) != 4 or (shape[1] != 3 and shape[3] != 3):
        raise _no_embedder(file, f"its input has the shape {list(shape)}, which is no RGB picture")
    channels_first = shape[1] == 3
    height, width = (shape[2], shape[3]) if channels_first else (shape[1], shape[2])
    if height != width and isinstance(height, int) and isinstance(width, int):
        raise _no_embedder(file, f"its input is {width}×{height}, which is no square")
    return inputs[0].name, height if isinstance(height, int) else usual, channels_first


def _no_embedder(file: Path, because: str) -> EnvironmentFailure:
    return EnvironmentFailure(
        text("{name} is not a face recognition model: {because}.", name=file.name, because=because),
        advice=text("Replace it with the right file: easyphoto weights check"),
    )
