"""The protocols of networks that restore a face or enlarge a picture.

The built-in ones run through spandrel (`networks.py`), that of drawn faces by itself (`drawn.py`).
A host with networks of its own implements the same protocols.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from PIL import Image

from easyphoto.progress import Progress
from easyphoto.weights.catalog import UsedWeight

FACE_SIDE = 512
"""Side in pixels of the aligned face that a restorer takes and returns."""


class Restorer(Protocol):
    @property
    def weights(self) -> tuple[UsedWeight, ...]: ...

    @property
    def changes_only(self) -> bool:
        """Whether the picture gets only the difference that the network makes. What is left alone then stays as sharp
        as it was; of a network that draws the whole face anew the difference would hold the old face's pixels."""
        ...

    def restore(self, face: Image.Image) -> Image.Image:
        """Restore an upright, aligned RGB face (`aligned.py`) of FACE_SIDE × FACE_SIDE pixels. Deterministic.

        Raises BackendError or OutOfMemory.
        """
        ...


class Upscaler(Protocol):
    @property
    def weights(self) -> tuple[UsedWeight, ...]: ...

    @property
    def factor(self) -> int:
        """Scale of each side."""
        ...

    def upscale(self, picture: Image.Image, progress: Progress) -> Image.Image:
        """The RGB picture with each side `factor` times as long.

        Raises BackendError, OutOfMemory, or Cancelled from `progress.check`.
        """
        ...


@dataclass(frozen=True, eq=False)
class Finisher:
    """The steps applied to a finished picture; None skips a step."""

    restorer: Restorer | None = None
    upscaler: Upscaler | None = None
    notes: tuple[str, ...] = ()
    """What was asked for but is not available, with the reason."""

    @property
    def weights(self) -> tuple[UsedWeight, ...]:
        return tuple(file for part in (self.restorer, self.upscaler) if part is not None for file in part.weights)
