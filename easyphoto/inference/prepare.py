"""Everything about one seat that no seed changes: crop, part maps, masks, pose guide, first fusion, control images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from easyphoto.backends.base import Capabilities, Control
from easyphoto.errors import EasyPhotoError
from easyphoto.faces.align import pose_guide, posed_points
from easyphoto.faces.engine import FACE_PARTS, Face, FaceEngine, Part, part_mask
from easyphoto.faces.fuse import laid, mixed
from easyphoto.faces.inswapper import Fuser
from easyphoto.families import Family
from easyphoto.geometry import Box, Size
from easyphoto.images import as_array, as_picture, feathered, resized
from easyphoto.inference.masks import FaceMasks, cover_mask, covered, ellipse, face_masks, feather_of, inner_edges
from easyphoto.inference.passes import Guides, by_kind, controls_for
from easyphoto.inference.plan import CropPlan, face_within, plan_crop, remarks
from easyphoto.inference.results import Stage
from easyphoto.inference.sitter import Sitter
from easyphoto.settings import InferenceSettings


@dataclass(frozen=True, eq=False)
class Seen:
    """A face on a picture, with its part map."""

    picture: Image.Image
    face: Face
    labels: np.ndarray


@dataclass(frozen=True, eq=False)
class Subject:
    """A sitter with the faces of their two pictures; None where none was found."""

    sitter: Sitter
    reference: Seen | None
    portrait: Seen | None
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Setup:
    """One seat, ready for the passes. `work` is in network pixels, `masks` in the crop's template pixels."""

    number: int
    """Which face of the template, from the left."""
    subject: Subject
    plan: CropPlan
    masks: FaceMasks
    work: Seen
    """The template's own face, others covered."""
    start: Image.Image
    """What the first pass begins with: the template's crop, fused."""
    controls: tuple[Control, ...]
    stages: tuple[Stage, ...]
    notes: tuple[str, ...]


def seen(picture: Image.Image, engine: FaceEngine) -> Seen | None:
    """The picture's largest face."""
    faces = engine.detect(picture)
    return Seen(picture, faces[0], engine.parse(picture, faces[0])) if faces else None


def subject_of(sitter: Sitter, engine: FaceEngine) -> Subject:
    reference = seen(sitter.reference, engine)
    portrait = seen(sitter.portrait, engine) if sitter.portrait is not None else reference
    notes = []
    if reference is None:
        notes.append(f"{sitter.name}: no face was found on the reference photo, so there is no fusion.")
    if portrait is None:
        notes.append(f"{sitter.name}: no face was found on the portrait; the reference photo gives the pose.")
    if sitter.lora is None:
        notes.append(f"{sitter.name}: painted without a LoRA, none was given.")
    return Subject(sitter, reference, portrait or reference, tuple(notes))


def coverings(picture: Image.Image, faces: Sequence[Face], engine: FaceEngine) -> tuple[str | None, ...]:
    """What hides each face's eyes or mouth, in words; None where it is bare."""
    found = (engine.covering(picture, face) for face in faces)
    return tuple(None if covering is None else covering.words for covering in found)


def part_maps(
    template: Image.Image, faces: Sequence[Face], engine: FaceEngine
) -> tuple[list[np.ndarray], tuple[str, ...]]:
    """Labels of every face at the template's size; an ellipse, with a note, where the engine sees no skin."""
    maps, notes = [], []
    for index, face in enumerate(faces):
        labels = engine.parse(template, face)
        if part_mask(labels, FACE_PARTS).sum() < 0.1 * face.box.area:
            labels = ellipse(face, Size.of(template))
            notes.append(f"Face {index + 1} from the left: its parts were not recognised, an ellipse serves as mask.")
        maps.append(labels)
    return maps, tuple(notes)


def prepared(
    template: Image.Image,
    faces: Sequence[Face],
    maps: Sequence[np.ndarray],
    number: int,
    subject: Subject,
    *,
    settings: InferenceSettings,
    family: Family,
    capabilities: Capabilities,
    fuser: Fuser | None = None,
) -> Setup:
    """The seat at face `number`."""
    plan = plan_crop(faces[number], Size.of(template), family)
    crop, labels, masks, hidden = bare_crop(template, faces, maps, number, plan, settings=settings)
    work = Seen(resized(as_picture(hidden), plan.work), plan.working_face, nearest(labels, plan.work))
    pasted, points, pose_notes = pose_of(subject, work)
    start, fusion_notes = started(subject, work, settings, fuser)
    guides = Guides(start, pasted, points)
    controls, control_notes = controls_for(family.first_controls, guides, capabilities)
    notes = *(f"Face {number + 1} from the left: {said}." for said in remarks(plan, family)), *pose_notes
    pictures = {"crop": as_picture(crop), "covered": as_picture(hidden), "pasted": pasted, "fused": start}
    pictures |= {"first mask": greyscale(masks.first), "second mask": greyscale(masks.second), **by_kind(controls)}
    if hidden is crop:
        del pictures["covered"]
    stages = tuple(Stage(name, picture, number) for name, picture in pictures.items() if picture is not None)
    return Setup(number, subject, plan, masks, work, start, controls, stages, (*notes, *fusion_notes, *control_notes))


