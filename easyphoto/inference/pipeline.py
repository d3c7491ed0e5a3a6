"""Turns a template and subjects into finished photographs: the table of contents of inference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from easyphoto import __version__
from easyphoto.architectures.base import Family, FewSteps
from easyphoto.backends.base import Backend, Capabilities, InpaintRequest
from easyphoto.faces.engine import Face, FaceEngine
from easyphoto.faces.fuser import Fuser
from easyphoto.geometry import Size
from easyphoto.images.pictures import as_array, as_picture, resized, resized_mask
from easyphoto.inference.finish import (
    WorkingPicture,
    composed,
    evened,
    found_again,
    joint_masks,
    likenesses,
    ranked,
    recoloured,
    repainted,
)
from easyphoto.inference.identities.registry import identity_records
from easyphoto.inference.masks import softened
from easyphoto.inference.painting import PictureRun
from easyphoto.inference.passes import (
    NO_LORAS,
    CalledLoras,
    Guides,
    SamplerPreset,
    controls_for,
    first_pass,
    joint_pass,
    sampler_preset,
    second_pass,
    second_strength,
)
from easyphoto.inference.plan import MOST_ENLARGEMENT, FaceAssignment, assigned_faces, from_the_left, plan_joint
from easyphoto.inference.prepare import Setup, coverings, part_maps, prepared, subject_of
from easyphoto.inference.refine import enlarged, unmet, with_restored_faces
from easyphoto.inference.results import UNITS, Photograph, Photographs, Slice, Stage, Stopwatch
from easyphoto.inference.subject import Subject
from easyphoto.messages import Text, note, phase, text
from easyphoto.progress import NullProgress, Progress
from easyphoto.restoration.base import Finisher
from easyphoto.settings.declarations import settings_record
from easyphoto.settings.inference import InferenceSettings
from easyphoto.weights.catalog import UsedWeight


@dataclass(frozen=True, eq=False)
class PipelineModels:
    backend: Backend
    engine: FaceEngine
    progress: Progress = field(default_factory=NullProgress)
    few_steps: tuple[FewSteps, Path] | None = None
    """Preset and file of the few-step LoRA; None without one."""
    finisher: Finisher | None = None
    """Restores the faces of the result and enlarges it; None where neither is asked for."""
    fuser: Fuser | None = None
    """Replaces our own warp in the fusion."""
    scenes: CalledLoras = NO_LORAS
    """Scenes and objects, painted into every pass."""

    @property
    def weights(self) -> tuple[UsedWeight, ...]:
        """The weight files that were used so far."""
        optional = [part.weights for part in (self.finisher, self.fuser) if part is not None]
        everything = *self.engine.weights, *self.backend.weights, *(file for files in optional for file in files)
        # The engine and the fuser may share one embedder.
        return tuple(dict.fromkeys(everything))


def photograph(
    template: Image.Image,
    subjects: Sequence[Subject],
    settings: InferenceSettings,
    family: Family,
    tools: PipelineModels,
    *,
    trigger: str | None = None,
    assignment: Sequence[int] | None = None,
    found: Sequence[Face] | None = None,
) -> Photographs:
    """Put the subjects' faces on the template, `settings.count` times, best first.

    Subjects take the largest, surest faces, from left to right; an `assignment` instead gives subject i the face
    `assignment[i]`, counted from the left from 0. `trigger` replaces the family's trigger words. `found` are the
    template's faces where they are known; None looks for them.

    Raises NoFaceFound, InputError, and what the backend raises.
    """
    # Not a copy, because an engine knows again what it has seen by the picture object.
    template, clock = template if template.mode == "RGB" else template.convert("RGB"), Stopwatch()
    with clock.timed("faces"):
        faces = from_the_left(tools.engine.detect(template) if found is None else found)
        covered = () if settings.paint_covered else coverings(template, faces, tools.engine)
        seats, notes = assigned_faces(
            len(subjects), faces, Size.of(template), family, assignment=assignment, covered=covered
        )
        maps, map_notes = part_maps(template, faces, tools.engine)
    with clock.timed("guides"):
        session = PipelineRun.opened(template, faces, maps, settings, family, tools, trigger=trigger, clock=clock)
        setups = [session.setup(seat, subjects[seat.subject]) for seat in seats]
    taken = [session.taken(setups, number) for number in range(settings.count)]
    results, rank_notes = ranked(taken)
    names = tuple((seat.face, subjects[seat.subject].name) for seat in seats)
    return Photographs(results, faces, names, (*notes, *map_notes, *rank_notes), clock.seconds)


@dataclass(frozen=True, eq=False)
class PipelineRun:
    """What all faces and seeds of one call share."""

    template: Image.Image
    faces: tuple[Face, ...]
    maps: list[np.ndarray]
    """Part map of each face: (height, width) uint8 values of `Part`, of the template's size."""
    settings: InferenceSettings
    family: Family
    tools: PipelineModels
    trigger: str
    capabilities: Capabilities
    pace: SamplerPreset
    notes: tuple[str, ...]
    clock: Stopwatch

    @classmethod
    def opened(
        cls,
        template: Image.Image,
        faces: tuple[Face, ...],
        maps: list[np.ndarray],
        settings: InferenceSettings,
        family: Family,
        tools: PipelineModels,
        *,
        trigger: str | None,
        clock: Stopwatch,
    ) -> PipelineRun:
        """Read the backend's capabilities and choose the sampler preset; `maps` are those of `part_maps`."""
        capabilities = tools.backend.capabilities()
        pace, pace_notes = sampler_preset(settings, family, capabilities, tools.few_steps)
        notes = *pace_notes, *unmet(settings, tools.finisher, tools.fuser)
        words = family.trigger if trigger is None else trigger
        pace = pace.with_loras(tools.scenes)
        return cls(template, faces, maps, settings, family, tools, words, capabilities, pace, notes, clock)

    def setup(self, seat: FaceAssignment, subject: Subject) -> Setup:
        return prepared(
            self.template,
            self.faces,
            self.maps,
            seat.face,
            subject_of(subject, self.tools.engine),
            settings=self.settings,
            family=self.family,
            capabilities=self.capabilities,
            exact=self.tools.engine.outlines_at(self.template, self.faces[seat.face]),
            fuser=self.tools.fuser,
        )

    def taken(self, setups: Sequence[Setup], number: int) -> Photograph:
        """One photograph: each face by itself, then their borders together, then restoration and enlargement."""
        seed = (self.settings.seed + number) % 2**32
        shot = Shot(self, seed, first_unit=number * self.units(setups), units=self.settings.count * self.units(setups))
        canvas = WorkingPicture.of(self.template)
        for setup in setups:
            canvas = shot.face(canvas, setup)
        if len(setups) > 1:
            canvas = shot.borders(canvas, setups)
        canvas = shot.restored(canvas, setups)
        image = shot.enlarged(as_picture(canvas.picture))
        mask = resized_mask(canvas.touched, Size.of(image)) if image.size != self.template.size else canvas.touched
        with self.clock.timed("likeness"):
            growth = image.width / self.template.width
            values = likenesses(image, setups, self.tools.engine, growth=growth)
        stages = Stage("template", self.template), *shot.stages, Stage("result", image)
        notes = *self.notes, *(note for s in setups for note in (*s.subject.notes, *s.notes)), *shot.notes
        made_by = made_by_record(self, setups, shot.applied)
        return Photograph(image, seed, values, stages, tuple(dict.fromkeys(notes)), mask, made_by)

    def units(self, setups: Sequence[Setup]) -> int:
        finisher = self.tools.finisher or Finisher()
        last = (finisher.restorer is not None) + (finisher.upscaler is not None)
        passes = 1 + (second_strength(self.settings, self.family) > 0)
        return UNITS * (passes * len(setups) + (len(setups) > 1) + last)


