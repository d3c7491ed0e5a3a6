"""A series of photographs: from templates and subjects to finished pictures, each with its record, and a report."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from easyphoto.app import EasyPhoto
from easyphoto.architectures.base import Family, FewSteps
from easyphoto.architectures.registry import family_named
from easyphoto.commands.base import Context
from easyphoto.commands.drawn_templates import DrawnTemplate
from easyphoto.commands.engines import engine_of
from easyphoto.commands.taken_template import TemplateResult, TemplateTaking
from easyphoto.errors import EasyPhotoError, InputError, NoFaceFound, UnknownScene, WrongFamily, WrongKind
from easyphoto.faces.engine import FaceEngine
from easyphoto.faces.fuser import open_fuser
from easyphoto.host.base import family_of_base
from easyphoto.images.originals import Original
from easyphoto.inference.passes import SCENE_WEIGHT, CalledLoras
from easyphoto.inference.refine import wanted_restorer
from easyphoto.inference.session import PipelineModels
from easyphoto.inference.subject import Subject
from easyphoto.messages import Text, joined, note, phase, text
from easyphoto.persons.base_fit import other_weights_notes
from easyphoto.persons.folder import base_of
from easyphoto.persons.scenes import lora_folders, scene_conditions
from easyphoto.persons.subject import subject_from
from easyphoto.preprocess.names import photo_names
from easyphoto.progress import Progress, TurnProgress
from easyphoto.report.page import write_report
from easyphoto.report.parts import Notes, Report, Section
from easyphoto.settings.inference import InferenceSettings
from easyphoto.settings.placing import PlacingSettings
from easyphoto.storage.records import name_stamp, utc_now, write_json
from easyphoto.weights.store import WeightStore
from easyphoto.workspace.folders import SESSION_FILE, Workspace
from easyphoto.workspace.person_record import Person
from easyphoto.workspace.style_files import Style

MOST_NAMED = 3
"""Templates that a note names of many."""


@dataclass(frozen=True)
class PhotographResult:
    """The results of a series, and its report."""

    made: tuple[TemplateResult, ...]
    report: Path
    notes: tuple[str, ...] = ()

    @property
    def pictures(self) -> tuple[Path, ...]:
        """The files, best first within each template."""
        return tuple(result.file for made in self.made for result in made.results)

    @property
    def sections(self) -> tuple[Section, ...]:
        return tuple(made.section for made in self.made)

    @property
    def all_notes(self) -> tuple[str, ...]:
        """The notes of the session, of its templates and of every picture, each once; what does not hold for all
        templates says for which it does."""
        names = photo_names([made.template for made in self.made])
        where: dict[str, list[str]] = {}
        for name, made in zip(names, self.made, strict=True):
            of_pictures = (said for picture in made.results for said in picture.notes)
            for said in dict.fromkeys((*made.notes, *of_pictures)):
                where.setdefault(said, []).append(name)
        return *self.notes, *(said if len(of) == len(names) else _of(of, said) for said, of in where.items())


@dataclass(frozen=True, eq=False)
class PhotographSeries:
    """What all templates of a series share."""

    persons: Sequence[Person]
    subjects: Sequence[Subject]
    models: PipelineModels
    settings: InferenceSettings
    out: Path
    base: str | None
    """For the record: the base model if it is not the one that the persons were trained on."""

    def photographed(
        self,
        templates: Sequence[Path | DrawnTemplate],
        assignments: Sequence[Sequence[int] | None],
        context: Context,
        *,
        only: Original | None = None,
        notes: tuple[str, ...] = (),
    ) -> PhotographResult:
        """Photograph every template in turn. A template without a face is noted; raises if no template has one.

        `only` is the template as it was read, if it is the only one: several would fill the memory. `notes` are those
        of the series so far.
        """
        record = begun_session(self.out, self.persons, self.base)
        made: list[TemplateResult] = []
        failures: list[NoFaceFound] = []
        failed: list[str] = []
        names = photo_names([each.file if isinstance(each, DrawnTemplate) else each for each in templates])
        for turn, (template, assignment) in enumerate(zip(templates, assignments, strict=True)):
            progress = TurnProgress(self.models.progress, turn, len(templates))
            file, drawn = (template.file, template) if isinstance(template, DrawnTemplate) else (template, None)
            taking = TemplateTaking(
                file,
                self.subjects,
                replace(self.models, progress=progress),
                self.settings,
                self.out,
                record,
                context,
                only,
                drawn,
            )
            try:
                made.append(taking.taken(assignment))
            except NoFaceFound as error:
                failures.append(error)
                failed.append(_of((names[turn],), error.said))
        missed = self.models.engine.missed if failures else ()
        if not made:
            failures[0].advice = joined((failures[0].advice, *missed), " ")
            raise failures[0]
        write_json(self.out / SESSION_FILE, {**record, "weights": [asdict(used) for used in self.models.weights]})
        notes = (*notes, *failed, *missed)
        report = _report(self.persons, made, notes=notes)
        return PhotographResult(tuple(made), write_report(self.out, report), notes)


def _of(templates: Sequence[str], said: str) -> Text:
    """A note with the names of the templates that it is about. Clients know it by the same code."""
    code = said.code if isinstance(said, Text) else ""
    shown, more = ", ".join(templates[:MOST_NAMED]), len(templates) - MOST_NAMED
    named = text("{names} and {count} more", names=shown, count=more) if more > 0 else shown
    return note(code, "{templates}: {said}", templates=named, said=said)


def begun_session(out: Path, persons: Sequence[Person], base: str | None) -> dict[str, Any]:
    """The record of a series, written at once, so that even an interrupted one is known to belong to these persons."""
    record = {"persons": [person.id for person in persons], "created": utc_now(), "base": base}
    write_json(out / SESSION_FILE, record)
    return record


def open_series(
    app: EasyPhoto,
    persons: Sequence[Person],
    settings: InferenceSettings,
    progress: Progress,
    *,
    out: Path,
    engine: FaceEngine | None = None,
) -> PhotographSeries:
    """Load the persons and the networks once for all templates; `engine` is the persons' if it is open already."""
    engine = engine or engine_of(app, persons, progress)
    models = open_models(app, shared_base(app, persons), shared_family(app, persons), engine, settings, progress)
    backend = models.backend
    return PhotographSeries(
        persons=persons,
        subjects=[
            subject_from(
                app.workspace,
                person,
                engine,
                settings=settings,
                store=app.store,
                progress=progress,
                models=app.models,
                family=family_named(backend.family),
                kinds=backend.capabilities().conditions,
            )
            for person in persons
        ],
        models=models,
        settings=settings,
        out=out,
        base=named_base(app),
    )


