"""A person's folder: built beside the old one, swapped into its place, and read as a `Subject` of the pipeline."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from easyphoto.backends.shipped_base import recorded_base
from easyphoto.errors import DiskFailure, InputError, MixedDomains, NameTaken
from easyphoto.faces.engine import Domain, Likeness
from easyphoto.messages import text
from easyphoto.preprocess.captions import caption_beside
from easyphoto.preprocess.dataset import Dataset
from easyphoto.preprocess.sheet import read_check
from easyphoto.preprocess.verdict import Check
from easyphoto.progress import Cancelled
from easyphoto.storage.files import cause_of, copy_file, copy_folder, inside, make_folder, write_text
from easyphoto.storage.journal import INSTALL, Change, begin, changing, doomed, end, is_pending, new_change, pending
from easyphoto.storage.records import read_json, typed, write_json
from easyphoto.storage.scratch import discard, place_in_trash, swap_folder
from easyphoto.workspace.folders import Workspace
from easyphoto.workspace.person_record import PERSON_FILE, Person

LORA, PORTRAIT, REFERENCE, PHOTOS = "lora.safetensors", "portrait.png", "dataset/reference.png", "photos"
STAGING = "person"
"""Folder of a run in which its person is built."""


@dataclass(frozen=True)
class Trained:
    """The output of a finished training, before it becomes part of the person."""

    lora: Path
    portrait: Path | None
    dataset: Dataset


def keep_photos(check: Check, folder: Path) -> None:
    """Copy the kept photos, and captions beside them, into the folder of a run or a person: the originals may move."""
    try:
        make_folder(folder / PHOTOS)
        for verdict in check.kept:
            copy_file(verdict.path, folder / PHOTOS / verdict.photo)
            if caption := caption_beside(verdict.path):
                write_text((folder / PHOTOS / verdict.photo).with_suffix(".txt"), caption)
    except OSError as error:
        raise DiskFailure(
            text("The photos could not be copied: {cause}.", cause=cause_of(error)), advice=text("Check free space.")
        ) from error


def install_person(workspace: Workspace, person: Person, made: Trained, *, run_folder: Path) -> Person:
    """Build the person's folder inside the run's, then move it into place; until then the person is unchanged."""
    staging = run_folder / STAGING
    if staging.exists():
        shutil.rmtree(staging)
    try:
        make_folder(staging)
        copy_folder(run_folder / PHOTOS, staging / PHOTOS)
        photos = tuple(f"{PHOTOS}/{name}" for name in read_check(run_folder).kept)
        copy_folder(made.dataset.folder, staging / "dataset")
        copy_file(made.lora, staging / LORA)
        if made.portrait is not None:
            copy_file(made.portrait, staging / PORTRAIT)
    except OSError as error:
        raise DiskFailure(
            text("The person's folder could not be written: {cause}.", cause=cause_of(error)),
            advice=text("Check free space, then train again."),
        ) from error
    complete = replace(
        person,
        photos=photos,
        reference=REFERENCE,
        portrait=PORTRAIT if made.portrait is not None else None,
        lora=LORA,
        run=run_folder.name,
    )
    place_person(workspace, complete, staging, replaces=True)
    return complete


def place_person(workspace: Workspace, person: Person, staging: Path, *, replaces: bool) -> None:
    """Write the record into the folder that holds everything else of the person, and move it into place.

    Raises as `put_in_place`.
    """
    write_json(staging / PERSON_FILE, asdict(person))
    put_in_place(workspace, person.id, staging, replaces=replaces)


def put_in_place(workspace: Workspace, id: str, new: Path, *, replaces: bool) -> None:
    """Make the complete folder `new` the person's folder; the old one is deleted once the new one is in place.

    If the process is killed in between, the next start completes the change. Raises NameTaken where a person exists and
    `replaces` is False, Cancelled where the person is being deleted, DiskFailure where a folder cannot be moved;
    nothing has changed then.
    """
    root, place = workspace.root, workspace.person_folder(id)
    with changing(root, (id,)):
        if id in doomed(root):
            raise Cancelled(f"{id} is being deleted.")
        for begun in pending(root):
            if begun.kind == INSTALL and id in begun.persons:
                _ended(workspace, begun)
        if not replaces and place.exists():
            raise NameTaken(
                text("There is already a person {name!r}.", name=id),
                advice=text("They were added while this one was being made."),
            )
        old = place_in_trash(root, id).relative_to(root).as_posix() if replaces else ""
        change = begin(root, new_change(INSTALL, (id,), new=new.relative_to(root).as_posix(), old=old))
        try:
            _put(workspace, change)
        except OSError as error:
            # Before the change ends: while it is in the journal, no sweep takes the earlier person for rubbish.
            _put_back(workspace, change)
            end(root, change)
            raise DiskFailure(
                text("{place} could not be replaced: {cause}.", place=place, cause=cause_of(error)),
                advice=text("Close what has it open."),
            ) from error
        end(root, change)
    _emptied(root, change)


def finish_install(workspace: Workspace, change: Change) -> None:
    """Complete a `put_in_place` that was killed. Raises RunBusy while another process runs it, DiskFailure."""
    root = workspace.root
    with changing(root, change.persons, seconds=0):
        if is_pending(root, change):
            _ended(workspace, change)


def _ended(workspace: Workspace, change: Change) -> None:
    try:
        _put(workspace, change)
        _put_back(workspace, change)
    except OSError as error:
        raise DiskFailure(
            text("{persons} could not be put in place: {cause}.", persons=change.persons[0], cause=cause_of(error)),
            advice=text("Close what has it open."),
        ) from error
    end(workspace.root, change)
    _emptied(workspace.root, change)


def _put(workspace: Workspace, change: Change) -> None:
    new, place = inside(workspace.root, change.new), workspace.person_folder(change.persons[0])
    if not (new / PERSON_FILE).is_file():
        return
    if place.exists() and not change.old:
        return
    swap_folder(new, place, inside(workspace.root, change.old) if change.old else None)


def _put_back(workspace: Workspace, change: Change) -> None:
    """Move the earlier person back where the place is empty."""
    place = workspace.person_folder(change.persons[0])
    if change.old and inside(workspace.root, change.old).exists() and not place.exists():
        os.rename(inside(workspace.root, change.old), place)


def _emptied(root: Path, change: Change) -> None:
    if change.old:
        with suppress(DiskFailure):  # it lies in the trash, and the next sweep deletes it
            discard(root, inside(root, change.old).parent)


def likeness_record(found: Likeness | None) -> dict[str, Any] | None:
    """The likeness for `person.json`; unknown shares are None."""
    if found is None:
        return None
    return {
        "embedder": found.embedder,
        "cosine": round(found.cosine, 4),
        "percentile": _rounded(found.percentile),
        "strangers": _rounded(found.strangers),
    }


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 1)


def base_of(workspace: Workspace, person: Person) -> str:
    """The base model on which the person is painted; the family's id where no record names it."""
    record = workspace.runs / (person.run or "") / "run.json"
    if person.base is None and person.run and record.is_file():
        with suppress(InputError):
            base = typed(_Trained, read_json(record), f"The record of the run {person.run}").base
            return recorded_base(base)
    return recorded_base(person.base) if person.base else person.family


@dataclass(frozen=True)
class _Trained:
    """The fields read from a run's record, which may come from an earlier version."""

    base: str


def recorded_domain(person: Person) -> str | None:
    """The domain of the person's photos; None where it was not recorded.

    The engine of an older training does not tell: plain backgrounds and greyscale photographs counted as drawings then.
    """
    return person.domain if person.domain in {domain.value for domain in Domain} else None


def shared_domain(domains: Mapping[str, str]) -> str:
    """The common domain of persons in one picture, given by name. Raises MixedDomains where they differ."""
    if len(set(domains.values())) > 1:
        said = ", ".join(f"{name} of {domain}" for name, domain in domains.items())
        raise MixedDomains(
            text("These persons were learned from pictures of different kinds: {said}.", said=said),
            advice=text(
                "Photograph them one at a time, or choose for all of them: --engine photographs or "
                "drawings (in the tab: Kind of pictures; in the API: options.engine)."
            ),
        )
    return next(iter(domains.values()))
