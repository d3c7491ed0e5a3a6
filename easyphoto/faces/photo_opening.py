"""Assembly of the engine for photographs: parts chosen by name are downloaded, automatic ones used if at hand."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from easyphoto.errors import EnvironmentFailure, InputError, WeightsMissing
from easyphoto.faces.embedders import AUTOMATIC, Embedder, embedder_lines, open_embedder
from easyphoto.faces.insightface_detector import DETECTOR_FILES, InsightFaceDetector, pack_file
from easyphoto.faces.parts import CoveringSense, Detector, Parser, Saliency
from easyphoto.faces.photo_engine import LandmarkParser, PhotoEngine
from easyphoto.messages import Text, joined, note, text
from easyphoto.progress import Progress
from easyphoto.settings.options import FaceSettings
from easyphoto.weights.catalog import UsedWeight, weight_file
from easyphoto.weights.refusals import not_allowed
from easyphoto.weights.store import WeightStore

T = TypeVar("T")
_AUTO = "auto"
_SCRFD = "scrfd-10g"
_BISENET = "bisenet"


@dataclass(frozen=True)
class KnownPart:
    """A part that needs a weight file."""

    kind: str
    """Detector, parser or saliency."""
    name: str
    """Its value in the settings."""
    file: str
    """Its id in the weight catalogue."""
    package: str
    """The package that runs it."""


PARTS = (
    KnownPart("detector", "yunet", "yunet", "cv2"),
    KnownPart("detector", "scrfd", _SCRFD, "onnxruntime"),
    KnownPart("detector", "retinaface", "retinaface-r50", "torch"),
    KnownPart("parser", _BISENET, _BISENET, "onnxruntime"),
    KnownPart("saliency", "u2net", "u2net-human", "onnxruntime"),
    KnownPart("saliency", "birefnet", "birefnet-lite", "onnxruntime"),
)
# BiRefNet runs at 1024 px and u2net at 320, a tenth of the pixels: the automatic choice must not take minutes on a CPU.
_SALIENCY_ORDER = ("u2net", "birefnet")
_FOR_OBJECTS = "birefnet"


@dataclass(frozen=True)
class _Absent:
    """A part that `auto` would have used, and the catalogue's set that contains it."""

    words: Text
    set: str


def open_photo_engine(store: WeightStore, progress: Progress, faces: FaceSettings) -> PhotoEngine:
    """The engine for photographs. Raises the store's errors for YuNet and for every part chosen by name."""
    notes: list[Text] = []
    missing: list[_Absent] = []
    detector = open_detector(faces.detector, store, progress)
    embedder = _embedder(faces.embedder, store, progress, notes=notes, missing=missing)
    parser = _parser(faces.parser, store, progress, notes=notes)
    if faces.saliency == _AUTO and parser.id != LandmarkParser.id:
        # A parsing network finds the outline itself.
        saliency = None
    else:
        saliency = _saliency(faces.saliency, store, progress, notes=notes, missing=missing)
    coverings = _coverings(store, notes)
    if missing:
        sets = " ".join(absent.set for absent in missing)
        notes.append(
            note(
                "parts-missing",
                "Missing: {missing}. Run: easyphoto weights get {sets}",
                missing=joined([absent.words for absent in missing], "; "),
                sets=sets,
            )
        )
    return PhotoEngine(detector, embedder, parser=parser, saliency=saliency, coverings=coverings, notes=tuple(notes))


def open_detector(name: str, store: WeightStore, progress: Progress) -> Detector:
    """The detector of that name.

    Raises the store's errors, EnvironmentFailure when its package is missing, InputError for an unknown name.
    """
    match name:
        case "auto" | "yunet":
            from easyphoto.faces.yunet import YuNet

            return YuNet(store.require("yunet", progress), (store.used("yunet"),))
        case "scrfd":
            from easyphoto.faces.scrfd import Scrfd

            return Scrfd(store.require(_SCRFD, progress), (store.used(_SCRFD),))
        case "retinaface":
            from easyphoto.faces.retinaface import RetinaFace

            return RetinaFace(store.require("retinaface-r50", progress), (store.used("retinaface-r50"),))
        case "insightface":
            return _insightface(store)
    raise InputError(
        text("There is no face detector {name!r}.", name=name),
        advice=text("Known: auto, yunet, scrfd, retinaface, insightface."),
    )


