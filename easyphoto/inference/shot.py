"""One picture of a template while it is made: the passes over each face, over their borders, and the last steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image

from easyphoto.backends.base import InpaintRequest
from easyphoto.geometry import Size
from easyphoto.images.pictures import as_array, as_picture, resized
from easyphoto.inference.finish import (
    WorkingPicture,
    composed,
    evened,
    found_again,
    joint_masks,
    recoloured,
    repainted,
)
from easyphoto.inference.masks import softened
from easyphoto.inference.painting import Account, Pass, Passes
from easyphoto.inference.passes import Guides, controls_for, joint_pass, second_pass, second_strength
from easyphoto.inference.plan import MOST_ENLARGEMENT, plan_joint
from easyphoto.inference.prepare import Setup
from easyphoto.inference.refine import enlarged, with_restored_faces
from easyphoto.inference.results import Stage
from easyphoto.inference.session import PhotographSession
from easyphoto.messages import Text, note, phase, text
from easyphoto.settings.options import AUTO


def painted_shots(session: PhotographSession, seeds: Sequence[int]) -> list[Shot]:
    """The pictures of the seeds, their passes painted together; the last steps are still to do.

    A face's LoRA is merged into the networks once for all seeds: first come all passes of one face, or of those faces
    that need the same networks, then those of the next. The borders, painted without any, come last.
    """
    shots = [Shot(session, seed) for seed in seeds]
    painter = session.painter
    for group in session.groups:
        keys = [(shot, setup) for shot in shots for setup in group]
        crops = painter.together([shot.face(setup) for shot, setup in keys])
        for (shot, setup), crop in zip(keys, crops, strict=True):
            shot.crops[setup.number] = crop
    canvases = painter.together([shot.joined() for shot in shots])
    for shot, canvas in zip(shots, canvases, strict=True):
        shot.canvas = canvas
    return shots


class Shot:
    """The picture of one seed."""

    def __init__(self, session: PhotographSession, seed: int) -> None:
        self.session, self.seed = session, seed
        self.crops: dict[int, Image.Image] = {}
        """The finished crop of each face, in template pixels, by the face's number."""
        self.canvas = WorkingPicture.of(session.template)
        self._faces: Mapping[int, Account] = {setup.number: Account() for setup in session.setups}
        self._whole = Account()

    @property
    def account(self) -> Account:
        """What all steps left behind, in the order of the faces."""
        every = Account()
        for each in (*self._faces.values(), self._whole):
            every.add(each)
        return every

    def face(self, setup: Setup) -> Passes[Image.Image]:
        """First pass → colour → fusion at the template's resolution → second pass → retouch; the crop."""
        settings, clock = self.session.settings, self.session.clock
        account, engine = self._faces[setup.number], self.session.tools.engine
        account.stages.extend(setup.stages)
        request = self.session.first_request(setup, self.seed)
        first = yield _pass("first pass", request, account, setup.number)
        with clock.timed("colour"):
            after = found_again(first, setup.work, engine)
            coloured = _kept(account, "colour", setup.number, recoloured(first, after.labels, setup.work, settings))
        with clock.timed("fusion"):
            crop = composed(coloured, setup, settings)
            account.stages.append(Stage("fused after", as_picture(crop), setup.number))
        crop = yield from self._border(crop, setup, request)
        with clock.timed("finish"):
            width = setup.plan.face.box.width
            made = evened(as_picture(crop), after.labels, width, settings)
            return _kept(account, "retouched", setup.number, made)

    def _border(self, crop: np.ndarray, setup: Setup, first: InpaintRequest) -> Passes[np.ndarray]:
        """The crop (uint8 RGB, template pixels) after the second pass along the face's inner border, if any."""
        session, account = self.session, self._faces[setup.number]
        if second_strength(session.settings, session.family) <= 0:
            return crop
        before = resized(as_picture(crop), setup.plan.work)
        controls, notes = controls_for(session.family.second_controls, Guides(before), session.capabilities)
        account.notes.extend(notes)
        request = second_pass(
            first, before, setup.masks.second, controls, setup.subject.subject,
            settings=session.settings, family=session.family, pace=session.pace, points=setup.work.face.points,
        )  # fmt: skip
        after = yield _pass("second pass", request, account, setup.number)
        return repainted(
            crop, before, after, softened(setup.masks.second, setup.masks.alpha, setup.plan.face.box.width)
        )

    def joined(self) -> Passes[WorkingPicture]:
        """The template with all faces pasted into it, their borders painted together where there are several."""
        setups, canvas = self.session.setups, self.canvas
        with self.session.clock.timed("finish"):
            for setup in setups:
                canvas = canvas.with_ground(setup.ground)
                canvas = canvas.with_crop(self.crops[setup.number], setup.plan.crop, setup.masks.alpha)
        if len(setups) == 1:
            return canvas
        return (yield from self._borders(canvas, setups))

    def _borders(self, canvas: WorkingPicture, setups: Sequence[Setup]) -> Passes[WorkingPicture]:
        """The joint pass over the borders of all faces, without identities."""
        session = self.session
        plan = plan_joint([setup.plan.crop for setup in setups], Size.of(canvas.picture), session.family)
        if plan.enlargement > MOST_ENLARGEMENT:
            self._whole.notes.append(
                note(
                    "joint-pass-left-out",
                    "The last pass, which joins the faces' borders, was left out: the group is {width:.0f} pixels "
                    "wide, and {family} would paint it at {side}.",
                    width=plan.crop.width,
                    family=session.family.id,
                    side=plan.work.width,
                )
            )
            session.painter.count()
            return canvas
        mask, alpha = joint_masks(setups, plan)
        crop = as_picture(canvas.picture).crop(plan.crop.as_ints())
        work = resized(crop, plan.work)
        controls, notes = controls_for(session.family.joint_controls, Guides(work), session.capabilities)
        self._whole.notes.extend(notes)
        settings, family, pace = session.settings, session.family, session.pace
        request = joint_pass(work, mask, controls, settings=settings, family=family, seed=self.seed, pace=pace)
        result = yield _pass("joint pass", request, self._whole, None)
        made = repainted(as_array(crop), work, result, alpha)
        return canvas.with_crop(as_picture(made), plan.crop, (alpha > 0).astype(np.float32))

    def finished(self) -> Image.Image:
        """The whole picture, restored and enlarged where that was opened."""
        self._restore()
        return self._enlarged(as_picture(self.canvas.picture))

    def _restore(self) -> None:
        """Restore the replaced faces, where a restorer was opened."""
        session, finisher = self.session, self.session.tools.finisher
        if finisher is None or finisher.restorer is None:
            return
        session.painter.progress.check()
        with session.clock.timed("restoration"):
            self.canvas, stages, notes = with_restored_faces(
                self.canvas,
                session.setups,
                finisher.restorer,
                session.tools.engine,
                strength=session.settings.restore_strength,
                asked=session.settings.restore != AUTO,
            )
        session.painter.count(phase("restore", "seed {seed}: restoration", seed=self.seed))
        self._whole.stages.extend(stages)
        self._whole.notes.extend(notes)

    def _enlarged(self, picture: Image.Image) -> Image.Image:
        """The picture enlarged, where an upscaler was opened."""
        session, finisher = self.session, self.session.tools.finisher
        if finisher is None or finisher.upscaler is None:
            return picture
        said = phase("enlarge", "seed {seed}: enlargement", seed=self.seed)
        with session.clock.timed("enlargement"):
            larger, notes = enlarged(picture, finisher.upscaler, session.settings, session.painter.slice(said))
        session.painter.count(said)
        self._whole.notes.extend(notes)
        return larger


def _pass(step: str, request: InpaintRequest, account: Account, face: int | None) -> Pass:
    whose = Text(step) if face is None else text("face {face}, {what}", face=face + 1, what=Text(step))
    return Pass(step, request, face, whose, account)


def _kept(account: Account, name: str, face: int, made: tuple[Image.Image, tuple[str, ...]]) -> Image.Image:
    """Record the stage and notes of a step and return its picture."""
    picture, notes = made
    account.stages.append(Stage(name, picture, face))
    account.notes.extend(notes)
    return picture
