"""The choice of the identity engine for a person: by the setting, or the best one that can serve."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from easyphoto.architectures.base import Family, IdentityModels
from easyphoto.errors import BadSettings, EasyPhotoError, LicenceRefused, MissingCapability, NoFaceFound, WeightsMissing
from easyphoto.inference.identities.base import IdentityEngine, PersonMaterial, shipped_file
from easyphoto.messages import Text, joined, note, text
from easyphoto.settings.options import AUTO
from easyphoto.weights.store import WeightStore
from easyphoto.workspace.person_record import LORA_IDENTITY


@dataclass(frozen=True)
class Choice:
    """The chosen engine; None: the LoRA alone."""

    engine: IdentityEngine | None
    notes: tuple[str, ...] = ()


def engines_by_person(setting: str, engines: Mapping[str, IdentityEngine]) -> dict[str | None, str]:
    """Person's id → engine, as the setting says it: one word for everybody (None), or `anna=faceid, ben=lora`.

    Raises BadSettings for an unknown engine.
    """
    known, found = (AUTO, LORA_IDENTITY, *engines), dict[str | None, str]()
    for part in setting.split(","):
        name, equals, engine = (word.strip() for word in part.rpartition("="))
        if engine not in known or (equals and not name) or (name or None) in found:
            raise BadSettings(
                text("identity cannot be {value}.", value=repr(part.strip())),
                advice=text(
                    "Choose one of: {choices}; or one for each person, such as anna=faceid, ben=lora.",
                    choices=", ".join(known),
                ),
            )
        found[name or None] = engine
    return found


def chosen_engine(material: PersonMaterial, family: Family, engines: Mapping[str, IdentityEngine]) -> Choice:
    """The engine that paints the person beside their LoRA or, without a LoRA, alone.

    Raises BadSettings, MissingCapability, LicenceRefused and WeightsMissing.
    """
    by_person = engines_by_person(material.settings.identity, engines)
    wanted = by_person.get(material.person.id, by_person.get(None, AUTO))
    if wanted == AUTO:
        return _best(material, family, engines)
    if wanted == LORA_IDENTITY:
        if material.lora is None:
            raise MissingCapability(
                text("{name} has no LoRA: they are not trained.", name=material.person.name),
                advice=text("Train them, or choose another identity (--identity auto)."),
            )
        return Choice(None)
    engine = engines[wanted]
    obstacle = _obstacle(engine, material, family)
    if obstacle is not None and not obstacle.can_be_fetched:
        raise obstacle.error(engine, material, family, engines)
    return Choice(engine)


@dataclass(frozen=True)
class Obstacle:
    """Why an engine cannot serve now."""

    why: Text
    kind: type[EasyPhotoError] = MissingCapability
    can_be_fetched: bool = False

    def error(
        self, engine: IdentityEngine, material: PersonMaterial, family: Family, engines: Mapping[str, IdentityEngine]
    ) -> EasyPhotoError:
        others = [each.id for each in engines.values() if _obstacle(each, material, family) is None]
        if material.lora is not None:
            others.append(LORA_IDENTITY)
        return self.kind(
            text(
                "{engine} cannot be used for {name}: {why}.",
                engine=engine.label,
                name=material.person.name,
                why=self.why,
            ),
            advice=text("Choose one of: {others}.", others=", ".join(others)) if others else _fetch_advice(family),
        )


def _best(material: PersonMaterial, family: Family, engines: Mapping[str, IdentityEngine]) -> Choice:
    passed: list[Text] = []
    for engine in engines.values():
        if engine.models_of(family) is None:
            continue
        obstacle = _obstacle(engine, material, family)
        if obstacle is None:
            return Choice(engine, (_said(engine, material, family, passed),))
        passed.append(text("{engine}: {why}", engine=engine.label, why=obstacle.why))
    if material.lora is not None:
        return Choice(None)
    raise WeightsMissing(
        text(
            "{name} is not trained, and nothing here can paint them without a training: {passed}.",
            name=material.person.name,
            passed=joined(passed, "; ") or text("{family} has no method for it", family=family.short),
        ),
        advice=text(
            "Train them (easyphoto train {id}), or: {fetch}", id=material.person.id, fetch=_fetch_advice(family)
        ),
        weights=_free_set(family),
    )


def _said(engine: IdentityEngine, material: PersonMaterial, family: Family, passed: list[Text]) -> str:
    why = joined(passed, "; ") if passed else text("the best one for {family}", family=family.short)
    if material.lora is None:
        return note(
            "identity-alone",
            "{name}: painted with {engine} ({why}).",
            name=material.person.name,
            engine=engine.label,
            why=why,
        )
    return note(
        "identity-beside-lora", "{name}: painted with their LoRA and {engine} ({why}).", name=material.person.name,
        engine=engine.label, why=why,
    )  # fmt: skip


def _obstacle(engine: IdentityEngine, material: PersonMaterial, family: Family) -> Obstacle | None:
    """Why the engine cannot serve; None where it can, with all files at hand."""
    declared = engine.models_of(family)
    if declared is None:
        return Obstacle(text("there is none for {family}", family=family.short))
    if material.kinds is not None and engine.id not in material.kinds:
        return Obstacle(text("it cannot be used here"))
    if not material.faces:
        return Obstacle(text("no photo shows their face"), NoFaceFound)
    assert material.store is not None, "nothing is painted without a store"
    return missing_files(engine, declared, family, material.store)


def missing_files(
    engine: IdentityEngine, declared: IdentityModels, family: Family, store: WeightStore
) -> Obstacle | None:
    """Why the engine's files for the family cannot be used; None where all are at hand."""
    if family.ships:
        return _shipped(declared, family)
    if not all(map(store.allows, declared.needed)):
        return Obstacle(
            text("the licence setting {licences} does not allow its files", licences=store.licences.value),
            LicenceRefused,
        )
    if any(store.find(id) is None for id in declared.needed):
        why = text("missing (easyphoto weights get {set})", set=f"{engine.id}-{family.id}")
        return Obstacle(why, WeightsMissing, can_be_fetched=True)
    return None


def _shipped(declared: IdentityModels, family: Family) -> Obstacle | None:
    try:
        for name in declared.files:
            shipped_file(family, name)
    except WeightsMissing as error:
        return Obstacle(error.said, WeightsMissing)
    return None


def _fetch_advice(family: Family) -> Text:
    free = _free_set(family)
    return text("easyphoto weights get {set}", set=free[0]) if free else text("Choose another base checkpoint.")


def _free_set(family: Family) -> tuple[str, ...]:
    """The set of an engine that no embedder's licence restricts."""
    free = next((id for id, models in family.identities.items() if models.embedder is None), None)
    return () if free is None or family.ships else (f"{free}-{family.id}",)
