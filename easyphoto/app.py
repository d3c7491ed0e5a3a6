"""The verbs: check, train, resume, photograph, list, export, delete. Surfaces call these and nothing deeper."""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from easyphoto.backends.base import GenerateRequest
from easyphoto.errors import DiskFailure, InputError, NameTaken, RunBusy, TooFewPhotos, TrainerMissing
from easyphoto.faces.engine import Face, FaceEngine, Likeness
from easyphoto.faces.opening import choose_engine, open_engine
from easyphoto.families import MINIATURE, Family, family_named
from easyphoto.geometry import Size
from easyphoto.host.base import Host, ThisMachine, family_of_base, published_or_noted, withdrawn_or_noted
from easyphoto.images.originals import read_original
from easyphoto.images.pictures import MADE_BY, picture_files, read_picture, write_picture
from easyphoto.inference.plan import from_the_left
from easyphoto.inference.prepare import coverings
from easyphoto.persons.deletion import Deletion, delete_person
from easyphoto.persons.folder import (
    Trained,
    base_of,
    install_person,
    judged,
    keep_photos,
    likeness_record,
    not_trained,
    recorded_domain,
    shared_domain,
    subject_from,
)
from easyphoto.persons.importing import ImportedPersons, first_of, import_persons
from easyphoto.persons.renaming import rename_person
from easyphoto.persons.upkeep import Swept, finish_begun, sweep
from easyphoto.preprocess.check import check_photos
from easyphoto.preprocess.dataset import Dataset, prepare_dataset, read_dataset
from easyphoto.preprocess.sheet import read_check, write_check
from easyphoto.preprocess.verdict import Check
from easyphoto.progress import NullProgress, Progress
from easyphoto.report.learning import training_section
from easyphoto.report.page import write_report
from easyphoto.report.parts import Report, Section
from easyphoto.report.preparing import dataset_section, verdict_section
from easyphoto.report.sheet import write_sheet
from easyphoto.sessions import Finished, PhotographResult, open_models, photograph_templates
from easyphoto.settings import AUTO, InferenceSettings, Options, PreprocessSettings, TrainSettings
from easyphoto.storage.files import atomic_path
from easyphoto.storage.journal import DELETE, RENAME, at_work, doomed, names_of, pending
from easyphoto.storage.scratch import discard
from easyphoto.training.events import Event
from easyphoto.training.job import train as run_training
from easyphoto.training.run import RUN_FILE, TrainRun
from easyphoto.weights.opening import open_store
from easyphoto.weights.store import WeightStore, default_mirrors
from easyphoto.workspace.folders import Damaged, Person, Workspace, checked_id, utc_now
from easyphoto.workspace.shipped import voting_templates


@dataclass(frozen=True)
class TrainedPerson:
    """What `train` made: the person, their new folder's LoRA, and the run with its report."""

    person: Person
    lora: Path
    run_folder: Path
    report: Path
    sections: tuple[Section, ...]
    likeness: Likeness | None
    check: Check | None = None
    """None where an earlier training was resumed."""
    published: Path | None = None
    """Where the host lists the LoRA."""


def _ignore(_: Any) -> None:
    pass


@dataclass(frozen=True)
class TrainingCallbacks:
    """Who wants to know more about a training than its progress: each is called as soon as the value is there."""

    checked: Callable[[Check], None] = _ignore
    started: Callable[[Path], None] = _ignore
    """The run's folder, which `resume` takes by its name."""
    event: Callable[[Event], None] = _ignore


