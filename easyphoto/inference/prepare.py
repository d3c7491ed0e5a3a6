"""Prepares what is the same for every seed of one face: crop, ground, masks, fusion, pose guide, control images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from PIL import Image

from easyphoto.architectures.base import Family
from easyphoto.backends.base import Capabilities, Control
from easyphoto.errors import EasyPhotoError
from easyphoto.faces.align import pose_guide, posed_points
from easyphoto.faces.engine import FACE_PARTS, Face, FaceEngine, Part, part_mask
from easyphoto.faces.fuse import Laid, laid, mixed, without_ends
from easyphoto.faces.fuser import Fuser
from easyphoto.geometry import Size
from easyphoto.images.masks import feathered, surroundings
from easyphoto.images.pictures import as_array, as_picture, resized, resized_labels
from easyphoto.inference.ground import Ground, area_around, made_ready
from easyphoto.inference.masks import FaceMasks, cover_mask, covered, ellipse, face_masks, feather_of, inner_edges
from easyphoto.inference.passes import POSE_KINDS, Guides, by_kind, controls_for
from easyphoto.inference.plan import CropPlan, face_within, plan_crop, remarks
from easyphoto.inference.results import Stage
from easyphoto.inference.subject import AnalysedFace, Subject, analysed
from easyphoto.messages import note
from easyphoto.settings.inference import InferenceSettings

# Width of the fade at the area's edge, in face widths.
SKIN_FADE = 0.5


@dataclass(frozen=True, eq=False)
class SubjectFaces:
    """A subject with the faces of its two pictures; None where no face was found."""

    subject: Subject
    reference: AnalysedFace | None
    portrait: AnalysedFace | None
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Setup:
    """One face with its subject, ready for the passes.

    `work`, `start` and the control images are in network pixels, the rest is in template pixels.
    """

    number: int
    """Index of the face on the template, from the left."""
    subject: SubjectFaces
    plan: CropPlan
    ground: Ground
    """The template around the face with the person's outline and skin; everything is pasted on its picture."""
    masks: FaceMasks
    """Masks of the crop."""
    over: Laid | None
    """The reference photo warped to the crop; None without fusion."""
    work: AnalysedFace
    """The crop of the ground with the other faces covered, and its face."""
    start: Image.Image
    """What the first pass starts from: the same crop with the fusion."""
    controls: tuple[Control, ...]
    is_bare: bool
    """Whether the first pass starts from the template's own face: nothing of the person was laid in."""
    stages: tuple[Stage, ...]
    notes: tuple[str, ...]


def subject_of(subject: Subject, engine: FaceEngine) -> SubjectFaces:
    reference = subject.known_face(subject.reference) or analysed(subject.reference, engine)
    portrait = reference
    if subject.portrait is not None:
        portrait = subject.known_face(subject.portrait) or analysed(subject.portrait, engine)
    notes = [*subject.notes]
    if reference is None:
        notes.append(
            note(
                "no-face-on-reference",
                "{name}: no face was found on the reference photo, so there is no fusion.",
                name=subject.name,
            )
        )
    if portrait is None:
        notes.append(
            note(
                "no-face-on-portrait",
                "{name}: no face was found on the portrait; the reference photo gives the pose.",
                name=subject.name,
            )
        )
    if not subject.identities:
        notes.append(
            note("painted-without-lora", "{name}: painted without a LoRA, as none was given.", name=subject.name)
        )
    return SubjectFaces(subject, reference, portrait or reference, tuple(notes))


def coverings(picture: Image.Image, faces: Sequence[Face], engine: FaceEngine) -> tuple[str | None, ...]:
    """What hides each face's eyes or mouth, in words; None where it is bare."""
    found = (engine.covering(picture, face) for face in faces)
    return tuple(None if covering is None else covering.words for covering in found)


def part_maps(
    template: Image.Image, faces: Sequence[Face], engine: FaceEngine
) -> tuple[list[np.ndarray], tuple[str, ...]]:
    """A part map of every face: (height, width) of the template, uint8 values of `Part`.

    An ellipse, with a note, replaces the map where the engine sees no skin.
    """
    maps, notes = [], []
    for index, face in enumerate(faces):
        labels = without_neighbours(engine.parse(template, face), face, [*faces[:index], *faces[index + 1 :]])
        if part_mask(labels, FACE_PARTS).sum() < 0.1 * face.box.area:
            labels = ellipse(face, Size.of(template))
            notes.append(
                note(
                    "parts-not-recognised",
                    "Face {number} from the left: its parts were not recognised, so the mask is an ellipse.",
                    number=index + 1,
                )
            )
        maps.append(labels)
    return maps, tuple(notes)


