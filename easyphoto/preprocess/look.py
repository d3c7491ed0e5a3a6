"""Examines one photo by itself: its orientation, its faces, their faults, and what the comparison needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from easyphoto.architectures.base import Family
from easyphoto.errors import BadPicture
from easyphoto.faces.engine import Face, FaceEngine
from easyphoto.faces.resolution import resolved_width
from easyphoto.faces.score import angle_score, exposure, sharpness
from easyphoto.geometry import Size
from easyphoto.images.decoding import header_of
from easyphoto.messages import Text, note, text
from easyphoto.parallel import Budget
from easyphoto.preprocess.duplicates import Signature, signature
from easyphoto.preprocess.reading import DecodedPhoto, scaled_face, upright_face
from easyphoto.preprocess.standing import upright_faces
from easyphoto.preprocess.verdict import Reason, Verdict
from easyphoto.settings.training import PreprocessSettings

# Detectors work at 640 px, and YuNet looks a second time, for small faces, at 1600.
_LONGEST = 1600
_MEASURE_WIDTH = 256
# A second face of more than this share of the largest one's area could be meant as well.
_RIVAL = 0.25
# Detectors score only half-hidden faces, profiles and faces in deep shadow below this.
_HALF_SEEN = 0.5
_NO_FILES = (text("a folder"), text("a pipe"), text("a socket"), text("a device"))
# Width ÷ height of a detected box: 0.65 to 0.75 for whole faces, at most 0.52 for one covered down the middle.
_NARROW = 0.57


@dataclass(frozen=True, eq=False)
class Look:
    """A photo's verdict as far as the photo alone decides it, and what is compared with the other photos."""

    verdict: Verdict
    embedding: np.ndarray | None = None
    """float32 unit vector; None without an embedder or a face."""
    signature: Signature | None = None
    detail: float = 0.0
    """The face's width in blur radii."""
    longer_side: float = 0.0
    """Of a picture in which no face is looked for, in pixels of the file."""
    of_other_kind: bool = False
    """Whether the face looks drawn to an engine for photographs, or photographed to one for drawings."""


def look_at(
    photo: Path,
    engine: FaceEngine,
    *,
    name: str,
    family: Family,
    settings: PreprocessSettings,
    chosen: Mapping[str, int],
    budget: Budget,
) -> Look:
    """Measure one photo, which is called `name`, with its memory taken from `budget`.

    An unreadable file does not raise: it gets a verdict.
    """
    try:
        header = header_of(photo)
        with budget.spent(header.memory):
            decoded = DecodedPhoto.of(photo, Size(*header.size), _LONGEST)
            return _looked_at(decoded, engine, name=name, family=family, settings=settings, chosen=chosen)
    except BadPicture as error:
        return Look(Verdict(name, photo, False, Reason.UNREADABLE, *unreadable_words(error)))


def _looked_at(
    decoded: DecodedPhoto,
    engine: FaceEngine,
    *,
    name: str,
    family: Family,
    settings: PreprocessSettings,
    chosen: Mapping[str, int],
) -> Look:
    photo, full, notes = decoded.path, decoded.full, decoded.notes
    picture = decoded.averaged(_LONGEST)
    rotation, found = upright_faces(picture, engine)
    factor = full.long / max(picture.size)
    faces = tuple(scaled_face(face, factor) for face in found)
    unsaid = text("")
    verdict = Verdict(name, photo, True, None, unsaid, unsaid, rotation=rotation, faces=faces, notes=notes)
    if rotation:
        verdict = replace(
            verdict, notes=(*notes, note("turned-upright", "turned by {angle}° to stand upright", angle=rotation))
        )
    if not faces:
        return Look(set_aside(verdict, Reason.NO_FACE, *_no_face_words(full)))
    verdict = _with_chosen(verdict, chosen.get(name, chosen.get(photo.name)))
    if verdict.reason is not None:
        return Look(verdict)
    return _measured(verdict, engine, decoded, full=full if rotation % 180 == 0 else Size(full.height, full.width),
                     family=family, settings=settings)  # fmt: skip


def set_aside(verdict: Verdict, reason: Reason, explanation: Text, advice: Text) -> Verdict:
    return replace(verdict, kept=False, reason=reason, explanation=explanation, advice=advice)


def unreadable_words(error: BadPicture) -> tuple[Text, Text]:
    said = error.message
    if error.why:
        return text("The file cannot be read as a picture. {why}", why=error.why), error.advice
    no_file = next((kind for kind in _NO_FILES if f" is {kind}." in said), None)
    if no_file is not None:
        return text("It is {no_file}, not a picture.", no_file=no_file), text("Remove it, or put the picture there.")
    if "does not exist" in said:
        return (
            text("It is missing: it was removed, or it is a link that leads nowhere."),
            text("Copy it again, or remove it."),
        )
    if "claims" in said or "memory" in said:
        return (
            text("The picture has more pixels than can be read safely."),
            text("Reduce it first, to 12,000 × 9,000 or less."),
        )
    if "truncated" in said or "not processed" in said:
        return (
            text("The file is cut off: part of the picture is missing."),
            text("Copy it again from where it came."),
        )
    return text("The file cannot be read as a picture."), text("Save it again as JPEG or PNG, or remove it.")


def _no_face_words(full: Size) -> tuple[Text, Text]:
    if full.short < 64:
        said = text("The picture has only {width}×{height} pixels.", width=full.width, height=full.height)
        return said, text("Use the original photo.")
    return (
        text("No face was found, upright or turned."),
        text("Use a photo that shows the face from the front, uncovered and in good light."),
    )


