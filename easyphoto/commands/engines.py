"""Chooses the face engine for persons, and finds the faces of a template."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from easyphoto.app import EasyPhoto
from easyphoto.commands.at_work import at_work
from easyphoto.faces.engine import Face, FaceEngine
from easyphoto.geometry import Size
from easyphoto.images.pictures import read_picture
from easyphoto.inference.plan import from_the_left
from easyphoto.inference.prepare import coverings
from easyphoto.persons.folder import recorded_domain, shared_domain
from easyphoto.persons.scenes import check_face
from easyphoto.persons.subject import not_trained
from easyphoto.preprocess.standing import turned, turned_back, upright_faces
from easyphoto.progress import NullProgress, Progress
from easyphoto.settings.options import AUTO
from easyphoto.workspace.person_record import Person


def engine_of(app: EasyPhoto, persons: Sequence[Person], progress: Progress) -> FaceEngine:
    """Return the face engine for the domain of the persons' photos, whatever the template's. Raises MixedDomains."""
    if app.options.engine != AUTO:
        return app.open_engine(app.options.engine, progress)
    return app.open_engine(str(domain_of(app, [person.id for person in persons], progress)), progress)


def domain_of(app: EasyPhoto, names: Sequence[str], progress: Progress | None = None) -> str | None:
    """Return the domain of the persons' photos, `photographs` or `drawings`; None for nobody.

    Raises MixedDomains, WrongKind.
    """
    if not names:
        return None
    with at_work(app, names, progress) as watched:
        persons = [app.workspace.person(name) for name in names]
        for person in persons:
            check_face(person)
        return shared_domain({person.name: _domain_of(app, person, watched) for person in persons})


def _domain_of(app: EasyPhoto, person: Person, progress: Progress) -> str:
    """Return the recorded domain. If there is none, find it from the person's photos and record it."""
    recorded = recorded_domain(person)
    if recorded is not None:
        return recorded
    if person.reference is None:
        raise not_trained(person)
    folder = app.workspace.person_folder(person.id)
    pictures = [folder / name for name in person.photos or (person.reference,)]
    domain = app.chosen_engine(pictures, progress).domain.value
    app.workspace.save_person(replace(person, domain=domain))
    return domain


def faces_of(
    app: EasyPhoto, template: Path, *, domain: str | None = None, progress: Progress | None = None
) -> tuple[tuple[Face, ...], tuple[str | None, ...]]:
    """Return the faces of a template, and what covers each (None: nothing): from the left where it stands upright.

    They are numbered as a photograph of persons of `domain` numbers them; without one, as for the domain that the
    template's own faces look like.
    """
    progress = progress or NullProgress()
    with app.at_hand() as app:
        if domain is None or app.options.engine != AUTO:
            engine = app.engine_for((template,), progress)
        else:
            engine = app.open_engine(domain, progress)
        picture = read_picture(template)
        rotation, found = upright_faces(picture, engine)
        faces, upright = from_the_left(found), turned(picture, rotation)
        covered = coverings(upright, faces, engine)
        return tuple(turned_back(face, rotation, Size.of(upright)) for face in faces), covered
