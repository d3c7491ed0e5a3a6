"""The embedder for drawings, which ships with the miniature. Imports torch, so import it lazily."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image

from easyphoto.faces import drawn_analysis, networks
from easyphoto.faces.engine import Face, LikenessScale
from easyphoto.images.pictures import as_array
from easyphoto.weights.entries import UsedWeight
from easyphoto.weights.ledger import sha256_of

NAME = "embedder"
_LICENCE = "Apache-2.0"


class DrawnEmbedder:
    """Satisfies `Embedder` for drawings."""

    def __init__(self, folder: Path) -> None:
        self._module, self._config = networks.load_network(folder, NAME)
        self.file = folder / f"{NAME}.safetensors"
        self.id = str(self._config["id"])
        self.scale = _scale_of(self._config)

    @cached_property
    def weights(self) -> tuple[UsedWeight, ...]:
        return (UsedWeight(self.id, self.file.name, _LICENCE, sha256_of(self.file)),)

    def vector(self, picture: Image.Image, face: Face) -> np.ndarray:
        """(128,) float32 numbers as the network gives them. It ends in a normalisation, so their length is 1."""
        aligned = drawn_analysis.align(
            as_array(picture), np.asarray(face.points, np.float32), int(self._config["input_size"])
        )
        return np.asarray(drawn_analysis.embed(self._module, self._config, aligned[None])[0], np.float32)

    def embed(self, picture: Image.Image, face: Face) -> np.ndarray:
        """(128,) float32 embedding of unit length; `picture` is RGB."""
        return self.vector(picture, face)


def _scale_of(config: networks.Config) -> LikenessScale:
    """The likeness scale from the calibration in the embedder's configuration."""
    strangers = tuple(float(value) for value in config["cosine_quantiles"]["impostor"])
    limit = float(np.interp(99.0, np.linspace(0.0, 100.0, len(strangers)), strangers))
    return LikenessScale(str(config["id"]), strangers, limit, "calibrated on pairs of drawn strangers")
