"""A photograph session: templates and subjects in, finished pictures with their record and a report out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain, count
from pathlib import Path
from typing import Any

from PIL import Image

from easyphoto.architectures.base import Family, FewSteps
from easyphoto.architectures.registry import family_named
from easyphoto.errors import InputError, NoFaceFound
from easyphoto.faces.domain import say_so
from easyphoto.faces.engine import FaceEngine, Likeness
from easyphoto.faces.fuser import open_fuser
from easyphoto.geometry import Box
from easyphoto.host.base import Host
from easyphoto.images.originals import Original, read_original
from easyphoto.images.pictures import MADE_BY, write_picture
from easyphoto.inference.pipeline import PipelineModels, photograph
from easyphoto.inference.plan import face_within
from easyphoto.inference.results import Photograph, Photographs, mean_cosine
from easyphoto.inference.subject import Subject
from easyphoto.messages import joined, note
from easyphoto.persons.folder import judged
from easyphoto.progress import Progress
from easyphoto.report.page import write_report
from easyphoto.report.parts import Notes, Report, Section
from easyphoto.report.session import session_section
from easyphoto.report.sheet import write_sheet
from easyphoto.settings import InferenceSettings, WeightSettings, settings_record
from easyphoto.storage.files import readable_name
from easyphoto.storage.records import utc_now, write_json
from easyphoto.weights.store import WeightStore
from easyphoto.workspace.folders import SESSION_FILE, Person

Finished = Callable[[Path, Path, Photograph], object]
"""Told of each picture as soon as it lies on disk: its file, its template, and itself with all its steps."""


@dataclass(frozen=True)
class PictureResult:
    """What stays of a finished picture: its file, and what is known of it."""

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
    """What stays of one template: no pixels, twenty of them would fill the memory. Results are best first."""

    template: Path
    results: tuple[PictureResult, ...]
    notes: tuple[str, ...]
    seconds: Mapping[str, float]
    section: Section
    before: Likeness | None = None
    """How like the person the template's own face was; only where one person sat."""

    @property
    def best(self) -> PictureResult:
        return self.results[0]


@dataclass(frozen=True)
class PhotographResult:
    """What `photograph` made, and the report."""

    made: tuple[TemplateResult, ...]
    report: Path
    notes: tuple[str, ...] = ()

    @property
    def pictures(self) -> tuple[Path, ...]:
        """Best first within each template."""
        return tuple(result.file for made in self.made for result in made.results)

    @property
    def sections(self) -> tuple[Section, ...]:
        return tuple(made.section for made in self.made)

    @property
    def all_notes(self) -> tuple[str, ...]:
        """Of the session, of its templates and of every picture."""
        of_templates = (note for made in self.made for note in made.notes)
        of_pictures = (note for made in self.made for picture in made.results for note in picture.notes)
        return *self.notes, *of_templates, *of_pictures


def open_models(
    host: Host,
    base: str,
    family: Family,
    engine: FaceEngine,
    *,
    settings: InferenceSettings,
    store: WeightStore,
    weights: WeightSettings,
    progress: Progress,
) -> PipelineModels:
    """The networks that paint, and those that finish, loaded once for all templates."""
    few_steps = few_steps_lora(family, settings, store, progress)
    # Before the large networks, because a name that nobody knows is said at once.
    finisher = host.open_finisher(settings, store, progress)
    progress.step(0, 1, "loading the networks")
    return PipelineModels(
        backend=host.open_backend(base, family, store, weights),
        engine=engine,
        progress=progress,
        finisher=finisher,
        fuser=open_fuser(settings.fusion_engine, store, progress),
        few_steps=few_steps,
    )


def few_steps_lora(
    family: Family, settings: InferenceSettings, store: WeightStore, progress: Progress
) -> tuple[FewSteps, Path] | None:
    """What the setting `few_steps` stands for, and its LoRA, fetched where needed; None where it is off."""
    if settings.few_steps == "off":
        return None
    found = family.few_steps.get(settings.few_steps)
    if found is None:
        known = ", ".join(family.few_steps) or "none"
        raise InputError(
            f"{family.label} has no {settings.few_steps} LoRA.", advice=f"Known for it: {known}; or take off."
        )
    return found, store.require(found.lora, progress)


