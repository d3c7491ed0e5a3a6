"""Cached thumbnails as data: URIs: hosts do not serve the workspace's files, and the same pictures are shown often."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

from PIL import Image

from easyphoto.ui import compat

MOST_KEPT = 300
"""Number of thumbnails, about 12 kB each."""
_GREY = (128, 128, 128)


class Thumbnails:
    def __init__(self) -> None:
        self._known: OrderedDict[tuple[Path, int, int], str] = OrderedDict()

    def link(self, picture: Path, side: int) -> str:
        """Return a thumbnail, no side longer than `side` pixels; a damaged or missing file gives a grey square.

        A changed file is read again. A single bad file must not break everybody's page.
        """
        return self.link_or_none(picture, side) or compat.picture_link(Image.new("RGB", (32, 32), _GREY))

    def link_or_none(self, picture: Path, side: int) -> str | None:
        """Like `link`; None for a damaged or missing file."""
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
        """Clear the cache after a person was deleted, so that nothing of them stays in memory."""
        self._known.clear()
