"""Previews of styles: drawn by the model at hand, kept as that model's, and never made up."""

from __future__ import annotations

import json

import pytest

from easyphoto.commands.base import NullContext
from easyphoto.commands.draw_style_previews import LONGEST, SEED, DrawStylePreviews
from easyphoto.commands.styles import drawn_with
from easyphoto.errors import MissingCapability, UnknownStyle, WrongFamily
from easyphoto.host.base import ThisMachine
from easyphoto.images.pictures import picture_record, read_picture
from easyphoto.settings.options import Options
from easyphoto.workspace.styles import all_styles, style_named
from tests.fakes import FakeBackend, RecordingContext


@pytest.fixture
def backend(monkeypatch):
    made = FakeBackend()
    monkeypatch.setattr(ThisMachine, "open_backend", lambda *_: made)
    return made


@pytest.fixture
def own(app):
    """Two styles of the user's own for the miniature; one has a LoRA that is not here."""
    app.workspace.styles.mkdir(parents=True)
    harbour = {"format": 1, "name": "Harbour", "positive": "harbour", "negative": "city", "families": ["miniature"]}
    lost = {**harbour, "name": "Lost", "loras": [{"name": "nowhere", "weight": 0.5}]}
    for name, content in (("harbour", harbour), ("lost", lost)):
        (app.workspace.styles / f"{name}.json").write_text(json.dumps(content))


def test_a_preview_is_drawn_with_the_styles_words_and_says_what_drew_it(app, backend, own):
    made = DrawStylePreviews(("Harbour",)).run(app, NullContext())

    (request,) = backend.requests
    assert "harbour" in request.prompt
    assert "city" in request.negative
    assert (request.seed, request.conditions) == (SEED, ())
    assert list(made.drawn) == ["own-harbour"]
    file = made.drawn["own-harbour"]
    style = style_named(app.workspace, "own-harbour")
    assert style.preview == file
    assert file.parent.parent == app.workspace.styles
    assert max(read_picture(file).size) <= LONGEST
    record = picture_record(file)
    assert (record["style"], record["base"], record["prompt"]) == ("own-harbour", "miniature", request.prompt)
    assert drawn_with(style) == "miniature"


def test_without_names_those_for_the_model_are_drawn_that_it_has_not_drawn_yet(app, backend, own):
    fitting = {style.id for style in all_styles(app.workspace) if style.fits("miniature")}
    drawn_before = {style.id for style in all_styles(app.workspace) if drawn_with(style) == "miniature"}

    first = DrawStylePreviews().run(app, NullContext())
    again = DrawStylePreviews(again=True).run(app, NullContext())

    assert set(first.drawn) == fitting - drawn_before - {"own-lost"}
    assert set(again.drawn) == fitting - {"own-lost"}
    assert DrawStylePreviews().run(app, NullContext()).drawn == {}


def test_what_cannot_be_drawn_is_named_and_the_others_are_drawn(app, backend, own):
    context = RecordingContext()

    made = DrawStylePreviews(("own-lost", "own-harbour")).run(app, context)

    assert list(made.drawn) == ["own-harbour"]
    assert "There is no scene or object 'nowhere'." in made.left_out["own-lost"]
    assert [getattr(note, "code", None) for note in context.notes] == ["preview-not-drawn"]
    assert style_named(app.workspace, "own-lost").preview is None


def test_a_backend_that_cannot_draw_leaves_no_picture(app, backend, own, monkeypatch):
    def refused(request, progress):
        raise MissingCapability("It cannot.")

    monkeypatch.setattr(backend, "generate", refused)

    made = DrawStylePreviews(("own-harbour",)).run(app, NullContext())

    assert (made.drawn, list(made.left_out)) == ({}, ["own-harbour"])
    assert style_named(app.workspace, "own-harbour").preview is None


def test_a_style_for_another_model_is_refused_by_name(app, backend):
    with pytest.raises(WrongFamily, match=r"The style Office is for sd15, sdxl, not for the miniature"):
        DrawStylePreviews(("office",)).run(app, NullContext())
    with pytest.raises(UnknownStyle):
        DrawStylePreviews(("ofice",)).validated(app)


def test_a_size_of_the_style_is_taken(app, backend, own):
    file = app.workspace.styles / "harbour.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "sizes": {"miniature": [160, 128]}}))

    DrawStylePreviews(("own-harbour",), options=Options("miniature")).run(app, NullContext())

    assert (backend.requests[0].size.width, backend.requests[0].size.height) == (160, 128)