def _with_chosen(verdict: Verdict, number: int | None) -> Verdict:
    """The verdict with the face that the user chose, else the largest; a rival in size turns it into a question."""
    faces = verdict.faces
    if number is not None:
        if 1 <= number <= len(faces):
            return replace(
                verdict,
                face=faces[number - 1],
                notes=(*verdict.notes, note("face-chosen", "face {number} was chosen", number=number)),
            )
        return set_aside(
            verdict,
            Reason.SEVERAL_FACES,
            text("Face {number} was chosen, but {count} were found.", number=number, count=len(faces)),
            text("Choose a number from 1 to {count}, as marked in the photo.", count=len(faces)),
        )
    rivals = [face for face in faces[1:] if face.box.area > _RIVAL * faces[0].box.area]
    if not rivals:
        return replace(verdict, face=faces[0])
    return set_aside(
        verdict,
        Reason.SEVERAL_FACES,
        text("{count} faces are about equally large.", count=len(rivals) + 1),
        text(
            "Choose the one that is meant (a number from 1 to {count}, as marked in the photo), or crop the "
            "photo to it.",
            count=len(rivals) + 1,
        ),
    )


def _measured(
    verdict: Verdict,
    engine: FaceEngine,
    decoded: DecodedPhoto,
    *,
    full: Size,
    family: Family,
    settings: PreprocessSettings,
) -> Look:
    assert verdict.face is not None
    picture, face = upright_face(verdict, _MEASURE_WIDTH, photo=decoded)
    sharp, light = sharpness(picture, face), exposure(picture, face)
    remarks = engine.remarks(picture, face)
    verdict = replace(
        verdict,
        sharpness=sharp,
        exposure=light,
        angle=angle_score(verdict.face),
        covering=engine.covering(picture, face),
        quality=float(np.sqrt(sharp * light)),
        notes=(*verdict.notes, *(note("looks-of-another-kind", "the face {said}", said=said) for said in remarks)),
    )
    fault = _fault(verdict, full, family=family, settings=settings)
    if fault is not None:
        return Look(set_aside(verdict, *fault))
    if verdict.covering is not None:
        verdict = replace(verdict, notes=(*verdict.notes, verdict.covering.words))
    vector, detail = engine.embed(picture, face), resolved_width(picture, face)
    return Look(verdict, vector, signature(picture, face), detail, of_other_kind=bool(remarks))


def _fault(
    verdict: Verdict, full: Size, *, family: Family, settings: PreprocessSettings
) -> tuple[Reason, Text, Text] | None:
    """The first fault of the face by itself, most telling faults first; None without one."""
    assert verdict.face is not None
    side = cut_side(verdict.face, full)
    if side is not None:
        return (
            Reason.PARTIAL_FACE,
            text("Only part of the face is in the picture: it is cut off at the {side} edge.", side=side),
            text("Use the uncropped photo, or another one that shows the whole face."),
        )
    width = verdict.face.box.width
    if width < family.smallest_face:
        return Reason.TOO_SMALL, *_small_words(width, family.smallest_face)
    # Of heavily blurred bare faces 15 % look covered.
    is_sharp = verdict.sharpness >= settings.blur_limit
    if verdict.covering is not None and is_sharp and not settings.keep_covered:
        return (
            Reason.COVERED,
            verdict.covering.sentence,
            text(
                "Use a photo where eyes and mouth are visible; to use such photos anyway, switch on Keep covered faces."
            ),
        )
    if verdict.face.score < _HALF_SEEN or width < _NARROW * verdict.face.box.height:
        return (
            Reason.PARTIAL_FACE,
            text("The face is hard to make out: part of it is hidden, turned away or in shadow."),
            text("Use a photo where both eyes, nose and mouth are visible."),
        )
    if not is_sharp:
        return (
            Reason.BLURRED,
            text(
                "The face is blurred (sharpness {sharpness:.2f}, needed {limit:.2f}).",
                sharpness=verdict.sharpness,
                limit=settings.blur_limit,
            ),
            text("Use a sharper photo: steady camera, more light, the focus on the face."),
        )
    return None


def _small_words(width: float, least: int) -> tuple[Text, Text]:
    return (
        text("The face is {width:.0f} pixels wide; at least {least} are needed.", width=width, least=least),
        text("Use the photo at its full size, or one taken from closer up."),
    )


def cut_side(face: Face, picture: Size) -> Text | None:
    """The edge of the picture that cuts the face off; None where the face lies nearly whole inside."""
    points = np.asarray(face.points, np.float64)
    eyes_to_mouth = points[3:5].mean(0) - points[:2].mean(0)
    unit = max(float(np.linalg.norm(points[1] - points[0])), float(np.linalg.norm(eyes_to_mouth)), 1e-3)
    box, width, height = face.box, face.box.width, face.box.height
    # Cut off: a box beyond the edge by more than a tenth, or a point too near the edge for a cheek between them.
    # Some detectors clip the box to the picture; then only the points tell.
    near, far = points.min(0) / unit - 0.2, (np.array([picture.width, picture.height]) - points.max(0)) / unit - 0.2
    room = {
        text("left"): min(box.left / width + 0.1, near[0]),
        text("right"): min((picture.width - box.right) / width + 0.1, far[0]),
        text("upper"): min(box.top / height + 0.15, near[1]),
        text("lower"): min((picture.height - box.bottom) / height + 0.1, far[1]),
    }
    side = min(room, key=lambda name: room[name])
    return side if room[side] < 0 else None
