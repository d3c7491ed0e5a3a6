"""Judges who the person in a picture is, with networks that the pipeline never uses.

The judge's embedder has another seed, another width and other training identities than the engine's. The regressor
predicts identity parameters (eye spacing, nose width, …) and needs no embedding at all. Both align faces by the
drawing's own five points, so no detector affects the judgement.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from easyphoto.architectures.base import models_folder
from easyphoto.drawings.identity import IDENTITY_PARAMETERS, DrawnIdentity
from easyphoto.errors import WeightsMissing
from easyphoto.messages import text


@dataclass(frozen=True, eq=False)
class Judge:
    """The loaded networks; `open_judge` creates it."""

    embedder: tuple[Any, dict[str, Any]]
    regressor: tuple[Any, dict[str, Any]]

    @property
    def id(self) -> str:
        return str(self.embedder[1]["id"])

    def embedding(self, picture: np.ndarray, points: np.ndarray) -> np.ndarray:
        """Return the unit embedding, float32, of the face at `points`.

        `picture` is (height, width, 3) uint8 RGB, `points` is (5, 2) in pixels.
        """
        from easyphoto.faces.drawn_analysis import align, embed

        return embed(*self.embedder, align(picture, points)[None])[0]

    def mean_embedding(self, faces: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
        """Return the re-normalised mean embedding, float32, of one person's (picture, points) pairs.

        The pairs are as `embedding` takes them.
        """
        mean = np.mean([self.embedding(picture, points) for picture, points in faces], axis=0)
        return mean / np.linalg.norm(mean)

    def parameter_distance(self, picture: np.ndarray, points: np.ndarray, identity: DrawnIdentity) -> float:
        """Return the mean absolute difference between regressed parameters and the identity's, over the reliable ones.

        Picture and points are as in `embedding`. A parameter is reliable if its R² on held-out drawings was at least
        0.5 when the regressor was trained.
        """
        from easyphoto.faces.drawn_analysis import align, regress

        network, config = self.regressor
        reliable = [IDENTITY_PARAMETERS.index(name) for name in config["reliable"]]
        found = regress(network, config, align(picture, points)[None])[0]
        return float(np.abs(found[reliable] - identity.vector()[reliable]).mean())


def open_judge(folder: Path | None = None) -> Judge:
    """Raises WeightsMissing if the judge's files are missing."""
    from easyphoto.faces.networks import load_network

    folder = folder or models_folder() / "judge"
    if not (folder / "embedder.safetensors").is_file():
        raise WeightsMissing(
            text("The judge's networks are not in {folder}.", folder=folder),
            advice=text("They come with the repository; clone it again."),
        )
    return Judge(embedder=load_network(folder, "embedder"), regressor=load_network(folder, "regressor"))
