"""Chooses the pictures on which a training's checkpoints are judged: for photographs the user's own, where any fit."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from easyphoto.app import EasyPhoto
from easyphoto.architectures.base import Family
from easyphoto.commands.base import Context
from easyphoto.commands.templates import own_templates
from easyphoto.errors import BadPicture
from easyphoto.faces.engine import Domain, FaceEngine
from easyphoto.geometry import Size
from easyphoto.images.pictures import read_picture
from easyphoto.inference.plan import why_untouched
from easyphoto.messages import note
from easyphoto.workspace.shipped import validating_templates

MOST_OWN = 4
"""As many as ship: each costs as much as the training's own test pictures."""


def validation_templates(app: EasyPhoto, engine: FaceEngine, family: Family, context: Context) -> tuple[str, ...]:
    """Return the templates as a run records them: the user's own relative to its folder, those that ship absolute.

    The ones that ship are drawn. What a photographed face becomes on them says little, so that own ones go first.
    """
    if engine.domain is not Domain.PHOTOGRAPHS:
        return _shipped()
    own = tuple(_usable(app, engine, family, context))
    if not own:
        context.note(
            note(
                "validated-on-drawings",
                "The training's test pictures are made on drawn templates: none of your own templates is a "
                "photograph with one face that is large enough. Add some to see how photographs will turn out.",
            )
        )
        return _shipped()
    names = ", ".join(file.name for file in own)
    context.note(
        note("validated-on-own", "The training's test pictures are made on your own templates: {names}.", names=names)
    )
    # Relative, because a workspace may be moved between a training and its resumption.
    runs = app.workspace.runs / "any"
    return tuple(Path(os.path.relpath(file, runs)).as_posix() for file in own)


def _usable(app: EasyPhoto, engine: FaceEngine, family: Family, context: Context) -> Iterator[Path]:
    """Yield the first own templates that show one whole face of the engine's kind."""
    found = 0
    for file in own_templates(app.workspace):
        context.check()
        if found < MOST_OWN and _fits(file, engine, family):
            found += 1
            yield file


def _fits(file: Path, engine: FaceEngine, family: Family) -> bool:
    from easyphoto.training.validate import LONGEST_TEMPLATE  # imports torch

    try:
        picture = read_picture(file, longest=LONGEST_TEMPLATE)
    except BadPicture:
        return False
    faces = engine.detect(picture)
    if len(faces) != 1 or engine.remarks(picture, faces[0]):
        return False
    return why_untouched(faces[0], Size.of(picture), family) is None and engine.covering(picture, faces[0]) is None


def _shipped() -> tuple[str, ...]:
    return tuple(str(template) for template in validating_templates())
