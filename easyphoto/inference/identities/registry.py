"""Every train-free identity engine, and the identities that are made of a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from easyphoto.architectures.base import Family
from easyphoto.architectures.registry import FAMILIES
from easyphoto.backends.conditions import Condition
from easyphoto.backends.face_condition import FACEID, FACEID_PLUS, INSTANTID, IP_ADAPTER, IP_ADAPTER_FULL
from easyphoto.errors import BadSettings
from easyphoto.inference.identities.base import (
    FacePlace,
    Identity,
    IdentityEngine,
    PersonMaterial,
    SquareForm,
    VectorForm,
)
from easyphoto.inference.identities.choice import chosen_engine, engines_by_person, missing_files
from easyphoto.inference.identities.face import adapter_identity
from easyphoto.inference.identities.lora import TrainedLora
from easyphoto.messages import text
from easyphoto.settings.inference import InferenceSettings
from easyphoto.weights.store import WeightStore
from easyphoto.workspace.person_record import LORA_IDENTITY

ENGINES: Mapping[str, IdentityEngine] = MappingProxyType(
    {
        engine.id: engine
        for engine in (
            IdentityEngine(INSTANTID, text("InstantID"), tokens=16, vector=VectorForm.RAW, most_cfg=5.0),
            IdentityEngine(
                FACEID_PLUS,
                text("FaceID Plus"),
                tokens=4,
                vector=VectorForm.UNIT,
                squares=SquareForm.ALIGNED,
                most_photos=4,
            ),
            IdentityEngine(FACEID, text("FaceID"), tokens=4, vector=VectorForm.UNIT),
            IdentityEngine(IP_ADAPTER, text("IP-Adapter"), tokens=16, squares=SquareForm.CUT_OUT, most_photos=4),
            IdentityEngine(
                IP_ADAPTER_FULL, text("IP-Adapter, full face"), tokens=257, squares=SquareForm.CUT_OUT, most_photos=4
            ),
        )
    }
)
"""By id, the best first: in this order `auto` looks for one whose files are at hand."""


def check_identity(settings: InferenceSettings, persons: Sequence[str]) -> None:
    """Raises BadSettings where the setting `identity` names an unknown engine, or nobody of `persons` (ids)."""
    strangers = [id for id in engines_by_person(settings.identity, ENGINES) if id is not None and id not in persons]
    if strangers:
        raise BadSettings(
            text("identity names {strangers}, who are not photographed.", strangers=", ".join(strangers)),
            advice=text("Photographed are: {names}.", names=", ".join(persons)),
        )


@dataclass(frozen=True, eq=False)
class Prepared:
    """What makes the networks paint a person, with notes on how it was chosen."""

    identities: tuple[Identity, ...]
    notes: tuple[str, ...] = ()


def prepared_identities(
    material: PersonMaterial, family: Family, engines: Mapping[str, IdentityEngine] = ENGINES
) -> Prepared:
    """The person's LoRA, if they have one, and the identity of the engine that the settings choose.

    Raises BadSettings for an unknown engine, MissingCapability, LicenceRefused and WeightsMissing where the engine that
    was asked for cannot serve, or where nothing is left for a person without a LoRA.
    """
    lora = () if material.lora is None else (TrainedLora(material.lora),)
    if material.store is None:
        return Prepared(lora)
    choice = chosen_engine(material, family, engines)
    if choice.engine is None:
        return Prepared(lora, choice.notes)
    declared = family.identities[choice.engine.id]
    return Prepared((*lora, adapter_identity(choice.engine, material, family, declared)), choice.notes)


def identity_conditions(
    identities: Sequence[Identity], settings: InferenceSettings, place: FacePlace
) -> tuple[Condition, ...]:
    return tuple(condition for identity in identities for condition in identity.conditions(settings, place))


def identity_records(
    identities: Sequence[Identity], settings: InferenceSettings
) -> dict[str, Mapping[str, Any] | None]:
    """Engine id → record of the identity it painted with. The LoRA's is always there, None where there was none."""
    records = {identity.engine: identity.record(settings) for identity in identities}
    return {LORA_IDENTITY: None, **records}


def engine_lines(store: WeightStore) -> Iterator[str]:
    """For doctor: one status line for each family and engine."""
    for family in FAMILIES.values():
        for id, declared in family.identities.items():
            obstacle = missing_files(ENGINES[id], declared, family, store)
            yield f"  identity {id} ({family.id}): {'at hand' if obstacle is None else obstacle.why}"
