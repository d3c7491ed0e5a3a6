"""Where tabs and API ask for work: every verb of the app as a job, and what it answers with as plain values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from easyphoto.app import EasyPhoto, TrainingCallbacks
from easyphoto.errors import InputError, NameTaken, TrainerMissing
from easyphoto.geometry import Size
from easyphoto.host.base import HostFacts
from easyphoto.jobs.answers import PhotographAnswer, check_answer, person_answer
from easyphoto.jobs.askers import Requester, asking, the_program
from easyphoto.jobs.bases import check_base
from easyphoto.jobs.context import JobContext
from easyphoto.jobs.own import OwnJobs
from easyphoto.jobs.queue import JobQueue
from easyphoto.jobs.records import Job, JobSubjects
from easyphoto.jobs.sweeping import sweep
from easyphoto.jobs.uploads import Upload, checked_format, find_upload, keep_upload
from easyphoto.persons.deletion import Deletion
from easyphoto.persons.traces import traces_of
from easyphoto.persons.upkeep import Swept
from easyphoto.preprocess.reference import wanted_photo
from easyphoto.preprocess.verdict import Check
from easyphoto.settings import (
    InferenceSettings,
    Options,
    PreprocessSettings,
    TrainSettings,
    settings_record,
)
from easyphoto.storage.files import write_bytes
from easyphoto.training.events import Event, Sample
from easyphoto.workspace.folders import Person, checked_id
from easyphoto.workspace.shipped import shipped_templates

OWN = "own-"


@dataclass(frozen=True)
class TemplateEntry:
    id: str
    title: str
    path: Path
    is_own: bool
    """The user's; the others ship with EasyPhoto."""


