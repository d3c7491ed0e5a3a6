"""Changes a person's name and id everywhere in the workspace."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from easyphoto.errors import BadName, DiskFailure, NameTaken, RunBusy, UnknownPerson
from easyphoto.host.base import Host, listed_names, published_or_noted, unlisted
from easyphoto.images.pictures import DigitalSource, read_picture, write_picture
from easyphoto.messages import text
from easyphoto.persons.folder import LORA
from easyphoto.persons.traces import drawn_templates
from easyphoto.storage.files import cause_of
from easyphoto.storage.journal import (
    RENAME,
    Change,
    begin,
    changing,
    doomed,
    end,
    is_pending,
    names_of,
    new_change,
    pending,
    works_on,
)
from easyphoto.storage.records import write_json
from easyphoto.workspace.folders import JOB_FILE, RUN_FILE, SESSION_FILE, Workspace, checked_id, records_in, texts_in
from easyphoto.workspace.person_record import PERSON_FILE, Person

LONGEST_NAME = 200


def rename_person(workspace: Workspace, id: str, name: str, *, host: Host, new_id: str | None = None) -> Person:
    """Change the displayed name and, with `new_id`, the id in all records of runs and results.

    The host lists the LoRA under the new id. Notes in finished pictures stay unchanged. If the process is killed, the
    next start completes the change. Raises UnknownPerson, BadName, NameTaken, RunBusy while work on the person runs.
    """
    old, name = workspace.person_folder(id).name, checked_name(name)
    target = checked_id(new_id) if new_id is not None else old
    root = workspace.root
    with changing(root, (old, target)):
        _complete_earlier(workspace, {old, target}, host)
        workspace.person(old)
        if target != old:
            _check_free(workspace, target)
        if busy := works_on(root, names_of((old, target))):
            raise RunBusy(
                text("{busy} is working on {old}.", busy=", ".join(busy), old=old),
                advice=text("Wait until it is done, or stop it first."),
            )
        loras = (workspace.person_folder(old) / LORA,) if target != old else ()
        change = begin(root, new_change(RENAME, (old, target), name=name, listed=listed_names(host, old, loras)))
        try:
            _move(workspace, change, host)
        except OSError as error:
            end(root, change)
            raise DiskFailure(
                text("{old} could not be renamed: {cause}.", old=old, cause=cause_of(error)),
                advice=text("Close what has it open, then rename again."),
            ) from error
        _write_everywhere(workspace, change)
        _end(workspace, change, host)
    return workspace.person(target)


def finish_rename(workspace: Workspace, change: Change, host: Host) -> None:
    """Complete a `rename_person` that was killed. Raises RunBusy while another process runs it, DiskFailure."""
    with changing(workspace.root, change.persons, seconds=0):
        if is_pending(workspace.root, change):
            _complete(workspace, change, host)


def _complete_earlier(workspace: Workspace, held: set[str], host: Host) -> None:
    """Complete renames of these persons, whose locks are held, that a killed process began.

    One may still be pending because a sweep could not get the lock; completed by the next start, it would undo the
    rename that follows. Raises RunBusy where it also concerns a person whose lock is not held.
    """
    for change in pending(workspace.root):
        if change.kind == RENAME and held & {*change.persons}:
            if not {*change.persons} <= held:
                raise RunBusy(
                    text("{persons} is being renamed.", persons=change.persons[0]),
                    advice=text("Try again in a moment."),
                )
            _complete(workspace, change, host)


def _complete(workspace: Workspace, change: Change, host: Host) -> None:
    try:
        _move(workspace, change, host)
    except OSError as error:
        raise DiskFailure(
            text("{persons} could not be renamed: {cause}.", persons=change.persons[0], cause=cause_of(error)),
            advice=text("Close what has it open."),
        ) from error
    _write_everywhere(workspace, change)
    lora = workspace.person_folder(change.persons[1]) / LORA
    if lora.is_file():
        published_or_noted(host, lora)
    _end(workspace, change, host)


def _check_free(workspace: Workspace, target: str) -> None:
    """Raises NameTaken for an id in use, also where only runs of it are left: they would become this person's."""
    if workspace.person_folder(target).exists() or target in doomed(workspace.root):
        raise NameTaken(
            text("There is already a person {name!r}.", name=target),
            advice=text("Choose another id, or delete them first."),
        )
    if any(record.get("person") == target for _, record in records_in(workspace.runs, RUN_FILE)):
        raise NameTaken(
            text("There are trainings of somebody called {target!r}.", target=target),
            advice=text("Choose another id, or delete them first."),
        )


def _move(workspace: Workspace, change: Change, host: Host) -> None:
    """Rename folder, records and LoRA; the folder first, because only that step can be blocked by others."""
    old, place = (workspace.person_folder(id) for id in change.persons)
    if old == place or place.exists() or not old.exists():
        return
    withdrawn = host.withdraw(old / LORA) if (old / LORA).is_file() else None
    try:
        _moved(old, place)
    finally:
        if withdrawn is not None:
            # Under the new id, or where the rename failed, under the old one.
            host.publish((place if place.exists() else old) / LORA)


def _moved(folder: Path, place: Path) -> None:
    os.rename(folder, place)


def _write_everywhere(workspace: Workspace, change: Change) -> None:
    old, new = change.persons
    try:
        person = replace(workspace.person(new), id=new, name=change.name)
    except UnknownPerson:  # the user deleted the folder by hand
        return
    write_json(workspace.person_folder(new) / PERSON_FILE, asdict(person))
    _changed(workspace.runs, RUN_FILE, lambda content: _run_of(content, old, person))
    _changed(workspace.results, SESSION_FILE, lambda content: _session_of(content, old, new))
    _changed(workspace.jobs, JOB_FILE, lambda content: _job_of(content, old, new))
    for file, record in tuple(drawn_templates(workspace)):
        if (renamed := _session_of(record, old, new)) is not None:
            write_picture(file, read_picture(file), renamed, source=DigitalSource.DRAWN)


def _end(workspace: Workspace, change: Change, host: Host) -> None:
    unlisted(workspace.root, change, host)
    end(workspace.root, change)


def checked_name(written: str) -> str:
    """The name, trimmed: any text that fits on one line. Raises BadName."""
    name = written.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise BadName(
            text("{text!r} cannot be a name.", text=written[:50]),
            advice=text("Write 1 to {longest_name} characters on one line.", longest_name=LONGEST_NAME),
        )
    return name


def _changed(place: Path, name: str, change: Callable[[dict[str, Any]], dict[str, Any] | None]) -> None:
    for folder, content in records_in(place, name):
        new = change(content)
        if new is not None:
            write_json(folder / name, new)


def _run_of(content: dict[str, Any], old: str, renamed: Person) -> dict[str, Any] | None:
    """A run's record with the new name, because a resumed run gives its person the name recorded in it."""
    if content.get("person") != old:
        return None
    return {**content, "person": renamed.id, "name": renamed.name}


def _session_of(content: dict[str, Any], old: str, new: str) -> dict[str, Any] | None:
    ids = texts_in(content, "persons")
    if old == new or old not in ids:
        return None
    return {**content, "persons": [new if id == old else id for id in ids]}


def _job_of(content: dict[str, Any], old: str, new: str) -> dict[str, Any] | None:
    subject = content.get("subject")
    ids = texts_in(subject, "persons")
    if old == new or old not in ids:
        return None
    assert isinstance(subject, dict)
    return {**content, "subject": {**subject, "persons": [new if id == old else id for id in ids]}}
