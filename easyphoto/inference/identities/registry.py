"""Every identity engine, and the identities that they make of a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from easyphoto.architectures.base import Family
from easyphoto.backends.conditions import Condition
from easyphoto.inference.identities.base import Identity, IdentityEngine, PersonMaterial
from easyphoto.inference.identities.lora import LORA
from easyphoto.settings import InferenceSettings

ENGINES: tuple[IdentityEngine, ...] = (LORA,)


def prepared_identities(
    material: PersonMaterial, family: Family, engines: Sequence[IdentityEngine] = ENGINES
) -> tuple[Identity, ...]:
    """Every identity with which the family can paint the person, in the engines' order."""
    made = (engine.prepared(material, family) for engine in engines)
    return tuple(identity for identity in made if identity is not None)


def identity_conditions(identities: Sequence[Identity], settings: InferenceSettings) -> tuple[Condition, ...]:
    return tuple(condition for identity in identities for condition in identity.conditions(settings))


def identity_records(
    identities: Sequence[Identity], settings: InferenceSettings, engines: Sequence[IdentityEngine] = ENGINES
) -> dict[str, Mapping[str, Any] | None]:
    """Engine id → record of the identity it painted with; None where it did not paint."""
    records = {identity.engine: identity.record(settings) for identity in identities}
    return {engine.id: records.get(engine.id) for engine in engines}
