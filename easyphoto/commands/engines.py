"""Which face engine looks at whom, and what it finds on a template."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from easyphoto.app import EasyPhoto
from easyphoto.commands.at_work import at_work
from easyphoto.faces.engine import Face, FaceEngine
from easyphoto.images.pictures import read_picture
from easyphoto.inference.plan import from_the_left
from easyphoto.inference.prepare import coverings
from easyphoto.persons.folder import not_trained, recorded_domain, shared_domain
from easyphoto.progress import NullProgress, Progress
from easyphoto.settings import AUTO
from easyphoto.workspace.folders import Person


def engine_of(app: EasyPhoto, persons: Sequence[Person], progress: Progress) -> FaceEngine:
    """The face engine of what the persons' photos are, whatever a template is. Raises MixedDomains."""
    if app.options.engine != AUTO:
        return app.open_engine(app.options.engine, progress)
    return app.open_engine(str(domain_of(app, [person.id for person in persons], progress)), progress)


def domain_of(app: EasyPhoto, names: Sequence[str], progress: Progress | None = None) -> str | None:
    """What the persons' photos are: `photographs` or `drawings`; None for nobody. Raises MixedDomains."""
    if not names:
        return None
    with at_work(app, names, progress) as watched:
        persons = [app.workspace.person(name) for name in names]
        return shared_domain({person.name: _domain_of(app, person, watched) for person in persons})


def _domain_of(app: EasyPhoto, person: Person, progress: Progress) -> str:
    """As it is recorded. Where it is not, their photos decide, and that is kept."""
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
    """The faces of a template from the left, and what hides each; None: nothing.

    They are numbered as a photograph does for persons of that domain; without one, because nobody is chosen yet, as
    what the template's own faces look like.
    """
    progress = progress or NullProgress()
    with app.at_hand() as app:
        if domain is None or app.options.engine != AUTO:
            engine = app.engine_for((template,), progress)
        else:
            engine = app.open_engine(domain, progress)
        picture = read_picture(template)
        faces = from_the_left(engine.detect(picture))
        return faces, coverings(picture, faces, engine)
