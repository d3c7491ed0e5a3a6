"""Steps after the passes: colour, fusion at the template's resolution, retouch, paste-back, likeness and ranking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from easyphoto.faces.colour import colour_transferred
from easyphoto.faces.engine import Face, FaceEngine, Likeness
from easyphoto.faces.fuse import mixed
from easyphoto.faces.retouch import retouched
from easyphoto.faces.score import likeness
from easyphoto.faces.skin_tone import skin_of
from easyphoto.geometry import Box, Size
from easyphoto.images.masks import feathered
from easyphoto.images.pictures import as_array, as_picture, blended, pasted_back, resized, resized_labels
from easyphoto.inference.ground import Ground
from easyphoto.inference.masks import feather_of, softened
from easyphoto.inference.plan import JointPlan, face_within
from easyphoto.inference.prepare import AnalysedFace, Setup
from easyphoto.inference.results import Photograph
from easyphoto.messages import note
from easyphoto.settings.inference import InferenceSettings

# Least intersection over union of a face's box before a pass and after it, for both to count as one face.
SAME_PLACE = 0.3
# The colour change fades in over this share of the face's width.
COLOUR_EDGE = 0.03
# Networks cannot paint detail finer than this: a Gaussian's standard deviation in network pixels.
FINEST = 0.6
# Detail finer than this (a Gaussian's standard deviation in face widths) comes from the reference photo: freckles,
# moles and scars. Otherwise half of the template's would shine through. On 24 drawn pairs the likeness rises by 0.003,
# at 0.045 by 0.008.
MARKS = 0.03


def overlaid(before: Image.Image, after: Image.Image, mask: np.ndarray) -> Image.Image:
    """A pass's result inside its mask, the picture it was given outside.

    `mask`: (height, width) float32 in 0..1, of the size of both pictures.

    The autoencoder's round trip softens the whole crop; without this the second pass, which repaints only the border,
    would soften the face once more.
    """
    alpha = np.maximum(mask, feathered(mask, feather_of(mask.shape[0])))
    return as_picture(blended(as_array(before), as_array(after), alpha))


def recoloured(
    picture: Image.Image, labels: np.ndarray, template: AnalysedFace, settings: InferenceSettings
) -> tuple[Image.Image, tuple[str, ...]]:
    """The face in the template's light; lips and eyes keep their colours.

    `labels`: the picture's part map, (height, width) uint8 values of `Part`.
    """
    if not settings.colour_transfer:
        return picture, ()
    try:
        edge = COLOUR_EDGE * template.face.box.width
        skin, template_skin = skin_of(labels), skin_of(template.labels)
        return colour_transferred(picture, skin, template.picture, template_skin, edge=edge), ()
    except (cv2.error, ValueError) as error:
        return picture, (note("colour-left-out", "Colour transfer was left out ({error}).", error=error),)


def found_again(picture: Image.Image, before: AnalysedFace, engine: FaceEngine) -> AnalysedFace:
    """The face analysed again at its old place; with its old box and labels where the engine does not find it."""
    face = face_at(engine.detect(picture), before.face.box)
    return (
        AnalysedFace(picture, face, engine.parse(picture, face))
        if face
        else AnalysedFace(picture, before.face, before.labels)
    )


def face_at(faces: Sequence[Face], box: Box) -> Face | None:
    best = max(faces, key=lambda face: face.box.intersection_over_union(box), default=None)
    return best if best is not None and best.box.intersection_over_union(box) >= SAME_PLACE else None


def evened(
    crop: Image.Image, labels: np.ndarray, face_width: float, settings: InferenceSettings
) -> tuple[Image.Image, tuple[str, ...]]:
    """The crop with its skin evened out.

    `labels`: its part map, (height, width) uint8 values of `Part`, of any size. `face_width` is in pixels of `crop`.
    """
    if not settings.retouch:
        return crop, ()
    try:
        skin = skin_of(resized_labels(labels, Size.of(crop)))
        return retouched(crop, skin, face_width=face_width, strength=settings.retouch_strength), ()
    except (cv2.error, ValueError) as error:
        return crop, (note("retouch-failed", "Retouch was left out ({error}).", error=error),)


def composed(painted: Image.Image, setup: Setup, settings: InferenceSettings) -> np.ndarray:
    """The painted face on the ground with the reference photo fused in: uint8 RGB, the crop in template pixels."""
    rows, columns = setup.ground.within(setup.plan.crop)
    crop = setup.ground.picture[rows, columns]
    base = blended(crop, as_array(resized(painted, setup.plan.crop.size)), setup.masks.alpha)
    if setup.over is None or settings.fusion_after <= 0:
        return base
    unpainted = FINEST * setup.plan.enlargement if setup.plan.enlargement > 1 else 0.0
    marks = MARKS * setup.plan.face.box.width
    return mixed(base, setup.over, settings.fusion_after, fine=max(unpainted, marks))


def repainted(crop: np.ndarray, before: Image.Image, after: Image.Image, alpha: np.ndarray) -> np.ndarray:
    """`crop` plus the difference that a pass made between `before` and `after` (network pixels), weighted by `alpha`.

    `crop`: (height, width, 3) uint8 in template pixels; `alpha`: (height, width) float32 in 0..1. Only the difference
    is enlarged, so that the crop stays sharp.
    """
    size = Size.of(crop)
    change = as_array(resized(after, size)).astype(np.float32) - as_array(resized(before, size))
    made = np.clip(np.rint(crop + alpha[..., None] * change), 0, 255)
    return np.where(alpha[..., None] > 0, made, crop).astype(np.uint8)


@dataclass(frozen=True, eq=False)
class WorkingPicture:
    """The template while its faces are being replaced."""

    picture: np.ndarray
    """(height, width, 3) uint8 RGB."""
    touched: np.ndarray
    """(height, width) float32 in 0..1: how much of each pixel was replaced."""

    @classmethod
    def of(cls, template: Image.Image) -> WorkingPicture:
        picture = as_array(template)
        return cls(picture, np.zeros(picture.shape[:2], np.float32))

    def with_ground(self, ground: Ground) -> WorkingPicture:
        """With the pixels that the ground changed, except where a face was painted before."""
        left, top, right, bottom = ground.box.as_ints()
        picture, touched = self.picture.copy(), self.touched.copy()
        here, before = picture[top:bottom, left:right], touched[top:bottom, left:right]
        # Keep faces that were painted before.
        changed = np.where(before > 0, 0, ground.changed)
        here[changed > 0] = ground.picture[changed > 0]
        touched[top:bottom, left:right] = np.maximum(before, changed)
        return WorkingPicture(picture, touched)

    def with_crop(self, crop: Image.Image, box: Box, alpha: np.ndarray) -> WorkingPicture:
        """With `crop` (any size) pasted into `box` through `alpha`: (height, width) float32 in 0..1, of the box."""
        laid = as_array(resized(crop, box.size))
        left, top, right, bottom = box.as_ints()
        touched = self.touched.copy()
        touched[top:bottom, left:right] = np.maximum(touched[top:bottom, left:right], alpha)
        return WorkingPicture(pasted_back(self.picture, laid, box, alpha), touched)


def joint_masks(setups: Sequence[Setup], plan: JointPlan) -> tuple[np.ndarray, np.ndarray]:
    """Mask and paste-back alpha of the joint pass, along the borders of the faces: float32 0..1, joint-crop pixels."""
    left, top, right, bottom = plan.crop.as_ints()
    shape = (bottom - top, right - left)
    mask, alpha = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for setup in setups:
        ring, crop = setup.masks.ring, setup.plan.crop
        soft = softened(ring, setup.masks.alpha, setup.plan.face.box.width)
        mask = np.maximum(mask, on_joint(ring, crop, plan.crop, shape))
        alpha = np.maximum(alpha, on_joint(soft, crop, plan.crop, shape))
    return mask, alpha


def on_joint(mask: np.ndarray, crop: Box, joint: Box, shape: tuple[int, int]) -> np.ndarray:
    """A float32 mask of `crop` at its place in the joint crop, 0 elsewhere; `shape` is (height, width)."""
    moved = np.zeros(shape, np.float32)
    left, top, right, bottom = crop.moved(-joint.left, -joint.top).as_ints()
    moved[max(top, 0) : bottom, max(left, 0) : right] = mask[max(-top, 0) :, max(-left, 0) :][
        : shape[0] - max(top, 0), : shape[1] - max(left, 0)
    ]
    return moved


def likenesses(
    picture: Image.Image, setups: Sequence[Setup], engine: FaceEngine, *, growth: float = 1.0
) -> tuple[Likeness | None, ...]:
    """How like the subject's photos each replaced face is; `picture` is `growth` times as large as the template."""
    if engine.embedder is None:
        return tuple(None for _ in setups)
    faces = engine.detect(picture)
    whole = Box(0, 0, picture.width, picture.height)
    values = []
    for setup in setups:
        was = face_within(setup.plan.face, whole, growth)
        face = face_at(faces, was.box) or was
        values.append(likeness(engine, engine.embed(picture, face), setup.subject.subject.embeddings))
    return tuple(values)


def ranked(results: Sequence[Photograph]) -> tuple[tuple[Photograph, ...], tuple[str, ...]]:
    """The results, best first; in the order of their seeds, with a note, where a likeness is unknown."""
    scores = [result.score for result in results]
    if any(score is None for score in scores):
        one = note("likeness-unknown", "The likeness of the result could not be measured.")
        several = note("not-ranked", "The results are not ranked: their likeness could not be measured.")
        return tuple(results), (several if len(results) > 1 else one,)
    return tuple(sorted(results, key=lambda result: -(result.score or 0.0))), ()