def automatic_files(store: WeightStore, faces: FaceSettings) -> tuple[Path | None, ...]:
    """What is at hand of all that `auto` chooses among; None for what is not."""
    chosen: list[tuple[str, ...]] = [AUTOMATIC] if faces.embedder == _AUTO else []
    chosen += [(_BISENET,)] if faces.parser == _AUTO else []
    chosen += [tuple(_part(one).file for one in _SALIENCY_ORDER)] if faces.saliency == _AUTO else []
    return tuple(store.find(id) for ids in chosen for id in ids)


def open_parser(name: str, store: WeightStore, progress: Progress) -> Parser:
    """The parser of that name. Raises like `open_detector`."""
    match name:
        case "landmarks":
            return LandmarkParser()
        case "bisenet":
            from easyphoto.faces.bisenet import BiSeNet

            return BiSeNet(store.require(_BISENET, progress), (store.used(_BISENET),))
    raise InputError(
        text("There is no face parser {name!r}.", name=name), advice=text("Known: auto, landmarks, bisenet.")
    )


def open_saliency(name: str, store: WeightStore, progress: Progress) -> Saliency:
    """The saliency network of that name. Raises like `open_detector`."""
    from easyphoto.faces.saliency import RECIPES, OnnxSaliency

    if name not in RECIPES:
        raise InputError(
            text("There is no cut-out model {name!r}.", name=name),
            advice=text("Known: {names}.", names=", ".join(RECIPES)),
        )
    id = _part(name).file
    return OnnxSaliency(store.require(id, progress), RECIPES[name], id=name, weights=(store.used(id),))


def open_object_saliency(
    store: WeightStore, progress: Progress, faces: FaceSettings
) -> tuple[Saliency | None, tuple[Text, ...]]:
    """What cuts objects out, with notes; None: colours alone. U²-Net knows people only, so `auto` takes BiRefNet.

    Raises the store's errors for a network chosen by name.
    """
    if faces.saliency not in (_AUTO, "grabcut"):
        return open_saliency(faces.saliency, store, progress), ()
    notes: list[Text] = []
    at_hand = faces.saliency == _AUTO and store.find(_part(_FOR_OBJECTS).file) is not None
    names = [_FOR_OBJECTS] if at_hand else []
    found = _first_that_opens(text("cut-out model"), names, lambda name: open_saliency(name, store, progress), notes)
    if found is None and faces.saliency == _AUTO:
        file = _part(_FOR_OBJECTS).file
        notes.append(
            note(
                "objects-by-colours",
                "No cut-out model for objects is at hand: their outlines are guessed from colours. "
                "Run: easyphoto weights get {file}",
                file=file,
            )
        )
    return found, tuple(notes)


def photo_lines(store: WeightStore) -> Iterator[str]:
    """One status line per part; lines about something to fix begin with "! "."""
    for part in PARTS:
        yield _line(part, store)
    yield _insightface_line(store)
    instead = "; auto takes bisenet" if store.find(_BISENET) else ""
    yield f"  parser landmarks: needs no file{instead}"
    yield "  saliency grabcut: needs no file"
    yield from embedder_lines(store)


def _embedder(
    name: str, store: WeightStore, progress: Progress, *, notes: list[Text], missing: list[_Absent]
) -> Embedder | None:
    if name != _AUTO:
        return open_embedder(name, store, progress)
    at_hand = [id for id in AUTOMATIC if store.find(id) is not None]
    if not at_hand:
        missing.append(_Absent(text("face recognition (people cannot be told apart)"), "photographs"))
    return _first_that_opens(text("face recognition"), at_hand, lambda id: open_embedder(id, store, progress), notes)


def _parser(name: str, store: WeightStore, progress: Progress, *, notes: list[Text]) -> Parser:
    """For `auto` a parsing network if its file is at hand and allowed, else `LandmarkParser`, which needs none."""
    if name != _AUTO:
        return open_parser(name, store, progress)
    at_hand = [_BISENET] if store.find(_BISENET) is not None else []
    found = _first_that_opens(text("face parser"), at_hand, lambda one: open_parser(one, store, progress), notes)
    return found or LandmarkParser()


