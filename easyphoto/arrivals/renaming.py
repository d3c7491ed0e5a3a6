"""A person's name and id, changed everywhere in the workspace where they stand."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from easyphoto.errors import BadName, DiskFailure, NameTaken
from easyphoto.host import Host
from easyphoto.records import write_json
from easyphoto.workspace import JOB_FILE, RUN_FILE, Person, Workspace, checked_id, records_in, texts_in

RESULTS_RECORD = "photograph.json"
"""Each session of pictures has one; `sessions.SESSION_FILE` is its name there."""
LONGEST_NAME = 200


def rename_person(workspace: Workspace, id: str, name: str, *, host: Host, new_id: str | None = None) -> Person:
    """Another name to show, and with `new_id` another id, under which runs and results are found again.

    The host then lists the LoRA as theirs. What is written into finished pictures stays as it was. Cut off half-way,
    the same call ends what was begun. Raises UnknownPerson, BadName, NameTaken.
    """
    person = workspace.person(id)
    old = workspace.person_folder(id)
    name = checked_name(name)
    target = checked_id(new_id) if new_id is not None else old.name
    place = workspace.person_folder(target)
    if target != old.name and place.exists():
        raise NameTaken(f"There is already a person {target!r}.", advice="Choose another id, or delete them first.")
    if target == old.name:
        return _renamed(workspace, old, replace(person, name=name))
    withdrawn = host.withdraw(old / person.lora) if person.lora and (old / person.lora).is_file() else None
    try:
        return _renamed(workspace, old, replace(person, id=target, name=name))
    finally:
        if withdrawn is not None:
            # Under the new id, or where that failed, under the old one as before.
            host.publish((place if place.exists() else old) / str(person.lora))


def _renamed(workspace: Workspace, old: Path, renamed: Person) -> Person:
    """The folder comes last: until then the person is found under the old id, and the renaming can be repeated."""
    _changed(workspace.runs, RUN_FILE, lambda content: _run_of(content, old.name, renamed))
    _changed(workspace.results, RESULTS_RECORD, lambda content: _session_of(content, old.name, renamed.id))
    _changed(workspace.jobs, JOB_FILE, lambda content: _job_of(content, old.name, renamed.id))
    write_json(old / "person.json", asdict(renamed))
    if renamed.id != old.name:
        try:
            _moved(old, workspace.person_folder(renamed.id))
        except OSError as error:
            raise DiskFailure(
                f"{old} could not be renamed: {error}.", advice="Close what has it open, then rename again."
            ) from error
    return renamed


def _moved(folder: Path, place: Path) -> None:
    os.replace(folder, place)


def checked_name(text: str) -> str:
    """Any text that can be read on one line. Raises BadName."""
    name = text.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise BadName(f"{text[:50]!r} cannot be a name.", advice=f"Write 1 to {LONGEST_NAME} characters on one line.")
    return name


def _changed(place: Path, name: str, change: Callable[[dict[str, Any]], dict[str, Any] | None]) -> None:
    for folder, content in records_in(place, name):
        new = change(content)
        if new is not None:
            write_json(folder / name, new)


def _run_of(content: dict[str, Any], old: str, renamed: Person) -> dict[str, Any] | None:
    """A resumed run gives its person the name that stands in it."""
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