def bare_crop(
    template: Image.Image,
    faces: Sequence[Face],
    maps: Sequence[np.ndarray],
    number: int,
    plan: CropPlan,
    *,
    settings: InferenceSettings,
) -> tuple[np.ndarray, np.ndarray, FaceMasks, np.ndarray]:
    """The crop, its labels and masks, and the crop with all other faces covered."""
    left, top, right, bottom = plan.crop.as_ints()
    crop = as_array(template.crop((left, top, right, bottom)))
    labels = maps[number][top:bottom, left:right]
    others = [
        (other[top:bottom, left:right], face_within(face, plan.crop, 1.0))
        for index, (other, face) in enumerate(zip(maps, faces, strict=True))
        if index != number and overlaps(face.box, plan.crop)
    ]
    cover = cover_mask(labels, others)
    feather = feather_of(crop.shape[0])
    free = inner_edges(plan.crop, Size.of(template), 2 * feather) * (1 - feathered(cover, feather))
    face = face_within(plan.face, plan.crop, 1.0)
    masks = face_masks(labels, face, free=free, repaint_features=settings.repaint_features)
    return crop, labels, masks, covered(crop, cover, masks.face)


def pose_of(subject: Subject, work: Seen) -> tuple[Image.Image | None, np.ndarray | None, tuple[str, ...]]:
    """The portrait's face laid on the crop, and its points."""
    portrait = subject.portrait
    if portrait is None:
        return None, None, (f"{subject.sitter.name}: no pose guide, neither picture shows a face.",)
    try:
        mask = part_mask(portrait.labels, FACE_PARTS)
        pasted = pose_guide(portrait.picture, portrait.face, mask, work.picture, work.face)
        return pasted, posed_points(portrait.face, work.face), ()
    except (cv2.error, ValueError) as error:
        return None, None, (f"{subject.sitter.name}: the pose guide was left out ({error}).",)


def started(
    subject: Subject, work: Seen, settings: InferenceSettings, fuser: Fuser | None = None
) -> tuple[Image.Image, tuple[str, ...]]:
    """What the first pass begins with: the template with the reference photo fused in.

    Without fusion the portrait is laid on instead: no pixel of a photo enters, all likeness is the LoRA's own. From the
    bare template it would have to come through a denoise of 0.45 under edges and colours of the template's face.
    """
    if settings.fusion:
        return fused_with(subject.reference, work, settings.fusion_before, whose=subject.sitter.name, fuser=fuser)
    return fused_with(subject.portrait if subject.sitter.portrait else None, work, 1.0, whose=subject.sitter.name)


def fused_with(
    source: Seen | None, target: Seen, ratio: float, *, whose: str, fuser: Fuser | None = None
) -> tuple[Image.Image, tuple[str, ...]]:
    """The source's features on the target; the target itself, with a note, where that cannot be done."""
    if source is None or ratio <= 0:
        return target.picture, ()
    if fuser is None:
        return warped_with(source, target, ratio, whose=whose)
    try:
        made = fuser.fused(source.picture, source.face, target.picture, target.face)
        return Image.blend(target.picture, made, ratio), ()
    except (EasyPhotoError, cv2.error, ValueError) as error:
        picture, notes = warped_with(source, target, ratio, whose=whose)
        return picture, (f"{whose}: fused by our warp instead ({error}).", *notes)


def warped_with(source: Seen, target: Seen, ratio: float, *, whose: str) -> tuple[Image.Image, tuple[str, ...]]:
    """Fusion by our own warp."""
    try:
        over = laid(source.picture, source.face, source.labels, target.picture, target.face, target.labels)
        return mixed(target.picture, over, ratio), over.notes
    except (cv2.error, ValueError) as error:
        return target.picture, (f"{whose}: fusion was left out ({error}).",)


def nearest(labels: np.ndarray, size: Size) -> np.ndarray:
    """Labels at another size."""
    return cv2.resize(labels, (size.width, size.height), interpolation=cv2.INTER_NEAREST_EXACT)


def overlaps(one: Box, other: Box) -> bool:
    return one.left < other.right and other.left < one.right and one.top < other.bottom and other.top < one.bottom


def skin_of(labels: np.ndarray) -> np.ndarray:
    """Skin and nose, kept off the lips, eyes and brows by a pixel."""
    features = part_mask(labels, (Part.MOUTH, Part.EYES, Part.BROWS))
    near = cv2.dilate(features, np.ones((3, 3), np.uint8))
    return part_mask(labels, (Part.SKIN, Part.NOSE)) * (1 - near)


def greyscale(mask: np.ndarray) -> Image.Image:
    return as_picture(np.repeat(np.rint(mask * 255).astype(np.uint8)[..., None], 3, axis=2))
