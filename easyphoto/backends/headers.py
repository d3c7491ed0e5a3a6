"""Reading the header of a safetensors file, without reading a tensor or importing torch."""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

from easyphoto.architectures.header import Header
from easyphoto.backends.file_formats import FileFormat, begins_like_pickle, format_of, refuse_mistaken, unreadable
from easyphoto.errors import InputError
from easyphoto.messages import text
from easyphoto.storage.files import open_regular
from easyphoto.storage.records import parsed
from easyphoto.weights.contents import ENOUGH

LONGEST_HEADER = 8_000_000
"""In bytes. An SDXL checkpoint's header has about 350,000, a LoRA's with counts of all its captions up to two million;
parsed as JSON it takes twenty times as much memory. The safetensors library would read 100 million."""
LENGTH_BYTES = 8
BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16,
    "I32": 32, "U32": 32, "F32": 32, "I64": 64, "U64": 64, "F64": 64,
}  # fmt: skip


@dataclass(frozen=True)
class Prediction:
    """What the UNet was trained to predict."""

    kind: str = "epsilon"
    zero_snr: bool = False
    """Zero terminal SNR: the last training time step is pure noise."""

    @property
    def scheduler(self) -> dict[str, Any]:
        """Overrides for the scheduler's configuration."""
        if not self.zero_snr:
            return {"prediction_type": self.kind}
        # Without the very last time step, sampling would start where the UNet still expects some signal.
        return {"prediction_type": self.kind, "rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}


def header_of(file: Path) -> Header:
    """Names and shapes of a file in either format. Reads no tensor from disk. Raises InputError for other content."""
    if format_of(file) is FileFormat.SAFETENSORS:
        return read_header(file)
    from easyphoto.backends.pickles import read_pickle  # imports torch, which reading a pickle needs

    return header_from(file.name, read_pickle(file))


def header_from(name: str, tensors: Mapping[str, Any]) -> Header:
    """The header that a file of that name has with these tensors, which are in memory."""
    return Header(name, {each: tuple(tensor.shape) for each, tensor in tensors.items()})


def read_header(file: Path) -> Header:
    """Names, shapes and metadata of a .safetensors file. Raises InputError if it is not one or was truncated.

    Every such file is checked here before the safetensors library opens it, because the library blocks forever on a
    pipe.
    """
    try:
        with open_regular(file) as stream:
            size = os.fstat(stream.fileno()).st_size
            length = _header_length(file, stream, size)
            content = _parsed(file, stream.read(length))
    except OSError as error:
        raise unreadable(file, error) from error
    metadata = content.pop("__metadata__", None)
    shapes = {name: _checked_shape(file, entry, room=size - LENGTH_BYTES - length) for name, entry in content.items()}
    texts = metadata if isinstance(metadata, dict) else {}
    return Header(file.name, shapes, {str(key): str(value) for key, value in texts.items()})


def _header_length(file: Path, stream: BinaryIO, size: int) -> int:
    beginning = stream.read(LENGTH_BYTES)
    length = int(struct.unpack("<Q", beginning)[0]) if len(beginning) == LENGTH_BYTES else 0
    if LONGEST_HEADER < length <= size - LENGTH_BYTES:
        raise InputError(
            text("{name} has a header of {length:.0f} MB.", name=file.name, length=length / 1e6),
            advice=text(
                "No model needs a header of more than {longest_header} MB. Download or copy the file again.",
                longest_header=LONGEST_HEADER // 1_000_000,
            ),
        )
    if not 2 <= length <= LONGEST_HEADER:
        refuse_mistaken(file, beginning + stream.read(ENOUGH - LENGTH_BYTES))
        if begins_like_pickle(beginning):
            raise InputError(
                text("{source} is {what}.", source=file.name, what=text("a pickle and not in the format safetensors")),
                advice=text("Use the same model as .safetensors."),
            )
        raise InputError(
            text("{name} is not a safetensors file.", name=file.name),
            advice=text("It begins like another kind of file. Use the same model as .safetensors."),
        )
    if length > size - LENGTH_BYTES:
        raise _cut_off(file)
    return length


def _parsed(file: Path, header: bytes) -> dict[str, Any]:
    try:
        content = parsed(header)
    except ValueError as error:
        raise InputError(
            text("The header of {name} is broken: {error}.", name=file.name, error=error),
            advice=text("Fetch the file again."),
        ) from error
    if not isinstance(content, dict):
        raise InputError(
            text("The header of {name} is not a table of tensors.", name=file.name),
            advice=text("Fetch the file again."),
        )
    return content


def _checked_shape(file: Path, entry: Any, *, room: int) -> tuple[int, ...]:
    """The shape of an entry, if the header's numbers agree with each other and with the file size, else InputError."""
    try:
        shape = tuple(int(side) for side in entry["shape"])
        first, last = (int(offset) for offset in entry["data_offsets"])
        bits = BITS.get(entry["dtype"])
    except (TypeError, KeyError, ValueError) as error:
        raise InputError(
            text("The header of {name} is broken.", name=file.name), advice=text("Fetch the file again.")
        ) from error
    if last > room:
        raise _cut_off(file)
    is_filled = bits is None or (last - first) * 8 == prod(shape) * bits
    if min((0, first, last - first, *shape)) < 0 or not is_filled:
        raise InputError(
            text("The header of {name} contradicts itself.", name=file.name), advice=text("Fetch the file again.")
        )
    return shape


def prediction_of(header: Header) -> Prediction:
    """The prediction type by the markers of community files: an empty tensor `v_pred`, with `ztsnr` for zero terminal
    SNR, or `modelspec.prediction_type`."""
    says_v = header.metadata.get("modelspec.prediction_type", "").lower() in ("v", "v_prediction")
    if "v_pred" not in header.shapes and not says_v:
        return Prediction()
    return Prediction("v_prediction", zero_snr="ztsnr" in header.shapes)


def _cut_off(file: Path) -> InputError:
    """The error for a file whose end is missing."""
    return InputError(
        text("{name} is incomplete: its header names tensors beyond its end.", name=file.name),
        advice=text("Download or copy the file again."),
    )
