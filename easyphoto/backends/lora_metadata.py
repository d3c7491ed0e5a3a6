"""Changes the metadata of a safetensors file without touching, or reading, a tensor."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from easyphoto.backends.headers import LENGTH_BYTES, read_header
from easyphoto.errors import DiskFailure
from easyphoto.messages import text
from easyphoto.storage.files import atomic_path, cause_of, open_regular
from easyphoto.storage.records import parsed


def write_with_metadata(source: Path, target: Path, changes: Mapping[str, str]) -> Path:
    """Write the file to `target`, its metadata updated by the changes. The same content gives the same bytes.

    Raises InputError if `source` is not a safetensors file, DiskFailure.
    """
    read_header(source)
    try:
        with open_regular(source) as stream, atomic_path(target) as temporary, temporary.open("wb") as out:
            (length,) = struct.unpack("<Q", stream.read(LENGTH_BYTES))
            header: dict[str, Any] = dict(parsed(stream.read(length)))
            kept = {str(key): str(value) for key, value in (header.pop("__metadata__", None) or {}).items()}
            whole = {"__metadata__": dict(sorted({**kept, **changes}.items())), **header}
            content = json.dumps(whole, separators=(",", ":"), ensure_ascii=True).encode()
            content += b" " * (-len(content) % LENGTH_BYTES)
            out.write(struct.pack("<Q", len(content)) + content)
            shutil.copyfileobj(stream, out)
    except OSError as error:
        raise DiskFailure(
            text("{target} could not be written: {cause}.", target=target, cause=cause_of(error)),
            advice=text("Check free space and the permissions there."),
        ) from error
    return target
