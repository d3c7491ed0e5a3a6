"""A training on photographs is judged on the user's own photographs, where any fit; otherwise on what ships."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from easyphoto.architectures.registry import FAMILIES
from easyphoto.commands.validation import validation_templates
from easyphoto.faces.engine import Domain, covering_of
from easyphoto.geometry import Box
from easyphoto.training.run import RunFolder
from easyphoto.workspace.shipped import validating_templates
from tests.fakes import FakeEngine, RecordingContext, face_at

FAMILY = FAMILIES.from_files[0]
SHIPPED = tuple(str(file) for file in validating_templates())
MIDDLE = face_at(Box(128, 128, 384, 384))


def put(app, name: str) -> Path:
    file = app.workspace.templates / name
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((512, 512, 3), 120, np.uint8)).save(file)
    return file


def photographs(**facts) -> FakeEngine:
    return FakeEngine(domain=Domain.PHOTOGRAPHS, **facts)


def test_photographs_are_judged_on_the_users_own_and_the_note_names_them(app):
    beach, wood = put(app, "beach.png"), put(app, "wood.png")
    context = RecordingContext()

    found = validation_templates(app, photographs(), FAMILY, context)

    assert found == ("../../templates/beach.png", "../../templates/wood.png")
    folder = RunFolder(app.workspace.runs / "20260101T000000Z-anna")
    assert [os.path.normpath(folder.path(path)) for path in found] == [str(beach), str(wood)]
    assert context.notes == ["The training's test pictures are made on your own templates: beach.png, wood.png."]


def test_at_most_as_many_as_ship_are_taken(app):
    for number in range(6):
        put(app, f"{number}.png")

    assert len(validation_templates(app, photographs(), FAMILY, RecordingContext())) == len(SHIPPED) == 4


@pytest.mark.parametrize(
    "engine",
    [
        photographs(faces=()),
        photographs(faces=(MIDDLE, face_at(Box(10, 10, 100, 100)))),
        photographs(faces=(face_at(Box(10, 10, 40, 40)),)),
        photographs(faces=(face_at(Box(-100, 128, 156, 384)),)),
        photographs(faces=(MIDDLE,), covered=((MIDDLE.box, covering_of(True, True, False)),)),
    ],
    ids=["no face", "two faces", "too small", "cut", "covered"],
)
def test_without_a_photograph_that_fits_it_is_what_ships_and_the_note_says_what_would_be_better(app, engine):
    put(app, "beach.png")
    context = RecordingContext()

    assert validation_templates(app, engine, FAMILY, context) == SHIPPED
    (said,) = context.notes
    assert getattr(said, "code", "") == "validated-on-drawings"


def test_a_template_of_the_other_kind_is_left_out(app, monkeypatch):
    put(app, "drawn.png")
    monkeypatch.setattr(FakeEngine, "remarks", lambda self, picture, face: ("looks drawn",))

    assert validation_templates(app, photographs(), FAMILY, RecordingContext()) == SHIPPED


def test_a_file_that_is_no_picture_is_left_out(app):
    put(app, "beach.png")
    (app.workspace.templates / "a.png").write_bytes(b"no picture")

    assert validation_templates(app, photographs(), FAMILY, RecordingContext()) == ("../../templates/beach.png",)


def test_drawings_are_judged_as_before_and_nothing_is_said(app):
    put(app, "beach.png")
    context = RecordingContext()

    assert validation_templates(app, FakeEngine(), FAMILY, context) == SHIPPED
    assert context.notes == []