def photograph_templates(
    tools: PipelineModels,
    persons: Sequence[Person],
    subjects: Sequence[Subject],
    templates: Sequence[Path],
    *,
    settings: InferenceSettings,
    out: Path,
    assignments: Mapping[Path, Sequence[int]] | None = None,
    base: str | None = None,
    finished: Finished | None = None,
) -> PhotographResult:
    """Photograph the subjects on every template. One without a face is noted; raises where that is all of them.

    `base` is for the record: the base model where it is not the one that the persons were trained on.
    """
    record = {"persons": [person.id for person in persons], "created": utc_now(), "base": base}
    # At once, so that a session that is cut off is still known to be these persons'.
    write_json(out / SESSION_FILE, record)
    made: list[TemplateResult] = []
    failures: list[NoFaceFound] = []
    for template in templates:
        taking = _Taking(template, tools, subjects, settings, out, record, finished or _ignore)
        try:
            made.append(taking.taken((assignments or {}).get(template)))
        except NoFaceFound as error:
            failures.append(error)
    missed = tools.engine.missed if failures else ()
    if not made:
        failures[0].advice = joined((failures[0].advice, *missed), " ")
        raise failures[0]
    write_json(out / SESSION_FILE, {**record, "weights": [asdict(used) for used in tools.weights]})
    notes = (*(error.said for error in failures), *missed)
    report = _report(persons, made, notes=notes)
    write_sheet(out, report)
    return PhotographResult(tuple(made), write_report(out, report), notes)


def _ignore(*_: object) -> None:
    pass


@dataclass(frozen=True, eq=False)
class _Taking:
    """One template, and what all of them share."""

    template: Path
    tools: PipelineModels
    subjects: Sequence[Subject]
    settings: InferenceSettings
    out: Path
    record: Mapping[str, Any]
    finished: Finished

    def taken(self, assignment: Sequence[int] | None) -> TemplateResult:
        """Its pictures written and told of. Raises NoFaceFound."""
        engine, original = self.tools.engine, read_original(self.template)
        picture = original.picture
        family = family_named(self.tools.backend.family).at(self.settings.resolution)
        found = photograph(picture, self.subjects, self.settings, family, self.tools, assignment=assignment)
        found = replace(found, notes=(*found.notes, *_of_another_kind(engine, picture, found)))
        found = _in_own_colours(original, found)
        results = tuple(self._written(original, one) for one in found.results)
        # With one subject it is known whose likeness the template's face is held against.
        earlier = (judged(engine, picture, self.subjects[0].embeddings),) if len(self.subjects) == 1 else ()
        section = session_section(readable_name(self.template), picture, found, before=earlier)
        return TemplateResult(self.template, results, found.notes, found.seconds, section, *earlier)

    def _written(self, original: Original, made: Photograph) -> PictureResult:
        name = f"{Path(readable_name(self.template)).stem}-{'-'.join(self.record['persons'])}-{made.seed}"
        # Templates of two folders may share their name.
        numbers = (f"-{number}" for number in count(2))
        file = next(file for end in chain(("",), numbers) if not (file := self.out / f"{name}{end}.png").exists())
        note = {"template": readable_name(self.template), "settings": settings_record(self.settings), **made.record()}
        final, profile = original.painted(made.image, made.mask), original.profile
        record = {"made_by": MADE_BY, **self.record, **note, "created": utc_now()}
        write_picture(file, final, record, profile=profile.content if profile is not None else None)
        self.finished(file, self.template, made)
        return PictureResult(file, made.seed, made.likeness, made.notes, made.made_by)


def _of_another_kind(engine: FaceEngine, template: Image.Image, found: Photographs) -> tuple[str, ...]:
    """Said of the template's seated faces, and of the results' whose likeness is unknown."""
    said = [
        f"Face {index + 1} from the left on the template {words}."
        for index, _ in found.seated
        for words in engine.remarks(template, found.faces[index])
    ]
    for one in found.results:
        whole, growth = Box(0, 0, one.image.width, one.image.height), one.image.width / template.width
        for (index, _), likeness in zip(found.seated, one.likeness, strict=True):
            if likeness is None:
                there = face_within(found.faces[index], whole, growth)
                remarks = engine.remarks(one.image, there)
                said += [f"Face {index + 1} from the left on the result {words}." for words in remarks]
    if said:
        other = engine.domain.other
        said.append(
            note("say-kind", "If the person's photos are {other}, {say_so}.", other=other.said, say_so=say_so(other))
        )
    return tuple(dict.fromkeys(said))


def _in_own_colours(original: Original, found: Photographs) -> Photographs:
    """The results as they will look in the template's own colours, and what became of these."""
    results = tuple(_as_shown(original, one) for one in found.results)
    return replace(found, results=results, notes=(*original.notes, *found.notes))


def _as_shown(original: Original, made: Photograph) -> Photograph:
    shown, notes = original.shown(made.image), made.notes
    if made.image.size != original.picture.size and not original.is_plain:
        notes = *notes, "The picture was enlarged, so all of it was brought back into the template's colours."
    if original.hides(made.mask):
        notes = *notes, "Part of the new face lies where the template is transparent, and is not seen."
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