def without_neighbours(labels: np.ndarray, face: Face, others: Sequence[Face]) -> np.ndarray:
    """The face's part map, (height, width) uint8 values of `Part`, without pixels nearer to another face.

    Distances are in widths of each face. Where two cheeks touch, parsers give one face the other's eyes.
    """
    if not others:
        return labels
    own = part_mask(labels, (*FACE_PARTS, Part.EARS)) > 0
    # Only there: distances over a whole template of 24 megapixels took 0.7 GB.
    place = surroundings(own, 0)
    if place is None:
        return labels
    rows, columns = (each.astype(np.float32) for each in np.ogrid[place])

    def away(other: Face) -> np.ndarray:
        x, y = other.box.centre
        return np.asarray(np.hypot(columns - x, rows - y) / other.box.width)

    nearest_other = np.minimum.reduce([away(other) for other in others])
    kept = labels.copy()
    kept[place][(nearest_other < away(face)) & own[place]] = Part.BACKGROUND
    return kept


def prepared(
    template: Image.Image,
    faces: Sequence[Face],
    maps: Sequence[np.ndarray],
    number: int,
    subject: SubjectFaces,
    *,
    settings: InferenceSettings,
    family: Family,
    capabilities: Capabilities,
    exact: bool,
    fuser: Fuser | None = None,
) -> Setup:
    """The setup for face `number`. `maps`: a part map of each face, (height, width) uint8, as `part_maps` returns them.

    `exact`: the engine's part maps follow true outlines.
    """
    plan = plan_crop(faces[number], Size.of(template), family)
    ground, cover, free = ground_of(
        template, faces, maps, number, plan, subject.subject, exact=exact, settings=settings
    )
    over, ground, fusion_notes = fused_in(subject, ground, plan, settings, fuser, exact=exact, free=free)
    rows, columns = ground.within(plan.crop)
    crop, labels = ground.picture[rows, columns], ground.labels[rows, columns]
    face = face_within(plan.face, plan.crop, 1.0)
    masks = face_masks(labels, face, free=free[rows, columns], repaint_features=settings.repaint_features)
    over = None if over is None else replace(over, face=np.minimum(over.face, masks.alpha))
    begun = crop if over is None else mixed(crop, over, settings.fusion_before if settings.fusion else 1.0)
    bare, fused = (covered(each, cover[rows, columns], masks.face) for each in (crop, begun))
    work = AnalysedFace(resized(as_picture(bare), plan.work), plan.working_face, resized_labels(labels, plan.work))
    start = resized(as_picture(fused), plan.work)
    pasted, points, pose_notes = pose_of(subject, work)
    # The edges and colours of a bare template are those of its face, which would stay.
    wanted = [each for each in family.first_controls if over is not None or each[0] in POSE_KINDS]
    controls, control_notes = controls_for(wanted, Guides(start, pasted, points), capabilities)
    stages = _stages(number, template, plan, crop, bare, pasted, start, masks, controls)
    where = (
        note("face-remark", "Face {number} from the left: {said}.", number=number + 1, said=said)
        for said in remarks(plan, family, fused=settings.fusion and over is not None)
    )
    notes = *where, *pose_notes, *ground.notes, *fusion_notes, *control_notes
    # Without fusion the portrait only gives the passes something to start from.
    return Setup(
        number, subject, plan, ground, masks, over if settings.fusion else None, work, start, controls, over is None,
        stages, notes,
    )  # fmt: skip


def ground_of(
    template: Image.Image,
    faces: Sequence[Face],
    maps: Sequence[np.ndarray],
    number: int,
    plan: CropPlan,
    subject: Subject,
    *,
    exact: bool,
    settings: InferenceSettings,
) -> tuple[Ground, np.ndarray, np.ndarray]:
    """The ground of face `number` with two masks of its size, (height, width) float32 in 0..1.

    The first is 1 over other faces, the second 0 where nothing may change.
    """
    area = area_around(plan.face, plan.crop, Size.of(template))
    left, top, right, bottom = area.as_ints()
    picture, labels = as_array(template.crop((left, top, right, bottom))), maps[number][top:bottom, left:right]
    others = [
        (other[top:bottom, left:right], face_within(face, area, 1.0))
        for index, (other, face) in enumerate(zip(maps, faces, strict=True))
        if index != number and face.box.common_area(area) > 0
    ]
    cover = cover_mask(labels, others)
    feather = feather_of(plan.crop.size.height)
    # Recoloured skin may reach the area's edge, so the fade is wide.
    fade = max(2 * feather, SKIN_FADE * plan.face.box.width)
    free = inner_edges(area, Size.of(template), fade) * (1 - feathered(cover, feather))
    ground = made_ready(
        area, picture, labels, face_within(plan.face, area, 1.0), free, name=subject.name, outline=subject.outline,
        skin=subject.skin, exact=exact, settings=settings,
    )  # fmt: skip
    crop_edges = np.ones_like(free)
    rows, columns = ground.within(plan.crop)
    crop_edges[rows, columns] = inner_edges(plan.crop, Size.of(template), 2 * feather)
    return ground, cover, free * crop_edges


