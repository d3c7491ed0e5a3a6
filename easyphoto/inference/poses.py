"""From a pose, by name or as a picture, to the control image that makes a drawing follow it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from easyphoto.architectures.base import Family
from easyphoto.backends.base import Capabilities, Control
from easyphoto.backends.guides import draw_guide
from easyphoto.backends.skeletons import LEFT_EYE, NOSE, RIGHT_EYE, draw_skeletons, head_figure, is_skeleton_drawing
from easyphoto.errors import BadPose
from easyphoto.faces.engine import Face
from easyphoto.geometry import Size
from easyphoto.images.pictures import read_picture, resized
from easyphoto.inference.pose_files import is_pose_file, read_pose_file
from easyphoto.messages import Text, note, text
from easyphoto.workspace.poses import Pose, pose_named

KINDS = ("openpose", "facepoints")
"""Controls that show a pose, in the order in which one is taken."""
DRAWN_FOR = 512
"""The resolution of the model that poses give their sizes for."""
FindFaces = Callable[[Image.Image], Sequence[Face]]
LONGEST = 2048
"""A picture of a pose is read at this size at most, in pixels."""
EYES_APART = 0.26
"""Least distance between the eyes where the five points steer, as a fraction of a head's room (the short side, or its
share of the width). On 8 seeds of the miniature the drawn face's points lie 0.01 to 0.05 of the side beside the asked
ones from 0.24 upwards, and 0.03 to 0.25 below 0.18: it draws heads of one size, and a smaller one is not followed."""
HEAD_REACH = (1.5, 1.85, 1.5, 1.35)
"""Room for a head around its nose, to the left, above, to the right and below, in distances between the eyes: what
nineteen in twenty of the pictures have that the miniature learned from."""
# Of drawn heads, from 200 of them: how far below the eyes the mouth is, and how far it goes with a turned nose, as a
# share of the nose's; half of its width in distances between the eyes.
MOUTH_DOWN, MOUTH_ALONG, MOUTH_HALF = 1.8, 0.22, 0.43


@dataclass(frozen=True, eq=False)
class ShownPose:
    """What a pose shows, before it is drawn for a model."""

    size: Size
    """Of the picture that it belongs to, in pixels."""
    figures: tuple[np.ndarray, ...] = ()
    """(18, 2) pixels each, in OpenPose's order; NaN for a joint that is not seen."""
    drawing: Image.Image | None = None
    """It was a drawing by OpenPose already, which is used as it is."""
    notes: tuple[Text, ...] = ()


def pose_controls(
    family: Family,
    capabilities: Capabilities,
    size: Size,
    *,
    pose: str = "",
    picture: Path | None = None,
    weight: float,
    find_faces: FindFaces,
) -> tuple[tuple[Control, ...], tuple[Text, ...]]:
    """The control for a drawing of `size` pixels, and notes; no control where none is asked for or can be had.

    `pose` is a name; `picture` goes before it: a drawing by OpenPose, its output as JSON, or a picture with faces.
    Raises UnknownPose, BadPose, BadPicture.
    """
    if picture is None and not pose.strip():
        return (), ()
    shown = of_pose(pose_named(pose)) if picture is None else shown_in(picture, find_faces)
    kind = next((kind for kind in KINDS if kind in capabilities.controls), None)
    if weight == 0:
        return (), shown.notes
    if kind is None:
        return (), (*shown.notes, _left_out(family, capabilities))
    image, notes = drawn_pose(kind, shown, size)
    controls = () if image is None else (Control(kind, image, weight),)
    return controls, (*shown.notes, *notes)


def of_pose(pose: Pose) -> ShownPose:
    sides = [pose.size.width, pose.size.height]
    return ShownPose(pose.size, tuple(points * sides for points in pose.points()))


def pose_size(pose: Pose, family: Family) -> Size | None:
    """The pose's own size at the family's resolution, in its latent multiples; None for a family that draws heads."""
    if not draws_bodies(family):
        return None
    scale = family.resolution / DRAWN_FOR
    return Size.in_multiples(pose.size.width * scale, pose.size.height * scale, family.latent_multiple)


def draws_bodies(family: Family) -> bool:
    return "facepoints" not in family.controls


