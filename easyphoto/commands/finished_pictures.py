"""Finished pictures: in the colours of their template's file, under a name that is free."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain, count
from pathlib import Path

from easyphoto.images.originals import Original
from easyphoto.inference.results import Photograph, Photographs
from easyphoto.messages import Text, note


def in_own_colours(original: Original, found: Photographs, hidden: Text) -> Photographs:
    """Return the results in the template's own colours, with notes on the conversion.

    `hidden` is the note for a result of which something lies where the template is transparent.
    """
    results = tuple(_as_shown(original, one, hidden) for one in found.results)
    return replace(found, results=results, notes=(*original.notes, *found.notes))


def free_file(folder: Path, stem: str) -> Path:
    """The PNG of that name in the folder, with a number where there is one already."""
    numbers = (f"-{number}" for number in count(2))
    return next(file for end in chain(("",), numbers) if not (file := folder / f"{stem}{end}.png").exists())


def _as_shown(original: Original, made: Photograph, hidden: Text) -> Photograph:
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
