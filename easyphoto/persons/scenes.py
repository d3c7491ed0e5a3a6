"""Scenes and objects by name: their LoRAs as conditions of a picture, with the words that call them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from easyphoto.architectures.base import Family
from easyphoto.architectures.registry import family_named
from easyphoto.backends.conditions import LoraCondition
from easyphoto.backends.headers import read_header
from easyphoto.backends.lora_words import lora_words
from easyphoto.backends.published import PREFIX
from easyphoto.errors import BadName, BadSettings, DiskFailure, UnknownPerson, UnknownScene, WrongFamily, WrongKind
from easyphoto.messages import text
from easyphoto.persons.lora_family import family_of_header
from easyphoto.settings.inference import MOST_LORA_WEIGHT
from easyphoto.spelling import known_names
from easyphoto.storage.files import matching
from easyphoto.workspace.folders import Workspace
from easyphoto.workspace.person_record import OBJECT, Person

HOW_WRITTEN = text("Write names with weights from 0 to 2: room:0.8, cup:0.5.")


@dataclass(frozen=True)
class WrittenScene:
    """One part of the setting `scene`."""

    name: str
    weight: float | None = None
    """None where none is written."""


def written_scenes(written: str) -> tuple[WrittenScene, ...]:
    """The parts of `room:0.8, cup`, in order; empty for an empty text. Raises BadSettings for a bad weight or a name
    that is written twice."""
    found = tuple(_written(part) for part in written.split(",") if part.strip())
    names = [each.name.lower() for each in found]
    if len(set(names)) < len(names):
        raise BadSettings(text("{value!r} names a scene twice.", value=written.strip()), advice=HOW_WRITTEN)
    return found


def scene_ids(workspace: Workspace, written: str) -> tuple[str, ...]:
    """The ids of the workspace's scenes and objects that the setting names, whose deletion stops the work.

    What is unknown is left to `scene_conditions`. Raises BadSettings.
    """
    found = []
    for each in written_scenes(written):
        with suppress(BadName, UnknownPerson):
            found.append(workspace.person(each.name).id)
    return tuple(found)


def lora_folders(webui: str | None) -> tuple[Path, ...]:
    """The web UI's own LoRAs, among which a scene may be."""
    return (Path(webui) / "models" / "Lora",) if webui else ()


def check_scenes(workspace: Workspace, written: str, also: Sequence[Path] = ()) -> None:
    """Raise what need not wait for the networks: BadSettings, UnknownScene, WrongKind; `also` as in
    `scene_conditions`."""
    for each in written_scenes(written):
        if not any(file.stem == each.name for folder in also for file in _files(folder)):
            scene_named(workspace, each.name)


def scene_conditions(
    workspace: Workspace, written: str, default_weight: float, family: Family, also: Sequence[Path] = ()
) -> tuple[tuple[LoraCondition, ...], tuple[str, ...]]:
    """The LoRAs that the setting `scene` names, and the words that call them, for the prompt.

    A part without a weight gets `default_weight`; one of weight 0 is left out. `also`: further folders, in which
    `NAME.safetensors` is the scene NAME where the workspace has none of that name. Raises BadSettings, UnknownScene,
    WrongKind for a person, and WrongFamily for a LoRA of another family than the one that paints.
    """
    conditions, words = [], []
    for each in written_scenes(written):
        file, said = _found(workspace, each.name, family, also)
        weight = default_weight if each.weight is None else each.weight
        if weight:
            conditions.append(LoraCondition(file, weight))
            words += [said] if said else []
    return tuple(conditions), tuple(words)


def scene_named(workspace: Workspace, name: str) -> Person:
    """The scene or object of that id or name. Raises UnknownScene, and WrongKind for a person."""
    try:
        found = workspace.person(name)
    except (BadName, UnknownPerson):
        raise _unknown(workspace, name, ()) from None
    if found.shows_face:
        raise WrongKind(
            text("{name} is a person, not a scene or an object.", name=found.name),
            advice=text("Persons are photographed: easyphoto photograph {id}.", id=found.id),
        )
    return found


def check_face(person: Person) -> None:
    """Raise WrongKind for a scene or an object, where only a person will do."""
    if person.shows_face:
        return
    if person.kind == OBJECT:
        raise WrongKind(
            text("{name} is an object, not a person.", name=person.name),
            advice=text(
                "Put it into a template: easyphoto place {id}; or use it beside a person: --scene {id} (in the API: "
                "settings.scene).",
                id=person.id,
            ),
        )
    raise WrongKind(
        text("{name} is a scene, not a person.", name=person.name),
        advice=text("Use it beside a person: --scene {id} (in the API: settings.scene).", id=person.id),
    )


def _found(workspace: Workspace, name: str, family: Family, also: Sequence[Path]) -> tuple[Path, str]:
    """The file of the scene and the words that call it."""
    try:
        scene = scene_named(workspace, name)
    except UnknownScene:
        file = next((file for folder in also for file in _files(folder) if file.stem == name), None)
        if file is None:
            raise _unknown(workspace, name, also) from None
        header = read_header(file)
        _check_family(name, family_of_header(header, file.name), family)
        return file, next(iter(lora_words(header.metadata)), "")
    _check_family(scene.name, family_named(scene.family), family)
    file = workspace.person_folder(scene.id) / (scene.lora or "")
    if not file.is_file():
        raise DiskFailure(
            text("The LoRA of {name} is gone.", name=scene.name),
            advice=text("Train or import it again."),
        )
    return file, scene.words


def _check_family(name: str, own: Family, family: Family) -> None:
    if own.id != family.id:
        raise WrongFamily(
            text("{name} was trained for {own}, not for {family}.", name=name, own=own.short, family=family.short),
            advice=text("Use a checkpoint of {own}, or train it again on one of {family}.", own=own.short,
                        family=family.short),
        )  # fmt: skip


def _unknown(workspace: Workspace, name: str, also: Sequence[Path]) -> UnknownScene:
    own = {scene.id: scene.name for scene in workspace.list_persons() if not scene.shows_face}
    others = (file.stem for folder in also for file in _files(folder))
    known = (*own, *(stem for stem in others if not stem.startswith(PREFIX)))
    return UnknownScene(
        text("There is no scene or object {name!r}.", name=name),
        advice=known_names(name, known, also={named: id for id, named in own.items()})
        if known
        else text("There is none yet. Train one: easyphoto train {name} --photos DIR --kind scene.", name=name),
    )


def _files(folder: Path) -> tuple[Path, ...]:
    return matching(folder, "*.safetensors")


def _written(part: str) -> WrittenScene:
    name, colon, weight = (word.strip() for word in part.rpartition(":"))
    if not colon:
        return WrittenScene(part.strip())
    try:
        value = float(weight)
    except ValueError:
        value = math.nan
    if not name or not 0 <= value <= MOST_LORA_WEIGHT:
        raise BadSettings(text("scene cannot be {value}.", value=repr(part.strip())), advice=HOW_WRITTEN)
    return WrittenScene(name, value)
