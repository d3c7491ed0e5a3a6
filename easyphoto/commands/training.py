"""A training from photos to person: what `TrainPerson` and `ResumeTraining` share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from easyphoto.app import EasyPhoto
from easyphoto.architectures.base import Family
from easyphoto.backends.shipped_base import base_fingerprint, has_weights, recorded_base
from easyphoto.commands.base import Context
from easyphoto.commands.check import CheckPhotos
from easyphoto.commands.judging import judged_photos, judged_pictures
from easyphoto.commands.setup_trainer import SetupTrainer
from easyphoto.commands.validation import validation_templates
from easyphoto.errors import DiskFailure, InputError, TrainerMissing
from easyphoto.faces.engine import FaceEngine, Likeness
from easyphoto.faces.parts import Saliency
from easyphoto.faces.photo_opening import open_object_saliency
from easyphoto.host.base import published_or_noted, withdrawn_or_noted
from easyphoto.messages import note, phase, text
from easyphoto.persons.checkpoints import Checkpoints
from easyphoto.persons.folder import Trained, install_person, keep_photos, likeness_record
from easyphoto.persons.own_words import proposal_for, with_proposal
from easyphoto.persons.subject import judged, subject_from
from easyphoto.preprocess.concept_dataset import prepare_pictures
from easyphoto.preprocess.cutout import object_mask
from easyphoto.preprocess.dataset import Dataset, prepare_dataset, read_dataset
from easyphoto.preprocess.sheet import read_check, write_check
from easyphoto.preprocess.verdict import Check
from easyphoto.progress import Progress
from easyphoto.report.learning import training_section
from easyphoto.report.page import write_report
from easyphoto.report.parts import Report, Section
from easyphoto.report.preparing import dataset_section, verdict_section
from easyphoto.report.sheet import write_sheet
from easyphoto.settings.training import TrainSettings
from easyphoto.storage.records import utc_now
from easyphoto.storage.scratch import discard
from easyphoto.training.job import PHASES
from easyphoto.training.job import train as run_training
from easyphoto.training.run import RUN_FILE, RunFolder, TrainRun
from easyphoto.workspace.folders import Workspace
from easyphoto.workspace.person_record import FACE, OBJECT, PERSON_FILE, Person


@dataclass(frozen=True)
class TrainedPerson:
    """The result of a training: the person, the LoRA in their new folder, and the run with its report."""

    person: Person
    lora: Path
    run_folder: Path
    report: Path
    sections: tuple[Section, ...]
    likeness: Likeness | None
    check: Check | None = None
    """None for a resumed training."""
    published: Path | None = None
    """The LoRA's file in the host's list."""


@dataclass(frozen=True)
class PreparedRun:
    """A run whose dataset is complete; its folder holds everything that the training process reads."""

    folder: Path
    dataset: Dataset
    engine: FaceEngine | None
    """None: no face is learned."""
    check: Check | None = None


def trainer_of(app: EasyPhoto, context: Context) -> Path | None:
    """Return the Python that trains, creating its environment if it is missing; None: this process's own Python."""
    try:
        return app.host.trainer(app.workspace)
    except TrainerMissing:
        context.note(
            note("trainer-made", "The training environment was set up first; the next training starts at once.")
        )
        SetupTrainer().run(app, context)
    return app.host.trainer(app.workspace)


def prepared_run(
    app: EasyPhoto,
    name: str,
    photos: CheckPhotos,
    settings: TrainSettings,
    context: Context,
    progress: Progress,
    *,
    words: str = "",
) -> PreparedRun:
    """Check, crop and weight the photos in a new run's folder; `words` call a scene or an object. Raises TooFewPhotos
    if too few are kept."""
    family, base = app.base_model()
    family = family.for_kind(photos.concept).at(settings.resolution)
    engine = None
    if photos.concept == FACE:
        check, engine = judged_photos(app, photos, family, context, progress)
    else:
        check = judged_pictures(photos, family, context, progress)
    with _new_run(app.workspace, app.workspace.id_of(name)) as folder:
        write_check(check, folder, person=name.strip())
        keep_photos(check, folder)
        place, templates = folder / "dataset", tuple[str, ...]()
        if engine is not None:
            dataset = prepare_dataset(check, engine, family, photos.preprocess, place, progress)
            templates = validation_templates(app, engine, family, context)
        else:
            find = partial(object_mask, network=_object_network(app, check, context, progress))
            dataset = prepare_pictures(check, family, photos.preprocess, place, progress, words=words, find=find)
            _tell(dataset.notes, context)
        run = _run(app, name, family, base, engine, dataset, settings, templates)
        replace(run, concept=photos.concept, trigger=words or family.trigger).write(folder)
    return PreparedRun(folder, dataset, engine, check)


