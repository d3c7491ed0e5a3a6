"""The training set of a person: pictures, loss weights and captions in a folder that appears whole or not at all.

dataset/ images/000.png … · weights/000.png … · metadata.jsonl · reference.png · dataset.json (written last)
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from easyphoto.architectures.base import Family
from easyphoto.errors import DiskFailure, InputError, TooFewPhotos
from easyphoto.faces.engine import FaceEngine, Part
from easyphoto.faces.score import frontality
from easyphoto.geometry import Size, eye_line_tilt
from easyphoto.images.pictures import as_array, as_picture, write_picture
from easyphoto.messages import Text, note, phase, text
from easyphoto.preprocess.captions import caption_beside
from easyphoto.preprocess.crop import Crop, at_resolution, crop_of, face_mask, loss_weights, on_white
from easyphoto.preprocess.reading import original_size, upright_photo
from easyphoto.preprocess.verdict import Check, Verdict
from easyphoto.progress import Progress
from easyphoto.settings.training import PreprocessSettings
from easyphoto.storage.files import atomic_path, cause_of, inside, write_text
from easyphoto.storage.records import read_json, typed, write_json
from easyphoto.storage.scratch import swap_folder

# Longer side of the stored reference photo in pixels; no family can use more detail.
_REFERENCE_LONGEST = 2048
_TILTED_DEGREES = 10
_TURNED = 0.6


@dataclass(frozen=True)
class DatasetEntry:
    """One training picture. `weights` is an 8-bit grey PNG, 255 where the loss counts fully."""

    image: Path
    weights: Path
    caption: str
    photo: str
    face: int | None = None
    """The number of the person's face, from 1, on a photo with several; None on others, and in older datasets."""


@dataclass(frozen=True)
class Dataset:
    folder: Path
    entries: tuple[DatasetEntry, ...]
    reference: Path
    notes: tuple[str, ...]
    chosen_reference: str | None = None
    """The name of the reference photo, where the user chose it."""

    @property
    def chosen_faces(self) -> dict[str, int]:
        """Photo → number of the person's face, as a check of the same photos takes them."""
        return {entry.photo: entry.face for entry in self.entries if entry.face is not None}


def prepare_dataset(
    check: Check,
    engine: FaceEngine,
    family: Family,
    settings: PreprocessSettings,
    folder: Path,
    progress: Progress,
) -> Dataset:
    """Crops of the kept photos, best first, with weights and captions. An earlier dataset in `folder` is replaced.

    Raises TooFewPhotos where no photo was kept.
    """
    if not check.kept:
        raise TooFewPhotos(
            text("No photo can be used."),
            advice=text("The verdict on each photo says why, and what to do about it."),
        )
    building = building_place(folder)
    progress.step(0, len(check.kept), phase("cut", "cutting out the faces"))
    crops = [crop_of(verdict, engine, family) for verdict in check.kept]
    enhanced = worst_half([crop.side for crop in crops], family.resolution) if settings.enhance else frozenset()
    beside = [caption_beside(verdict.path) if settings.caption_files else None for verdict in check.kept]
    records, notes = [], [*_enhancement_notes(crops, enhanced, family), *caption_notes(beside)]
    for index, (verdict, crop) in enumerate(zip(check.kept, crops, strict=True)):
        progress.check()
        progress.step(index, len(crops), phase("crop", "cropping {name}", name=verdict.photo))
        ready, said = _finished(at_resolution(crop, family.resolution, enhance=index in enhanced), settings)
        notes += [note for note in said if note not in notes]
        caption = caption_of(ready, family.trigger, with_attributes=settings.captions, beside=beside[index])
        record = _written(building, index, ready, verdict=verdict, caption=caption, enhanced=index in enhanced)
        records.append({**record, "side": crop.side})
    progress.step(len(crops), len(crops), phase("write-dataset", "writing the training data"))
    write_reference(building, check)
    write_records(building, records, check=check, family=family, notes=tuple(notes))
    move_into_place(building, folder)
    return read_dataset(folder)