def named_base(app: EasyPhoto) -> str | None:
    """The base that somebody chose, by name alone, because the record is passed on with the picture."""
    return Path(app.options.base).name if app.options.base else None


def shared_base(app: EasyPhoto, persons: Sequence[Person]) -> str:
    """Return the base that all LoRAs of the persons were trained on, because LoRAs of different bases cannot be
    combined; without a LoRA, that of the first person."""
    if app.options.base is not None:
        return app.options.base
    trained = [person for person in persons if person.lora is not None]
    bases = {base_of(app.workspace, person) for person in trained or persons[:1]}
    if len(bases) > 1:
        raise InputError(
            text(
                "{names} were trained on different base checkpoints.", names=", ".join(person.id for person in trained)
            ),
            advice=text("Photograph them one at a time, or train them on the same base."),
        )
    return bases.pop()


def note_other_weights(app: EasyPhoto, learned: Sequence[Person], base: str, context: Context) -> None:
    """Say whose LoRA was trained on other weights than the base has now. Only those of a family that ships are told."""
    trained = [person for person in learned if person.is_trained and family_named(person.family).ships]
    if not trained:
        return
    with suppress(EasyPhotoError):  # raised where the base is opened
        found = app.host.base_model(base, app.options.weights)
        for said in other_weights_notes(app.workspace, trained, *found):
            context.note(said)


