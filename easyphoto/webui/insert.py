"""Puts a person into a picture that the host has just painted, while the host's queue is held for that picture."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import Any

from PIL import Image

from easyphoto.app import EasyPhoto
from easyphoto.architectures.registry import family_named
from easyphoto.commands.at_work import at_work
from easyphoto.commands.engines import engine_of
from easyphoto.commands.photograph_series import open_models
from easyphoto.errors import MissingCapability, NoFaceFound
from easyphoto.geometry import Size
from easyphoto.inference.ai_label import with_label
from easyphoto.inference.pipeline import photograph
from easyphoto.inference.results import Photograph
from easyphoto.messages import text
from easyphoto.persons.subject import subject_from
from easyphoto.webui.host import WebuiHost
from easyphoto.webui.host_modules import host_module
from easyphoto.webui.script_isolation import isolated
from easyphoto.webui.script_request import ScriptRequest
from easyphoto.workspace.person_record import Person


def put_into(app: EasyPhoto, p: Any, picture: Image.Image, wanted: ScriptRequest) -> Photograph:
    """Return the best result, with all notes; `picture` itself is not changed.

    `p` is the host's job of the picture. Of several faces the person takes the largest, most certain one. Raises
    EasyPhotoError, and Cancelled if the host's user has pressed Interrupt.
    """
    person = app.workspace.person(wanted.person)
    settings, family = wanted.seeded(seed_of(p)), family_named(person.family)
    with at_work(app, (person.id,)) as progress, isolated(p):
        engine = engine_of(app, [person], progress)
        # Before the networks, so that a person who is not trained yet is reported at once.
        subject = subject_from(
            app.workspace, person, engine,
            settings=settings, store=app.store, progress=progress, models=app.models,
        )  # fmt: skip
        models = open_models(
            replace(app, host=WebuiHost(nullcontext())), painted_with(person), family, engine, settings, progress
        )
        try:
            made = photograph(picture, [subject], settings, family.at(settings.resolution), models)
        except NoFaceFound as error:
            raise without_template(error) from None
        best = with_label(made.best, made.faces, Size.of(picture)) if settings.ai_label else made.best
        # Notes on unchanged faces belong to the picture, not to one result.
        return replace(best, notes=(*made.notes, *best.notes))


def without_template(error: NoFaceFound) -> NoFaceFound:
    """Return the error in words of the picture that was generated: who uses the fold has chosen no template."""
    reasons = error.message.values.get("reasons")
    if reasons is None:
        return NoFaceFound(
            text("There is no face in the generated picture."),
            advice=text("Ask for a person in the prompt, close enough for the face to be clearly visible."),
        )
    return NoFaceFound(
        text("No face in the generated picture is suitable ({reasons}).", reasons=reasons),
        advice=text("Generate another, with a larger face that looks at the viewer."),
    )


def painted_with(person: Person) -> str:
    """Return the checkpoint of the outer picture, whatever the person was trained on."""
    if family_named(person.family).ships:
        return person.family
    chosen = host_module("sd_models").select_checkpoint()
    if chosen is None:
        raise MissingCapability(
            text("The web UI has no checkpoint."), advice=text("Choose one at the top of its page.")
        )
    return str(chosen.title)


def seed_of(p: Any) -> int:
    """Return the seed of the picture that the host is painting."""
    seeds = getattr(p, "seeds", None) or getattr(p, "all_seeds", None) or [0]
    number = getattr(p, "batch_index", 0)
    return int(seeds[number if number < len(seeds) else 0])
