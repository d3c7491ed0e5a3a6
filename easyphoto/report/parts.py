"""The parts of a report: sections with galleries, charts, tables and notes. `page.py` decides how they look."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from PIL import Image


class NoteTone(str, Enum):
    """The tone of a badge."""

    GOOD = "good"
    ASIDE = "aside"
    PLAIN = "plain"


def on_page(picture: Image.Image, side: int) -> Image.Image:
    """Return an RGB copy of at most 2 × `side` pixels, for screens with two device pixels per CSS pixel.

    A report holds the pictures of a whole session, and at full size they would fill the memory.
    """
    factor = 2 * side / max(picture.size)
    colours = picture if picture.mode == "RGB" else picture.convert("RGB")
    if factor >= 1:
        return colours.copy()
    size = max(1, round(factor * picture.width)), max(1, round(factor * picture.height))
    # Nearly all of the way by averaging, which takes a third of the time and looks the same.
    return colours.resize(size, Image.Resampling.LANCZOS, reducing_gap=1.1)


@dataclass(frozen=True, eq=False)
class Figure:
    """A picture with a caption and, for a verdict, a badge on it."""

    image: Image.Image
    caption: str = ""
    badge: str = ""
    tone: NoteTone = NoteTone.PLAIN
    detail: str = ""
    """Smaller print under the caption."""


@dataclass(frozen=True, eq=False)
class Gallery:
    figures: tuple[Figure, ...]
    title: str = ""
    steps: bool = False
    """Whether the pictures are stages of one thing, in order."""
    side: int = 176
    """Width of a picture on the page, in CSS pixels."""


@dataclass(frozen=True)
class Curve:
    name: str
    points: tuple[tuple[float, float], ...]
    faint: bool = False
    """Drawn thin and pale, for the raw values behind a smoothed curve."""


@dataclass(frozen=True)
class Chart:
    title: str
    curves: tuple[Curve, ...]
    across: str = "step"
    up: str = ""


@dataclass(frozen=True)
class Table:
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    title: str = ""


@dataclass(frozen=True)
class Bars:
    """Amounts side by side, for instance seconds per phase."""

    title: str
    amounts: tuple[tuple[str, float], ...]
    unit: str = "s"


@dataclass(frozen=True)
class Notes:
    lines: tuple[str, ...]


Part = Gallery | Chart | Table | Bars | Notes


@dataclass(frozen=True)
class Section:
    title: str
    parts: tuple[Part, ...]
    words: str = ""


@dataclass(frozen=True)
class Report:
    """A title, a subtitle, a few facts as large figures, and the sections."""

    title: str
    words: str
    facts: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]
