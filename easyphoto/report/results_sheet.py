"""A session's results as one picture to hand on: each template, then what came of it, with likeness and seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from easyphoto.report.parts import Figure, Gallery, NoteTone, Report, Section
from easyphoto.report.sheet import SheetGrid, contact_sheet

GRID = SheetGrid(side=288, columns=5, is_fitted=True)


@dataclass(frozen=True, eq=False)
class SheetResult:
    picture: Image.Image
    seed: int
    likeness: float | None
    rank: int | None


@dataclass(frozen=True, eq=False)
class SheetTemplate:
    """A template with its results in order."""

    title: str
    picture: Image.Image | None
    """None if the template is gone."""
    results: tuple[SheetResult, ...]


def results_sheet(title: str, date: str, templates: Sequence[SheetTemplate]) -> Image.Image:
    sections = tuple(Section(each.title, (Gallery(_figures(each)),)) for each in templates)
    facts = (("pictures", str(sum(len(each.results) for each in templates))), ("made", date))
    return contact_sheet(Report(title, "", facts, sections), GRID)


def _figures(template: SheetTemplate) -> tuple[Figure, ...]:
    first = () if template.picture is None else (Figure(template.picture, "template"),)
    return (*first, *map(_figure, template.results))


def _figure(made: SheetResult) -> Figure:
    likeness = "not ranked" if made.likeness is None else f"likeness {made.likeness:.2f}"
    tone = NoteTone.GOOD if made.rank == 1 else NoteTone.PLAIN
    badge = "" if made.rank is None else str(made.rank)
    return Figure(made.picture, likeness, badge, tone, f"seed {made.seed}")
