"""Checks from the format alone whether a file looks whole, for files without a known hash."""

from __future__ import annotations

import zipfile
from pathlib import Path

from easyphoto.storage.files import open_regular
from easyphoto.storage.records import parsed
from easyphoto.weights.contents import ENOUGH, stand_in

_PICKLE, _GZIP, _ONNX = b"\x80", b"\x1f\x8b", b"\x08"
# Most bytes of a safetensors header, as in backends.headers.
_LONGEST_HEADER = 8_000_000


def is_sound(file: Path, suffix: str) -> bool:
    """Whether the file has the structure that `suffix` implies; for safetensors also the length in its header."""
    with open_regular(file) as stream:
        beginning = stream.read(ENOUGH)
    if stand_in(beginning) is not None:
        return False
    match suffix.lower():
        case ".safetensors":
            return _safetensors_is_whole(file)
        case ".pth" | ".pt" | ".bin" | ".ckpt":
            # New pickled checkpoints are ZIP archives, whose central directory comes last; old ones are bare pickles.
            return zipfile.is_zipfile(file) if beginning.startswith(b"PK") else beginning.startswith(_PICKLE)
        case ".onnx":
            return beginning.startswith(_ONNX)
        case ".gz":
            return beginning.startswith(_GZIP)
    return True


def _safetensors_is_whole(file: Path) -> bool:
    """Whether the last tensor in the header ends at the end of the file."""
    with open_regular(file) as stream:
        length = int.from_bytes(stream.read(8), "little")
        if not 2 <= length <= _LONGEST_HEADER:
            return False
        try:
            header = parsed(stream.read(length))
            ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
        except (ValueError, KeyError, TypeError, IndexError, AttributeError):
            return False
    return file.stat().st_size == 8 + length + max(ends, default=0)
