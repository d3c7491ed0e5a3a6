"""Small pictures as data: URIs, made once: hosts hand out no files of the workspace, and the same ones come often."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

from easyphoto.ui import compat

MOST_KEPT = 300
"""Some 12 kB each."""


class Thumbnails:
    def __init__(self) -> None:
        self._known: OrderedDict[tuple[Path, int, int], str] = OrderedDict()

    def link(self, picture: Path, side: int) -> str:
        """A file that has changed is read again; one that is gone raises FileNotFoundError."""
        key = picture, side, picture.stat().st_mtime_ns
        if key not in self._known:
            self._known[key] = compat.picture_link(picture, side=side)
        self._known.move_to_end(key)
        while len(self._known) > MOST_KEPT:
            self._known.popitem(last=False)
        return self._known[key]

    def forget(self) -> None:
        """Somebody was deleted: nothing of them stays in memory."""
        self._known.clear()
