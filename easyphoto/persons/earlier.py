"""Imports a person that the EasyPhoto extension of 2023 trained, with photos and LoRA.

Its folder `outputs/easyphoto-user-id-infos/<id>` holds original_backup/ (the photos), ref_image.jpg (the best of them),
processed_images/train/ (crops on white) and user_weights/; the LoRA that was used lies in models/Lora beside outputs/.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from easyphoto.architectures.base import Family
from easyphoto.errors import BadPicture, DiskFailure, InputError, TooFewPhotos
from easyphoto.faces.engine import FaceEngine
from easyphoto.images.pictures import as_array, picture_files, read_picture, write_picture
from easyphoto.messages import note, text
from easyphoto.persons.folder import LORA, PORTRAIT
from easyphoto.persons.lora_family import family_of_lora
from easyphoto.persons.photos import write_photos
from easyphoto.preprocess.check import check_photos
from easyphoto.preprocess.verdict import Check
from easyphoto.progress import Progress
from easyphoto.settings.training import PreprocessSettings
from easyphoto.storage.files import cause_of, copy_file
from easyphoto.workspace.person_record import Person

USER_IDS = "easyphoto-user-id-infos"
_ORIGINALS, _CROPS, _REFERENCE, _WEIGHTS = "original_backup", "processed_images/train", "ref_image.jpg", "user_weights"
_REINFORCED = "ddpo_"
_SMALL = (32, 32)
# Mean difference in units of 255: two JPEGs of one picture differ by less, two photos of one person by far more.
_SAME_PICTURE = 4.0
EngineOpener = Callable[[Sequence[Path]], FaceEngine]


@dataclass(frozen=True)
class Earlier:
    """The files found of one person."""

    folder: Path
    lora: Path
    family: Family
    photos: tuple[Path, ...]
    """The original photos, or the crops where those are missing."""
    notes: tuple[str, ...]


def is_earlier(folder: Path) -> bool:
    """Whether the folder looks like one person's folder of the extension."""
    return folder.is_dir() and any((folder / part).exists() for part in (_ORIGINALS, _CROPS, _REFERENCE, _WEIGHTS))


def earlier_folders(source: Path) -> tuple[Path, ...]:
    """The persons' folders in `source`, which may be one itself, hold them, or be the web UI's `outputs` or root."""
    if is_earlier(source):
        return (source,)
    for place in (source, source / USER_IDS, source / "outputs" / USER_IDS):
        found = tuple(sorted(folder for folder in place.iterdir() if is_earlier(folder))) if place.is_dir() else ()
        if found:
            return found
    return ()


def look_into(folder: Path) -> Earlier:
    """Find a person's files. Raises InputError where LoRA or photos are missing or the LoRA's family is unknown."""
    lora = _lora_of(folder)
    family = family_of_lora(lora)
    notes = []
    photos = _numbered(folder / _ORIGINALS)
    if not photos:
        photos = _numbered(folder / _CROPS)
        notes.append(
            note("originals-gone", "The original photos are gone: the crops of the earlier training are used instead.")
        )
    if not photos:
        raise TooFewPhotos(
            text("There are no photos in {folder}.", folder=folder),
            advice=text("They should be in {folder}.", folder=_ORIGINALS),
        )
    if any((place / f"{_REINFORCED}{folder.name}.safetensors").is_file() for place in _lora_places(folder)):
        notes.append(
            note(
                "second-lora-left-out",
                "The second LoRA {reinforced}{name} (reinforcement learning) was left out.",
                reinforced=_REINFORCED,
                name=folder.name,
            )
        )
    return Earlier(folder, lora, family, photos, tuple(notes))


def build_person(
    earlier: Earlier, person_id: str, name: str, *, staging: Path, open_engine: EngineOpener, progress: Progress
) -> Person:
    """Build the person's folder in `staging`; photos are checked and cropped anew. Raises TooFewPhotos, DiskFailure."""
    engine = open_engine(earlier.photos)
    check, notes = _checked(earlier, engine, progress)
    person = write_photos(
        check, engine, earlier.family, PreprocessSettings(), id=person_id, name=name, staging=staging, progress=progress
    )
    portrait = _portrait_of(earlier.folder, engine)
    try:
        copy_file(earlier.lora, staging / LORA)
    except OSError as error:
        raise DiskFailure(
            text("The person could not be copied: {cause}.", cause=cause_of(error)), advice=text("Check free space.")
        ) from error
    if portrait is not None:
        write_picture(staging / PORTRAIT, portrait)
    return replace(
        person,
        portrait=PORTRAIT if portrait is not None else None,
        lora=LORA,
        notes=(*earlier.notes, *notes, *person.notes),
    )


