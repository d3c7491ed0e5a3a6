"""Decides which subject takes which face and which part of the template is repainted: arithmetic only, no pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from easyphoto.architectures.base import Family
from easyphoto.errors import InputError, NoFaceFound
from easyphoto.faces.engine import Face
from easyphoto.geometry import Box, Size, nose_place, resized_points, square_around
from easyphoto.messages import joined, note, text

# The nose tip's position between the eyes, 0 at one and 1 at the other; 0.5 is frontal. Faces beyond the outer limits
# (about 45 degrees; the girl in photos/group/01.jpg is at 0.15) are not done: two frontal eyes covered one half-hidden
# eye.
PROFILE_LIMITS = (0.18, 0.82)
TURNED_LIMITS = (0.30, 0.70)
# A face is cut off where more than this share of its box's area lies beyond the picture.
MOST_CUT = 0.12
# Enlarged by more than this factor, the result is visibly softer than the template around it.
MOST_ENLARGEMENT = 2.0
# Margin of the joint pass beyond the outermost faces, as a share of its short side (the reference: 50 px of about 512).
JOINT_MARGIN = 0.10


@dataclass(frozen=True, eq=False)
class CropPlan:
    """One face of the template, the square crop around it, and the size at which the networks work."""

    face: Face
    """The face in template pixels."""
    crop: Box
    work: Size

    @property
    def scale(self) -> float:
        """Network pixels per template pixel."""
        return self.work.width / self.crop.width

    @property
    def enlargement(self) -> float:
        """The factor by which the networks' picture is enlarged for the template: template per network pixels."""
        return 1 / self.scale

    @property
    def working_face(self) -> Face:
        """The face in network pixels."""
        return face_within(self.face, self.crop, self.scale)


@dataclass(frozen=True)
class FaceAssignment:
    """A subject and its face, as indices from 0; faces count from the left."""

    subject: int
    face: int


def plan_crop(face: Face, picture: Size, family: Family) -> CropPlan:
    crop = square_around(face.box, family.crop_factor, picture)
    return CropPlan(face, crop, Size(family.resolution, family.resolution))


def face_within(face: Face, crop: Box, scale: float) -> Face:
    """The face in the pixels of a crop that was resized by `scale`."""
    points = resized_points(np.asarray(face.points, np.float64) - (crop.left, crop.top), scale)
    return Face(face.box.moved(-crop.left, -crop.top).scaled(scale), points.astype(np.float32), face.score)


def from_the_left(faces: Sequence[Face]) -> tuple[Face, ...]:
    return tuple(sorted(faces, key=lambda face: face.box.centre[0]))


def prominence(face: Face) -> float:
    """How prominent a face is: its size in pixels × the detector's confidence (0..1)."""
    return face.box.area * face.score


def most_prominent(prominences: Sequence[float], possible: Sequence[int], count: int) -> tuple[int, ...]:
    """The `count` most prominent of the possible faces, from the left; among equals the leftmost.

    A passer-by at the left edge must not replace the person whom the picture shows.
    """
    first = sorted(possible, key=lambda face: (-prominences[face], face))[:count]
    return tuple(sorted(first))


def why_untouched(face: Face, picture: Size, family: Family) -> str | None:
    """Why the face is left as it is; None where it can be replaced well."""
    visible = face.box.clipped(picture)
    if face.box.width < family.smallest_face / 4:
        return text("it is only {width:.0f} pixels wide", width=face.box.width)
    if visible.area < (1 - MOST_CUT) * face.box.area or not points_inside(face.points, picture):
        return text("it is cut off by the edge of the picture")
    low, high = PROFILE_LIMITS
    if not low <= nose_place(face.points) <= high:
        return text("it is seen from the side")
    return None


def remarks(plan: CropPlan, family: Family, *, fused: bool) -> tuple[str, ...]:
    """Remarks on a face that is replaced all the same; `fused`: detail of a reference photo is fused in."""
    said = []
    low, high = TURNED_LIMITS
    if not low <= nose_place(plan.face.points) <= high:
        said.append(text("it is turned, so the likeness may suffer"))
    if plan.face.box.width < family.smallest_face / 2:
        said.append(
            text(
                "it is small ({width:.0f} pixels wide), so the model makes up the details",
                width=plan.face.box.width,
            )
        )
    if plan.enlargement > MOST_ENLARGEMENT:
        values = {
            "family": family.id,
            "side": plan.work.width,
            "crop": plan.crop.width,
            "times": plan.enlargement,
        }
        said.append(
            text(
                "{family} paints at {side} pixels, and this part of the picture has {crop:.0f}: what it paints is "
                "enlarged {times:.1f} times, and finer detail comes from the reference photo",
                **values,
            )
            if fused
            else text(
                "{family} paints at {side} pixels, and this part of the picture has {crop:.0f}: the face is "
                "enlarged {times:.1f} times and becomes softer than the template",
                **values,
            )
        )

    return tuple(said)


def points_inside(points: np.ndarray, picture: Size) -> bool:
    """Whether all points, (n, 2) float32 pixels, lie within the picture."""
    return bool(((points >= 0) & (points <= (picture.width - 1, picture.height - 1))).all())