def _object_network(app: EasyPhoto, check: Check, context: Context, progress: Progress) -> Saliency | None:
    """Return what finds an object's outline; None: its colours do."""
    if check.kind != OBJECT:
        return None
    network, notes = open_object_saliency(app.store, progress, app.options.faces)
    _tell(notes, context)
    return network


def _tell(notes: Iterable[str], context: Context) -> None:
    for said in notes:
        context.note(said)


def _run(
    app: EasyPhoto,
    name: str,
    family: Family,
    base: Path,
    engine: FaceEngine | None,
    dataset: Dataset,
    settings: TrainSettings,
    templates: tuple[str, ...],
) -> TrainRun:
    """Return the record that the training process reads, as of a person's face."""
    return TrainRun(
        person=app.workspace.id_of(name),
        name=name.strip(),
        trigger=family.trigger,
        family=family.id,
        base=recorded_base(str(base)),
        base_weights=base_fingerprint(family, base),
        # Relative to the run's folder, because a workspace may be moved.
        dataset=dataset.folder.name,
        templates=templates,
        engine=engine.domain.value if engine is not None else None,
        weights=f"../../{app.workspace.weights.name}",
        mirrors=tuple(str(mirror.absolute()) for mirror in app.mirrors),
        faces=app.options.faces,
        weight_settings=replace(app.options.weights, webui=_absolute_text(app.options.weights.webui)),
        settings=settings,
        created=utc_now(),
    )


def begun_run(app: EasyPhoto, name: str, progress: Progress) -> PreparedRun:
    """Open a run of an earlier process. Raises InputError if its dataset is not complete."""
    folder = app.workspace.run_folder(name)
    record = TrainRun.read(folder / RUN_FILE)
    engine = app.open_engine(str(record.engine), progress, record.faces) if record.shows_face else None
    return PreparedRun(folder, read_dataset(folder / "dataset"), engine)


def check_same_weights(workspace: Workspace, name: str) -> None:
    """Raise InputError where the base model's weights have changed since the run of that name began."""
    folder = RunFolder(workspace.run_folder(name))
    run = TrainRun.read(folder.run)
    family = run.kind
    if not has_weights(family, folder.base(run), run.base_weights):
        raise InputError(
            text(
                "The weights of {family} have changed since this training began, so it cannot go on.",
                family=family.short,
            ),
            advice=text("Train again from the beginning."),
        )


def person_of_run(workspace: Workspace, name: str) -> str:
    """Return the id of the person whom a run trains. Raises InputError if there is no such run."""
    return TrainRun.read(workspace.run_folder(name) / RUN_FILE).person


def learnt(
    prepared: PreparedRun, app: EasyPhoto, context: Context, progress: Progress, *, python: Path | None
) -> TrainedPerson:
    """Finish the run, install its person and write the report."""
    context.run_started(prepared.folder)
    # Before memory is made free for it, which may take a while: a web UI's model leaves the device.
    progress.step(0, 0, PHASES["start"])
    run = TrainRun.read(prepared.folder / RUN_FILE)
    # The training needs the memory, on whatever device the models are.
    app.cache.clear()
    with app.host.lent_device(f"the training of {run.name or run.person}"):
        result = run_training(
            prepared.folder, progress, on_event=context.training_event, python=python, devices=app.devices
        )
        trained = Trained(result.lora, result.portrait, prepared.dataset)
        # Before the device is returned: a host that cannot take it back must not cost a training that succeeded.
        person, notes = _installed(app, _known(app.workspace, run), trained, prepared.folder)
    progress.step(0, 0, phase("conclude", "keeping the person and writing the report"))
    return _published(app, person, prepared, notes)


