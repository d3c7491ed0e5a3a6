"""Uploaded pictures: checked on arrival and stored under safe, unique names."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from easyphoto.errors import BadPicture, InputError
from easyphoto.images.opening import readable_format
from easyphoto.jobs.askers import Requester
from easyphoto.messages import text
from easyphoto.storage.files import write_bytes
from easyphoto.workspace.file_names import is_file_name
from easyphoto.workspace.folders import Workspace

MOST_BYTES = 40_000_000
"""Limit for one picture in bytes; the largest camera JPEGs have about 30 MB."""
MOST_ARCHIVE = 2_000_000_000
"""Limit for an imported person (photos and a LoRA) in bytes."""
MOST_FILES = 200
"""Limit for the files of one upload; 5 to 20 photos are asked for."""
# Characters: each may take four bytes, and a file name at most 255.
_LONGEST_STEM = 55
_DIGITS = 10
# After the stem: digits of the content's hash, and the requester's tag if there is one.
_NAME = re.compile(rf"(?P<stem>.*)-[0-9a-f]{{{_DIGITS}}}(?:-(?P<tag>[ab][0-9a-f]{{12}}))?")


@dataclass(frozen=True)
class Upload:
    name: str
    """Unique in the workspace; requests and verdicts name the picture by it."""
    path: Path

    @property
    def title(self) -> str:
        """The name that its owner gave it."""
        found = _NAME.fullmatch(self.path.stem)
        return found["stem"] if found else self.path.stem


def keep_upload(workspace: Workspace, name: str, content: bytes, asker: Requester | None = None) -> Upload:
    """Write a picture into the workspace's uploads; the same bytes and name are stored once for each requester.

    `name` is the client's name for it; only its letters are used. Raises BadPicture for a file that is too large or not
    a picture.
    """
    suffix = checked_format(name, content)
    stem = re.sub(r"[^\w-]+", "-", Path(name.replace("\\", "/")).stem).strip("-_")[:_LONGEST_STEM] or "picture"
    tag = asker.tag if asker is not None else ""
    digits = "-".join(part for part in (hashlib.sha256(content).hexdigest()[:_DIGITS], tag) if part)
    path = workspace.uploads / f"{stem}-{digits}{suffix}"
    if path.is_file():
        # An upload that is sent again is wanted again, so its age starts anew.
        path.touch()
    else:
        write_bytes(path, content)
    return Upload(path.name, path)


def find_upload(workspace: Workspace, name: str, asker: Requester | None = None) -> Upload:
    """Raises InputError for an unknown or path-like name, or another requester's upload."""
    path = workspace.uploads / name
    if not is_file_name(name) or not path.is_file() or not (asker or Requester()).owns_tag(tag_of(name)):
        raise InputError(text("There is no upload {name!r}.", name=name), advice=text("Upload the picture first."))
    return Upload(name, path)


def tag_of(name: str) -> str:
    """Return the requester's tag in an upload's name; empty for uploads of a program without an account."""
    found = _NAME.fullmatch(Path(name).stem)
    return found["tag"] or "" if found else ""


def checked_format(name: str, content: bytes) -> str:
    """Return the suffix of the content's format, ignoring that of the name. Raises BadPicture."""
    if len(content) > MOST_BYTES:
        raise BadPicture(
            text("{name} has {size:.0f} MB.", name=name, size=len(content) / 1e6),
            advice=text("At most {size} MB are accepted.", size=MOST_BYTES // 1_000_000),
        )
    return readable_format(content, name).suffixes[0]
