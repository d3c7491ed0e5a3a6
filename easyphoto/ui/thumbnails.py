"""Small pictures as data: URIs, made once: hosts hand out no files of the workspace, and the same ones come often."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

from PIL import Image

from easyphoto.ui import compat

MOST_KEPT = 300
"""Some 12 kB each."""
_GREY = (128, 128, 128)


class Thumbnails:
    def __init__(self) -> None:
        self._known: OrderedDict[tuple[Path, int, int], str] = OrderedDict()

    def link(self, picture: Path, side: int) -> str:
        """A file that has changed is read again; of one that is damaged or gone, a grey square.

        One such file must not take the page of everybody down.
        """
        return self.link_or_none(picture, side) or compat.picture_link(Image.new("RGB", (32, 32), _GREY))

    def link_or_none(self, picture: Path, side: int) -> str | None:
        """None for a file that is damaged or gone."""
        try:
            key = picture, side, picture.stat().st_mtime_ns
        except OSError:
            return None
        if key not in self._known:
            link = compat.link_or_none(picture, side=side)
            if link is None:
                return None
            self._known[key] = link
        self._known.move_to_end(key)
        while len(self._known) > MOST_KEPT:
            self._known.popitem(last=False)
        return self._known[key]

    def forget(self) -> None:
        """Somebody was deleted: nothing of them stays in memory."""
        self._known.clear()
