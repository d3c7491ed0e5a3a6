"""A person's test pictures: painted on templates with the current model, and scored by likeness."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image

from easyphoto.architectures.base import Family
from easyphoto.backends.base import Control, InpaintRequest, Result, Sampler
from easyphoto.backends.memory import clear_memory
from easyphoto.errors import BadPicture, OutOfMemory
from easyphoto.faces.engine import FACE_PARTS, Face, FaceEngine, part_mask
from easyphoto.geometry import Size, resized_points, square_around
from easyphoto.images.masks import dilated
from easyphoto.images.pictures import read_picture, resized
from easyphoto.messages import note
from easyphoto.progress import Progress
from easyphoto.training.data import Entry
from easyphoto.training.samples import Column, Samples

CONTROL, CONTROL_WEIGHT = "canny", 0.5
MASK_GROWTH = 0.1
LONGEST_TEMPLATE = 4096


@dataclass(frozen=True, eq=False)
class ValidationTemplate:
    """The crop of a template to repaint, an RGB square at the family's resolution; `mask` is (side, side) in 0..1."""

    template: int
    image: Image.Image
    mask: np.ndarray


def make_views(
    templates: Sequence[Path], engine: FaceEngine, family: Family
) -> tuple[tuple[ValidationTemplate, ...], tuple[str, ...]]:
    """The crops of all templates with a face, and notes on the others."""
    views, notes = [], []
    for number, path in enumerate(templates):
        try:
            picture = read_picture(path, longest=LONGEST_TEMPLATE)
        except BadPicture as error:
            notes.append(note("template-unreadable", "template for test pictures left out: {error}", error=error))
            continue
        faces = engine.detect(picture)
        if faces:
            views.append(_view(number, picture, faces[0], engine, family))
        else:
            notes.append(
                note("template-without-face", "template for test pictures left out: no face on {name}", name=path.name)
            )
    return tuple(views), tuple(notes)


def _view(number: int, picture: Image.Image, face: Face, engine: FaceEngine, family: Family) -> ValidationTemplate:
    crop = square_around(face.box, family.crop_factor, Size.of(picture))
    factor = family.resolution / crop.width
    image = resized(picture.crop(crop.as_ints()), Size(family.resolution, family.resolution))
    box = face.box.moved(-crop.left, -crop.top).scaled(factor)
    points = resized_points(face.points - np.array([crop.left, crop.top]), factor).astype(np.float32)
    mask = part_mask(engine.parse(image, Face(box, points, face.score)), FACE_PARTS)
    return ValidationTemplate(number, image, dilated(mask, MASK_GROWTH * box.width))


def reference_vector(entries: Sequence[Entry], engine: FaceEngine) -> np.ndarray | None:
    """The person's mean embedding over the judging photos, float32 (N,) of length 1.

    None if the engine has no embedder or no photo has a face.
    """
    from easyphoto.faces.score import largest_face_embedding, mean_embedding

    vectors = (
        [largest_face_embedding(engine, read_picture(entry.image)) for entry in entries] if engine.embedder else []
    )
    found = [vector for vector in vectors if vector is not None]
    return mean_embedding(found) if found else None


@dataclass(frozen=True, eq=False)
class Validator(Samples):
    """Paints the person on templates, and scores the likeness."""

    engine: FaceEngine
    views: tuple[ValidationTemplate, ...]
    reference: np.ndarray | None

    @property
    def embedder(self) -> str | None:
        return self.engine.embedder

    @property
    def columns(self) -> tuple[Column, ...]:
        return tuple(Column(view.template, view.image, f"template {view.template}") for view in self.views)

    def _painted(self, columns: Sequence[Column], progress: Progress) -> Sequence[Result]:
        wanted = {column.number for column in columns}
        requests = [self._request(view) for view in self.views if view.template in wanted]
        # A batch of several templates costs little more than a single one.
        with suppress(OutOfMemory):
            return self.backend.inpaint_many(requests, progress)
        # The memory plan covers only training steps; drawn one at a time, the pictures are the same.
        clear_memory(self.backend.capabilities().device)
        return [self.backend.inpaint(request, progress) for request in requests]

    def _request(self, view: ValidationTemplate) -> InpaintRequest:
        family, settings = self.run.kind, self.run.settings
        return InpaintRequest(
            image=view.image,
            mask=view.mask,
            prompt=", ".join(part for part in (self.run.trigger, family.positive) if part),
            negative=family.negative,
            controls=self._controls(view),
            seed=settings.seed + view.template,
            steps=settings.validation_steps,
            denoise=settings.validation_strength,
            cfg=settings.validation_cfg if settings.validation_cfg is not None else family.validation_cfg,
            sampler=Sampler.DPMPP_2M_KARRAS,
        )

    def _controls(self, view: ValidationTemplate) -> tuple[Control, ...]:
        from easyphoto.backends.guides import draw_guide

        if not self.has_control:
            return ()
        return (Control(CONTROL, draw_guide(CONTROL, view.image), CONTROL_WEIGHT),)

    @cached_property
    def has_control(self) -> bool:
        """Whether the backend has the validation's control; cached, because it may search a web UI's folders."""
        return CONTROL in self.backend.capabilities().controls

    def _score(self, picture: Image.Image) -> float | None:
        from easyphoto.faces.score import cosine, largest_face_embedding

        if self.reference is None:
            return None
        vector = largest_face_embedding(self.engine, picture)
        return None if vector is None else round(float(cosine(vector, self.reference)), 6)