def _saliency(
    name: str, store: WeightStore, progress: Progress, *, notes: list[Text], missing: list[_Absent]
) -> Saliency | None:
    if name == "grabcut":
        return None
    if name != _AUTO:
        return open_saliency(name, store, progress)
    at_hand = [one for one in _SALIENCY_ORDER if store.find(_part(one).file) is not None]
    if not at_hand:
        missing.append(_Absent(text("a cut-out model (outlines are guessed from colours)"), "cut-out"))
    return _first_that_opens(text("cut-out model"), at_hand, lambda one: open_saliency(one, store, progress), notes)


def _coverings(store: WeightStore, notes: list[Text]) -> CoveringSense | None:
    """Detection of coverings, which needs YuNet whatever the detector; None, with a note, without it."""
    file = store.find("yunet")
    if file is None:
        notes.append(
            note(
                "coverings-not-recognised",
                "Covered faces are not recognised, because YuNet is missing. Run: easyphoto weights get yunet",
            )
        )
        return None
    from easyphoto.faces.photo_covering import PhotoCovering

    def opened(id: str) -> PhotoCovering:
        return PhotoCovering(file, (store.used(id),))

    return _first_that_opens(text("model for covered faces"), ["yunet"], opened, notes)


def _first_that_opens(
    what: Text, names: Sequence[str], opening: Callable[[str], T | None], notes: list[Text]
) -> T | None:
    """The first usable part, with a note for each unusable one before it."""
    for name in names:
        try:
            return opening(name)
        except EnvironmentFailure as error:
            notes.append(
                note(
                    "part-unusable",
                    "The {what} {name} cannot be used: {error}",
                    what=what,
                    name=name,
                    error=error,
                )
            )
    return None


def _insightface(store: WeightStore) -> Detector:
    """The insightface detector with the store's SCRFD file, else with a pack in the package's own folder; InsightFace
    licenses both."""
    if not store.allows(_SCRFD):
        raise not_allowed(weight_file(_SCRFD), store.licences.value)
    file = store.find(_SCRFD)
    if file is not None:
        return InsightFaceDetector(file, (store.used(_SCRFD),))
    file = pack_file(Path.home())
    if file is None:
        raise WeightsMissing(
            text("No detector of the insightface package was found ({names}).", names=", ".join(DETECTOR_FILES)),
            advice=text(
                "Run: easyphoto weights get {scrfd} — or unpack buffalo_l into ~/.insightface/models/buffalo_l/.",
                scrfd=_SCRFD,
            ),
            weights=(_SCRFD,),
        )
    used = UsedWeight(file.name, file.name, weight_file(_SCRFD).licence, store.hash_of(file))
    return InsightFaceDetector(file, (used,))


def _part(name: str) -> KnownPart:
    return next(part for part in PARTS if part.name == name)


def _line(part: KnownPart, store: WeightStore) -> str:
    start = f"{part.kind} {part.name}:"
    if not store.allows(part.file):
        return f"  {start} refused by the licence set {store.licences.value}"
    place = store.find(part.file)
    if place is None:
        # Without YuNet photographs cannot be analysed at all.
        needed = part.name == "yunet" and store.is_offline
        return f"{'!' if needed else ' '} {start} not at hand (easyphoto weights get {part.file})"
    if importlib.util.find_spec(part.package) is None:
        return f"! {start} its file is here, but {part.package} is not installed"
    return f"  {start} {place.name}, {weight_file(part.file).licence}"


def _insightface_line(store: WeightStore) -> str:
    start = "detector insightface:"
    if not store.allows(_SCRFD):
        return f"  {start} refused by the licence set {store.licences.value}"
    if importlib.util.find_spec("insightface") is None:
        return f"  {start} the package is not installed (pip install insightface; scrfd does without)"
    file = store.find(_SCRFD) or pack_file(Path.home())
    return f"  {start} {file.name if file else f'no file (easyphoto weights get {_SCRFD})'}"
