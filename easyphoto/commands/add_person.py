"""Adds a person without a training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from easyphoto.commands.base import Command, Context, Subjects, described, uploads_among
from easyphoto.commands.check import NAME, REFERENCE, CheckPhotos
from easyphoto.errors import NameTaken
from easyphoto.messages import text
from easyphoto.settings.options import Options
from easyphoto.settings.training import PreprocessSettings

if TYPE_CHECKING:
    from easyphoto.app import EasyPhoto
    from easyphoto.preprocess.verdict import Check
    from easyphoto.workspace.folders import Workspace
    from easyphoto.workspace.person_record import Person


@dataclass(frozen=True)
class AddedPerson:
    person: Person
    check: Check


@dataclass(frozen=True)
class AddPerson(Command):
    """Keep a person's best photos, in seconds. A training later makes a trained person of the same one."""

    kind: ClassVar[str] = "add"
    name: str = field(metadata=described(NAME, least=1, most=200))
    photos: tuple[Path, ...]
    chosen_faces: Mapping[str, int] = field(default_factory=dict)
    """File name → number of the face, from 1."""
    reference: str | None = field(default=None, metadata=described(REFERENCE, least=1, most=255))
    """Its file name."""
    preprocess: PreprocessSettings = field(default_factory=PreprocessSettings)
    options: Options | None = None

    @property
    def title(self) -> str:
        return text("add {name}", name=self.name)

    def subjects(self, workspace: Workspace) -> Subjects:
        return Subjects((workspace.id_of(self.name),), uploads_among(self.photos, workspace))

    @property
    def check(self) -> CheckPhotos:
        """The check that decides which photos are kept."""
        return CheckPhotos(self.photos, self.chosen_faces, self.reference, self.preprocess)

    def validated(self, app: EasyPhoto) -> AddPerson:
        """Raises BadName, NameTaken, BadReference, and RunBusy while a person of that name is being deleted."""
        from easyphoto.commands.at_work import settle

        id, check = app.workspace.id_of(self.name), self.check.validated(app)
        settle(app, (id,))
        _refuse_taken(app, id)
        return replace(self, reference=check.reference)

    def run(self, app: EasyPhoto, context: Context) -> AddedPerson:
        """Raises TooFewPhotos if no photo is kept, NameTaken if there is a person of that name."""
        from easyphoto.backends.shipped_base import recorded_base
        from easyphoto.commands.at_work import at_work
        from easyphoto.commands.judging import judged_photos
        from easyphoto.persons.folder import STAGING, place_person
        from easyphoto.persons.photos import write_photos
        from easyphoto.storage.files import make_folder
        from easyphoto.storage.scratch import held_folder

        app, id = app.with_options(self.options), app.workspace.id_of(self.name)
        with at_work(app, (id,), context, known=False) as progress:
            _refuse_taken(app, id)
            family, base = app.base_model()
            check, engine = judged_photos(app, self.check, family, context, progress)
            with held_folder(app.workspace.arriving) as held:
                staging = make_folder(held / STAGING)
                person = write_photos(
                    check, engine, family, self.preprocess,
                    id=id, name=self.name.strip(), staging=staging, progress=progress,
                )  # fmt: skip
                person = replace(person, base=recorded_base(str(base)), notes=(*check.notes, *person.notes))
                place_person(app.workspace, person, staging, replaces=False)
        return AddedPerson(person, check)


def _refuse_taken(app: EasyPhoto, id: str) -> None:
    if app.workspace.person_folder(id).exists():
        raise NameTaken(
            text("There is already a person {name!r}.", name=id),
            advice=text("Train them again with these photos, or rename or delete them first."),
        )
