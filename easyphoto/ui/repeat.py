"""Restores a form from the record in a result's PNG, and lists what no longer exists."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from easyphoto.architectures.registry import FAMILIES
from easyphoto.errors import BadSettings, InputError
from easyphoto.images.pictures import picture_record
from easyphoto.messages import Text, text
from easyphoto.settings.declarations import Declared, settings_from
from easyphoto.settings.drawing import DrawingSettings
from easyphoto.settings.inference import InferenceSettings
from easyphoto.workspace.person_record import Person

PLACED = "place"
"""Kind in the record of a picture into which an object was put."""


@dataclass(frozen=True)
class Known:
    """What exists now."""

    persons: Sequence[Person]
    templates: Mapping[str, str]
    """File name → id."""
    checkpoints: Sequence[str] = ()
    more_choices: Mapping[str, Sequence[str]] = dataclasses.field(default_factory=dict)
    """Choices that a web UI adds to the settings restore and upscale."""


@dataclass(frozen=True)
class Repeat:
    """The form's values for making a picture again."""

    persons: tuple[str, ...]
    """Person ids."""
    template: str | None
    """Template id."""
    takers: Mapping[int, str]
    """Face from the left → a person's id."""
    settings: InferenceSettings
    drawing: DrawingSettings | None
    """How the template was drawn; None where there was one."""
    base: str | None
    missing: tuple[Text, ...]
    """What the record names and no longer exists, in whole sentences."""


def repeated(record: Any, known: Known) -> Repeat:
    """Restore one picture's seed and settings. Raises InputError for a record that is not EasyPhoto's."""
    record = checked_record(record)
    settings, lost = _settings(record, known)
    drawing, undrawn = _drawing(record, known)
    persons, takers, absent = _persons(record, known)
    name = str(record.get("template", ""))
    template, base = known.templates.get(name), record.get("base")
    missing = [*absent, *lost, *undrawn]
    if template is None and drawing is None:
        missing.append(text("The template {name!r} is gone: upload it again.", name=name))
    if base is not None and base not in known.checkpoints:
        missing.append(text("The checkpoint {name!r} is gone: the person's own is used.", name=str(base)))
        base = None
    return Repeat(persons, template, takers, settings, drawing, base, tuple(missing))


def checked_record(record: Any) -> Mapping[str, Any]:
    """Raises InputError for a record that is not of one of EasyPhoto's results."""
    if not isinstance(record, Mapping) or not isinstance(record.get("settings"), Mapping) or "seed" not in record:
        raise InputError(
            text("This picture has no record of EasyPhoto."),
            advice=text("Use a PNG that EasyPhoto wrote, not an edited copy of it."),
        )
    if record.get("kind") == PLACED:
        raise InputError(
            text("This picture shows an object that was put into it, not a person's portrait."),
            advice=text("Choose “An object into a picture”, and paint where it goes."),
        )
    return record


def read_record(file: Path) -> Mapping[str, Any] | None:
    """Return the record in a PNG; None if it has none or is not a picture."""
    try:
        record = picture_record(file)
    except Exception:  # Pillow's plugins raise nearly anything on broken files, and the record may be invalid JSON
        return None
    return record if isinstance(record, Mapping) else None


def _settings(record: Mapping[str, Any], known: Known) -> tuple[InferenceSettings, list[Text]]:
    """Return the record's settings as far as they are still valid, with the picture's own seed."""
    declared = {field.name: field for field in dataclasses.fields(InferenceSettings)}
    wanted = {**record["settings"], "seed": record["seed"], "count": 1}
    lost = [
        text("The setting {name!r} is not known any more.", name=name) for name in sorted(set(wanted) - set(declared))
    ]
    values: dict[str, Any] = {}
    for name, value in wanted.items():
        if name not in declared:
            continue
        try:
            settings_from(InferenceSettings, {name: value})
        except BadSettings as error:
            lost.append(error.said)
            continue
        about: Declared = declared[name].metadata["declared"]
        if about.is_open and value not in (*about.choices, *known.more_choices.get(name, ())):
            lost.append(text("{label}: {value} is not here.", label=Text(about.label), value=repr(value)))
            continue
        values[name] = value
    return settings_from(InferenceSettings, values), lost


def _drawing(record: Mapping[str, Any], known: Known) -> tuple[DrawingSettings | None, list[Text]]:
    """Return how the template was drawn, as far as that is still valid; None where there was one."""
    wanted = record.get("drawing")
    if not isinstance(wanted, Mapping):
        return None, []
    lost: list[Text] = []
    values: dict[str, Any] = {}
    for name in (field.name for field in dataclasses.fields(DrawingSettings) if field.name in wanted):
        try:
            settings_from(DrawingSettings, {name: wanted[name]})
            values[name] = wanted[name]
        except BadSettings as error:
            lost.append(error.said)
    # A template of that name is there already.
    drawing = dataclasses.replace(settings_from(DrawingSettings, values), save_template="")
    if drawing.template_base and drawing.template_base not in (*known.checkpoints, *FAMILIES):
        lost.append(text("The checkpoint {name!r} is gone: the person's own is used.", name=drawing.template_base))
        drawing = dataclasses.replace(drawing, template_base="")
    return drawing, lost


def _persons(record: Mapping[str, Any], known: Known) -> tuple[tuple[str, ...], dict[int, str], list[Text]]:
    """Return the persons and their faces. The assignment has the names of that time, the list of persons their ids."""
    ids = [str(id) for id in _listed(record.get("persons"))]
    there = {person.id: person for person in known.persons}
    absent = [text("The person {id!r} is gone.", id=id) for id in dict.fromkeys(ids) if id not in there]
    left, takers, renamed = list(ids), {}, []
    for place in (place for place in _listed(record.get("seats")) if isinstance(place, Mapping)):
        id = next((id for id in left if id in there and there[id].name == place.get("sitter")), None)
        if id is None:
            renamed.append(place.get("face"))
            continue
        left.remove(id)
        takers[place.get("face")] = id
    takers |= dict(zip(renamed, left, strict=False))
    still = {face: id for face, id in takers.items() if isinstance(face, int) and id in there}
    persons = tuple(dict.fromkeys(id for id in ids if id in there))
    return persons, dict(sorted(still.items())), absent


def _listed(value: Any) -> list[Any]:
    """Return a list from the record, or an empty one: pictures may come from anywhere, so no type is certain."""
    return list(value) if isinstance(value, list) else []