def fused_in(
    subject: SubjectFaces,
    ground: Ground,
    plan: CropPlan,
    settings: InferenceSettings,
    fuser: Fuser | None,
    *,
    exact: bool,
    free: np.ndarray,
) -> tuple[Laid | None, Ground, tuple[str, ...]]:
    """The person's picture warped to the crop, and the ground cleared of the template's face beside it.

    `free`: float32 of the ground's size, 0 where nothing may change. Without fusion the picture is the portrait: no
    pixel of a photo enters, and all likeness comes from the LoRA. From the bare template the likeness would have to
    come through the denoise under edges and colours of the template's face.
    """
    source = subject.reference if settings.fusion else subject.portrait if subject.subject.portrait else None
    if source is None or (settings.fusion and settings.fusion_before <= 0 and settings.fusion_after <= 0):
        return None, ground, ()
    rows, columns = ground.within(plan.crop)
    face = face_within(plan.face, plan.crop, 1.0)
    crop, labels = ground.picture[rows, columns], ground.labels[rows, columns]
    over, notes = laid_over(source, crop, face, labels, fuser if settings.fusion else None, whose=subject.subject.name)
    if over is None:
        return None, ground, notes
    cleared, gone = without_ends(crop, labels, over.face, face.box.width, exact=exact, free=free[rows, columns])
    picture, changed = ground.picture.copy(), ground.changed.copy()
    picture[rows, columns] = cleared
    changed[rows, columns] = np.maximum(changed[rows, columns], gone)
    return over, replace(ground, picture=picture, changed=changed), notes


def laid_over(
    source: AnalysedFace, target: np.ndarray, face: Face, labels: np.ndarray, fuser: Fuser | None, *, whose: str
) -> tuple[Laid | None, tuple[str, ...]]:
    """The source's face on the target, by the fuser or else by our own warp; None, with a note, where both fail.

    `target`: (height, width, 3) uint8 RGB; `labels`: its part map, (height, width) uint8 values of `Part`.
    """
    notes: tuple[str, ...] = ()
    if fuser is not None:
        try:
            made = fuser.fused(source.picture, source.face, as_picture(target), face)
            whole = np.ones(target.shape[:2], np.float32)
            return Laid(as_array(made), whole, np.zeros_like(whole)), ()
        except (EasyPhotoError, cv2.error, ValueError) as error:
            notes = (
                note(
                    "fused-by-warp", "{name}: fused with the built-in warp instead ({error}).", name=whose, error=error
                ),
            )
    try:
        return laid(source.picture, source.face, source.labels, target, face, labels), notes
    except (cv2.error, ValueError) as error:
        return None, (
            *notes,
            note("fusion-left-out", "{name}: fusion was left out ({error}).", name=whose, error=error),
        )


def _stages(
    number: int,
    template: Image.Image,
    plan: CropPlan,
    crop: np.ndarray,
    bare: np.ndarray,
    pasted: Image.Image | None,
    start: Image.Image,
    masks: FaceMasks,
    controls: tuple[Control, ...],
) -> tuple[Stage, ...]:
    """What the report shows of a face before the passes."""
    before = template.crop(plan.crop.as_ints())
    pictures = {"crop": before, "ground": as_picture(crop), "covered": as_picture(bare), "pasted": pasted}
    pictures |= {"fused": start, "first mask": greyscale(masks.first), "second mask": greyscale(masks.second)}
    pictures |= by_kind(controls)
    if (as_array(before) == crop).all():
        del pictures["ground"]
    if bare is crop:
        del pictures["covered"]
    return tuple(Stage(name, picture, number) for name, picture in pictures.items() if picture is not None)


def pose_of(subject: SubjectFaces, work: AnalysedFace) -> tuple[Image.Image | None, np.ndarray | None, tuple[str, ...]]:
    """The portrait's face pasted on the crop, and its five points, (5, 2) float32 network pixels; None without one."""
    portrait = subject.portrait
    if portrait is None:
        return (
            None,
            None,
            (note("no-pose-guide", "{name}: no pose guide, neither picture shows a face.", name=subject.subject.name),),
        )
    try:
        mask = part_mask(portrait.labels, FACE_PARTS)
        pasted = pose_guide(portrait.picture, portrait.face, mask, work.picture, work.face)
        return pasted, posed_points(portrait.face, work.face), ()
    except (cv2.error, ValueError) as error:
        return (
            None,
            None,
            (
                note(
                    "pose-guide-left-out",
                    "{name}: the pose guide was left out ({error}).",
                    name=subject.subject.name,
                    error=error,
                ),
            ),
        )


def greyscale(mask: np.ndarray) -> Image.Image:
    """A mask, (height, width) float32 in 0..1, as a grey RGB picture."""
    return as_picture(np.repeat(np.rint(mask * 255).astype(np.uint8)[..., None], 3, axis=2))
