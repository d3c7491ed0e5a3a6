"""Checks the base model that a client names: it must be one that the host lists, never a path on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath

from easyphoto.architectures.registry import FAMILIES
from easyphoto.errors import BadSettings
from easyphoto.messages import text


def check_base(base: str, known: Sequence[str]) -> None:
    """Raises BadSettings for a path."""
    if base in known or base in FAMILIES:
        return
    is_bare = (
        base.isprintable()
        and PurePosixPath(base).name == base == PureWindowsPath(base).name
        and not base.startswith((".", "~"))
    )
    # The name of a file in the working directory would be resolved to that file.
    if not is_bare or _exists(base):
        raise BadSettings(
            text("The base cannot be {base!r}.", base=base),
            advice=text("Known: {names}.", names=", ".join(dict.fromkeys((*known, *FAMILIES)))),
        )


def _exists(name: str) -> bool:
    try:
        return Path(name).exists()
    except (OSError, ValueError):
        return True
