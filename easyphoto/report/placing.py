"""The section of a report on an object in a template: template, mask, passes, result."""

from __future__ import annotations

from PIL import Image

from easyphoto.inference.results import Photographs
from easyphoto.report.parts import Bars, Figure, Gallery, Notes, NoteTone, Part, Section, on_page
from easyphoto.report.session import SIDE, steps_of


def placing_section(title: str, template: Image.Image, made: Photographs, name: str) -> Section:
    """Return everything that happened to the template, in the order of the seeds."""
    several = len(made.results) > 1
    shown = (
        Figure(on_page(template, SIDE), "template"),
        *(
            Figure(
                on_page(one.image, SIDE),
                f"result {number}" if several else "result",
                tone=NoteTone.PLAIN,
                detail=f"seed {one.seed}",
            )
            for number, one in enumerate(made.results, start=1)
        ),
    )
    parts: list[Part] = [Gallery(shown, side=SIDE), *steps_of(made.results[0], "place")]
    if made.seconds:
        parts.append(Bars("Time per phase", tuple(made.seconds.items())))
    notes = tuple(dict.fromkeys((*made.notes, *(note for one in made.results for note in one.notes))))
    parts += [Notes(notes)] if notes else []
    return Section(title, tuple(parts), f"{name}, painted where the mask is.")
