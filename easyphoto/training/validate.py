"""Drawing the person on validation templates with the current model, and scoring the likeness."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from easyphoto.architectures.base import Family
from easyphoto.backends.base import Backend, Control, InpaintRequest, Result, Sampler
from easyphoto.errors import BadPicture, InputError, OutOfMemory
from easyphoto.faces.engine import FACE_PARTS, Face, FaceEngine, part_mask
from easyphoto.geometry import Size, resized_points, square_around
from easyphoto.images.masks import dilated
from easyphoto.images.pictures import DigitalSource, read_picture, resized, write_picture
from easyphoto.messages import note
from easyphoto.progress import Progress
from easyphoto.storage.files import inside
from easyphoto.storage.records import read_json, typed, write_json
from easyphoto.training.budget import OffloadedNetworks, clear_memory
from easyphoto.training.data import Entry
from easyphoto.training.run import RunFolder, TrainRun

CONTROL, CONTROL_WEIGHT = "canny", 0.5
MASK_GROWTH = 0.1
LONGEST_TEMPLATE = 4096


@dataclass(frozen=True)
class Picture:
    """The record of one validation picture."""

    step: int
    template: int
    path: str
    """Relative to the run's folder."""
    score: float | None
    """Cosine similarity to the person's mean embedding; None without an embedder or a face of its kind."""


@dataclass(frozen=True)
class _Judged:
    """The record of one checkpoint's pictures."""

    pictures: tuple[Picture, ...]


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
class Validator:
    """Draws and scores validation pictures. Its backend shares the live networks, so nothing is loaded again."""

    run: TrainRun
    folder: RunFolder
    backend: Backend
    engine: FaceEngine
    views: tuple[ValidationTemplate, ...]
    reference: np.ndarray | None
    idle: OffloadedNetworks = field(default_factory=OffloadedNetworks)

    def judged(self, step: int, progress: Progress) -> tuple[Picture, ...]:
        """The live checkpoint's pictures: those of an earlier process if complete, else drawn now."""
        kept = self.kept(step)
        if kept is not None:
            return kept
        pictures = self.draw(step, f"step-{step:06d}", progress)
        write_json(self.folder.scores(step), {"pictures": [asdict(picture) for picture in pictures]})
        return pictures

    def kept(self, step: int) -> tuple[Picture, ...] | None:
        """The pictures an earlier process drew and judged; None if they are incomplete."""
        record = self.folder.scores(step)
        if not record.is_file():
            return None
        try:
            kept = typed(_Judged, read_json(record), f"The record of step {step}").pictures
            complete = all(inside(self.folder.root, picture.path).is_file() for picture in kept)
        except InputError:
            # A damaged record: drawing again costs a minute and nothing of the training.
            return None
        return kept if complete else None

    def draw(self, step: int, label: str, progress: Progress) -> tuple[Picture, ...]:
        """Draw every template with the current weights, write the pictures and score them."""
        progress.check()
        with self.idle.at_hand():
            results = self._painted([self._request(view) for view in self.views], progress)
        return tuple(self._kept(step, label, view, result) for view, result in zip(self.views, results, strict=True))

    def _painted(self, requests: Sequence[InpaintRequest], progress: Progress) -> Sequence[Result]:
        # A batch of several templates costs little more than a single one.
        with suppress(OutOfMemory):
            return self.backend.inpaint_many(requests, progress)
        # The memory plan covers only training steps; drawn one at a time, the pictures are the same.
        clear_memory(self.backend.capabilities().device)
        return [self.backend.inpaint(request, progress) for request in requests]

    def _kept(self, step: int, label: str, view: ValidationTemplate, result: Result) -> Picture:
        target = self.folder.sample(label, view.template)
        record = {"made_by": "validation", "step": step, "seed": result.seed}
        write_picture(target, result.image, record, source=DigitalSource.COMPOSITE)
        return Picture(step, view.template, str(target.relative_to(self.folder.root)), self._score(result.image))

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


def mean_score(pictures: Sequence[Picture]) -> float | None:
    """Mean score of the judged pictures; None if none was judged."""
    scores = [picture.score for picture in pictures if picture.score is not None]
    return sum(scores) / len(scores) if scores else None


def by_step(pictures: Sequence[Picture]) -> Mapping[int, tuple[Picture, ...]]:
    """The pictures of each step, in order of the steps."""
    steps = sorted({picture.step for picture in pictures})
    return {step: tuple(picture for picture in pictures if picture.step == step) for step in steps}


def record_of(pictures: Sequence[Picture]) -> list[dict[str, Any]]:
    """The mean and the scores of each step, for curves.json."""
    return [
        {"step": step, "mean": mean_score(of_step), "scores": [picture.score for picture in of_step]}
        for step, of_step in by_step(pictures).items()
    ]
