"""Whether a file looks whole, told from its format alone: all there is to go by where no hash is known."""

from __future__ import annotations

import zipfile
from pathlib import Path

from easyphoto.storage.files import open_regular
from easyphoto.storage.records import parsed

_PICKLE, _GZIP, _ONNX = b"\x80", b"\x1f\x8b", b"\x08"
# As backends.headers has it.
_LONGEST_HEADER = 8_000_000
_WEB_PAGE = (b"<!doctype html", b"<html")


def looks_like_a_web_page(beginning: bytes) -> bool:
    """A log-in page or an error page, sent with the status of a file."""
    return beginning.lstrip()[:14].lower().startswith(_WEB_PAGE)


def is_sound(file: Path, suffix: str) -> bool:
    """Whether the file has the structure that `suffix` promises; a safetensors file also its length."""
    with open_regular(file) as stream:
        beginning = stream.read(64)
    if not beginning or looks_like_a_web_page(beginning):
        return False
    match suffix.lower():
        case ".safetensors":
            return _safetensors_is_whole(file)
        case ".pth" | ".pt" | ".bin" | ".ckpt":
            # New pickled checkpoints are ZIP archives, whose table of contents comes last; old ones are bare pickles.
            return zipfile.is_zipfile(file) if beginning.startswith(b"PK") else beginning.startswith(_PICKLE)
        case ".onnx":
            return beginning.startswith(_ONNX)
        case ".gz":
            return beginning.startswith(_GZIP)
    return True


def _safetensors_is_whole(file: Path) -> bool:
    """Its header says where each tensor ends; the last end is the file's."""
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
