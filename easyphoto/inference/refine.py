"""The optional last steps on a whole result: face restoration and enlargement."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image

from easyphoto.architectures.base import Family
from easyphoto.errors import EasyPhotoError
from easyphoto.faces.engine import Domain, FaceEngine
from easyphoto.faces.fuser import WARP, Fuser
from easyphoto.images.formats import MOST_PIXELS
from easyphoto.images.pictures import as_picture
from easyphoto.inference.finish import WorkingPicture, face_at
from easyphoto.inference.plan import MOST_ENLARGEMENT
from easyphoto.inference.prepare import Setup
from easyphoto.inference.results import Stage
from easyphoto.messages import note, text
from easyphoto.progress import Progress
from easyphoto.restoration.aligned import enlargement, restored
from easyphoto.restoration.base import FACE_SIDE, Finisher, Restorer, Upscaler
from easyphoto.restoration.opening import DRAWN, NONE
from easyphoto.settings.inference import InferenceSettings
from easyphoto.settings.options import AUTO
from easyphoto.storage.files import cause_of

FAILURES = (EasyPhotoError, cv2.error, ValueError, MemoryError)
# Most pixels the network may return before they are resized to the requested size: 1.8 GB at PIL's 4 bytes a pixel.
MOST_MADE = 4 * MOST_PIXELS


def wanted_restorer(asked: str, family: Family, domain: Domain) -> str:
    """What the setting `restore` means for faces of that domain: "auto" is what the family brings.

    A photographed face is not shown to the restorer of drawn ones, not even where the miniature makes a drawing of it:
    what the fusion leaves of the photo would be drawn over.
    """
    wanted = (family.restorer or NONE) if asked == AUTO else asked
    return NONE if wanted == DRAWN and domain is not Domain.DRAWINGS else wanted


def unmet(
    settings: InferenceSettings, finisher: Finisher | None, fuser: Fuser | None, domain: Domain
) -> tuple[str, ...]:
    """A note for each optional step that the settings ask for and that will not run; `domain` is the faces'."""
    notes = list(finisher.notes) if finisher is not None else []
    explained = bool(notes)
    if settings.restore == DRAWN and domain is not Domain.DRAWINGS:
        notes.append(
            note(
                "restorer-of-drawings",
                "Face restoration was left out: the restorer {name} is only for drawn faces, and these are treated as "
                "photographs.",
                name=DRAWN,
            )
        )
    elif not explained and settings.restore not in (AUTO, NONE) and (finisher is None or finisher.restorer is None):
        notes.append(
            note(
                "restoration-not-opened",
                "Face restoration was left out: {name} could not be opened.",
                name=settings.restore,
            )
        )
    if not explained and settings.upscale != NONE and (finisher is None or finisher.upscaler is None):
        notes.append(
            note(
                "enlargement-not-opened",
                "The enlargement was left out: {name} could not be opened.",
                name=settings.upscale,
            )
        )
    if settings.fusion and settings.fusion_engine != WARP and fuser is None:
        notes.append(
            note(
                "fusion-not-opened",
                "Fused with the built-in warp instead: {name} could not be opened.",
                name=settings.fusion_engine,
            )
        )
    return tuple(notes)


def with_restored_faces(
    canvas: WorkingPicture,
    setups: Sequence[Setup],
    restorer: Restorer,
    engine: FaceEngine,
    *,
    strength: float,
    asked: bool,
) -> tuple[WorkingPicture, tuple[Stage, ...], tuple[str, ...]]:
    """Each replaced face restored, mixed in at `strength` (0..1), and only where the passes painted.

    A face that is not found again is left, with a note, where somebody `asked` for the restoration; where it came by
    itself, the template's points serve.
    """
    if strength <= 0:
        return canvas, (), ()
    faces = engine.detect(as_picture(canvas.picture))
    stages: list[Stage] = []
    notes: list[str] = []
    for setup in setups:
        whose = text("Face {number} from the left", number=setup.number + 1)
        face = face_at(faces, setup.plan.face.box)
        if face is None and asked:
            notes.append(
                note(
                    "face-not-found-again",
                    "{whose}: not restored, because it was not found again on the result.",
                    whose=whose,
                )
            )
            continue
        points = (setup.plan.face if face is None else face).points
        try:
            canvas = _restored(canvas, setup, points, restorer, strength)
        except FAILURES as error:
            notes.append(
                note("face-not-restored", "{whose}: not restored ({error}).", whose=whose, error=reason_of(error))
            )
            continue
        if enlargement(points) > MOST_ENLARGEMENT and not restorer.changes_only:
            notes.append(_softer(whose))
        left, top, right, bottom = setup.plan.crop.as_ints()
        stages.append(Stage("restored", as_picture(canvas.picture[top:bottom, left:right]), setup.number))
    return canvas, tuple(stages), tuple(notes)


def _restored(
    canvas: WorkingPicture, setup: Setup, points: np.ndarray, restorer: Restorer, strength: float
) -> WorkingPicture:
    allowed = painted_area(setup, canvas.touched, strength)
    picture = restored(canvas.picture, points, restorer.restore, allowed=allowed, changes_only=restorer.changes_only)
    return WorkingPicture(picture, canvas.touched)


def _softer(whose: str) -> str:
    return note(
        "face-restored-softer",
        "{whose}: restored at {face_side} pixels, but it is much larger in the picture, so it became softer.",
        whose=whose,
        face_side=FACE_SIDE,
    )


def reason_of(error: BaseException) -> str:
    """The error's cause in words; MemoryError itself has none."""
    return cause_of(error)


def painted_area(setup: Setup, touched: np.ndarray, strength: float) -> np.ndarray:
    """(height, width) float32 in 0..`strength`: how far the restorer may change each pixel for this face.

    `touched`: float32 in 0..1 of the same size. Neighbouring faces are left out.
    """
    left, top, right, bottom = setup.plan.crop.as_ints()
    area = np.zeros(touched.shape, np.float32)
    area[top:bottom, left:right] = strength * np.minimum(setup.masks.alpha, touched[top:bottom, left:right])
    return area


def enlarged(
    picture: Image.Image, upscaler: Upscaler, settings: InferenceSettings, progress: Progress
) -> tuple[Image.Image, tuple[str, ...]]:
    """The picture `settings.upscale_factor` times as large: the network's result mixed with a Lanczos enlargement.

    Where the network fails, the picture is returned as it was, with a note.
    """
    factor = settings.upscale_factor
    goal = round(factor * picture.width), round(factor * picture.height)
    on_the_way = picture.width * picture.height * upscaler.factor**2
    if goal[0] * goal[1] > MOST_PIXELS or on_the_way > MOST_MADE:
        said = text("{goal}×{goal2} pixels are too many", goal=goal[0], goal2=goal[1])
        return picture, (note("enlargement-too-large", "The enlargement was left out: {said}.", said=said),)
    try:
        plain = picture.resize(goal, Image.Resampling.LANCZOS)
        if settings.upscale_strength <= 0:
            return plain, ()
        made = upscaler.upscale(picture, progress).resize(goal, Image.Resampling.LANCZOS)
        return Image.blend(plain, made, settings.upscale_strength), ()
    except FAILURES as error:
        return picture, (note("enlargement-failed", "The enlargement was left out ({error}).", error=reason_of(error)),)
