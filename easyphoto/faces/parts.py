"""Interfaces of the parts of the engine for photographs, and the mapping of their networks' errors."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from PIL import Image

from easyphoto.errors import EasyPhotoError, EnvironmentFailure, OutOfMemory, first_line
from easyphoto.faces.engine import Covering, Face, Worn
from easyphoto.machine import ran_out_of_memory
from easyphoto.messages import text
from easyphoto.weights.catalog import UsedWeight


class Detector(Protocol):
    """Detects faces and their five points."""

    @property
    def id(self) -> str: ...

    @property
    def weights(self) -> tuple[UsedWeight, ...]: ...

    def detect(self, picture: Image.Image) -> tuple[Face, ...]:
        """All faces of an RGB picture, largest first."""
        ...


class Parser(Protocol):
    """Labels the parts of a face."""

    @property
    def id(self) -> str: ...

    @property
    def outlines(self) -> bool:
        """Whether its part maps follow the actual outline of a face."""
        ...

    @property
    def weights(self) -> tuple[UsedWeight, ...]: ...

    def parse(self, picture: Image.Image, face: Face, foreground: np.ndarray | None = None) -> np.ndarray:
        """(height, width) uint8 part labels of an RGB picture, values of `Part`; background away from the face.

        `foreground` is a saliency network's (height, width) float32 mask, 1 on people and 0 elsewhere, if there is one.
        """
        ...

    def worn(self, picture: Image.Image, face: Face) -> frozenset[Worn] | None:
        """What is worn there; None where it does not know."""
        ...


class Saliency(Protocol):
    """Segments people from the background."""

    @property
    def id(self) -> str: ...

    @property
    def weights(self) -> tuple[UsedWeight, ...]: ...

    def mask(self, picture: Image.Image) -> np.ndarray:
        """(height, width) float32 mask in 0..1 of an RGB picture, 1 on people."""
        ...


class CoveringSense(Protocol):
    """Detects covered eyes and mouths."""

    @property
    def weights(self) -> tuple[UsedWeight, ...]: ...

    def covering(self, picture: Image.Image, face: Face) -> Covering | None:
        """The hidden parts of the face; None when nothing is hidden or this is unknown."""
        ...


def failure_of(network: str, error: BaseException) -> EasyPhotoError:
    """OutOfMemory, or EnvironmentFailure for any other error of the network."""
    if ran_out_of_memory(error):
        return OutOfMemory(
            text("There is not enough memory for {network}.", network=network),
            advice=text("Close other programs, or use a smaller picture."),
        )
    return EnvironmentFailure(
        text("{name} failed: {reason}.", name=network, reason=first_line(error)),
        advice=text("Its file may be the wrong one: easyphoto weights check"),
    )