def shown_in(file: Path, find_faces: FindFaces) -> ShownPose:
    """The pose in a file. Raises BadPose where it shows none, and BadPicture."""
    if is_pose_file(file):
        size, figures, notes = read_pose_file(file)
        return ShownPose(size, figures, notes=notes)
    picture = read_picture(file, longest=LONGEST)
    size = Size.of(picture)
    if is_skeleton_drawing(picture):
        return ShownPose(size, drawing=picture)
    faces = find_faces(picture)
    if not faces:
        raise BadPose(
            text("{file} shows no pose: it is no drawing by OpenPose, and there is no face on it.", file=file.name),
            advice=text(
                "Give a skeleton drawn by OpenPose, its JSON, a picture with a face, or the name of a pose "
                "(easyphoto poses)."
            ),
        )
    said = note(
        "pose-of-heads",
        "From {file} the drawing takes where the heads are and how they are held; the bodies are left open.",
        file=file.name,
    )
    return ShownPose(size, tuple(head_figure(face.points) for face in faces), notes=(said,))


def drawn_pose(kind: str, shown: ShownPose, size: Size) -> tuple[Image.Image | None, tuple[Text, ...]]:
    """The control image of that kind and size, RGB; None, with a note, where the pose has nothing for it to show."""
    if kind == "openpose" and shown.drawing is not None:
        return fitted(shown.drawing, size), ()
    scale, moved = placing(shown.size, size)
    figures = [figure * scale + moved for figure in shown.figures]
    if kind == "openpose":
        return draw_skeletons(figures, size), ()
    faces = [points for figure in figures if (points := face_points(figure)) is not None]
    if not faces:
        why = text("the model needs to know where the eyes are, and the pose does not say it")
        return None, (note("pose-left-out", "The pose is left out: {why}.", why=why),)
    return draw_guide(kind, Image.new("RGB", (size.width, size.height)), heads_in(faces, size)), (_heads_only(),)


def placing(source: Size, target: Size) -> tuple[float, np.ndarray]:
    """Scale and shift, in pixels, that put a picture into another size whole and undistorted: in the middle across,
    and at the lower edge, because whatever that cuts off must not end in mid-air."""
    scale = min(target.width / source.width, target.height / source.height)
    return scale, np.array([(target.width - scale * source.width) / 2, target.height - scale * source.height])


def fitted(drawing: Image.Image, size: Size) -> Image.Image:
    """The drawing on black at that size, as `placing` says."""
    scale, (left, top) = placing(Size.of(drawing), size)
    inner = Size(max(1, round(drawing.width * scale)), max(1, round(drawing.height * scale)))
    canvas = Image.new("RGB", (size.width, size.height))
    canvas.paste(resized(drawing, inner), (round(left), round(top)))
    return canvas


def face_points(figure: np.ndarray) -> np.ndarray | None:
    """The five points of a figure's face, (5, 2) pixels; None where its eyes or nose are not seen."""
    eyes, nose = figure[[RIGHT_EYE, LEFT_EYE]], figure[NOSE]
    if np.isnan(eyes).any() or np.isnan(nose).any():
        return None
    between, middle = eyes[1] - eyes[0], eyes.mean(axis=0)
    apart = float(np.hypot(*between))
    if apart == 0:
        return None
    along = between / apart
    # Towards the nose, at a right angle to the eyes: a head may be upside down.
    down = np.array([-along[1], along[0]])
    down = down if (nose - middle) @ down >= 0 else -down
    mouth = middle + MOUTH_DOWN * ((nose - middle) @ down) * down + MOUTH_ALONG * ((nose - middle) @ along) * along
    corners = [mouth - MOUTH_HALF * between, mouth + MOUTH_HALF * between]
    return np.array([*eyes, nose, *corners])


def heads_in(faces: Sequence[np.ndarray], size: Size) -> np.ndarray:
    """The faces, (N, 5, 2) pixels, each made large enough to be followed and moved until its head is in the picture."""
    room = min(size.short, size.width / len(faces))
    placed = []
    for points in faces:
        nose, apart = points[2], float(np.hypot(*(points[1] - points[0])))
        larger = max(1.0, EYES_APART * room / apart)
        left, top, right, bottom = (reach * apart * larger for reach in HEAD_REACH)
        least, most = np.array([left, top]), np.array([size.width - right, size.height - bottom])
        middle = np.where(least <= most, np.clip(nose, least, np.maximum(least, most)), (least + most) / 2)
        placed.append((points - nose) * larger + middle)
    return np.stack(placed)


def _left_out(family: Family, capabilities: Capabilities) -> Text:
    known = next((kind for kind in KINDS if kind in family.controls), None)
    why: str = text("{family} knows no poses", family=family.short)
    if known is not None:
        why = capabilities.refused.get(known) or text("its model is missing")
    return note("pose-left-out", "The pose is left out: {why}.", why=why)


def _heads_only() -> Text:
    return note("pose-heads-only", "This model draws heads: of the pose it takes where the head is and how it is held.")
