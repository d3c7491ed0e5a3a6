"""A photograph session: templates and sitters in, finished pictures with their record and a report out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain, count
from pathlib import Path
from typing import Any

from PIL import Image

from easyphoto.errors import InputError, NoFaceFound
from easyphoto.faces.domain import SAY_SO
from easyphoto.faces.engine import FaceEngine, Likeness, remarks_on
from easyphoto.faces.inswapper import open_fuser
from easyphoto.families import Family, FewSteps, family_named
from easyphoto.geometry import Box
from easyphoto.host import Host
from easyphoto.images import MADE_BY, write_picture
from easyphoto.inference.pipeline import Tools, photograph
from easyphoto.inference.plan import face_within
from easyphoto.inference.results import Photograph, Photographs
from easyphoto.inference.sitter import Sitter
from easyphoto.originals import Original
from easyphoto.persons import judged
from easyphoto.progress import Progress
from easyphoto.records import write_json
from easyphoto.report.page import write_report
from easyphoto.report.parts import Notes, Report, Section
from easyphoto.report.session import session_section
from easyphoto.report.sheet import write_sheet
from easyphoto.settings import InferenceSettings, WeightSettings, settings_record
from easyphoto.weights.store import WeightStore
from easyphoto.workspace import SESSION_FILE, Person, utc_now


@dataclass(frozen=True)
class Session:
    """What `photograph` made: the pictures, best first within each template, and the report."""

    pictures: tuple[Path, ...]
    report: Path
    made: tuple[Photographs, ...]
    sections: tuple[Section, ...]
    notes: tuple[str, ...] = ()
    before: tuple[Likeness | None, ...] = ()
    """How like the person each template's own face was; only where one person sat."""
    templates: tuple[Path, ...] = ()
    """Of each of `made`."""

    @property
    def all_notes(self) -> tuple[str, ...]:
        """Of the session, of its templates and of every picture."""
        of_templates = (note for made in self.made for note in made.notes)
        of_pictures = (note for made in self.made for picture in made.results for note in picture.notes)
        return *self.notes, *of_templates, *of_pictures


def open_studio(
    host: Host,
    base: str,
    family: Family,
    engine: FaceEngine,
    *,
    settings: InferenceSettings,
    store: WeightStore,
    weights: WeightSettings,
    progress: Progress,
) -> Tools:
    """The networks that paint, and those that finish, loaded once for all templates."""
    few_steps = few_steps_lora(family, settings, store, progress)
    # Before the large networks, because a name that nobody knows is said at once.
    finisher = host.open_finisher(settings, store, progress)
    progress.step(0, 1, "loading the networks")
    return Tools(
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


def hold_session(
    tools: Tools,
    persons: Sequence[Person],
    sitters: Sequence[Sitter],
    templates: Sequence[tuple[Path, Original]],
    *,
    settings: InferenceSettings,
    out: Path,
    assignments: Mapping[Path, Sequence[int]] | None = None,
    base: str | None = None,
) -> Session:
    """Photograph the sitters on every template. One without a face is noted; raises where that is all of them.

    `base` is for the record: the base model where it is not the one that the persons were trained on.
    """
    record = {"persons": [person.id for person in persons], "created": utc_now(), "base": base}
    # At once, so that a session that is cut off is still known to be these persons'.
    write_json(out / SESSION_FILE, record)
    family = family_named(tools.backend.family).at(settings.resolution)
    files: list[Path] = []
    made: list[Photographs] = []
    sections: list[Section] = []
    failures: list[NoFaceFound] = []
    before: tuple[Likeness | None, ...] = ()
    used: list[Path] = []
    for file, original in templates:
        picture = original.picture
        try:
            assignment = (assignments or {}).get(file)
            found = photograph(picture, sitters, settings, family, tools, assignment=assignment)
        except NoFaceFound as error:
            failures.append(error)
            continue
        found = replace(found, notes=(*found.notes, *_of_another_kind(tools.engine, picture, found)))
        found = _in_own_colours(original, found)
        files += [_written(out, file, original, one, record=record, settings=settings) for one in found.results]
        made.append(found)
        used.append(file)
        # With one sitter it is known whose likeness the template's face is held against.
        earlier = (judged(tools.engine, picture, sitters[0].embeddings),) if len(sitters) == 1 else ()
        before += earlier
        sections.append(session_section(file.name, picture, found, before=earlier))
    missed = getattr(tools.engine, "missed", ()) if failures else ()
    if not made:
        failures[0].advice = " ".join((failures[0].advice, *missed))
        raise failures[0]
    write_json(out / SESSION_FILE, {**record, "weights": [asdict(used) for used in tools.weights]})
    notes = (*(str(error) for error in failures), *missed)
    report = _report(persons, made, sections, notes=notes)
    write_sheet(out, report)
    return Session(tuple(files), write_report(out, report), tuple(made), tuple(sections), notes, before, tuple(used))


def _of_another_kind(engine: FaceEngine, template: Image.Image, found: Photographs) -> tuple[str, ...]:
    """Said of the template's seated faces, and of the results' whose likeness is unknown."""
    said = [
        f"Face {index + 1} from the left on the template {words}."
        for index, _ in found.seated
        for words in remarks_on(engine, template, found.faces[index])
    ]
    for one in found.results:
        whole, growth = Box(0, 0, one.image.width, one.image.height), one.image.width / template.width
        for (index, _), likeness in zip(found.seated, one.likeness, strict=True):
            if likeness is None:
                there = face_within(found.faces[index], whole, growth)
                remarks = remarks_on(engine, one.image, there)
                said += [f"Face {index + 1} from the left on the result {words}." for words in remarks]
    if said:
        other = engine.domain.other
        said.append(f"If the person's photos are {other.value}, {SAY_SO.format(other.value)}.")
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


def _written(
    out: Path,
    template: Path,
    original: Original,
    made: Photograph,
    *,
    record: Mapping[str, Any],
    settings: InferenceSettings,
) -> Path:
    name = f"{template.stem}-{'-'.join(record['persons'])}-{made.seed}"
    # Templates of two folders may share their name.
    numbers = (f"-{number}" for number in count(2))
    target = next(file for end in chain(("",), numbers) if not (file := out / f"{name}{end}.png").exists())
    note = {"template": template.name, "settings": settings_record(settings), **made.record()}
    final, profile = original.painted(made.image, made.mask), original.profile
    record = {"made_by": MADE_BY, **record, **note, "created": utc_now()}
    return write_picture(target, final, record, profile=profile.content if profile is not None else None)


def _report(
    persons: Sequence[Person], made: Sequence[Photographs], sections: Sequence[Section], *, notes: tuple[str, ...]
) -> Report:
    names = " and ".join(person.name for person in persons)
    scores = [one.best.score for one in made if one.best.score is not None]
    facts = [("pictures", str(sum(len(one.results) for one in made)))]
    facts += [("likeness", f"{sum(scores) / len(scores):.2f}")] if scores else []
    facts.append(("seconds", f"{sum(sum(one.seconds.values()) for one in made):.0f}"))
    extra = (Section("Left out", (Notes(notes),)),) if notes else ()
    return Report(f"{names}, photographed", "Template, every step, and the result.", tuple(facts), (*sections, *extra))
