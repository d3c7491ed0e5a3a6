"""What an engine of photographs is put together from, and the errors of its networks by name."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from PIL import Image

from easyphoto.errors import EasyPhotoError, EnvironmentFailure, OutOfMemory, first_line
from easyphoto.faces.engine import Covering, Face
from easyphoto.machine import ran_out_of_memory
from easyphoto.messages import text
from easyphoto.weights.catalog import UsedWeight


class Detector(Protocol):
    """Finds faces and their five points."""

    @property
    def id(self) -> str: ...

    @property
    def weights(self) -> tuple[UsedWeight, ...]: ...

    def detect(self, picture: Image.Image) -> tuple[Face, ...]:
        """All faces of an RGB picture, largest first."""
        ...


class Parser(Protocol):
    """Tells the parts of a face."""

    @property
    def id(self) -> str: ...

    @property
    def outlines(self) -> bool:
        """Whether its part maps follow the true outline of a face."""
        ...

    @property
    def weights(self) -> tuple[UsedWeight, ...]: ...

    def parse(self, picture: Image.Image, face: Face, foreground: np.ndarray | None = None) -> np.ndarray:
        """Part labels (uint8, the picture's height × width, values of `Part`), background away from the face.

        `foreground` is a float mask of the same size, 1 on people, where a saliency network has made one.
        """
        ...


class Saliency(Protocol):
    """Tells people from what is behind them."""

    @property
    def id(self) -> str: ...

    @property
    def weights(self) -> tuple[UsedWeight, ...]: ...

    def mask(self, picture: Image.Image) -> np.ndarray:
        """float32 (height, width), 1 on the person."""
        ...


class CoveringSense(Protocol):
    """Tells covered faces from bare ones."""

    @property
    def weights(self) -> tuple[UsedWeight, ...]: ...

    def covering(self, picture: Image.Image, face: Face) -> Covering | None:
        """What hides the face's eyes or mouth; None where it is bare, and where nobody can tell."""
        ...


def failure_of(network: str, error: BaseException) -> EasyPhotoError:
    """OutOfMemory, or EnvironmentFailure where the network does not take what it is given."""
    if ran_out_of_memory(error):
        return OutOfMemory(
            text("There is not enough memory for {network}.", network=network),
            advice=text("Close other programs, or take a smaller picture."),
        )
    return EnvironmentFailure(
        text("{name} failed: {reason}.", name=network, reason=first_line(error)),
        advice=text("Its file may be another network: easyphoto weights check"),
    )
