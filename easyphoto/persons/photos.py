"""The photos that a person keeps: written with the dataset made of them, and read again for a training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from easyphoto.architectures.base import Family
from easyphoto.errors import TooFewPhotos, UnknownPerson
from easyphoto.faces.engine import FaceEngine
from easyphoto.messages import text
from easyphoto.persons.folder import PHOTOS, REFERENCE, keep_photos
from easyphoto.persons.own_words import proposal_for
from easyphoto.preprocess.dataset import prepare_dataset, read_dataset
from easyphoto.preprocess.verdict import Check
from easyphoto.progress import Progress
from easyphoto.settings.training import PreprocessSettings
from easyphoto.storage.records import utc_now
from easyphoto.workspace.folders import Workspace
from easyphoto.workspace.person_record import Person


def write_photos(
    check: Check,
    engine: FaceEngine,
    family: Family,
    settings: PreprocessSettings,
    *,
    id: str,
    name: str,
    staging: Path,
    progress: Progress,
) -> Person:
    """Write the kept photos and their dataset into `staging`; returns the record of the person, who has no LoRA yet.

    Raises TooFewPhotos, DiskFailure.
    """
    dataset = prepare_dataset(check, engine, family, settings, staging / "dataset", progress)
    keep_photos(check, staging)
    return Person(
        id=id,
        name=name,
        family=family.id,
        domain=engine.domain.value,
        created=utc_now(),
        photos=tuple(f"{PHOTOS}/{verdict.photo}" for verdict in check.kept),
        reference=REFERENCE,
        notes=dataset.notes,
        proposed_words=proposal_for(dataset, engine).words,
    )


@dataclass(frozen=True)
class KeptPhotos:
    """The photos, with what the user chose on them, as a check takes it."""

    paths: tuple[Path, ...]
    chosen_faces: Mapping[str, int]
    reference: str | None


def kept_photos(workspace: Workspace, id: str) -> KeptPhotos:
    """Raises TooFewPhotos where there is no such person, or none of their photos is there."""
    folder = workspace.person_folder(id)
    try:
        paths = tuple(folder / name for name in workspace.person(id).photos)
    except UnknownPerson:
        paths = ()
    if not paths:
        raise TooFewPhotos(
            text("There are no photos of {id!r} here.", id=id),
            advice=text("Give a folder with 5 to 20 pictures (JPEG, PNG or WebP)."),
        )
    dataset = read_dataset(folder / "dataset")
    return KeptPhotos(paths, dataset.chosen_faces, dataset.chosen_reference)
