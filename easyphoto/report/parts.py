"""What a report is made of: sections with galleries, charts, tables and notes. How they look is page.py's business."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from PIL import Image


class NoteTone(str, Enum):
    """How a badge is meant."""

    GOOD = "good"
    ASIDE = "aside"
    PLAIN = "plain"


def on_page(picture: Image.Image, side: int) -> Image.Image:
    """A copy as large as a gallery of that side shows it, on screens with two dots for a pixel.

    A report holds the pictures of a whole session: at their own size they would fill the memory.
    """
    small = picture.convert("RGB")
    small.thumbnail((2 * side, 2 * side), Image.Resampling.LANCZOS)
    return small


@dataclass(frozen=True, eq=False)
class Figure:
    """One picture with words under it and, where there is a verdict, a badge on it."""

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
    """The pictures are stages of one thing, in order."""
    side: int = 176
    """Width of a picture on the page, in CSS pixels."""


@dataclass(frozen=True)
class Curve:
    name: str
    points: tuple[tuple[float, float], ...]
    faint: bool = False
    """Drawn thin and pale: what another curve is the smoothed form of."""


@dataclass(frozen=True)
class Chart:
    title: str
    curves: tuple[Curve, ...]
    across: str = "step"
    up: str = ""
    marks: tuple[tuple[float, str], ...] = ()
    """Values on the vertical axis worth a dashed line, each with its name."""


@dataclass(frozen=True)
class Table:
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    title: str = ""


@dataclass(frozen=True)
class Bars:
    """Amounts next to one another, for instance seconds per phase."""

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
    """A title, a line under it, a few facts as large figures, and the sections."""

    title: str
    words: str
    facts: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]
