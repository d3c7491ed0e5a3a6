"""The photo sections of a report: verdicts with their reasons, crops, and the loss weights."""

from __future__ import annotations

from PIL import Image

from easyphoto.errors import BadPicture
from easyphoto.geometry import Box, Size, square_around
from easyphoto.images.pictures import read_picture, resized
from easyphoto.preprocess.dataset import Dataset
from easyphoto.preprocess.reading import original_size
from easyphoto.preprocess.verdict import Check, Verdict, question_about
from easyphoto.report.parts import Figure, Gallery, Notes, NoteTone, Part, Section

LONGEST, SIDE = 1024, 352
_CROP_SIDE = 120
AROUND_FACE = 2.6


def verdict_section(check: Check, person: str | None = None) -> Section:
    """Return every photo with its verdict, kept ones first; a reference photo that nobody could check precedes them."""
    kept = check.kept
    aside = tuple(verdict for verdict in check.verdicts if not verdict.kept)
    figures = tuple(_verdict_figure(verdict, check.reference) for verdict in (*kept, *aside))
    treated = f"treated as {check.domain or check.kind}, {check.identity_words}"
    words = f"{len(kept)} of {len(check.verdicts)} photos are kept; {treated}."
    parts: tuple[Part, ...] = (*_question(check, person), Gallery(figures))
    return Section("Photos and verdicts", (*parts, Notes(check.notes)) if check.notes else parts, words)


def dataset_section(dataset: Dataset) -> Section:
    """Return each crop beside its loss weights, which are large where it is bright."""
    figures: list[Figure] = []
    for entry in dataset.entries:
        crop, weights = (read_picture(file, longest=2 * _CROP_SIDE) for file in (entry.image, entry.weights))
        figures.append(Figure(crop, entry.photo, detail=entry.caption))
        figures.append(Figure(weights, "how much each part counts"))
    parts: tuple[Part, ...] = (Gallery(tuple(figures), side=_CROP_SIDE),)
    words = "What the training learns from. In the second picture of a pair, bright parts count much, dark ones little."
    return Section("Crops and masks", (*parts, Notes(dataset.notes)) if dataset.notes else parts, words)


def _question(check: Check, person: str | None) -> tuple[Gallery, ...]:
    asked = check.question
    if asked is None:
        return ()
    detail = "It could not be checked. If it shows somebody else, train again with another reference photo."
    figure = Figure(_thumbnail(asked), asked.photo, badge="reference, not checked", tone=NoteTone.ASIDE, detail=detail)
    return (Gallery((figure,), title=question_about(person), side=SIDE),)


def _verdict_figure(verdict: Verdict, reference: str | None) -> Figure:
    detail = "" if verdict.face is None else f"sharpness {verdict.sharpness:.2f} · quality {verdict.quality:.2f}"
    if verdict.identity is not None:
        detail += f" · likeness {verdict.identity:.2f}"
    if not verdict.kept:
        badge = verdict.reason.value if verdict.reason else "set aside"
        detail = verdict.explanation if not verdict.advice else f"{verdict.explanation} {verdict.advice}"
        return Figure(_thumbnail(verdict), verdict.photo, badge=badge, tone=NoteTone.ASIDE, detail=detail)
    badge = "kept · reference" if verdict.photo == reference else "kept"
    return Figure(_thumbnail(verdict), verdict.photo, badge=badge, tone=NoteTone.GOOD, detail=detail)


def _thumbnail(verdict: Verdict) -> Image.Image:
    """Return a square close-up of the face, or of the middle of the photo if there is none."""
    try:
        picture = read_picture(verdict.path, longest=LONGEST)
    except BadPicture:
        return Image.new("RGB", (SIDE, SIDE), (120, 116, 110))
    picture = picture.rotate(-verdict.rotation, expand=True) if verdict.rotation else picture
    square = square_around(_face_on(verdict, picture), AROUND_FACE, Size.of(picture))
    return resized(picture.crop(square.as_ints()), Size(SIDE, SIDE))


def _face_on(verdict: Verdict, picture: Image.Image) -> Box:
    """Return the face's box on the reduced picture; verdicts are in pixels of the full picture."""
    if verdict.face is None:
        return Box(0, 0, picture.width, picture.height)
    return verdict.face.box.scaled(max(picture.size) / original_size(verdict.path).long)