@dataclass(frozen=True)
class Service:
    app: EasyPhoto
    queue: JobQueue | OwnJobs
    asking: Callable[[], Requester] = the_program

    def for_clients(self) -> Service:
        """The service that tabs and routes work at: jobs and uploads are those of whoever asks just then.

        Persons and templates are everybody's.
        """
        if isinstance(self.queue, OwnJobs):
            return self
        return replace(self, queue=OwnJobs(self.queue, asking), asking=asking)

    def keep(self, name: str, content: bytes) -> Upload:
        """Take a picture in. Raises BadPicture, and DiskFailure where the workspace was taken away."""
        self.app.workspace.check_there()
        return keep_upload(self.app.workspace, name, content, self.asking())

    def upload(self, name: str) -> Upload:
        """Raises InputError where there is none of that name, or somebody else brought it."""
        return find_upload(self.app.workspace, name, self.asking())

    def check(
        self,
        photos: Sequence[Path],
        preprocess: PreprocessSettings | None = None,
        *,
        chosen_faces: Mapping[str, int] | None = None,
        reference: str | None = None,
        options: Options | None = None,
    ) -> Job:
        """Raises BadReference where `reference` is none of the photos; where it is not kept, the job says so."""
        preprocess, chosen = preprocess or PreprocessSettings(), dict(chosen_faces or {})
        app, wanted = self._app(options), wanted_photo(photos, reference)

        def work(context: JobContext) -> Mapping[str, Any]:
            found = app.check(photos, preprocess, chosen_faces=chosen, reference=wanted, progress=context)
            return check_answer(found, context)

        request = {
            "photos": names_of(photos),
            "preprocess": settings_record(preprocess),
            "chosen_faces": chosen,
            "reference": wanted,
        }
        return self.queue.submit(
            "check", f"check {len(photos)} photos", work, request=request, subject=self._subject((), photos)
        )

    def train(
        self,
        name: str,
        photos: Sequence[Path],
        *,
        settings: TrainSettings | None = None,
        preprocess: PreprocessSettings | None = None,
        chosen_faces: Mapping[str, int] | None = None,
        reference: str | None = None,
        options: Options | None = None,
    ) -> Job:
        """The trainer's environment is made first, where the host needs one and has none. `reference` as in `check`."""
        id, settings = checked_id(name), settings or TrainSettings()
        preprocess, chosen = preprocess or PreprocessSettings(), dict(chosen_faces or {})
        app, wanted = self._app(options), wanted_photo(photos, reference)
        # A deletion of somebody of that name that was cut off must not hit who comes now.
        app.settle((id,))

        def work(context: JobContext) -> Mapping[str, Any]:
            ready_trainer(app, context)
            made = app.train(
                name,
                photos,
                settings=settings,
                preprocess=preprocess,
                chosen_faces=chosen,
                reference=wanted,
                progress=context,
                watch=watch_of(context),
            )
            return person_answer(made, context)

        request = {
            "name": name,
            "photos": names_of(photos),
            "settings": settings_record(settings),
            "preprocess": settings_record(preprocess),
            "chosen_faces": chosen,
            "reference": wanted,
            "options": options_record(options),
        }
        return self.queue.submit("train", f"train {name}", work, request=request, subject=self._subject((id,), photos))

    def resume(self, run: str, *, options: Options | None = None) -> Job:
        """Go on with a training that was cancelled or cut off. Raises InputError where there is no such run.

        With accounts it must be one's own, because its pictures are shown as it goes on.
        """
        app, folder = self._app(options), self.app.workspace.run_folder(run)
        if self.asking().account is not None and all(job.run != run for job in self.queue.list()):
            raise InputError(f"There is no run {run!r} of yours.", advice="Who began it can resume it.")

        def work(context: JobContext) -> Mapping[str, Any]:
            ready_trainer(app, context)
            return person_answer(app.resume(folder.name, progress=context, watch=watch_of(context)), context)

        whose = self.app.trained_in(run)
        return self.queue.submit("resume", f"resume {whose}", work, request={"run": run}, subject=JobSubjects((whose,)))

    def photograph(
        self,
        names: Sequence[str],
        templates: Sequence[Path],
        *,
        settings: InferenceSettings | None = None,
        assignments: Sequence[Sequence[int] | None] | None = None,
        options: Options | None = None,
    ) -> Job:
        """`assignments`: for each template, which of its faces (from the left, 0 first) each person takes."""
        settings, app = settings or InferenceSettings(), self._app(options)
        ids = tuple(self.app.workspace.person(name).id for name in names)
        seats = zip(templates, assignments, strict=True) if assignments else ()
        wanted = {template: tuple(faces) for template, faces in seats if faces is not None}

        def work(context: JobContext) -> Mapping[str, Any]:
            answer = PhotographAnswer(context)
            made = app.photograph(
                ids, templates, settings=settings, assignments=wanted, progress=context, finished=answer.add
            )
            return answer.of(made)

        request = {
            "persons": list(ids),
            "templates": names_of(templates),
            "assignments": [list(wanted[template]) if template in wanted else None for template in templates],
            "settings": settings_record(settings),
            "options": options_record(options),
        }
        title = f"photograph {' and '.join(names)}"
        return self.queue.submit("photograph", title, work, request=request, subject=JobSubjects(ids))

    def make_template(
        self,
        name: str,
        prompt: str,
        *,
        negative: str = "",
        size: Size | None = None,
        seed: int = 0,
        steps: int = 30,
        options: Options | None = None,
    ) -> Job:
        """Draw a template from words; it becomes one of the user's own."""
        app, size = self._app(options), size or Size(512, 640)

        def work(context: JobContext) -> Mapping[str, Any]:
            file = app.draw_template(
                name, prompt, negative=negative, size=size, seed=seed, steps=steps, progress=context
            )
            return {"template": f"{OWN}{file.stem}", "file": context.hand_out(file.name, file)}

        request = {"name": name, "prompt": prompt, "negative": negative, "size": [size.width, size.height]}
        return self.queue.submit("template", f"draw {name}", work, request={**request, "seed": seed, "steps": steps})

    def setup(self) -> Job:
        """Make the environment that trains beside a web UI."""
        app = self.app

        def work(context: JobContext) -> Mapping[str, Any]:
            return {"versions": app.make_trainer(context)}

        return self.queue.submit("setup", "set up the trainer", work, request={})

    def delete(self, name: str) -> Deletion:
        """As `app.delete`; jobs of theirs are cancelled, and no new one is taken meanwhile."""
        workspace, id = self.app.workspace, checked_id(name)
        uploads = tuple(file.name for file in traces_of(workspace, id).uploads)
        with self.queue.held_back(JobSubjects((id,), uploads), stop=True):
            found = self.app.delete(id)
        self.queue.drop_missing()
        return found

    def sweep(self) -> Swept:
        """As `app.sweep`, and what nobody came back for."""
        swept = self.app.sweep()
        # Whoever asks: what another one's job names is not nobody's.
        queue = self.queue.everybody if isinstance(self.queue, OwnJobs) else self.queue
        return replace(swept, gone=(*swept.gone, *sweep(self.app.workspace, queue.list())))

    def rename(self, name: str, new_name: str, *, new_id: str | None = None) -> Person:
        """As `app.rename`. Raises HostBusy while a job of theirs, or of who has the new id, is not over."""
        id = self.app.workspace.person(name).id
        ids = (id,) if new_id is None else (id, checked_id(new_id))
        with self.queue.held_back(JobSubjects(ids)):
            return self.app.rename(id, new_name, new_id=new_id)

    def templates(self) -> tuple[TemplateEntry, ...]:
        """Those that ship, then the user's own."""
        shipped = [TemplateEntry(one.file.stem, one.title, one.file, False) for one in shipped_templates()]
        own = [TemplateEntry(f"{OWN}{file.stem}", file.stem, file, True) for file in self.app.own_templates()]
        return (*shipped, *own)

    def template(self, id: str) -> TemplateEntry:
        """Raises InputError."""
        found = next((entry for entry in self.templates() if entry.id == id), None)
        if found is None:
            raise InputError(f"There is no template {id!r}.", advice="List the templates, or upload one.")
        return found

    def add_template(self, name: str, content: bytes) -> TemplateEntry:
        """One of the user's own from a picture. Raises BadPicture, BadName and NameTaken."""
        id, suffix = checked_id(name), checked_format(name, content)
        # Results are named after their template, so the shipped ones' names are taken as well.
        # And without case, because some disks have none: Anna.png would be replaced by anna.png.
        if any(entry.path.stem.lower() == id for entry in self.templates()):
            raise NameTaken(f"There is already a template {id!r}.", advice="Choose another name.")
        write_bytes(self.app.workspace.templates / f"{id}{suffix}", content)
        return self.template(f"{OWN}{id}")

    def delete_template(self, id: str) -> Path:
        """Raises InputError for one that ships, or that does not exist."""
        entry = self.template(id)
        if not entry.is_own:
            raise InputError(f"{entry.title!r} ships with EasyPhoto.", advice="Only your own templates can be deleted.")
        # Two may ask at once.
        entry.path.unlink(missing_ok=True)
        return entry.path

    def facts(self) -> HostFacts:
        return self.app.host.facts()

    def _app(self, options: Options | None) -> EasyPhoto:
        # On a page that only this machine's user reaches a path is welcome; routes have refused it before.
        if options and options.base is not None and isinstance(self.queue, OwnJobs) and not self.facts().is_local:
            check_base(options.base, self.facts().checkpoints)
        return self.app.with_options(options)

    def _subject(self, persons: tuple[str, ...], photos: Sequence[Path]) -> JobSubjects:
        uploads = self.app.workspace.uploads
        return JobSubjects(persons, tuple(photo.name for photo in photos if photo.parent == uploads))


def ready_trainer(app: EasyPhoto, context: JobContext) -> None:
    """Make what trains, where it is missing."""
    try:
        app.host.trainer(app.workspace)
    except TrainerMissing:
        context.note("The environment that trains was made first; the next training starts at once.")
        app.make_trainer(context)


def watch_of(context: JobContext) -> TrainingCallbacks:
    def heard(event: Event) -> None:
        if isinstance(event, Sample):
            context.show_file(f"sample-{event.step:06d}-{event.template:02d}.png", Path(event.path))
        context.tell_training(event)

    def checked(check: Check) -> None:
        context.tell("verdicts", check_answer(check, context))
        for note in check.notes:
            context.note(note)

    return TrainingCallbacks(
        checked=checked,
        started=context.begin_run,
        event=heard,
    )


def options_record(options: Options | None) -> dict[str, Any]:
    """For clients: where the host lies is the owner's business."""
    record = asdict(options or Options())
    del record["weights"]["webui"]
    return record


def names_of(files: Sequence[Path]) -> list[str]:
    return [file.name for file in files]
