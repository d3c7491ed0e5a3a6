"""The base model that ships with EasyPhoto: how records name it, and by which weights a LoRA was trained.

An update may replace its weights under the same name, and a LoRA trained on the earlier ones does not fit the new.
"""

from __future__ import annotations

import hashlib
from pathlib import Path, PurePosixPath

from easyphoto.architectures.base import Family
from easyphoto.architectures.registry import FAMILIES
from easyphoto.backends.folders import base_files

BASE_KEY = "easyphoto_base"
"""In a LoRA's metadata: the `base_fingerprint` of what it was trained on."""


def recorded_base(base: str) -> str:
    """How records name a base model: one that ships by its family's id, because the installation may move.

    Earlier versions recorded its path, which may be another installation's: where that is still there, it is kept.
    """
    path, parts = Path(base), PurePosixPath(base.replace("\\", "/")).parts
    for family in FAMILIES.values():
        is_its_path = family.ships and parts[-2:] == family.folder.parts[-2:]
        if is_its_path and (path == family.folder or not path.is_dir()):
            return family.id
    return base


def base_fingerprint(family: Family, base: Path) -> str:
    """The SHA-256 of a base model's weights; empty for a family that does not ship, whose files are gigabytes."""
    if not family.ships:
        return ""
    found = hashlib.sha256()
    for file in base_files(family, base):
        found.update(file.read_bytes())
    return found.hexdigest()


def has_weights(family: Family, base: Path, recorded: str) -> bool:
    """Whether a base model still has the weights of a recorded fingerprint, as far as can be told.

    What recorded none is from before any did: it was trained on the weights that shipped then, or on a model of one's
    own. A base that is gone is reported where it is loaded.
    """
    recorded = recorded or (family.first_weights if base == family.folder else "")
    try:
        return not recorded or not family.ships or recorded == base_fingerprint(family, base)
    except OSError:
        return True
