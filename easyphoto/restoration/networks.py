"""GFPGAN, RestoreFormer and Real-ESRGAN, loaded and run through spandrel.

spandrel (MIT) recognises the network by the file's tensor names, and its restricted unpickler refuses anything but
tensors; it is only given verified files of the weight store. It needs torchvision, so it is imported late.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from easyphoto.errors import BackendError, MissingCapability, OutOfMemory, WeightsMissing, first_line
from easyphoto.images.pictures import as_array, as_picture
from easyphoto.machine import ran_out_of_memory
from easyphoto.messages import text
from easyphoto.progress import Progress
from easyphoto.restoration.base import FACE_SIDE
from easyphoto.restoration.tiles import tiled
from easyphoto.weights.catalog import UsedWeight

# spandrel's names for the purpose of a network.
FACE, ENLARGE = "FaceSR", "SR"
# Seeds GFPGAN's noise: restoring the same picture twice must give the same bytes.
NOISE_SEED = 0


class FaceNetwork:
    """A Restorer from a file that holds GFPGAN or RestoreFormer."""

    changes_only = False

    def __init__(self, file: Path, *, weights: tuple[UsedWeight, ...] = ()) -> None:
        self.weights = weights
        self._network = opened(file, FACE)

    def restore(self, face: Image.Image) -> Image.Image:
        import torch

        if face.size != (FACE_SIDE, FACE_SIDE):
            raise ValueError(f"a face of {face.width}×{face.height} is not {FACE_SIDE}×{FACE_SIDE}")
        with named_failures(), torch.inference_mode(), torch.random.fork_rng():
            torch.manual_seed(NOISE_SEED)
            # Calls the network itself: spandrel's wrapper feeds 0..1 to GFPGAN, which was trained on −1..1, and clips
            # the darker half of its output.
            answer = self._network.model(tensor_of(as_array(face), self._network.device, self._network.dtype) * 2 - 1)
            first = answer[0] if isinstance(answer, (tuple, list)) else answer
            return as_picture(np.rint(levels_of((first + 1) / 2)))


class EnlargingNetwork:
    """An Upscaler from a file that holds Real-ESRGAN (or any other super-resolution network spandrel knows)."""

    def __init__(self, file: Path, *, weights: tuple[UsedWeight, ...] = ()) -> None:
        self.weights = weights
        self._network = opened(file, ENLARGE)
        self.factor = int(self._network.scale)

    def upscale(self, picture: Image.Image, progress: Progress) -> Image.Image:
        return as_picture(tiled(as_array(picture), self._enlarged, self.factor, progress))

    def _enlarged(self, piece: np.ndarray) -> np.ndarray:
        import torch

        with named_failures(), torch.inference_mode():
            return levels_of(self._network(tensor_of(piece, self._network.device, self._network.dtype)))


def opened(file: Path, purpose: str) -> Any:
    """spandrel's model descriptor for the network in `file`, on the device and ready to run.

    Raises MissingCapability without spandrel, OutOfMemory, or WeightsMissing if the file holds something else.
    """
    spandrel = library()
    import torch

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        network = spandrel.ModelLoader(device=device).load_from_file(file)
    except Exception as error:  # each file format fails in its own way
        if ran_out_of_memory(error):
            raise too_little_memory() from error
        raise WeightsMissing(
            text("{name} cannot be read as a model ({reason}).", name=file.name, reason=first_line(error)),
            advice=text("Run: easyphoto weights check"),
        ) from error
    if getattr(network, "purpose", None) != purpose or network.input_channels != 3 or network.output_channels != 3:
        raise WeightsMissing(
            text(
                "{name} contains {architecture}, which cannot be used for this.",
                name=file.name,
                architecture=network.architecture.name,
            ),
            advice=text("Replace it with the right file: easyphoto weights check"),
        )
    network.eval()
    return network.half() if device.type == "cuda" and network.supports_half else network.float()


def library() -> Any:
    """The package spandrel. Raises MissingCapability if it or a torchvision that fits torch is missing."""
    try:
        import spandrel
    except Exception as error:  # a torchvision of another build raises RuntimeError, not ImportError
        raise MissingCapability(
            text(
                "Restoration and upscaling need spandrel, which cannot be loaded here ({reason}).",
                reason=first_line(error),
            ),
            advice=(
                text(
                    "Install it with a torchvision of the same build as torch: for the CPU build both from PyTorch's "
                    "CPU index, then spandrel. The usual torchvision does not fit the CPU build."
                )
            ),
        ) from error
    return spandrel


def tensor_of(picture: np.ndarray, device: Any, dtype: Any) -> Any:
    """A uint8 RGB picture (height, width, 3) as (1, 3, height, width) in 0..1, on torch's `device` in `dtype`."""
    import torch

    tensor = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)[None]))
    return tensor.to(device=device, dtype=dtype) / 255


def levels_of(answer: Any, advice: str | None = None) -> np.ndarray:
    """The first image of a tensor (N, 3, height, width) in 0..1, as float32 (height, width, 3) in 0..255. Raises
    BackendError if it holds NaN; `advice` is the error's, for a network that is not in the weight catalogue."""
    levels = answer[0].float().clamp(0, 1).mul(255).permute(1, 2, 0).cpu().numpy()
    if not np.isfinite(levels).all():
        raise BackendError(
            text("The model produced values that are not numbers."),
            advice=advice or text("Run: easyphoto weights check"),
        )
    return levels


@contextmanager
def named_failures(advice: str | None = None) -> Iterator[None]:
    """Turn torch's errors into OutOfMemory or BackendError; `advice` as in `levels_of`."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if ran_out_of_memory(error):
            raise too_little_memory() from error
        raise BackendError(
            text("The model failed: {reason}.", reason=first_line(error)),
            advice=advice or text("Run: easyphoto weights check"),
        ) from error


def too_little_memory() -> OutOfMemory:
    return OutOfMemory(
        text("The device does not have enough memory for this model."),
        advice=text("Close other programs that use the device."),
    )
