"""The data behind the Photograph tab's form: the choices of persons and templates, and the chosen plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from easyphoto.commands.engines import domain_of
from easyphoto.commands.photograph import PhotographPersons
from easyphoto.commands.templates import TemplateEntry
from easyphoto.errors import EasyPhotoError, InputError
from easyphoto.jobs.records import Job
from easyphoto.jobs.service import Service
from easyphoto.messages import text
from easyphoto.persons.folder import base_of, recorded_domain, shared_domain
from easyphoto.settings.drawing import DrawingSettings
from easyphoto.settings.inference import InferenceSettings
from easyphoto.settings.options import AUTO, Options
from easyphoto.ui.assignments import TemplateAssignment, assigned, photograph_requests
from easyphoto.ui.language import Translator
from easyphoto.ui.naming import told_apart
from easyphoto.ui.picture_choice import Pick
from easyphoto.ui.template_faces import Found, TemplateFaces
from easyphoto.workspace.person_record import Person

UPLOAD = "upload-"


@dataclass(frozen=True)
class PhotographPlan:
    """The persons and templates of one visitor's page."""

    persons: tuple[str, ...] = ()
    templates: tuple[str, ...] = ()
    uploads: tuple[str, ...] = ()
    """Names of uploads among the templates."""
    assignments: tuple[TemplateAssignment, ...] = ()
    options: Options = field(default_factory=Options)

    @classmethod
    def of(cls, value: object) -> PhotographPlan:
        return value if isinstance(value, PhotographPlan) else cls()


@dataclass(frozen=True)
class Choosing:
    """The current choices."""

    service: Service
    words: Translator
    faces: TemplateFaces = field(default_factory=TemplateFaces)

    def persons(self) -> tuple[Person, ...]:
        """Return the persons who can be photographed."""
        listed = self.service.app.workspace.list_persons()
        return tuple(person for person in listed if person.is_ready and person.shows_face)

    def person_picks(self) -> list[Pick]:
        persons = self.persons()
        names = told_apart(persons)
        return [Pick(person.id, names[person.id], photo_of(self.service, person)) for person in persons]

    def templates(self, uploads: Sequence[str]) -> Mapping[str, TemplateEntry]:
        """Return the templates by id: those of the service, then the uploads that still exist."""
        entries = [
            *self.service.templates(),
            *(entry for name in uploads if (entry := upload_entry(self.service, name))),
        ]
        return {entry.id: entry for entry in entries}

    def template_picks(self, uploads: Sequence[str]) -> list[Pick]:
        entries = self.templates(uploads).values()
        return [Pick(entry.id, self.words.translate(entry.title), entry.path) for entry in entries]

    def titles(self) -> Mapping[str, str]:
        """Return the templates' titles by the stems of their files."""
        return {entry.path.stem: self.words.translate(entry.title) for entry in self.service.templates()}

    def found(self, plan: PhotographPlan) -> Mapping[str, Found]:
        """Return the faces of the plan's templates, in order, numbered as a photograph of its persons numbers them."""
        entries, app = self.templates(plan.uploads), self.service.app.with_options(plan.options)
        there = [entries[id] for id in plan.templates if id in entries]
        return self.faces.all_of(there, app, self.domain(plan.persons))

    def planned(self, plan: PhotographPlan, *, with_covered: bool = False) -> PhotographPlan:
        """Assign all persons anew, except where faces were assigned by hand."""
        there = [person.id for person in self.persons()]
        persons = tuple(id for id in plan.persons if id in there)
        family, found = self.family(persons), self.found(replace(plan, persons=persons))
        faces = {id: one.offer(family, with_covered=with_covered) for id, one in found.items()}
        return replace(
            plan, persons=persons, templates=tuple(faces), assignments=assigned(persons, faces, plan.assignments)
        )

    def domain(self, persons: Sequence[str]) -> str | None:
        """Return the domain of the persons' photos; None if they differ or cannot be told, which their job will report.

        With None each template is analysed in its own domain.
        """
        with suppress(EasyPhotoError):
            return domain_of(self.service.app, persons)
        return None

    def family(self, persons: Sequence[str]) -> str | None:
        return self.service.app.workspace.person(persons[0]).family if persons else None

    def ask(self, plan: PhotographPlan, settings: InferenceSettings) -> tuple[Job, ...]:
        """Submit one job for each group of templates with the same persons. Raises InputError."""
        groups = photograph_requests(
            (self.planned(plan, with_covered=True) if settings.paint_covered else plan).assignments
        )
        if not groups:
            raise InputError(
                text("Nobody is assigned to a face."),
                advice=text("Choose a person and a template with a face for them."),
            )
        for group in groups:
            self._check_bases(group.persons, plan.options)
            self._check_domains(group.persons, plan.options)
        entries = self.templates(plan.uploads)
        return tuple(
            self.service.submit(
                PhotographPersons(
                    persons=group.persons,
                    templates=tuple(entries[id].path for id in group.templates),
                    assignments=group.assignments,
                    settings=settings,
                    options=plan.options,
                )
            )
            for group in groups
        )

    def ask_drawn(
        self, plan: PhotographPlan, settings: InferenceSettings, drawing: DrawingSettings, pose: Path | None
    ) -> tuple[Job, ...]:
        """Submit a job that draws its templates from the words of `settings`. Raises InputError."""
        self._check_bases(plan.persons, plan.options)
        self._check_domains(plan.persons, plan.options)
        command = PhotographPersons(
            persons=plan.persons, settings=settings, options=plan.options, drawing=drawing, pose_picture=pose
        )
        return (self.service.submit(command),)

    def _check_bases(self, asked: Sequence[str], options: Options) -> None:
        """Check at once instead of in the job's turn."""
        workspace = self.service.app.workspace
        bases = {base_of(workspace, workspace.person(id)) for id in asked}
        if options.base is None and len(bases) > 1:
            raise InputError(
                text("{names} were trained on different base checkpoints.", names=", ".join(dict.fromkeys(asked))),
                advice=text("Photograph them one at a time, or choose a checkpoint for all of them."),
            )

    def _check_domains(self, asked: Sequence[str], options: Options) -> None:
        """Check at once, as far as domains are recorded; the job determines the others."""
        persons = [self.service.app.workspace.person(id) for id in asked]
        names = told_apart(persons)
        known = {names[person.id]: domain for person in persons if (domain := recorded_domain(person))}
        if options.engine == AUTO and known:
            shared_domain(known)


def photo_of(service: Service, person: Person) -> Path | None:
    """Return what people know the person by: their reference photo, else another photo, else their portrait.

    A portrait is painted, and must not stand for the person whom the next one is compared with.
    """
    return _first_there(service, person, person.reference, *person.photos, person.portrait)


def portrait_of(service: Service, person: Person) -> Path | None:
    """Return the person's picture: their portrait, else their reference photo, else the first photo."""
    return _first_there(service, person, person.portrait, person.reference, *person.photos[:1])


def own_photo(service: Service, person: Person) -> Path | None:
    """Return the person's reference photo, or their first photo: never a picture that was made."""
    return _first_there(service, person, person.reference, *person.photos[:1])


def _first_there(service: Service, person: Person, *names: str | None) -> Path | None:
    folder = service.app.workspace.person_folder(person.id)
    found = (folder / name for name in names if name)
    return next((file for file in found if file.is_file()), None)


def upload_entry(service: Service, name: str) -> TemplateEntry | None:
    """Return an upload as a template; None if it is gone."""
    try:
        upload = service.upload(name)
    except InputError:
        return None
    return TemplateEntry(f"{UPLOAD}{upload.name}", upload.title, upload.path, True)
