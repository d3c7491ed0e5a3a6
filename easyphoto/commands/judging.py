"""What a training and an addition begin with: the verdicts on a person's photos."""

from __future__ import annotations

from easyphoto.app import EasyPhoto
from easyphoto.architectures.base import Family
from easyphoto.commands.base import Context
from easyphoto.commands.check import CheckPhotos, no_photo_kept
from easyphoto.faces.engine import FaceEngine
from easyphoto.preprocess.concept_check import FEWEST, too_few_pictures
from easyphoto.preprocess.verdict import Check
from easyphoto.progress import Progress


def judged_photos(
    app: EasyPhoto, photos: CheckPhotos, family: Family, context: Context, progress: Progress
) -> tuple[Check, FaceEngine]:
    """Return the verdicts, which the context is told, and the engine that gave them. Raises TooFewPhotos if none is
    kept.
    """
    engine = app.engine_for(photos.photos, progress)
    check = photos.verdicts(engine, family, progress)
    if not check.kept:
        raise no_photo_kept(check)
    _tell(check, context)
    return check, engine


def judged_pictures(photos: CheckPhotos, family: Family, context: Context, progress: Progress) -> Check:
    """The same for a scene or an object, without an engine. Raises TooFewPhotos if fewer than needed are kept."""
    check = photos.verdicts(None, family, progress)
    if len(check.kept) < FEWEST:
        raise too_few_pictures(check)
    _tell(check, context)
    return check


def _tell(check: Check, context: Context) -> None:
    context.checked(check)
    for said in check.notes:
        context.note(said)
