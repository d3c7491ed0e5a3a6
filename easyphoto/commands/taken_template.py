"""One template of a series: read, photographed, written with its record, and kept small for the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from easyphoto.architectures.registry import family_named
from easyphoto.commands.base import Context
from easyphoto.commands.drawn_templates import DrawnTemplate
from easyphoto.commands.finished_pictures import free_file, in_own_colours, with_steps_to_report
from easyphoto.faces.domain import say_so
from easyphoto.faces.engine import Likeness
from easyphoto.geometry import Box, Size
from easyphoto.images.originals import Original, read_original
from easyphoto.images.pictures import MADE_BY, DigitalSource, write_picture
from easyphoto.inference.ai_label import with_label
from easyphoto.inference.pipeline import opened_session, photographs, together
from easyphoto.inference.plan import face_within
from easyphoto.inference.results import Photograph, mean_cosine
from easyphoto.inference.session import PhotographSession, PipelineModels
from easyphoto.inference.subject import Subject
from easyphoto.messages import Text, note
from easyphoto.persons.subject import judged
from easyphoto.preprocess.standing import turned, upright_faces
from easyphoto.report.parts import Section
from easyphoto.report.session import session_section
from easyphoto.settings.declarations import settings_record
from easyphoto.settings.inference import InferenceSettings
from easyphoto.storage.files import readable_name
from easyphoto.storage.records import utc_now


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
    drawn: DrawnTemplate | None = None
    """How the template was drawn, if it was."""

    @property
    def best(self) -> PictureResult:
        return self.results[0]


@dataclass(frozen=True, eq=False)
class TemplateTaking:
    """Photographs the persons on one template."""

    template: Path
    subjects: Sequence[Subject]
    models: PipelineModels
    settings: InferenceSettings
    out: Path
    record: Mapping[str, Any]
    """What the records of all results say."""
    context: Context
    original: Original | None = None
    """The template, if it was read already."""
    drawn: DrawnTemplate | None = None
    """How it was drawn, if it was."""

    def taken(self, assignment: Sequence[int] | None) -> TemplateResult:
        """Write and report the pictures. Raises NoFaceFound."""
        models, subjects = self.models, self.subjects
        settings = self.settings if self.drawn is None else self.drawn.settings_of_passes(self.settings)
        engine, lying = models.engine, self.original or read_original(self.template)
        rotation, faces = upright_faces(lying.picture, engine)
        original = _turned(lying, rotation)
        picture = original.picture
        family = family_named(models.backend.family).at(settings.resolution)
        family = family if self.drawn is None else self.drawn.family_of_passes(family)
        session = opened_session(picture, subjects, settings, family, models, assignment=assignment, found=faces)
        made: list[Photograph] = []
        results: dict[int, PictureResult] = {}
        remarks: list[str] = []
        for one in photographs(session):
            remarks += _remarks_on_result(session, one)
            shown = in_own_colours(original, one, _under_transparency())
            if settings.ai_label:
                shown = with_label(shown, session.faces, Size.of(picture), original.alpha)
            results[shown.seed] = self._written(original, shown, rotation)
            made = with_steps_to_report([*made, shown])
        found = together(session, made)
        notes = *original.notes, *found.notes, *_of_another_kind(session, remarks)
        if self.drawn is not None:
            notes = *self.drawn.notes, *notes
        found = replace(found, notes=notes)
        # Only with a single subject is it clear with whom the template's face is compared.
        earlier = (judged(engine, picture, subjects[0].embeddings, faces=found.faces),) if len(subjects) == 1 else ()
        words = None if self.drawn is None else self.drawn.caption
        section = session_section(readable_name(self.template), picture, found, before=earlier, drawn=words)
        before = earlier[0] if earlier else None
        ranking = tuple(results[one.seed] for one in found.results)
        return TemplateResult(self.template, ranking, found.notes, found.seconds, section, before, self.drawn)

    def _written(self, original: Original, made: Photograph, rotation: int) -> PictureResult:
        """Write a picture, turned back to where its template lies."""
        name = f"{Path(readable_name(self.template)).stem}-{'-'.join(self.record['persons'])}-{made.seed}"
        # Templates of two folders may share a name.
        file = free_file(self.out, name)
        settings = settings_record(self.settings)
        what = {"template": readable_name(self.template), "settings": settings, **made.record()}
        drawn = {} if self.drawn is None else {**self.drawn.record, "settings": {**settings, "seed": made.seed}}
        final, profile = turned(original.painted(made.image, made.mask), -rotation % 360), original.profile
        record = {"made_by": MADE_BY, **self.record, **what, **drawn, "created": utc_now()}
        embedded = profile.content if profile is not None else None
        source = DigitalSource.COMPOSITE if self.drawn is None else DigitalSource.DRAWN
        write_picture(file, final, record, profile=embedded, source=source)
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


def _of_another_kind(session: PhotographSession, of_results: Sequence[str]) -> tuple[str, ...]:
    """Return the engine's remarks on the template's assigned faces, then those on results, and what they ask for."""
    engine = session.tools.engine
    said: list[str] = [
        note(
            "template-of-another-kind",
            "Face {number} from the left on the template {words}.",
            number=setup.number + 1,
            words=words,
        )
        for setup in session.setups
        for words in engine.remarks(session.template, session.faces[setup.number])
    ]
    said += of_results
    if said:
        other = engine.domain.other
        said.append(
            note("say-kind", "If the person's photos are {other}, {say_so}.", other=other.said, say_so=say_so(other))
        )
    return tuple(dict.fromkeys(said))


def _remarks_on_result(session: PhotographSession, one: Photograph) -> list[str]:
    """Return the engine's remarks on the faces of a result whose likeness is unknown."""
    whole, growth = Box(0, 0, one.image.width, one.image.height), one.image.width / session.template.width
    return [
        note(
            "result-of-another-kind",
            "Face {number} from the left on the result {words}.",
            number=setup.number + 1,
            words=words,
        )
        for setup, likeness in zip(session.setups, one.likeness, strict=True)
        if likeness is None
        for words in session.tools.engine.remarks(one.image, face_within(session.faces[setup.number], whole, growth))
    ]


def _under_transparency() -> Text:
    return note(
        "face-under-transparency",
        "Part of the new face lies where the template is transparent, so it cannot be seen.",
    )
