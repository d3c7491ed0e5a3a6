"""Segmentation of people by U²-Net- and BiRefNet-type networks, run by onnxruntime."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from easyphoto.errors import WeightsMissing
from easyphoto.faces.onnx_session import answers_of, open_session
from easyphoto.geometry import Size
from easyphoto.images.pictures import as_array, resized, resized_mask
from easyphoto.messages import text
from easyphoto.weights.catalog import UsedWeight

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)
# If the network's maximum is below this, nobody is in the picture; stretched to 0..1, its noise would become a person.
_NOBODY = 0.05


@dataclass(frozen=True)
class SaliencyRecipe:
    """How to normalise a network's input and read its output."""

    side: int
    """Side in pixels of the square that the picture is resized to, without regard to its aspect ratio."""
    by_brightest: bool = False
    """Whether pixels are divided by the picture's maximum instead of 255."""
    answers_logits: bool = False
    """Whether to read the last output as logits; otherwise the first output is stretched to 0..1."""


RECIPES = {
    "u2net": SaliencyRecipe(320, by_brightest=True),
    "birefnet": SaliencyRecipe(1024, answers_logits=True),
}


class OnnxSaliency:
    """Satisfies `Saliency` with one network."""

    def __init__(self, file: Path, recipe: SaliencyRecipe, *, id: str, weights: tuple[UsedWeight, ...] = ()) -> None:
        self.id = id
        self.weights = weights
        self._recipe = recipe
        self._session = open_session(file)
        first = self._session.get_inputs()[0]
        if len(first.shape) != 4 or first.shape[1] != 3:
            raise WeightsMissing(
                text("{file} takes {shape}, not a picture of three channels.", file=file, shape=first.shape),
                advice=text("Put {id}'s file there.", id=id),
            )
        self._input = first.name
        # A fixed-size export states its side; a dynamic one gets the side the network was trained at.
        self._side = first.shape[2] if isinstance(first.shape[2], int) else recipe.side

    def mask(self, picture: Image.Image) -> np.ndarray:
        """(height, width) float32 mask in 0..1 of an RGB picture, 1 on people."""
        answers = answers_of(self._session, {self._input: self._numbers(picture)}, self.id)
        return resized_mask(self._shares(answers), Size.of(picture))

    def _numbers(self, picture: Image.Image) -> np.ndarray:
        # A crop around a face is often smaller than the network's side and must be interpolated smoothly.
        small = as_array(resized(picture, Size(self._side, self._side))).astype(np.float32)
        brightest = max(float(small.max()), 1.0) if self._recipe.by_brightest else 255.0
        return normalised(small / brightest)

    def _shares(self, answers: list[np.ndarray]) -> np.ndarray:
        if self._recipe.answers_logits:
            # A sigmoid by tanh, which does not overflow as exp does.
            return (0.5 + 0.5 * np.tanh(0.5 * np.asarray(answers[-1], np.float32)))[0, 0]
        shares = np.asarray(answers[0], np.float32)[0, 0]
        low, high = float(shares.min()), float(shares.max())
        return shares if high < _NOBODY or high - low < 1e-6 else (shares - low) / (high - low)


def normalised(image: np.ndarray) -> np.ndarray:
    """(1, 3, height, width) float32 with ImageNet's normalisation, from (height, width, 3) RGB in 0..1."""
    centred = (image - np.asarray(IMAGENET_MEAN)) / np.asarray(IMAGENET_DEVIATION)
    return np.ascontiguousarray(centred.transpose(2, 0, 1)[None], np.float32)
