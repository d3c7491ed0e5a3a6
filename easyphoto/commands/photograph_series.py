"""A series of photographs: from templates and subjects to finished pictures, each with its record, and a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain, count
from pathlib import Path
from typing import Any

from PIL import Image

from easyphoto.app import EasyPhoto
from easyphoto.architectures.base import Family, FewSteps
from easyphoto.architectures.registry import family_named
from easyphoto.commands.base import Context
from easyphoto.commands.engines import engine_of
from easyphoto.errors import InputError, NoFaceFound
from easyphoto.faces.domain import say_so
from easyphoto.faces.engine import FaceEngine, Likeness
from easyphoto.faces.fuser import open_fuser
from easyphoto.geometry import Box, Size
from easyphoto.host.base import family_of_base
from easyphoto.images.originals import Original, read_original
from easyphoto.images.pictures import MADE_BY, DigitalSource, write_picture
from easyphoto.inference.ai_label import with_label
from easyphoto.inference.pipeline import PipelineModels, photograph
from easyphoto.inference.plan import face_within
from easyphoto.inference.results import Photograph, Photographs, mean_cosine
from easyphoto.inference.subject import Subject
from easyphoto.messages import joined, note, phase, text
from easyphoto.persons.folder import base_of
from easyphoto.persons.subject import judged, subject_from
from easyphoto.preprocess.standing import turned, upright_faces
from easyphoto.progress import Progress, TurnProgress
from easyphoto.report.page import write_report
from easyphoto.report.parts import Notes, Report, Section
from easyphoto.report.session import session_section
from easyphoto.settings.declarations import settings_record
from easyphoto.settings.inference import InferenceSettings
from easyphoto.settings.placing import PlacingSettings
from easyphoto.storage.files import readable_name
from easyphoto.storage.records import name_stamp, utc_now, write_json
from easyphoto.weights.store import WeightStore
from easyphoto.workspace.folders import SESSION_FILE, Person


@dataclass(frozen=True)
class PictureResult:
    """What is kept of a finished picture in memory: its file and facts about it."""

    file: Path
    seed: int
    likeness: tuple[Likeness | None, ...]
    notes: tuple[str, ...]
    made_by: Mapping[str, Any]

    @property
    def score(self) -> float | None:
        return mean_cosine(self.likeness)


@dataclass(frozen=True)
class TemplateResult:
    """What is kept of one template in memory: no pixels, because twenty templates would fill it. Best result first."""

    template: Path
    results: tuple[PictureResult, ...]
    notes: tuple[str, ...]
    seconds: Mapping[str, float]
    section: Section
    before: Likeness | None = None
    """Likeness of the template's own face to the person; only with a single person."""

    @property
    def best(self) -> PictureResult:
        return self.results[0]


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
        """The notes of the session, of its templates and of every picture."""
        of_templates = (note for made in self.made for note in made.notes)
        of_pictures = (note for made in self.made for picture in made.results for note in picture.notes)
        return *self.notes, *of_templates, *of_pictures


@dataclass(frozen=True, eq=False)
class PhotographSeries:
    """What all templates of a series share."""

    persons: Sequence[Person]
    subjects: Sequence[Subject]
    templates: Sequence[Path]
    models: PipelineModels
    settings: InferenceSettings
    out: Path
    base: str | None
    """For the record: the base model if it is not the one that the persons were trained on."""
    only: Original | None = None
    """The template as it was read, if it is the only one: several would fill the memory."""

    def in_turn(self, turn: int) -> PhotographSeries:
        """Return the series with a progress in which one template is a part of all: each counts from 0 itself."""
        progress = TurnProgress(self.models.progress, turn, len(self.templates))
        return replace(self, models=replace(self.models, progress=progress))

    def photographed(self, assignments: Sequence[Sequence[int] | None], context: Context) -> PhotographResult:
        """Photograph every template in turn. A template without a face is noted; raises if no template has one."""
        record = {"persons": [person.id for person in self.persons], "created": utc_now(), "base": self.base}
        # At once, so that even an interrupted session is known to belong to these persons.
        write_json(self.out / SESSION_FILE, record)
        made: list[TemplateResult] = []
        failures: list[NoFaceFound] = []
        for turn, (template, assignment) in enumerate(zip(self.templates, assignments, strict=True)):
            try:
                made.append(_Taking(template, self.in_turn(turn), record, context).taken(assignment))
            except NoFaceFound as error:
                failures.append(error)
        missed = self.models.engine.missed if failures else ()
        if not made:
            failures[0].advice = joined((failures[0].advice, *missed), " ")
            raise failures[0]
        write_json(self.out / SESSION_FILE, {**record, "weights": [asdict(used) for used in self.models.weights]})
        notes = (*(error.said for error in failures), *missed)
        report = _report(self.persons, made, notes=notes)
        return PhotographResult(tuple(made), write_report(self.out, report), notes)


def open_series(
    app: EasyPhoto,
    names: Sequence[str],
    templates: Sequence[Path],
    settings: InferenceSettings,
    progress: Progress,
    *,
    out: Path | None = None,
) -> PhotographSeries:
    """Load the persons and the networks once for all templates."""
    persons = [app.workspace.person(name) for name in names]
    only = None
    for template in templates:
        # To report a broken one before anything is painted; of several each is read again in its turn.
        original = read_original(template)
        only = original if len(templates) == 1 else None
    engine = engine_of(app, persons, progress)
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
        templates=templates,
        models=models,
        settings=settings,
        out=out or app.workspace.results / _series_name(persons),
        # By name alone, because the record is passed on with the picture.
        base=Path(app.options.base).name if app.options.base else None,
        only=only,
    )


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
    # Before the large networks, so that an unknown name is reported at once.
    finisher = app.host.open_finisher(settings, store, progress, app.models)
    progress.step(0, 1, phase("load-networks", "loading the models"))
    return PipelineModels(
        backend=app.host.open_backend(base, family, store, app.options.weights, app.models),
        engine=engine,
        progress=progress,
        finisher=finisher,
        fuser=open_fuser(settings.fusion_engine, store, progress, app.models),
        few_steps=few_steps,
    )


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


