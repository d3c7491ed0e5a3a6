"""Photographs without a template: drawn from words, then put through the same passes as any template."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
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
    PhotographSeries,
    begun_session,
    called_loras,
    few_steps_lora,
    loras_of_style,
    named_base,
    open_series,
    shared_base,
    shared_family,
)
from easyphoto.errors import EasyPhotoError, WeightsMissing
from easyphoto.faces.engine import FaceEngine
from easyphoto.geometry import Size
from easyphoto.host.base import family_of_base
from easyphoto.inference.drawing import DRAWN_SCENE_WEIGHT, DrawingPlan, DrawingWords, DrawnPerson, drawing_size
from easyphoto.inference.passes import WANTED_SAMPLER, CalledLoras, SamplerPreset, sampler_preset
from easyphoto.inference.poses import pose_controls, pose_size
from easyphoto.messages import Text, note, phase
from easyphoto.progress import Progress, TurnProgress
from easyphoto.settings.drawing import DrawingSettings
from easyphoto.settings.inference import InferenceSettings
from easyphoto.workspace.person_record import Person
from easyphoto.workspace.poses import pose_named
from easyphoto.workspace.style_files import ARTWORK, Style
from easyphoto.workspace.styles import check_fits, style_named

NO_STYLE = Style("", "", "", "")


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
    pose_picture: Path | None = None

    def photographed(self) -> PhotographResult:
        """Draw all templates, then paint the persons' faces on each.

        Where another checkpoint draws, it is closed before the one that paints is opened. Raises NoFaceFound where no
        drawing is usable.
        """
        base, painter = shared_base(self.app, self.persons), shared_family(self.app, self.persons)
        named = self.drawing.template_base.strip() or base
        named = base if self._is_same(named, base) else named
        family, family_notes = (painter, ()) if named == base else self._family_of(named, painter)
        # First of all what may be wrong with the request.
        wanted = self._wanted(family, family_notes)
        few_steps_lora(painter, self.settings, self.app.store, self.progress)
        engine = engine_of(self.app, self.persons, self.progress)
        begun_session(self.out, self.persons, named_base(self.app))
        drawer = TemplateDrawing(self, wanted, named, engine, painter, TurnProgress(self.progress, 0, 2))
        drawn, given_up = drawer.with_another(family) if named != base else ((), ())
        series = self._opened(engine)
        with closing(series.models.backend) as backend:
            if named == base:
                drawn, given_up = drawer.drawn(backend)
            notes = tuple(each.said for each in given_up)
            return series.photographed(drawn, [None] * len(drawn), self.context, notes=notes)

    def _opened(self, engine: FaceEngine) -> PhotographSeries:
        """The series of the passes. The scenes are in the drawings, so they are not applied again."""
        progress = TurnProgress(self.progress, 1, 2)
        bare = replace(self.settings, scene="")
        series = open_series(self.app, self.persons, bare, progress, out=self.out, engine=engine)
        return replace(series, settings=self.settings)

    def _is_same(self, name: str, base: str) -> bool:
        """Whether both names lead to the same file: a person was trained on a path, and people write names."""
        if name == base:
            return True
        host, weights = self.app.host, self.app.options.weights
        try:
            return host.base_model(name, weights) == host.base_model(base, weights)
        except EasyPhotoError:
            return False

    def _family_of(self, base: str, painter: Family) -> tuple[Family, tuple[str, ...]]:
        """The family of the checkpoint that draws. A web UI elsewhere does not tell it."""
        host = self.app.host
        try:
            return family_of_base(base, host, self.app.options.weights), ()
        except WeightsMissing:
            if host.facts().kind != "remote":
                raise
        said = note(
            "template-base-unknown",
            "The web UI does not say what kind of model {base} is: it is taken for {family}.",
            base=base,
            family=painter.short,
        )
        return painter, (said,)

    def _wanted(self, family: Family, notes: tuple[str, ...]) -> DrawingPlan:
        """What all drawings share, with notes on what the family that draws cannot take.

        Raises BadSettings, UnknownStyle, UnknownScene, WrongFamily.
        """
        app, drawing = self.app, self.drawing
        style = style_named(app.workspace, drawing.style) if drawing.style.strip() else NO_STYLE
        check_fits(style, family)
        size, size_notes = self._size(family, style)
        persons, lora_notes = drawn_persons(app, self.persons, family)
        scenes = called_loras(app, self.settings.scene, DRAWN_SCENE_WEIGHT, family)
        loras = loras_of_style(app, style, DRAWN_SCENE_WEIGHT, family)
        words = DrawingWords(
            self.settings.prompt,
            self.settings.negative,
            persons,
            (style.positive, style.negative),
            CalledLoras((*scenes.conditions, *loras.conditions), (*scenes.words, *loras.words)),
        )
        # The backend that draws decides on the sampler when it is open.
        pace = SamplerPreset(WANTED_SAMPLER, family.first_cfg)
        notes = (*notes, *size_notes, *lora_notes)
        artwork = style.positive if style.medium == ARTWORK else ""
        return DrawingPlan(words, style.asked_of(family), drawing, pace, size, notes=notes, artwork=artwork)

    def _size(self, family: Family, style: Style) -> tuple[Size, tuple[Text, ...]]:
        """A pose's own size goes before a style's: a figure that lies does not fit a picture that stands."""
        posed = None
        if self.pose_picture is None and self.drawing.pose.strip():
            posed = pose_size(pose_named(self.drawing.pose), family)
        if posed is not None:
            return drawing_size(self.drawing.size, family, 1, posed)
        return drawing_size(self.drawing.size, family, len(self.persons), style.sizes.get(family.id))


@dataclass(frozen=True, eq=False)
class TemplateDrawing:
    """Draws the templates of a series with a backend."""

    series: WordsSeries
    wanted: DrawingPlan
    base: str
    engine: FaceEngine
    painter: Family
    """The family that paints the faces."""
    progress: Progress

    def with_another(self, family: Family) -> tuple[tuple[DrawnTemplate, ...], tuple[NotDrawn, ...]]:
        """With another checkpoint than the one that paints: a lease of its own gives its networks back at the end."""
        app, weights = self.series.app, self.series.app.options.weights
        self.progress.step(0, 1, phase("load-networks", "loading the models"))
        with (
            app.cache.lease() if app.lease is not None else app.models as lease,
            closing(app.host.open_backend(self.base, family, app.store, weights, lease)) as backend,
        ):
            return self.drawn(backend)

    def drawn(self, backend: Backend) -> tuple[tuple[DrawnTemplate, ...], tuple[NotDrawn, ...]]:
        series = self.series
        plan = self._plan(backend)
        drawer = TemplateDrawer(
            backend=backend,
            checkpoint=Path(self.base).name,
            plan=plan,
            persons=[person.id for person in series.persons],
            engine=self.engine,
            family=self.painter.at(series.settings.resolution),
            out=series.out,
            workspace=series.app.workspace,
            progress=self.progress,
            paint_covered=series.settings.paint_covered,
        )
        return drawer.drawn(series.settings.seed, series.settings.count)

    def _plan(self, backend: Backend) -> DrawingPlan:
        """With the sampler, and what this backend can apply."""
        app, settings, family = self.series.app, self.series.settings, self.wanted.family
        few_steps, fast_notes = _few_steps_of(app, family, settings, self.progress)
        # The settings' guidance is that of the passes.
        pace, pace_notes = sampler_preset(replace(settings, cfg=None), family, backend.capabilities(), few_steps)
        drawing = self.series.drawing
        controls, pose_notes = pose_controls(
            family,
            backend.capabilities(),
            self.wanted.size,
            pose=drawing.pose,
            picture=self.series.pose_picture,
            weight=drawing.pose_weight,
            find_faces=self.engine.detect,
        )
        notes = (*self.wanted.notes, *fast_notes, *pace_notes, *pose_notes)
        return replace(self.wanted, pace=pace, controls=controls, notes=notes)


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