def assigned_faces(
    subjects: int,
    faces: Sequence[Face],
    picture: Size,
    family: Family,
    *,
    assignment: Sequence[int] | None = None,
    covered: Sequence[str | None] = (),
) -> tuple[tuple[FaceAssignment, ...], tuple[str, ...]]:
    """The subjects' faces, from the left, and notes on the faces that stay as they are.

    Without an assignment the subjects take the largest, surest faces that can be done, from left to right. With one,
    `assignment[i]` is the face of subject i, counted from the left from 0. `covered` says for each face what hides it:
    such a face is skipped unless it was assigned. Raises NoFaceFound and InputError.
    """
    if not faces:
        raise NoFaceFound(
            text("There is no face on the template."), advice=text("Choose a template with a visible face.")
        )
    hidden = [None if face in (assignment or ()) else said for face, said in enumerate(covered or [None] * len(faces))]
    reasons = [why_untouched(face, picture, family) or said for face, said in zip(faces, hidden, strict=True)]
    possible = [index for index, reason in enumerate(reasons) if reason is None]
    if not possible:
        raise _none_possible(reasons, is_covered=any(hidden))
    if subjects < 1 or subjects > len(faces):
        raise _wrong_count(subjects, len(faces))
    largest = most_prominent([prominence(face) for face in faces], possible, subjects)
    chosen = largest if assignment is None else _checked(assignment, subjects, len(faces))
    assigned = [FaceAssignment(subject, face) for subject, face in enumerate(chosen) if reasons[face] is None]
    if not assigned:
        raise NoFaceFound(
            text("None of the assigned faces is suitable."), advice=text("Assign another face of the template.")
        )
    taken = {each.face for each in assigned}
    notes = [_left_alone(index, reasons[index]) for index in range(len(faces)) if index not in taken]
    notes += [_painted_covered(each.face, covered[each.face]) for each in assigned if covered and covered[each.face]]
    if len(assigned) < subjects:
        notes.append(_without_a_face(subjects - len(assigned), subjects))
    return tuple(sorted(assigned, key=lambda each: each.face)), tuple(notes)


def why_unusable(
    subjects: int, faces: Sequence[Face], picture: Size, family: Family, *, covered: Sequence[str | None] = ()
) -> str | None:
    """Why a picture that was drawn for the subjects does not do as their template; None where it does.

    Everybody needs a face of their own, and nobody else may be on it. `covered` as in `assigned_faces`.
    """
    if faces and len(faces) != subjects:
        if len(faces) == 1:
            return text("it shows 1 face for {count} persons", count=subjects)
        if subjects == 1:
            return text("it shows {faces} faces for 1 person", faces=len(faces))
        return text("it shows {faces} faces for {count} persons", faces=len(faces), count=subjects)
    try:
        assigned, _ = assigned_faces(subjects, faces, picture, family, covered=covered)
    except NoFaceFound:
        assigned = ()
    if len(assigned) == subjects:
        return None
    hidden = covered or [None] * len(faces)
    reasons = [why_untouched(face, picture, family) or said for face, said in zip(faces, hidden, strict=True)]
    said = [_of_face(index, reason) for index, reason in enumerate(reasons) if reason is not None]
    return joined(said, "; ") if said else text("it shows no face")


def _of_face(index: int, reason: str) -> str:
    return text("face {number}: {reason}", number=index + 1, reason=reason)


def _none_possible(reasons: Sequence[str | None], *, is_covered: bool) -> NoFaceFound:
    said = [_of_face(index, reason) for index, reason in enumerate(reasons) if reason is not None]
    advice = text("Choose another template, or add --paint-covered (in the tab: Paint covered faces).")
    return NoFaceFound(
        text("No face on the template is suitable ({reasons}).", reasons=joined(said, "; ")),
        advice=advice if is_covered else text("Choose another template."),
    )


def _wrong_count(subjects: int, faces: int) -> InputError:
    return InputError(
        text("{subjects} persons were given for 1 face on the template.", subjects=subjects)
        if faces == 1
        else text("{subjects} persons were given for {count} faces on the template.", subjects=subjects, count=faces),
        advice=text("Give at least one person, and no more than the template has faces."),
    )


def _without_a_face(count: int, subjects: int) -> str:
    return note(
        "subjects-without-a-face",
        "No suitable face was found for {count} of {all} persons.",
        count=count,
        all=subjects,
    )


def _painted_covered(face: int, covered: str | None) -> str:
    return note(
        "covered-face-painted",
        "Face {number} from the left: {covered}; it was painted anyway, as assigned.",
        number=face + 1,
        covered=covered,
    )


def _left_alone(face: int, reason: str | None) -> str:
    return note(
        "face-left-as-it-is",
        "Face {number} from the left stays as it is: {reason}.",
        number=face + 1,
        reason=reason or text("nobody was assigned to it"),
    )


def _checked(assignment: Sequence[int], subjects: int, faces: int) -> tuple[int, ...]:
    if len(assignment) != subjects or len(set(assignment)) != subjects or not all(0 <= a < faces for a in assignment):
        raise InputError(
            text(
                "The assignment {assignment} does not give each of {subjects} persons a face of their own.",
                assignment=list(assignment),
                subjects=subjects,
            ),
            advice=text(
                "Give every person a different number from 0 to {faces}, counted from the left.", faces=faces - 1
            ),
        )
    return tuple(assignment)


@dataclass(frozen=True)
class JointPlan:
    """The rectangle around all assigned faces, for the pass over their borders."""

    crop: Box
    work: Size

    @property
    def enlargement(self) -> float:
        return self.crop.width / self.work.width


def plan_joint(crops: Sequence[Box], picture: Size, family: Family) -> JointPlan:
    """The joint pass around the faces' crops, with a margin; the short side becomes the family's resolution."""
    left, top = min(c.left for c in crops), min(c.top for c in crops)
    right, bottom = max(c.right for c in crops), max(c.bottom for c in crops)
    margin = JOINT_MARGIN * min(right - left, bottom - top)
    crop = Box(*Box(left, top, right, bottom).grown(margin, margin, margin, margin).clipped(picture).as_ints())
    scale = family.resolution / crop.size.short
    return JointPlan(crop, Size.in_multiples(crop.width * scale, crop.height * scale, family.latent_multiple))