@dataclass(frozen=True)
class _EntryRecord:
    image: str
    weights: str
    caption: str
    photo: str
    face: int | None = None


@dataclass(frozen=True)
class _DatasetRecord:
    entries: tuple[_EntryRecord, ...]
    notes: tuple[str, ...] = ()
    reference_photo: str | None = None
    reference_chosen: bool = False


def read_dataset(folder: Path) -> Dataset:
    """A dataset written by `prepare_dataset`. Raises InputError where it is missing, damaged or incomplete."""
    record = typed(_DatasetRecord, read_json(folder / "dataset.json"), f"The dataset in {folder}")
    entries = tuple(
        DatasetEntry(inside(folder, each.image), inside(folder, each.weights), each.caption, each.photo, each.face)
        for each in record.entries
    )
    absent = [path for entry in entries for path in (entry.image, entry.weights) if not path.is_file()]
    if absent or not entries:
        raise InputError(
            text(
                "The dataset in {folder} is incomplete ({count} files are missing).", folder=folder, count=len(absent)
            ),
            advice=text("Prepare it again from the photos."),
        )
    chosen = record.reference_photo if record.reference_chosen else None
    return Dataset(folder, entries, folder / "reference.png", record.notes, chosen)


def worst_half(sides: Sequence[int], resolution: int) -> frozenset[int]:
    """Indices of the crops to enhance: the smallest below the resolution, at most half of all but at least one.

    `sides` and `resolution` are in pixels.
    """
    small = sorted((index for index, side in enumerate(sides) if side < resolution), key=lambda i: (sides[i], i))
    return frozenset(small[: max(1, len(sides) // 2)])


def caption_of(crop: Crop, trigger: str, *, with_attributes: bool, beside: str | None = None) -> str:
    """The trigger words, then the caption that lies `beside` the photo, and `with_attributes` words for light and pose.

    A caption that has the trigger words already is taken as it is.
    """
    return ", ".join([called(trigger, beside), *(_attributes(crop) if with_attributes else [])])


def called(trigger: str, beside: str | None) -> str:
    """The trigger words and the caption that lies beside the photo, which may have them already."""
    return ", ".join([beside] if beside and trigger in beside else [trigger, *([beside] if beside else [])])


def _attributes(crop: Crop) -> list[str]:
    """Words for light and pose, measured on the picture and the five points."""
    words = []
    face = crop.labels == Part.SKIN
    if face.any():
        level = float(as_array(crop.picture)[face].mean())
        words.append("dim light" if level < 70 else "bright light" if level > 190 else "even light")
    if abs(eye_line_tilt(crop.face.points)) > _TILTED_DEGREES:
        words.append("head tilted")
    if frontality(crop.face) < _TURNED:
        words.append("head turned")
    return words


def _finished(crop: Crop, settings: PreprocessSettings) -> tuple[Crop, list[Text]]:
    """The crop with retouch and background as set; an optional step that fails becomes a note."""
    notes = []
    if settings.retouch:
        try:
            from easyphoto.faces.retouch import retouched

            picture = retouched(crop.picture, face_mask(crop), face_width=crop.face.box.width)
            crop = Crop(picture, crop.face, crop.labels)
        except ImportError as error:
            notes.append(note("retouch-left-out", "Skin was not retouched: {error}.", error=error))
    return (on_white(crop) if settings.background == "white" else crop), notes


def _enhancement_notes(crops: Sequence[Crop], enhanced: frozenset[int], family: Family) -> list[Text]:
    small = sum(crop.side < family.resolution for crop in crops)
    if not small:
        return []
    return [
        note(
            "crops-enlarged",
            "{small} of {count} crops are smaller than {resolution} px and were enlarged; {enhanced} of them "
            "were sharpened mildly (no face restoration model is available).",
            small=small,
            count=len(crops),
            resolution=family.resolution,
            enhanced=len(enhanced),
        )
    ]


def caption_notes(beside: Sequence[str | None]) -> list[Text]:
    count = sum(caption is not None for caption in beside)
    if not count:
        return []
    return [
        note(
            "captions-read",
            "{count} of {all} captions come from text files beside the photos.",
            count=count,
            all=len(beside),
        )
    ]


def _written(folder: Path, index: int, crop: Crop, *, verdict: Verdict, caption: str, enhanced: bool) -> dict[str, Any]:
    box = crop.face.box
    return {
        **write_pair(folder, index, crop.picture, loss_weights(crop)),
        "caption": caption,
        "photo": verdict.photo,
        "face": verdict.faces.index(verdict.face) + 1 if verdict.face and len(verdict.faces) > 1 else None,
        "rank": round(verdict.rank, 4),
        "enhanced": enhanced,
        "points": [[round(float(x), 2), round(float(y), 2)] for x, y in crop.face.points],
        "box": [round(value, 2) for value in (box.left, box.top, box.right, box.bottom)],
    }


def write_pair(folder: Path, index: int, picture: Image.Image, mask: np.ndarray) -> dict[str, str]:
    """Write a training picture and its loss weights, (height, width) float32 in 0..1; returns their names."""
    image, weights = f"images/{index:03d}.png", f"weights/{index:03d}.png"
    write_picture(folder / image, picture)
    with atomic_path(folder / weights) as temporary:
        Image.fromarray(np.rint(mask * 255).astype(np.uint8)).save(temporary, format="PNG")
    return {"image": image, "weights": weights}


def write_reference(folder: Path, check: Check) -> None:
    verdict = next(v for v in check.kept if v.photo == check.reference)
    longest = min(_REFERENCE_LONGEST, original_size(verdict.path).long)
    picture, _ = upright_photo(verdict, longest=longest)
    write_picture(folder / "reference.png", as_picture(as_array(picture)))


def write_records(
    folder: Path, records: Sequence[Mapping[str, Any]], *, check: Check, family: Family, notes: tuple[Text, ...]
) -> None:
    """Write what the trainer reads, and last the record that makes the dataset complete.

    A record has the fields of `_EntryRecord`, and the `side` of its square in the photo or an `original_size` with the
    square's `corner`.
    """
    lines = [
        json.dumps(
            {
                "file_name": r["image"], "text": r["caption"], "weights": r["weights"], "photo": r["photo"],
                # SDXL's UNet is conditioned on the size of a picture before it was resized.
                "original_size": r["original_size"] if "original_size" in r else [r["side"], r["side"]],
                **({"corner": r["corner"]} if "corner" in r else {}),
            },
            ensure_ascii=False,
        )
        for r in records
    ]  # fmt: skip
    write_text(folder / "metadata.jsonl", "\n".join(lines) + "\n")
    size = Size(family.resolution, family.resolution)
    write_json(
        folder / "dataset.json",
        {
            "family": family.id,
            "size": [size.width, size.height],
            "engine": check.engine,
            "reference": "reference.png",
            "reference_photo": check.reference,
            "reference_chosen": check.reference_chosen,
            "notes": list(notes),
            "entries": list(records),
        },
    )


def building_place(folder: Path) -> Path:
    """Where a dataset is built before it is moved to `folder`; empty."""
    building = folder.with_name(f".building-{folder.name}")
    _cleared(building)
    return building


def _cleared(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


def move_into_place(building: Path, folder: Path) -> None:
    """Replace the old folder by the finished one. Raises DiskFailure."""
    old = folder.with_name(f".old-{folder.name}")
    try:
        _cleared(old)
        swap_folder(building, folder, old)
        _cleared(old)
    except OSError as error:
        raise DiskFailure(
            text("{folder} could not be written: {cause}.", folder=folder, cause=cause_of(error)),
            advice=text("Check free space and the permissions of the folder."),
        ) from error
