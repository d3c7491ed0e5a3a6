"""Uploads under their users' names: records name them with digits of their content and a tag of who brought them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

_DIGITS = r"-[0-9a-f]{10}(?:-[ab][0-9a-f]{12})?"
_IN_TEXT = re.compile(rf"{_DIGITS}(?=\.(?:jpg|png|webp|bmp|tif)\b)")
_AT_END = re.compile(rf"(?<=.){_DIGITS}$")


def known(text: str) -> str:
    """Replace upload names in a text by the users' file names."""
    return _IN_TEXT.sub("", text)


def known_stem(stem: str) -> str:
    """Return an upload's name without suffix as its user knows it."""
    return _AT_END.sub("", stem)


@dataclass(frozen=True)
class PhotoNames:
    """The names of several photos, of which two may have been called alike: the second is `01.jpg (2)`."""

    labels: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, photos: Iterable[str]) -> PhotoNames:
        """`photos` are upload names, in the order in which their users brought them."""
        labels: dict[str, str] = {}
        counts: Counter[str] = Counter()
        for photo in dict.fromkeys(photos):
            name = known(photo)
            counts[name] += 1
            labels[photo] = name if counts[name] == 1 else f"{name} ({counts[name]})"
        return cls(labels)

    def __getitem__(self, photo: str) -> str:
        return self.labels.get(photo) or known(photo)

    def in_text(self, text: str) -> str:
        """Return the text, plain or HTML, with the photos' names; an upload's letters need no escaping."""
        for photo in sorted(self.labels, key=len, reverse=True):
            text = text.replace(photo, self.labels[photo])
        return known(text)


NO_PHOTOS = PhotoNames()
"""For texts that speak of photos which nobody listed: their names lose their digits."""