class Shot(PictureRun):
    """The passes of one seed over all faces."""

    def __init__(self, session: PipelineRun, seed: int, *, first_unit: int, units: int) -> None:
        tools = session.tools
        super().__init__(tools.backend, tools.progress, session.clock, seed, first_unit=first_unit, units=units)
        self.session = session

    def face(self, canvas: WorkingPicture, setup: Setup) -> WorkingPicture:
        """First pass → colour → fusion at the template's resolution → second pass → retouch → paste back."""
        settings, clock = self.session.settings, self.session.clock
        self.stages.extend(setup.stages)
        request = self.first_request(setup)
        first = self.painted("first pass", request, setup.number)
        with clock.timed("colour"):
            after = found_again(first, setup.work, self.session.tools.engine)
            coloured = self.kept("colour", setup.number, recoloured(first, after.labels, setup.work, settings))
        with clock.timed("fusion"):
            crop = composed(coloured, setup, settings)
            self.stages.append(Stage("fused after", as_picture(crop), setup.number))
        crop = self.border(crop, setup, request)
        with clock.timed("finish"):
            width = setup.plan.face.box.width
            finished = self.kept("retouched", setup.number, evened(as_picture(crop), after.labels, width, settings))
            return canvas.with_ground(setup.ground).with_crop(finished, setup.plan.crop, setup.masks.alpha)

    def border(self, crop: np.ndarray, setup: Setup, first: InpaintRequest) -> np.ndarray:
        """The crop (uint8 RGB, template pixels) after the second pass along the face's inner border, if any."""
        session = self.session
        if second_strength(session.settings, session.family) <= 0:
            return crop
        before = resized(as_picture(crop), setup.plan.work)
        controls, notes = controls_for(session.family.second_controls, Guides(before), session.capabilities)
        self.notes.extend(notes)
        request = second_pass(
            first, before, setup.masks.second, controls, setup.subject.subject,
            settings=session.settings, family=session.family, pace=session.pace, points=setup.work.face.points,
        )  # fmt: skip
        after = self.painted("second pass", request, setup.number)
        return repainted(
            crop, before, after, softened(setup.masks.second, setup.masks.alpha, setup.plan.face.box.width)
        )

    def first_request(self, setup: Setup) -> InpaintRequest:
        session = self.session
        return first_pass(
            setup.start,
            setup.masks.first,
            setup.controls,
            setup.subject.subject,
            settings=session.settings,
            family=session.family,
            trigger=session.trigger,
            seed=self.seed,
            pace=session.pace,
            fused=session.settings.fusion and session.settings.fusion_before > 0 and setup.over is not None,
            bare=setup.is_bare,
            points=setup.work.face.points,
        )

    def borders(self, canvas: WorkingPicture, setups: Sequence[Setup]) -> WorkingPicture:
        """The joint pass over the borders of all faces, without identities."""
        session = self.session
        size = Size.of(canvas.picture)
        plan = plan_joint([setup.plan.crop for setup in setups], size, session.family)
        if plan.enlargement > MOST_ENLARGEMENT:
            self.notes.append(
                note(
                    "joint-pass-left-out",
                    "The last pass, which joins the faces' borders, was left out: the group is {width:.0f} pixels "
                    "wide, and {family} would paint it at {side}.",
                    width=plan.crop.width,
                    family=session.family.id,
                    side=plan.work.width,
                )
            )
            self.unit += UNITS
            return canvas
        mask, alpha = joint_masks(setups, plan)
        crop = as_picture(canvas.picture).crop(plan.crop.as_ints())
        work = resized(crop, plan.work)
        controls, notes = controls_for(session.family.joint_controls, Guides(work), session.capabilities)
        self.notes.extend(notes)
        settings, family, pace = session.settings, session.family, session.pace
        request = joint_pass(work, mask, controls, settings=settings, family=family, seed=self.seed, pace=pace)
        result = self.painted("joint pass", request, None)
        made = repainted(as_array(crop), work, result, alpha)
        return canvas.with_crop(as_picture(made), plan.crop, (alpha > 0).astype(np.float32))

    def restored(self, canvas: WorkingPicture, setups: Sequence[Setup]) -> WorkingPicture:
        """The replaced faces restored, where a restorer was opened."""
        session, finisher = self.session, self.session.tools.finisher
        if finisher is None or finisher.restorer is None:
            return canvas
        session.tools.progress.check()
        strength = session.settings.restore_strength
        with session.clock.timed("restoration"):
            canvas, stages, notes = with_restored_faces(
                canvas, setups, finisher.restorer, session.tools.engine, strength=strength
            )
        self.unit += UNITS
        session.tools.progress.step(self.unit, self.units, phase("restore", "seed {seed}: restoration", seed=self.seed))
        self.stages.extend(stages)
        self.notes.extend(notes)
        return canvas

    def enlarged(self, picture: Image.Image) -> Image.Image:
        """The picture enlarged, where an upscaler was opened."""
        session, finisher = self.session, self.session.tools.finisher
        if finisher is None or finisher.upscaler is None:
            return picture
        part = Slice(
            session.tools.progress, self.unit, self.units, phase("enlarge", "seed {seed}: enlargement", seed=self.seed)
        )
        with session.clock.timed("enlargement"):
            larger, notes = enlarged(picture, finisher.upscaler, session.settings, part)
        self.unit += UNITS
        session.tools.progress.step(self.unit, self.units, phase("enlarge", "seed {seed}: enlargement", seed=self.seed))
        self.notes.extend(notes)
        return larger

    def painted(self, step: str, request: InpaintRequest, face: int | None) -> Image.Image:
        whose = Text(step) if face is None else text("face {face}, {what}", face=face + 1, what=Text(step))
        return self.passed(step, request, face, whose)

    def kept(self, name: str, face: int, made: tuple[Image.Image, tuple[str, ...]]) -> Image.Image:
        """Record the stage and notes of a step and return its picture."""
        picture, notes = made
        self.stages.append(Stage(name, picture, face))
        self.notes.extend(notes)
        return picture


def made_by_record(session: PipelineRun, setups: Sequence[Setup], applied: list[dict[str, Any]]) -> dict[str, Any]:
    """Plain values that say what made a picture."""
    subjects = ((setup.number, setup.subject.subject) for setup in setups)
    seats = [
        {"face": number, "sitter": subject.name, **identity_records(subject.identities, session.settings)}
        for number, subject in subjects
    ]
    return {
        "easyphoto": __version__,
        "family": session.family.id,
        "settings": settings_record(session.settings),
        "trigger": session.trigger,
        "seats": seats,
        "passes": applied,
        "engine": session.tools.engine.id,
        "embedder": session.tools.engine.embedder,
        "weights": [asdict(used) for used in session.tools.weights],
    }