@dataclass(frozen=True)
class EasyPhoto:
    """One workspace with what the verbs need. Nothing is opened before a verb needs it."""

    workspace: Workspace
    options: Options = field(default_factory=Options)
    mirrors: tuple[Path, ...] = field(default_factory=default_mirrors)
    host: Host = field(default_factory=ThisMachine)

    @property
    def store(self) -> WeightStore:
        return open_store(self.workspace.weights, self.mirrors, self.options.weights)

    def with_options(self, options: Options | None) -> EasyPhoto:
        """The same with other options; None leaves them. The web UI's folder is the host's to know, unless named."""
        if options is None:
            return self
        webui = options.weights.webui or self.options.weights.webui
        return replace(self, options=replace(options, weights=replace(options.weights, webui=webui)))

    def check(
        self,
        photos: Path | Sequence[Path],
        settings: PreprocessSettings | None = None,
        *,
        chosen_faces: Mapping[str, int] | None = None,
        reference: str | None = None,
        progress: Progress | None = None,
    ) -> Check:
        """A verdict for every photo; nothing is written. `chosen_faces`: file name → number of the face, from 1.

        `reference` is the file name of the photo that shows the person. Raises BadReference where it is not kept.
        """
        progress = progress or NullProgress()
        files = photo_files(photos)
        engine = self._engine_for(files, progress)
        settings = settings or PreprocessSettings()
        family = self._family()
        return check_photos(files, engine, family, settings, progress, chosen_faces=chosen_faces, reference=reference)

    def train(
        self,
        name: str,
        photos: Path | Sequence[Path],
        *,
        settings: TrainSettings | None = None,
        preprocess: PreprocessSettings | None = None,
        chosen_faces: Mapping[str, int] | None = None,
        reference: str | None = None,
        progress: Progress | None = None,
        watch: TrainingCallbacks | None = None,
    ) -> TrainedPerson:
        """Learn the person's face. Somebody trained before stays as they were until this training has succeeded.

        `chosen_faces` and `reference` as in `check`.
        """
        settings, preprocess, watch = (
            settings or TrainSettings(),
            preprocess or PreprocessSettings(),
            watch or TrainingCallbacks(),
        )
        id, files = checked_id(name), photo_files(photos)
        with self.at_work((id,), progress, known=False) as progress:
            # Before the photos are looked at, because a Python that cannot train is said at once.
            python = self.host.trainer(self.workspace)
            family, base = self._base()
            family = family.at(settings.resolution)
            engine = self._engine_for(files, progress)
            check = check_photos(
                files, engine, family, preprocess, progress, chosen_faces=chosen_faces, reference=reference
            )
            if not check.kept:
                raise TooFewPhotos(
                    _nothing_kept(check), advice="Add sharp photos that show one face well, then train again."
                )
            watch.checked(check)
            with self._new_run(id) as folder:
                write_check(check, folder, person=name.strip())
                keep_photos(check, folder)
                dataset = prepare_dataset(check, engine, family, preprocess, folder / "dataset", progress)
                self._run(name, family, base, dataset, engine, settings).write(folder)
            return self._learnt(folder, dataset, engine, progress, watch, python=python, check=check)

    def resume(
        self, run: str, *, progress: Progress | None = None, watch: TrainingCallbacks | None = None
    ) -> TrainedPerson:
        """Go on with a training that was cancelled or cut off; `run` is the name of its folder.

        Raises InputError where there is no such run, or it ended before its dataset was whole.
        """
        watch = watch or TrainingCallbacks()
        with self.at_work((self.trained_in(run),), progress, known=False) as progress:
            folder = self.workspace.run_folder(run)
            record = TrainRun.read(folder / RUN_FILE)
            python = self.host.trainer(self.workspace)
            engine = open_engine(str(record.engine), self.store, progress, record.faces)
            return self._learnt(folder, read_dataset(folder / "dataset"), engine, progress, watch, python=python)

    def _learnt(
        self,
        folder: Path,
        dataset: Dataset,
        engine: FaceEngine,
        progress: Progress,
        watch: TrainingCallbacks,
        *,
        python: Path | None,
        check: Check | None = None,
    ) -> TrainedPerson:
        """The run in the folder done to its end, and its person installed."""
        watch.started(folder)
        run = TrainRun.read(folder / RUN_FILE)
        with self.host.lent_device(f"the training of {run.name or run.person}"):
            result = run_training(folder, progress, on_event=watch.event, python=python)
            trained = Trained(result.lora, result.portrait, dataset)
            # Before the device goes back: a host that cannot take it must not cost a training that went well.
            person, notes = self._installed(self._known(run), trained, folder)
        return self._finished(person, engine, trained, check, run_folder=folder, notes=notes)

    def _installed(self, person: Person, trained: Trained, run_folder: Path) -> tuple[Person, tuple[str, ...]]:
        """The person's new folder in its place; the LoRA of an earlier training goes from the host's list."""
        earlier = self.workspace.person_folder(person.id) / (person.lora or "")
        if not earlier.is_file():
            return install_person(self.workspace, person, trained, run_folder=run_folder), ()
        withdrawn, notes = withdrawn_or_noted(self.host, earlier)
        try:
            return install_person(self.workspace, person, trained, run_folder=run_folder), notes
        except BaseException:
            if withdrawn is not None:
                self.host.publish(earlier)
            raise

    def photograph(
        self,
        names: Sequence[str],
        templates: Sequence[Path],
        out: Path | None = None,
        *,
        settings: InferenceSettings | None = None,
        assignments: Mapping[Path, Sequence[int]] | None = None,
        progress: Progress | None = None,
        finished: Finished | None = None,
    ) -> PhotographResult:
        """Put the persons' faces into the templates, from the left; several names for templates with several faces.

        With fewer persons than faces they take the largest ones. `assignments` says for a template which of its faces,
        from the left and from 0, each person takes. `finished` is told of each picture as soon as it is written.
        """
        if not names or not templates:
            raise InputError("A photograph needs a person and a template.", advice="Name at least one of each.")
        settings = settings or InferenceSettings()
        with self.at_work(names, progress) as progress:
            persons = [self.workspace.person(name) for name in names]
            for template in templates:
                # Read again when its turn comes; one that cannot be read is said before anything is painted.
                read_original(template)
            engine = self.engine_of(persons, progress)
            subjects = [subject_from(self.workspace, person, engine) for person in persons]
            studio = open_models(
                self.host,
                self._shared_base(persons),
                family_named(persons[0].family),
                engine,
                settings=settings,
                store=self.store,
                weights=self.options.weights,
                progress=progress,
            )
            with closing(studio.backend):
                return photograph_templates(
                    studio,
                    persons,
                    subjects,
                    templates,
                    settings=settings,
                    out=out or self.workspace.results / self._session_name(persons),
                    assignments=assignments,
                    # Where it lies on this machine is nobody else's business.
                    base=Path(self.options.base).name if self.options.base else None,
                    finished=finished,
                )

    def draw_template(
        self,
        name: str,
        prompt: str,
        *,
        negative: str,
        size: Size,
        seed: int,
        steps: int,
        progress: Progress | None = None,
    ) -> Path:
        """Draw a template from words; it becomes one of the user's own. Raises NameTaken where there is one."""
        target = self.workspace.templates / f"{checked_id(name)}.png"
        if any(own.stem.lower() == target.stem for own in self.own_templates()):
            raise NameTaken(f"There is already a template {name!r}.", advice="Choose another name.")
        base = self.options.base or MINIATURE.id
        backend = self.host.open_backend(base, self._family(), self.store, self.options.weights)
        request = GenerateRequest(size, prompt, negative, seed=seed, steps=steps)
        with closing(backend):
            drawn = backend.generate(request, progress or NullProgress())
        record = {"made_by": MADE_BY, "created": utc_now(), "prompt": prompt, "negative": negative, "seed": drawn.seed}
        return write_picture(target, drawn.image, record)

    def own_templates(self) -> tuple[Path, ...]:
        """The user's own template pictures, by name.

        Links are none: whoever sees the templates would be handed what they lead to, wherever it lies.
        """
        folder = self.workspace.templates
        found = picture_files(folder) if folder.is_dir() else ()
        return tuple(file for file in found if not file.is_symlink())

    def domain_of(self, names: Sequence[str], *, progress: Progress | None = None) -> str | None:
        """What the persons' photos are: `photographs` or `drawings`; None for nobody. Raises MixedDomains."""
        if not names:
            return None
        with self.at_work(names, progress) as watched:
            persons = [self.workspace.person(name) for name in names]
            return shared_domain({person.name: self._domain_of(person, watched) for person in persons})

    def faces_of(
        self, template: Path, *, domain: str | None = None, progress: Progress | None = None
    ) -> tuple[tuple[Face, ...], tuple[str | None, ...]]:
        """The faces of a template from the left, and what hides each; None: nothing.

        They are numbered as `photograph` does for persons of that domain; without one, because nobody is chosen yet, as
        what the template's own faces look like.
        """
        progress = progress or NullProgress()
        if domain is None or self.options.engine != AUTO:
            engine = self._engine_for((template,), progress)
        else:
            engine = open_engine(domain, self.store, progress, self.options.faces)
        picture = read_picture(template)
        faces = from_the_left(engine.detect(picture))
        return faces, coverings(picture, faces, engine)

    def make_trainer(self, progress: Progress | None = None) -> Mapping[str, str]:
        """Make the environment that trains beside a web UI, where it is missing; returns the versions in it.

        Nothing is made, and nothing returned, where this Python trains by itself.
        """
        from easyphoto.training.environment import make_environment, ready_environment

        try:
            python = self.host.trainer(self.workspace)
        except TrainerMissing:
            return make_environment(self.workspace.env, progress or NullProgress()).versions
        return ready_environment(self.workspace.env).versions if python is not None else {}

    def trained_in(self, run: str) -> str:
        """The id of the person whom a run trains. Raises InputError where there is no such run."""
        return TrainRun.read(self.workspace.run_folder(run) / RUN_FILE).person

    def persons(self) -> tuple[Person, ...]:
        return self.workspace.list_persons()

    def damaged_persons(self) -> tuple[Damaged, ...]:
        """Who is in the workspace and cannot be read, and why."""
        return self.workspace.damaged_persons()

    def export(self, name: str, target: Path) -> Path:
        """The person's folder as a ZIP file, to keep elsewhere."""
        with self.at_work((name,)) as progress:
            person = self.workspace.person(name)
            folder = self.workspace.person_folder(person.id)
            if target.is_dir():
                target = target / f"{person.id}.zip"
            with atomic_path(target) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
                for file in sorted(path for path in folder.rglob("*") if path.is_file()):
                    progress.check()
                    archive.write(file, Path(person.id) / file.relative_to(folder))
        return target

    def delete(self, name: str) -> Deletion:
        """Delete everything of somebody in this workspace, and what of it the host lists; says what went.

        Who works on them is asked to stop, wherever that is. What has not stopped in time, or cannot be deleted, is
        said as well, and goes with the next sweep. Raises UnknownPerson where nothing is theirs.
        """
        id = checked_id(name)
        finish_begun(self.workspace, self.host, (id,), but=DELETE)
        return delete_person(self.workspace, id, host=self.host)

    def sweep(self) -> Swept:
        """What every start does: end what killed processes began, and remove what nobody owns."""
        return sweep(self.workspace, self.host)

    def settle(self, persons: Iterable[str] | None = None) -> None:
        """End what was begun with these persons, or with all. Raises RunBusy while one of them is still being deleted:
        a new person of that id would go with the old one."""
        ids = None if persons is None else frozenset(map(checked_id, persons))
        finish_begun(self.workspace, self.host, ids)
        if stuck := sorted(doomed(self.workspace.root) & (ids or frozenset())):
            raise RunBusy(
                f"{stuck[0]} is being deleted, and somebody still works on them.",
                advice="Wait until that has ended, or take another name.",
            )

    @contextmanager
    def at_work(
        self, names: Sequence[str], progress: Progress | None = None, *, known: bool = True
    ) -> Iterator[Progress]:
        """Every verb's work on persons: seen by who wants to delete them, and stopped through the progress.

        What was begun with them is ended first. With `known` they must exist: raises UnknownPerson.
        """
        self.settle(names)
        ids = [self.workspace.person(name).id for name in names] if known else [*map(checked_id, names)]
        with at_work(self.workspace.root, names_of(ids), progress or NullProgress()) as watched:
            yield watched

    @contextmanager
    def _new_run(self, id: str) -> Iterator[Path]:
        """A run's folder until its record is written: without one nothing could go on with it."""
        folder = self.workspace.new_run_folder(id)
        try:
            yield folder
        except BaseException:
            with suppress(DiskFailure):
                discard(self.workspace.root, folder)
            raise

    def _run(
        self, name: str, family: Family, base: Path, dataset: Dataset, engine: FaceEngine, settings: TrainSettings
    ) -> TrainRun:
        """What the training process is told."""
        return TrainRun(
            person=checked_id(name),
            name=name.strip(),
            trigger=family.trigger,
            family=family.id,
            base=str(base),
            # Seen from the run's folder: a workspace may be moved.
            dataset=dataset.folder.name,
            templates=tuple(str(template) for template in voting_templates()),
            engine=engine.domain.value,
            weights=f"../../{self.workspace.weights.name}",
            mirrors=tuple(str(mirror.absolute()) for mirror in self.mirrors),
            faces=self.options.faces,
            weight_settings=replace(self.options.weights, webui=absolute_text(self.options.weights.webui)),
            settings=settings,
            created=utc_now(),
        )

    def _finished(
        self,
        person: Person,
        engine: FaceEngine,
        trained: Trained,
        check: Check | None,
        *,
        run_folder: Path,
        notes: tuple[str, ...],
    ) -> TrainedPerson:
        """The person with their portrait judged, their LoRA where the host lists it, and the run's report."""
        subject = subject_from(self.workspace, person, engine)
        found = judged(engine, subject.portrait, subject.embeddings) if subject.portrait is not None else None
        said = read_check(run_folder)
        lora = self.workspace.person_folder(person.id) / str(person.lora)
        published, more = published_or_noted(self.host, lora)
        person = replace(person, likeness=likeness_record(found), notes=(*said.notes, *notes, *more))
        self.workspace.save_person(person)
        judged_photos = (verdict_section(check, person.name),) if check else ()
        sections = (*judged_photos, dataset_section(trained.dataset), training_section(run_folder))
        facts = [("photos kept", f"{len(said.kept)} of {len(said.verdicts)}")]
        facts += [("likeness of the portrait", f"{found.cosine:.2f}")] if found else []
        report = Report(
            f"{person.name}, trained", "Photos, training and validation of one run.", tuple(facts), sections
        )
        write_sheet(run_folder, report)
        return TrainedPerson(
            person=person,
            lora=lora,
            run_folder=run_folder,
            report=write_report(run_folder, report),
            sections=sections,
            likeness=found,
            check=check,
            published=published,
        )

    def engine_of(self, persons: Sequence[Person], progress: Progress) -> FaceEngine:
        """The face engine of what the persons' photos are, whatever a template is. Raises MixedDomains."""
        if self.options.engine != AUTO:
            return open_engine(self.options.engine, self.store, progress, self.options.faces)
        domain = self.domain_of([person.id for person in persons], progress=progress)
        return open_engine(str(domain), self.store, progress, self.options.faces)

    def _domain_of(self, person: Person, progress: Progress) -> str:
        """As it is recorded. Where it is not, their photos decide, and that is kept."""
        recorded = recorded_domain(person)
        if recorded is not None:
            return recorded
        if person.reference is None:
            raise not_trained(person)
        folder = self.workspace.person_folder(person.id)
        pictures = [folder / name for name in person.photos or (person.reference,)]
        domain = choose_engine(pictures, self.store, progress, self.options.faces).domain.value
        self.workspace.save_person(replace(person, domain=domain))
        return domain

    def _engine_for(self, pictures: Sequence[Path], progress: Progress) -> FaceEngine:
        if self.options.engine == AUTO:
            return choose_engine(pictures, self.store, progress, self.options.faces)
        return open_engine(self.options.engine, self.store, progress, self.options.faces)

    def _family(self) -> Family:
        return family_of_base(self.options.base or MINIATURE.id, self.host, self.options.weights)

    def _base(self) -> tuple[Family, Path]:
        """What a training starts from: the family, and where its weights lie."""
        return self.host.base_model(self.options.base or MINIATURE.id, self.options.weights)

    def _shared_base(self, persons: Sequence[Person]) -> str:
        """The base that all of them were trained on; LoRAs of different bases cannot be used together."""
        if self.options.base is not None:
            return self.options.base
        bases = {base_of(self.workspace, person) for person in persons}
        if len(bases) > 1:
            raise InputError(
                f"{', '.join(person.id for person in persons)} were trained on different bases.",
                advice="Photograph them one at a time, or train them on the same base.",
            )
        return bases.pop()

    def _known(self, run: TrainRun) -> Person:
        """Who is trained again keeps their name and the day they came."""
        if (self.workspace.person_folder(run.person) / "person.json").is_file():
            known = self.workspace.person(run.person)
            return replace(known, family=run.family, base=run.base, domain=run.engine)
        name = run.name or run.person
        return Person(run.person, name, run.family, created=utc_now(), base=run.base, domain=run.engine)

    def _session_name(self, persons: Sequence[Person]) -> str:
        stamp = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S%fZ")
        return f"{stamp}-{'-'.join(person.id for person in persons)}"[:120]

    def import_persons(
        self, source: Path, *, name: str | None = None, progress: Progress | None = None
    ) -> ImportedPersons:
        """From a ZIP of `export`, or one or many persons of the extension of 2023; says who was left out, and why."""
        watched = progress or NullProgress()
        self.settle()
        return import_persons(
            self.workspace, source, host=self.host, name=name, progress=watched,
            open_engine=lambda pictures: self._engine_for(pictures, watched),
        )  # fmt: skip

    def import_person(self, source: Path, *, name: str | None = None, progress: Progress | None = None) -> Person:
        """As `import_persons`, where only one is expected: the first. Raises what kept them out."""
        return first_of(self.import_persons(source, name=name, progress=progress))

    def rename(self, name: str, new_name: str, *, new_id: str | None = None) -> Person:
        """Another name to show, and with `new_id` another id; runs, results and the host's LoRA follow."""
        ids = (checked_id(name), checked_id(name if new_id is None else new_id))
        begun = [each for each in pending(self.workspace.root) if (each.kind, each.persons) == (RENAME, ids)]
        self.settle(ids)
        if begun and ids[0] != ids[1] and not self.workspace.person_folder(ids[0]).exists():
            # Asked once more, because the first time was cut off: that is ended now.
            return rename_person(self.workspace, ids[1], new_name, host=self.host)
        return rename_person(self.workspace, ids[0], new_name, host=self.host, new_id=new_id)


def photo_files(photos: Path | Sequence[Path]) -> tuple[Path, ...]:
    """The photos of a folder, or those named. Raises InputError where the folder does not exist, TooFewPhotos where
    it holds none."""
    if not isinstance(photos, Path):
        return tuple(photos)
    if not photos.is_dir():
        raise InputError(f"{photos} is no folder.", advice="Give the folder that holds the person's photos.")
    # What is named like a picture and is none (a folder, a pipe, a link that leads nowhere) gets its verdict.
    files = picture_files(photos, only_files=False)
    if not files:
        raise TooFewPhotos(
            f"There are no photos in {photos}.",
            advice="Give a folder with 5 to 20 photos of one person (JPEG, PNG, WebP).",
        )
    return files


def absolute_text(path: str | None) -> str | None:
    """For a process that works in another folder."""
    return str(Path(path).expanduser().absolute()) if path else None


def _nothing_kept(check: Check) -> str:
    reasons = Counter(verdict.reason.value for verdict in check.verdicts if verdict.reason)
    counted = ", ".join(f"{count} × {reason}" for reason, count in reasons.most_common())
    return f"None of the {len(check.verdicts)} photos can be used: {counted}."
