"""The arms of the likeness bench: the product's pipeline, and single parts of it, on one template."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from easyphoto.app import EasyPhoto
from easyphoto.architectures.base import Family
from easyphoto.backends.base import Control, InpaintRequest, Sampler
from easyphoto.backends.conditions import Condition, LoraCondition
from easyphoto.backends.guides import draw_guide
from easyphoto.errors import NoFaceFound
from easyphoto.faces.engine import Face
from easyphoto.faces.fuse import mixed
from easyphoto.faces.opening import open_engine
from easyphoto.geometry import Size
from easyphoto.images.pictures import as_array, as_picture, pasted_back, resized, resized_mask
from easyphoto.inference.finish import WorkingPicture
from easyphoto.inference.identities.base import FacePlace
from easyphoto.inference.identities.face import AdapterIdentity
from easyphoto.inference.pipeline import photograph
from easyphoto.inference.plan import CropPlan
from easyphoto.inference.prepare import Setup, part_maps, prepared, subject_of
from easyphoto.inference.refine import wanted_restorer
from easyphoto.inference.results import Photograph
from easyphoto.inference.session import PipelineModels
from easyphoto.inference.subject import Subject
from easyphoto.messages import text
from easyphoto.persons.folder import base_of
from easyphoto.persons.subject import subject_from
from easyphoto.progress import NullProgress, Progress
from easyphoto.restoration.base import Finisher
from easyphoto.restoration.opening import DRAWN, open_drawn
from easyphoto.settings.inference import InferenceSettings
from easyphoto.workspace.person_record import Person

# For the LoRA alone: enough noise that the template's features disappear (0.65 to 0.9), held only by the five points.
DENOISE = 0.75
POSE_WEIGHT = 0.5
STEPS = 20
SEED = 7


@dataclass(frozen=True, eq=False)
class Rehearsal:
    """One person, another person, and the networks; `open_rehearsal` creates it."""

    subject: Subject
    """The person with their LoRA alone."""
    untrained: Subject
    """The same person with the identity engine that the pipeline takes for somebody without a LoRA."""
    both: Subject
    """The same person with their LoRA and the engine beside it."""
    other: Subject
    """Another person, like `untrained`."""
    lora: Path
    """The person's own LoRA."""
    other_lora: Path
    checkpoints: tuple[Path, ...]
    family: Family
    tools: PipelineModels
    autoencoder: Any

    def photograph(
        self, template: Image.Image, settings: InferenceSettings, progress: Progress, *, subject: Subject | None = None
    ) -> Photograph:
        """Run the whole pipeline; `subject` replaces the person with their LoRA alone. Faces are restored where the
        setting `restore` names a restorer that ships, "auto" included."""
        tools = replace(self.tools, progress=progress, finisher=self._finisher(settings))
        # Given by hand, because a beard may pass for a covered mouth, and such a face would be left as it is.
        return photograph(template, [subject or self.subject], settings, self.family, tools, assignment=(0,)).best

    def fusion(self, template: Image.Image, settings: InferenceSettings, *, ready: bool = False) -> np.ndarray:
        """Apply the fusion alone, to the bare template or to the one prepared for painting (`ready`).

        Returns (height, width, 3) uint8 RGB of the template's size.
        """
        setup = self._setup(template, settings if ready else replace(settings, outline=False, skin="template"))
        rows, columns = setup.ground.within(setup.plan.crop)
        crop = setup.ground.picture[rows, columns]
        made = crop if setup.over is None else mixed(crop, setup.over, settings.fusion_before)
        return self._joined(template, setup, as_picture(made))

    def unrestored(self, template: Image.Image, made: Photograph, settings: InferenceSettings) -> np.ndarray:
        """Return what `photograph` made before its face was restored, (height, width, 3) uint8 RGB.

        The crop before it is the stage "retouched", so nothing is painted again.
        """
        crop = next(stage.image for stage in made.stages if stage.name == "retouched")
        return self._joined(template, self._setup(template, settings), crop)

    def _joined(self, template: Image.Image, setup: Setup, crop: Image.Image) -> np.ndarray:
        canvas = WorkingPicture.of(template).with_ground(setup.ground)
        return canvas.with_crop(crop, setup.plan.crop, setup.masks.alpha).picture

    def _finisher(self, settings: InferenceSettings) -> Finisher | None:
        wanted = wanted_restorer(settings.restore, self.family, self.tools.engine.domain)
        return Finisher(open_drawn()) if wanted == DRAWN else None

    def face(self, template: Image.Image) -> Face:
        """Return the face that the pipeline replaces."""
        return self._faces(template)[0]

    def round_trip(self, template: Image.Image) -> np.ndarray:
        """Encode and decode the face with the autoencoder.

        Returns (height, width, 3) uint8 RGB of the template's size.
        """
        import torch

        from easyphoto.backends.latents import decoded, encoded

        view, vae = self._view(template), self.autoencoder
        with torch.no_grad():
            (pixels,) = decoded(vae, encoded(vae, [view.picture]))
        return self._pasted(template, as_picture(pixels), view.plan, view.alpha)

    def repaint(
        self,
        template: Image.Image,
        lora: Path | None,
        progress: Progress,
        *,
        identity: Subject | None = None,
        tokens: bool = True,
    ) -> np.ndarray:
        """Repaint the face without fusion, to see what the LoRA and the engine of `identity` know.

        Without `tokens` only the LoRA that was trained with the engine acts. Returns (height, width, 3) uint8 RGB of
        the template's size.
        """
        view = self._view(template)
        conditions: list[Condition] = [LoraCondition(lora, 1.0)] if lora else []
        for each in identity.identities if identity is not None else ():
            place = FacePlace(view.face.points, Size.of(view.picture))
            made = each.conditions(InferenceSettings(), place) if isinstance(each, AdapterIdentity) else ()
            conditions += [one for one in made if tokens or isinstance(one, LoraCondition)]
        return self._pasted(template, self._repainted(view, conditions, progress), view.plan, view.alpha)

    def _repainted(self, view: RehearsalTemplate, conditions: Sequence[Condition], progress: Progress) -> Image.Image:
        pose = Control("facepoints", draw_guide("facepoints", view.picture, view.face.points), POSE_WEIGHT)
        request = InpaintRequest(
            image=view.picture,
            mask=view.mask,
            prompt=self.family.trigger,
            controls=(pose,),
            conditions=tuple(conditions),
            seed=SEED,
            steps=STEPS,
            denoise=DENOISE,
            cfg=self.family.first_cfg,
            sampler=Sampler.DPMPP_2M_KARRAS,
        )
        return self.tools.backend.inpaint(request, progress).image

    def _view(self, template: Image.Image) -> RehearsalTemplate:
        setup = self._setup(template, InferenceSettings(outline=False, skin="template"))
        plan, masks = setup.plan, setup.masks
        picture = resized(template.crop(plan.crop.as_ints()), plan.work)
        return RehearsalTemplate(plan, picture, plan.working_face, resized_mask(masks.first, plan.work), masks.alpha)

    def _setup(self, template: Image.Image, settings: InferenceSettings) -> Setup:
        faces, engine = self._faces(template), self.tools.engine
        maps, _ = part_maps(template, faces, engine)
        able = self.tools.backend.capabilities()
        subject = subject_of(self.subject, engine)
        return prepared(
            template, faces, maps, 0, subject, settings=settings, family=self.family, capabilities=able, exact=True
        )

    def _faces(self, template: Image.Image) -> tuple[Face, ...]:
        faces = self.tools.engine.detect(template)
        if not faces:
            raise NoFaceFound(
                text("The engine finds no face on a template of the bench."), advice=text("Look at its detector.")
            )
        return faces[:1]

    def _pasted(self, template: Image.Image, crop: Image.Image, plan: CropPlan, alpha: np.ndarray) -> np.ndarray:
        return pasted_back(as_array(template), as_array(resized(crop, plan.crop.size)), plan.crop, alpha)


