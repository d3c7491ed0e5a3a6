"""Names that a client gives to files."""

from __future__ import annotations

from pathlib import Path

from easyphoto.storage.files import MOST_NAME_BYTES
from easyphoto.workspace.person_ids import RESERVED_IDS


def is_file_name(text: str) -> bool:
    """Whether a client's text is a plain file name, not a path, that every disk can hold."""
    fits = 0 < len(text.encode("utf-8", "replace")) <= MOST_NAME_BYTES
    return fits and Path(text).name == text and text != ".." and "\0" not in text and not _means_another(text)


def _means_another(text: str) -> bool:
    """Whether Windows opens something else by that name: a device, a stream, or a file without the trailing dot."""
    is_device = text.partition(".")[0].rstrip().lower() in RESERVED_IDS
    return is_device or text.endswith((".", " ")) or any(sign in text for sign in ":\\")