@dataclass(frozen=True, eq=False)
class _Taking:
    """Photographs one template of the series."""

    template: Path
    series: PhotographSeries
    record: Mapping[str, Any]
    context: Context

    def taken(self, assignment: Sequence[int] | None) -> TemplateResult:
        """Write and report the pictures. Raises NoFaceFound."""
        models, subjects, settings = self.series.models, self.series.subjects, self.series.settings
        engine, lying = models.engine, self.series.only or read_original(self.template)
        rotation, faces = upright_faces(lying.picture, engine)
        original = _turned(lying, rotation)
        picture = original.picture
        family = family_named(models.backend.family).at(settings.resolution)
        found = photograph(picture, subjects, settings, family, models, assignment=assignment, found=faces)
        found = replace(found, notes=(*found.notes, *_of_another_kind(engine, picture, found)))
        found = _in_own_colours(original, found)
        if settings.ai_label:
            found = with_label(found, Size.of(picture), original.alpha)
        results = tuple(self._written(original, one, rotation) for one in found.results)
        # Only with a single subject is it clear with whom the template's face is compared.
        earlier = (judged(engine, picture, subjects[0].embeddings, faces=found.faces),) if len(subjects) == 1 else ()
        section = session_section(readable_name(self.template), picture, found, before=earlier)
        return TemplateResult(self.template, results, found.notes, found.seconds, section, *earlier)

    def _written(self, original: Original, made: Photograph, rotation: int) -> PictureResult:
        """Write a picture, turned back to where its template lies."""
        name = f"{Path(readable_name(self.template)).stem}-{'-'.join(self.record['persons'])}-{made.seed}"
        # Templates of two folders may share a name.
        numbers = (f"-{number}" for number in count(2))
        file = next(
            file for end in chain(("",), numbers) if not (file := self.series.out / f"{name}{end}.png").exists()
        )
        settings = settings_record(self.series.settings)
        what = {"template": readable_name(self.template), "settings": settings, **made.record()}
        final, profile = turned(original.painted(made.image, made.mask), -rotation % 360), original.profile
        record = {"made_by": MADE_BY, **self.record, **what, "created": utc_now()}
        embedded = profile.content if profile is not None else None
        write_picture(file, final, record, profile=embedded, source=DigitalSource.COMPOSITE)
        self.context.picture_finished(file, self.template, made)
        return PictureResult(file, made.seed, made.likeness, made.notes, made.made_by)


def _turned(original: Original, rotation: int) -> Original:
    """The template turned clockwise by the degrees, with a note on it."""
    if rotation == 0:
        return original
    said = note(
        "template-lies",
        "The template lies turned by {angle}°: its faces were painted upright, and the result lies as it does.",
        angle=360 - rotation,
    )
    return replace(
        original,
        picture=turned(original.picture, rotation),
        own=turned(original.own, rotation),
        alpha=None if original.alpha is None else turned(original.alpha, rotation),
        notes=(*original.notes, said),
    )


def _of_another_kind(engine: FaceEngine, template: Image.Image, found: Photographs) -> tuple[str, ...]:
    """Return the engine's remarks on the template's assigned faces, and on results with unknown likeness."""
    said = [
        note(
            "template-of-another-kind",
            "Face {number} from the left on the template {words}.",
            number=index + 1,
            words=words,
        )
        for index, _ in found.seated
        for words in engine.remarks(template, found.faces[index])
    ]
    for one in found.results:
        whole, growth = Box(0, 0, one.image.width, one.image.height), one.image.width / template.width
        for (index, _), likeness in zip(found.seated, one.likeness, strict=True):
            if likeness is None:
                there = face_within(found.faces[index], whole, growth)
                remarks = engine.remarks(one.image, there)
                said += [
                    note(
                        "result-of-another-kind",
                        "Face {number} from the left on the result {words}.",
                        number=index + 1,
                        words=words,
                    )
                    for words in remarks
                ]
    if said:
        other = engine.domain.other
        said.append(
            note("say-kind", "If the person's photos are {other}, {say_so}.", other=other.said, say_so=say_so(other))
        )
    return tuple(dict.fromkeys(said))


def _in_own_colours(original: Original, found: Photographs) -> Photographs:
    """Return the results in the template's own colours, with notes on the conversion."""
    results = tuple(_as_shown(original, one) for one in found.results)
    return replace(found, results=results, notes=(*original.notes, *found.notes))


def _as_shown(original: Original, made: Photograph) -> Photograph:
    shown, notes = original.shown(made.image), made.notes
    if made.image.size != original.picture.size and not original.is_plain:
        notes = (
            *notes,
            note(
                "colours-brought-back",
                "The picture was enlarged, so all of it was converted back to the template's colour profile.",
            ),
        )
    if original.hides(made.mask):
        notes = (
            *notes,
            note(
                "face-under-transparency",
                "Part of the new face lies where the template is transparent, so it cannot be seen.",
            ),
        )
    stages = tuple(replace(one, image=shown) if one.image is made.image else one for one in made.stages)
    return replace(made, image=shown, stages=stages, notes=notes)


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


def _series_name(persons: Sequence[Person]) -> str:
    return f"{name_stamp(microseconds=True)}-{'-'.join(person.id for person in persons)}"[:120]