@dataclass(frozen=True, eq=False)
class RehearsalTemplate:
    """A template's face at the networks' resolution. `picture` is RGB; `face` and `mask` are in its pixels.

    `mask` is (height, width) float32 in 0..1; `alpha` is the same at the crop's size.
    """

    plan: CropPlan
    picture: Image.Image
    face: Face
    mask: np.ndarray
    alpha: np.ndarray


def open_rehearsal(app: EasyPhoto, name: str, other: str) -> Rehearsal:
    """Open `name`'s LoRA and checkpoints, and `other` as a control: a stranger's LoRA or face must not help."""
    from easyphoto.backends.folders import base_model
    from easyphoto.backends.loading import load_components  # imports torch
    from easyphoto.backends.local import LocalBackend

    person, stranger = app.workspace.person(name), app.workspace.person(other)
    engine = open_engine("drawings", app.store, NullProgress())
    family, base = base_model(base_of(app.workspace, person))
    components = load_components(family, base)
    run = app.workspace.runs / str(person.run)

    def subject(person: Person, identity: str) -> Subject:
        settings = InferenceSettings(identity=identity)
        return subject_from(app.workspace, person, engine, settings=settings, store=app.store, family=family)

    return Rehearsal(
        subject=subject(person, "lora"),
        untrained=subject(replace(person, lora=None), "auto"),
        both=subject(person, "auto"),
        other=subject(replace(stranger, lora=None), "auto"),
        lora=app.workspace.person_folder(person.id) / str(person.lora),
        other_lora=app.workspace.person_folder(stranger.id) / str(stranger.lora),
        checkpoints=tuple(sorted((run / "checkpoints").glob("step-*.safetensors"))),
        family=family,
        tools=PipelineModels(LocalBackend(components, base), engine),
        autoencoder=components.vae,
    )
