"""What the CLIP picture encoder sees in a person's face squares, computed in the host's process.

The encoder is EasyPhoto's own, although the extension has one for its preprocessor: the tokens are then those of the
local backend, the file is the one that the record names with its hash and licence, and nothing is downloaded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from easyphoto.backends.memory import out_of_memory_named
from easyphoto.errors import InputError
from easyphoto.messages import text
from easyphoto.webui.host_modules import host_module, host_module_or_none

States = Callable[[Path, Sequence[Image.Image]], Any]
"""Returns what an encoder, given by its file, sees in the squares: (squares, positions, width) float32 on the CPU."""


@dataclass(frozen=True, eq=False)
class SeenPictures:
    """Keeps the states of the squares seen so far: every pass of a portrait, and every portrait, asks for the same."""

    compute: States
    _states: dict[tuple[Path, tuple[str, ...]], Any] = field(default_factory=dict)

    def __call__(self, encoder: Path, squares: Sequence[Image.Image]) -> Any:
        key = encoder, tuple(hashlib.sha256(square.tobytes()).hexdigest() for square in squares)
        if key not in self._states:
            self._states[key] = self.compute(encoder, squares)
        return self._states[key]

    def forget(self) -> None:
        self._states.clear()


def encoded(encoder: Path, squares: Sequence[Image.Image]) -> Any:
    """Load the encoder onto the host's device for this call; must be called inside the host's queue.

    Raises InputError or WeightsMissing for a file that is not the encoder, OutOfMemory.
    """
    from easyphoto.backends.picture_encoder import load_picture_encoder

    devices = host_module("devices")
    with out_of_memory_named():
        network = load_picture_encoder(
            encoder, dtype=devices.dtype, device=devices.device, tensors=_read_by_host(encoder)
        )
        try:
            return network.states(squares).photos.float().cpu()
        finally:
            del network
            devices.torch_gc()


def _read_by_host(file: Path) -> Any:
    """Return a pickle's tensors, checked and read by the host; None where EasyPhoto reads the file itself.

    Web UIs keep the encoder pickled, and their torch may be too old for EasyPhoto's own reading.
    """
    from easyphoto.backends.file_formats import FileFormat, format_of
    from easyphoto.backends.pickles import is_torch_safe, tensors_of

    safe = host_module_or_none("safe")
    if safe is None or is_torch_safe() or format_of(file) is not FileFormat.PICKLE:
        return None
    # For a file that holds more than tensors the host prints an error and returns None.
    tensors = tensors_of(safe.load(str(file), map_location="cpu"))
    if not tensors:
        raise InputError(
            text("{name} holds more than tensors, and the web UI did not open it.", name=file.name),
            advice=text("Fetch the file again, as .safetensors."),
        )
    return tensors