def shared_family(app: EasyPhoto, persons: Sequence[Person]) -> Family:
    """Return the family of the persons' LoRAs; without a LoRA, that of the base."""
    trained = [person.family for person in persons if person.lora is not None]
    if app.options.base is not None and not trained:
        return family_of_base(app.options.base, app.host, app.options.weights)
    return family_named((trained or [persons[0].family])[0])


def open_models(
    app: EasyPhoto,
    base: str,
    family: Family,
    engine: FaceEngine,
    settings: InferenceSettings,
    progress: Progress,
) -> PipelineModels:
    """Open the networks that paint, and those that restore and upscale."""
    store = app.store
    few_steps = few_steps_lora(family, settings, store, progress)
    scenes = called_loras(app, settings.scene, SCENE_WEIGHT, family)
    # Before the large networks, so that an unknown name is reported at once.
    restorer = wanted_restorer(settings.restore, family, engine.domain)
    finisher = app.host.open_finisher(replace(settings, restore=restorer), store, progress, app.models)
    progress.step(0, 1, phase("load-networks", "loading the models"))
    return PipelineModels(
        backend=app.host.open_backend(base, family, store, app.options.weights, app.models),
        engine=engine,
        progress=progress,
        finisher=finisher,
        fuser=open_fuser(settings.fusion_engine, store, progress, app.models),
        few_steps=few_steps,
        scenes=scenes,
    )


def called_loras(app: EasyPhoto, written: str, weight: float, family: Family) -> CalledLoras:
    """The scenes and objects that a setting names; `weight` is that of those without one. Raises as
    `scene_conditions`."""
    return CalledLoras(
        *scene_conditions(app.workspace, written, weight, family, lora_folders(app.options.weights.webui))
    )


def loras_of_style(app: EasyPhoto, style: Style, weight: float, family: Family) -> CalledLoras:
    """The LoRAs of a style. Raises as `called_loras`; the error names the style, because nobody typed their names."""
    try:
        return called_loras(app, style.written_loras, weight, family)
    except (UnknownScene, WrongKind, WrongFamily) as error:
        raise type(error)(
            text("The style {name} needs a LoRA. {error}", name=style.name, error=error.message),
            advice=text(
                "Train or import it under that name, put it into the models/Lora folder of the web UI that --webui "
                "names, or take it out of the style's file."
            ),
        ) from error


def few_steps_lora(
    family: Family, settings: InferenceSettings | PlacingSettings, store: WeightStore, progress: Progress
) -> tuple[FewSteps, Path] | None:
    """Return the settings behind `few_steps` and its LoRA, fetched if needed; None if it is off."""
    if settings.few_steps == "off":
        return None
    found = family.few_steps.get(settings.few_steps)
    if found is None:
        known = ", ".join(family.few_steps) or "none"
        raise InputError(
            text("{label} has no {few_steps} LoRA.", label=family.label, few_steps=settings.few_steps),
            advice=text("Available for it: {known}; or choose off.", known=known),
        )
    return found, store.require(found.lora, progress)


def _report(persons: Sequence[Person], made: Sequence[TemplateResult], *, notes: tuple[str, ...]) -> Report:
    names = " and ".join(person.name for person in persons)
    scores = [one.best.score for one in made if one.best.score is not None]
    facts = [("pictures", str(sum(len(one.results) for one in made)))]
    facts += [("likeness", f"{sum(scores) / len(scores):.2f}")] if scores else []
    facts.append(("seconds", f"{sum(sum(one.seconds.values()) for one in made):.0f}"))
    sections = [one.section for one in made]
    sections += [Section("Left out", (Notes(notes),))] if notes else []
    words = "Template, every step, and the result."
    return Report(f"{names}, photographed", words, tuple(facts), tuple(sections))


def results_folder(workspace: Workspace, persons: Sequence[Person]) -> Path:
    """A new name in the workspace's results."""
    names = "-".join(person.id for person in persons)
    return workspace.results / (f"{name_stamp(microseconds=True)}-{names}"[:120])