def chosen_again(
    app: EasyPhoto, person: Person, prepared: PreparedRun, found: Checkpoints, step: int | None
) -> TrainedPerson:
    """Install a checkpoint of a finished run in place of what was chosen before; None: the LoRA that the
    training wrote."""
    portrait = found.portrait(step)
    if portrait is None and person.portrait is not None:
        portrait = app.workspace.person_folder(person.id) / person.portrait
    trained = Trained(found.lora(step), portrait, prepared.dataset)
    person, notes = _installed(app, person, trained, prepared.folder)
    found.write_choice(step)
    said = () if step is None else (note("checkpoint-chosen", "The checkpoint of step {step} was chosen.", step=step),)
    return _published(app, person, prepared, (*said, *notes))


def _installed(app: EasyPhoto, person: Person, trained: Trained, run_folder: Path) -> tuple[Person, tuple[str, ...]]:
    """Replace the person's folder by the new one, and withdraw the LoRA of an earlier training from the host's list."""
    earlier = app.workspace.person_folder(person.id) / (person.lora or "")
    if not earlier.is_file():
        return install_person(app.workspace, person, trained, run_folder=run_folder), ()
    withdrawn, notes = withdrawn_or_noted(app.host, earlier)
    try:
        return install_person(app.workspace, person, trained, run_folder=run_folder), notes
    except BaseException:
        if withdrawn is not None:
            app.host.publish(earlier)
        raise


def _published(app: EasyPhoto, person: Person, prepared: PreparedRun, notes: tuple[str, ...]) -> TrainedPerson:
    """Judge a person's portrait, publish the LoRA in the host, and write the run's report."""
    found = _portrait_likeness(app, person, prepared.engine) if prepared.engine is not None else None
    lora = app.workspace.person_folder(person.id) / str(person.lora)
    published, more = published_or_noted(app.host, lora)
    said = read_check(prepared.folder)
    notes = (*said.notes, *notes, *more)
    proposal = proposal_for(prepared.dataset, prepared.engine) if prepared.engine is not None else None
    # Read once more: somebody may have changed the words since it was put in place.
    person = app.workspace.person(person.id)
    person = with_proposal(person, proposal) if proposal is not None else person
    person = replace(person, likeness=likeness_record(found), notes=notes)
    app.workspace.save_person(person)
    report = _report(person, prepared, found)
    write_sheet(prepared.folder, report)
    return TrainedPerson(
        person=person,
        lora=lora,
        run_folder=prepared.folder,
        report=write_report(prepared.folder, report),
        sections=report.sections,
        likeness=found,
        check=prepared.check,
        published=published,
    )


def _portrait_likeness(app: EasyPhoto, person: Person, engine: FaceEngine) -> Likeness | None:
    subject = subject_from(app.workspace, person, engine)
    return judged(engine, subject.portrait, subject.embeddings) if subject.portrait is not None else None


def _report(person: Person, prepared: PreparedRun, likeness: Likeness | None) -> Report:
    judged_photos = (verdict_section(prepared.check, person.name),) if prepared.check else ()
    sections = (*judged_photos, dataset_section(prepared.dataset), training_section(prepared.folder))
    said = read_check(prepared.folder)
    facts = [("photos kept", f"{len(said.kept)} of {len(said.verdicts)}")]
    facts += [("likeness of the portrait", f"{likeness.cosine:.2f}")] if likeness else []
    return Report(f"{person.name}, trained", "Photos, training and validation of one run.", tuple(facts), sections)


def _known(workspace: Workspace, run: TrainRun) -> Person:
    """Return the person with the new training; one trained before keeps their name and creation date."""
    if (workspace.person_folder(run.person) / PERSON_FILE).is_file():
        person = workspace.person(run.person)
    else:
        person = Person(run.person, run.name or run.person, run.family, created=utc_now(), kind=run.concept)
    words = person.words if run.shows_face else run.trigger
    return replace(person, family=run.family, base=run.base, domain=run.engine, words=words)


@contextmanager
def _new_run(workspace: Workspace, id: str) -> Iterator[Path]:
    """Create a run's folder, and remove it if the record is not written: without one the run cannot be resumed."""
    folder = workspace.new_run_folder(id)
    try:
        yield folder
    except BaseException:
        with suppress(DiskFailure):
            discard(workspace.root, folder)
        raise


def _absolute_text(path: str | None) -> str | None:
    """Return an absolute path, for a process with another working directory."""
    return str(Path(path).expanduser().absolute()) if path else None
