"""A person as the LoRA trained on their photos."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from easyphoto.backends.conditions import Condition, LoraCondition
from easyphoto.inference.identities.base import IdentityEngine, PersonMaterial
from easyphoto.settings import InferenceSettings
from easyphoto.workspace.folders import LORA_IDENTITY


@dataclass(frozen=True)
class TrainedLora:
    """The LoRA's file."""

    path: Path
    engine: str = LORA_IDENTITY

    def conditions(self, settings: InferenceSettings) -> tuple[Condition, ...]:
        return (LoraCondition(self.path, settings.lora_weight),) if settings.lora_weight else ()

    def record(self, settings: InferenceSettings) -> Mapping[str, Any]:
        return {"file": self.path.name, "weight": settings.lora_weight}


def _trained_lora(material: PersonMaterial, files: tuple[Path, ...]) -> TrainedLora | None:
    file = next(material.files_of(LORA_IDENTITY), None)
    return None if file is None else TrainedLora(file)


LORA = IdentityEngine(LORA_IDENTITY, LoraCondition.kind, _trained_lora)
