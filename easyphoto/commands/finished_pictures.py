"""Finished pictures: in the colours of their template's file, under a name that is free, as a report needs them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, count
from pathlib import Path

from easyphoto.images.originals import Original
from easyphoto.inference.finish import ranked
from easyphoto.inference.results import Photograph
from easyphoto.messages import Text, note


def in_own_colours(original: Original, made: Photograph, hidden: Text) -> Photograph:
    """Return the picture in the template's own colours, with notes where that shows.

    `hidden` is the note for a picture of which something lies where the template is transparent.
    """
    shown, notes = original.shown(made.image), made.notes
    if made.image.size != original.picture.size and not original.is_plain:
        notes = (
            *notes,
            note(
                "colours-brought-back",
                "The picture was enlarged, so all of it was converted back to the template's colour profile.",
            ),
        )
    if original.hides(made.mask):
        notes = (*notes, hidden)
    stages = tuple(replace(one, image=shown) if one.image is made.image else one for one in made.stages)
    return replace(made, image=shown, stages=stages, notes=notes)


def with_steps_to_report(results: Sequence[Photograph]) -> list[Photograph]:
    """Return the pictures so far, without the steps that no report will show: those of the best and of the first are
    kept, which is shown where nothing ranks them. The steps of 16 pictures would fill the memory.
    """
    best_first, _ = ranked(results)
    needed = results[0], best_first[0]
    return [one if any(one is each for each in needed) else replace(one, stages=()) for one in results]


def free_file(folder: Path, stem: str) -> Path:
    """The PNG of that name in the folder, with a number where there is one already."""
    numbers = (f"-{number}" for number in count(2))
    return next(file for end in chain(("",), numbers) if not (file := folder / f"{stem}{end}.png").exists())
