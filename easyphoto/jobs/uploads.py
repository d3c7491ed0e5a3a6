"""Pictures that came through a tab or the API: checked at the border, kept under names that are safe and unique."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from easyphoto.errors import BadPicture, InputError
from easyphoto.images.decoding import readable_format
from easyphoto.jobs.askers import Requester
from easyphoto.messages import text
from easyphoto.storage.files import write_bytes
from easyphoto.workspace.folders import Workspace, is_file_name

MOST_BYTES = 40_000_000
"""Of one picture; the largest camera JPEGs have about 30 MB."""
MOST_ARCHIVE = 2_000_000_000
"""Of an imported person: photos and a LoRA."""
MOST_FILES = 200
"""At once; 5 to 20 photos are asked for."""
FORMATS = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "BMP": ".bmp", "TIFF": ".tif"}
"""Of the formats that are read, with what their files end in; a JPEG may hold several pictures (MPO)."""
# Letters may have four bytes, and a file's name 255 in all.
_LONGEST_STEM = 55
_DIGITS = 10
# What follows the stem: the content's digits, and the tag of who brought it, where they can be told apart.
_NAME = re.compile(rf"(?P<stem>.*)-[0-9a-f]{{{_DIGITS}}}(?:-(?P<tag>[ab][0-9a-f]{{12}}))?")


@dataclass(frozen=True)
class Upload:
    name: str
    """Unique in the workspace; what requests and verdicts call the picture."""
    path: Path

    @property
    def title(self) -> str:
        """What its owner called it."""
        found = _NAME.fullmatch(self.path.stem)
        return found["stem"] if found else self.path.stem


def keep_upload(workspace: Workspace, name: str, content: bytes, asker: Requester | None = None) -> Upload:
    """Write a picture into the workspace's uploads; the same bytes under the same name are kept once for each asker.

    `name` is what the client calls it; only its letters matter. Raises BadPicture for what is none, or too large.
    """
    suffix = checked_format(name, content)
    stem = re.sub(r"[^\w-]+", "-", Path(name.replace("\\", "/")).stem).strip("-_")[:_LONGEST_STEM] or "picture"
    tag = asker.tag if asker is not None else ""
    digits = "-".join(part for part in (hashlib.sha256(content).hexdigest()[:_DIGITS], tag) if part)
    path = workspace.uploads / f"{stem}-{digits}{suffix}"
    if path.is_file():
        # Sent once more it is wanted once more, and not old.
        path.touch()
    else:
        write_bytes(path, content)
    return Upload(path.name, path)


def find_upload(workspace: Workspace, name: str, asker: Requester | None = None) -> Upload:
    """Raises InputError for a name that is no upload's, path-like ones included, or the upload of somebody else."""
    path = workspace.uploads / name
    if not is_file_name(name) or not path.is_file() or not (asker or Requester()).owns_tag(tag_of(name)):
        raise InputError(text("There is no upload {name!r}.", name=name), advice=text("Upload the picture first."))
    return Upload(name, path)


def tag_of(name: str) -> str:
    """Whose an upload is, as its name says; nothing where it was brought by a program without an account."""
    found = _NAME.fullmatch(Path(name).stem)
    return found["tag"] or "" if found else ""


def checked_format(name: str, content: bytes) -> str:
    """The suffix that fits the content, whatever the name says. Raises BadPicture."""
    if len(content) > MOST_BYTES:
        raise BadPicture(
            text("{name} has {size:.0f} MB.", name=name, size=len(content) / 1e6),
            advice=text("At most {size} MB are taken.", size=MOST_BYTES // 1_000_000),
        )
    return FORMATS[readable_format(content, name)]