def _checked(earlier: Earlier, engine: FaceEngine, progress: Progress) -> tuple[Check, tuple[str, ...]]:
    """The check of the photos, with the reference of 2023 where that photo is kept."""
    settings = PreprocessSettings()
    check = check_photos(earlier.photos, engine, earlier.family, settings, progress)
    notes: tuple[str, ...] = ()
    if not check.kept and (crops := _numbered(earlier.folder / _CROPS)) and crops != earlier.photos:
        check = check_photos(crops, engine, earlier.family, settings, progress)
        notes = (
            note(
                "originals-unusable",
                "None of the original photos can be used: the crops of the earlier training are used instead.",
            ),
        )
    if not check.kept:
        raise TooFewPhotos(
            check.none_kept, advice=text("Train the person again, with sharp photos that show one face well.")
        )
    chosen = _same_photo(earlier.folder / _REFERENCE, check)
    return (replace(check, reference=chosen) if chosen else check), notes


def _same_photo(reference: Path, check: Check) -> str | None:
    """The kept photo of which the reference is a copy, found by pixels: saved again as JPEG, its bytes differ."""
    wanted = _small(reference)
    if wanted is None:
        return None
    near = [(_distance(wanted, _small(verdict.path)), verdict.photo) for verdict in check.kept]
    distance, photo = min(near)
    return photo if distance <= _SAME_PICTURE else None


def _small(picture: Path) -> np.ndarray | None:
    try:
        return as_array(read_picture(picture, longest=512).resize(_SMALL, Image.Resampling.BOX)).astype(np.float32)
    except BadPicture:
        return None


def _distance(one: np.ndarray, other: np.ndarray | None) -> float:
    return float("inf") if other is None else float(np.abs(one - other).mean())


def _portrait_of(folder: Path, engine: FaceEngine) -> Image.Image | None:
    """The validation picture most like the person; None where none is readable and shows a face."""
    for file in _numbered(folder / _WEIGHTS / "best_outputs"):
        try:
            picture = read_picture(file)
        except BadPicture:
            continue
        if engine.detect(picture):
            return picture
    return None


def _lora_of(folder: Path) -> Path:
    """The LoRA that was used, or else the best that the training left. Raises InputError."""
    weights = folder / _WEIGHTS
    own = f"{folder.name}.safetensors"
    wanted = [place / own for place in _lora_places(folder)]
    wanted += [weights / "best_outputs" / own, *sorted((weights / "best_outputs").glob("*.safetensors"))]
    wanted += [weights / own, weights / "pytorch_lora_weights.safetensors"]
    found = next((file for file in wanted if file.is_file() and not file.name.startswith(_REINFORCED)), None)
    if found is None:
        raise InputError(
            text("There is no LoRA of {name!r}.", name=folder.name),
            advice=text(
                "Put it into {weights} as {own}, then import again.", weights=weights / "best_outputs", own=own
            ),
        )
    return found


def _lora_places(folder: Path) -> tuple[Path, ...]:
    """Where the LoRA may lie: the web UI's LoRA folder, or beside the person where the folder was moved."""
    here = folder.absolute()
    above = [parent / "models" / "Lora" for parent in here.parents[1:3]]
    return (*above, here.parent / "models" / "Lora", here.parent)


def _numbered(folder: Path) -> tuple[Path, ...]:
    """The pictures of a folder in numeric order: 2.jpg before 10.jpg."""
    if not folder.is_dir():
        return ()
    return tuple(sorted(picture_files(folder), key=lambda file: (_first_number(file.stem), file.name)))


def _first_number(text: str) -> int:
    found = re.search(r"\d{1,9}", text)
    return int(found[0]) if found else 0
