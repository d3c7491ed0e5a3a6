"""What is asked of a network that restores a face or enlarges a picture.

Ours run through spandrel (`networks.py`). A host with networks of its own offers objects of these two protocols.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from PIL import Image

from easyphoto.progress import Progress
from easyphoto.weights.catalog import UsedWeight

FACE_SIDE = 512
"""Side in pixels of the upright face that a restorer takes and gives back."""


class Restorer(Protocol):
    @property
    def weights(self) -> tuple[UsedWeight, ...]: ...

    def restore(self, face: Image.Image) -> Image.Image:
        """An RGB face, upright and aligned (`aligned.py`), FACE_SIDE pixels, made sharp; the same picture each time.

        Raises BackendError or OutOfMemory.
        """
        ...


class Upscaler(Protocol):
    @property
    def weights(self) -> tuple[UsedWeight, ...]: ...

    @property
    def factor(self) -> int:
        """How many times longer the sides become."""
        ...

    def upscale(self, picture: Image.Image, progress: Progress) -> Image.Image:
        """The RGB picture `factor` times as large.

        Raises BackendError, OutOfMemory, or Cancelled where `progress.check` says so.
        """
        ...


@dataclass(frozen=True, eq=False)
class Finisher:
    """What a finished picture goes through; None leaves a step out."""

    restorer: Restorer | None = None
    upscaler: Upscaler | None = None
    notes: tuple[str, ...] = ()
    """What was asked for and cannot be had, with the reason."""

    @property
    def weights(self) -> tuple[UsedWeight, ...]:
        return tuple(file for part in (self.restorer, self.upscaler) if part is not None for file in part.weights)
