"""Turns a template and subjects into finished photographs: the table of contents of inference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from PIL import Image

from easyphoto import __version__
from easyphoto.architectures.base import Family
from easyphoto.faces.engine import Face
from easyphoto.geometry import Size
from easyphoto.images.pictures import resized_mask
from easyphoto.inference.drawn_alone import without_drawn_alone
from easyphoto.inference.finish import likenesses, ranked
from easyphoto.inference.identities.registry import identity_records
from easyphoto.inference.passes import sampler_preset
from easyphoto.inference.plan import assigned_faces, from_the_left
from easyphoto.inference.prepare import coverings, part_maps, prepared, subject_of
from easyphoto.inference.refine import unmet
from easyphoto.inference.results import Photograph, Photographs, Stage, Stopwatch
from easyphoto.inference.session import PhotographSession, PipelineModels
from easyphoto.inference.shot import Shot, painted_shots
from easyphoto.inference.subject import Subject
from easyphoto.settings.declarations import settings_record
from easyphoto.settings.inference import InferenceSettings


def photograph(
    template: Image.Image,
    subjects: Sequence[Subject],
    settings: InferenceSettings,
    family: Family,
    tools: PipelineModels,
    *,
    assignment: Sequence[int] | None = None,
) -> Photographs:
    """Put the subjects' faces on the template, `settings.count` times, best first.

    Arguments and errors are those of `opened_session`; raises what the backend raises as well.
    """
    session = opened_session(template, subjects, settings, family, tools, assignment=assignment)
    return together(session, [*photographs(session)])


def opened_session(
    template: Image.Image,
    subjects: Sequence[Subject],
    settings: InferenceSettings,
    family: Family,
    tools: PipelineModels,
    *,
    assignment: Sequence[int] | None = None,
    found: Sequence[Face] | None = None,
) -> PhotographSession:
    """Do all that comes before the passes, and is the same for every seed.

    Subjects take the largest, surest faces, from left to right; an `assignment` instead gives subject i the face
    `assignment[i]`, counted from the left from 0. `found` are the template's faces where they are known; None looks for
    them. Raises NoFaceFound and InputError.
    """
    # Not a copy, because an engine knows again what it has seen by the picture object.
    template, clock = template if template.mode == "RGB" else template.convert("RGB"), Stopwatch()
    with clock.timed("faces"):
        faces = from_the_left(tools.engine.detect(template) if found is None else found)
        covered = () if settings.paint_covered else coverings(template, faces, tools.engine)
        seats, notes = assigned_faces(
            len(subjects), faces, Size.of(template), family, assignment=assignment, covered=covered
        )
        maps, map_notes = part_maps(template, faces, tools.engine)
    with clock.timed("guides"):
        capabilities = tools.backend.capabilities()
        pace, pace_notes = sampler_preset(settings, family, capabilities, tools.few_steps)
        setups = [
            prepared(
                template, faces, maps, seat.face, subject_of(subjects[seat.subject], tools.engine),
                settings=settings, family=family, capabilities=capabilities,
                exact=tools.engine.outlines_at(template, faces[seat.face]), fuser=tools.fuser,
            )
            for seat in seats
        ]  # fmt: skip
        left, alone_notes = without_drawn_alone(template, faces, setups, tools.engine, settings, family)
    return PhotographSession(
        template,
        faces,
        left,
        settings,
        family,
        tools,
        capabilities=capabilities,
        pace=pace.with_loras(tools.scenes),
        notes=(*notes, *map_notes, *alone_notes),
        picture_notes=(*pace_notes, *unmet(settings, tools.finisher, tools.fuser, tools.engine.domain)),
        clock=clock,
    )


def photographs(session: PhotographSession) -> Iterator[Photograph]:
    """The photographs in the order of their seeds, each as soon as it is finished.

    The passes of several are painted together, as many as the backend can use. Raises what the backend raises.
    """

    def painted(numbers: Sequence[int]) -> list[Shot]:
        return painted_shots(session, session.seeds(numbers))

    for shot in session.painter.batches(session.settings.count, session.at_a_time, painted):
        yield _finished(session, shot)


def together(session: PhotographSession, results: Sequence[Photograph]) -> Photographs:
    """All photographs of the session, best first."""
    best_first, notes = ranked(results)
    names = tuple((setup.number, setup.subject.subject.name) for setup in session.setups)
    return Photographs(best_first, session.faces, names, (*session.notes, *notes), session.clock.seconds)


def _finished(session: PhotographSession, shot: Shot) -> Photograph:
    image, template = shot.finished(), session.template
    touched = shot.canvas.touched
    mask = resized_mask(touched, Size.of(image)) if image.size != template.size else touched
    with session.clock.timed("likeness"):
        values = likenesses(image, session.setups, session.tools.engine, growth=image.width / template.width)
    account = shot.account
    stages = Stage("template", template), *account.stages, Stage("result", image)
    of_faces = (note for setup in session.setups for note in (*setup.subject.notes, *setup.notes))
    notes = dict.fromkeys((*session.picture_notes, *of_faces, *account.notes))
    return Photograph(image, shot.seed, values, stages, tuple(notes), mask, made_by_record(session, account.applied))


def made_by_record(session: PhotographSession, applied: list[dict[str, Any]]) -> dict[str, Any]:
    """Plain values that say what made a picture."""
    subjects = ((setup.number, setup.subject.subject) for setup in session.setups)
    seats = [
        {"face": number, "sitter": subject.name, **identity_records(subject.identities, session.settings)}
        for number, subject in subjects
    ]
    return {
        "easyphoto": __version__,
        "family": session.family.id,
        "settings": settings_record(session.settings),
        "trigger": session.family.trigger,
        "seats": seats,
        "passes": applied,
        "engine": session.tools.engine.id,
        "embedder": session.tools.engine.embedder,
        "weights": [asdict(used) for used in session.tools.weights],
    }
