"""Photographs without a template: drawn from words, then put through the same passes as any template."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from easyphoto.app import EasyPhoto
from easyphoto.architectures.base import Family, FewSteps
from easyphoto.architectures.registry import family_named
from easyphoto.backends.base import Backend
from easyphoto.commands.base import Context
from easyphoto.commands.drawn_templates import DrawnTemplate, NotDrawn, TemplateDrawer
from easyphoto.commands.engines import engine_of
from easyphoto.commands.photograph_series import (
    PhotographResult,
    begun_session,
    called_loras,
    few_steps_lora,
    named_base,
    open_series,
    shared_base,
    shared_family,
)
from easyphoto.faces.engine import FaceEngine
from easyphoto.host.base import family_of_base
from easyphoto.inference.drawing import DRAWN_SCENE_WEIGHT, DrawingPlan, DrawingWords, DrawnPerson, drawing_size
from easyphoto.inference.passes import sampler_preset
from easyphoto.messages import note, phase
from easyphoto.progress import Progress, TurnProgress
from easyphoto.settings.drawing import DrawingSettings
from easyphoto.settings.inference import InferenceSettings
from easyphoto.workspace.folders import Person


@dataclass(frozen=True, eq=False)
class WordsSeries:
    """A series of drawings and the photographs made of them."""

    app: EasyPhoto
    persons: Sequence[Person]
    settings: InferenceSettings
    drawing: DrawingSettings
    out: Path
    context: Context
    progress: Progress

    def photographed(self) -> PhotographResult:
        """Draw all templates, then paint the persons' faces on each.

        Where another checkpoint draws, it is closed before the one that paints is opened. Raises NoFaceFound where no
        drawing is usable.
        """
        begun_session(self.out, self.persons, named_base(self.app))
        base, family = shared_base(self.app, self.persons), shared_family(self.app, self.persons)
        engine = engine_of(self.app, self.persons, self.progress)
        drawer = self.drawing.template_base.strip() or base
        first, last = (TurnProgress(self.progress, turn, 2) for turn in range(2))
        # The scenes are in the drawing.
        settings = replace(self.settings, scene="")
        if drawer != base:
            with self._opened(drawer) as backend:
                drawn, given_up = self._drawn(backend, drawer, engine, family, first)
            series = open_series(self.app, self.persons, settings, last, out=self.out, engine=engine)
        else:
            series = open_series(self.app, self.persons, settings, last, out=self.out, engine=engine)
        with closing(series.models.backend) as backend:
            if drawer == base:
                drawn, given_up = self._drawn(backend, drawer, engine, family, first)
            series = replace(series, settings=self.settings)
            notes = tuple(each.said for each in given_up)
            return series.photographed(drawn, [None] * len(drawn), self.context, notes=notes)

    @contextmanager
    def _opened(self, base: str) -> Iterator[Backend]:
        """The backend of another checkpoint, with a lease of its own, which gives its networks back at the end."""
        app, weights = self.app, self.app.options.weights
        lease = app.cache.lease() if app.lease is not None else app.models
        family = family_of_base(base, app.host, weights)
        self.progress.step(0, 1, phase("load-networks", "loading the models"))
        with lease, closing(app.host.open_backend(base, family, app.store, weights, lease)) as backend:
            yield backend

    def _drawn(
        self, backend: Backend, base: str, engine: FaceEngine, painter: Family, progress: Progress
    ) -> tuple[tuple[DrawnTemplate, ...], tuple[NotDrawn, ...]]:
        plan = self._plan(backend, progress)
        drawer = TemplateDrawer(
            backend=backend,
            checkpoint=Path(base).name,
            request=plan.request,
            words=self.settings.prompt,
            settings=self.drawing,
            persons=[person.id for person in self.persons],
            engine=engine,
            family=painter.at(self.settings.resolution),
            out=self.out,
            progress=progress,
            paint_covered=self.settings.paint_covered,
            notes=plan.notes,
        )
        return drawer.drawn(self.settings.seed, self.settings.count)

    def _plan(self, backend: Backend, progress: Progress) -> DrawingPlan:
        """What all drawings share, with notes on what the checkpoint that draws cannot take."""
        app, family = self.app, family_named(backend.family)
        size, size_notes = drawing_size(self.drawing.size, family, len(self.persons))
        persons, lora_notes = drawn_persons(app, self.persons, family)
        few_steps, fast_notes = _few_steps_of(app, family, self.settings, progress)
        # The settings' guidance is that of the passes.
        pace, pace_notes = sampler_preset(replace(self.settings, cfg=None), family, backend.capabilities(), few_steps)
        words = DrawingWords(
            self.settings.prompt,
            self.settings.negative,
            persons,
            scenes=called_loras(app, self.settings.scene, DRAWN_SCENE_WEIGHT, family),
        )
        notes = (*size_notes, *lora_notes, *fast_notes, *pace_notes)
        return DrawingPlan(words, family, self.drawing, pace, size, notes=notes)


def drawn_persons(
    app: EasyPhoto, persons: Sequence[Person], family: Family
) -> tuple[tuple[DrawnPerson, ...], tuple[str, ...]]:
    """The persons as a family can draw them, and a note on each LoRA that was trained for another family."""
    found, notes = [], []
    for person in persons:
        fits = person.lora is not None and person.family == family.id
        lora = app.workspace.person_folder(person.id) / str(person.lora) if fits else None
        found.append(DrawnPerson(person.words, lora))
        if person.lora is not None and not fits:
            said = note(
                "drawn-without-lora",
                "{name}: drawn without their LoRA, which was trained for {own}, not for {family}; the face is painted "
                "with it.",
                name=person.name,
                own=family_named(person.family).short,
                family=family.short,
            )
            notes.append(said)
    return tuple(found), tuple(notes)


def _few_steps_of(
    app: EasyPhoto, family: Family, settings: InferenceSettings, progress: Progress
) -> tuple[tuple[FewSteps, Path] | None, tuple[str, ...]]:
    """The few-step LoRA of the family that draws; a note where it has none, as the one that paints may."""
    if settings.few_steps == "off" or settings.few_steps in family.few_steps:
        return few_steps_lora(family, settings, app.store, progress), ()
    said = note(
        "drawn-in-all-steps",
        "{family} has no {few_steps} LoRA, so the picture is drawn in all steps.",
        family=family.short,
        few_steps=settings.few_steps,
    )
    return None, (said,)
