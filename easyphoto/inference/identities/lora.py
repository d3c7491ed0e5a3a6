"""A person as the LoRA trained on their photos."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from easyphoto.backends.conditions import Condition, LoraCondition
from easyphoto.inference.identities.base import FacePlace
from easyphoto.settings.inference import InferenceSettings
from easyphoto.workspace.person_record import LORA_IDENTITY


@dataclass(frozen=True)
class TrainedLora:
    """The LoRA's file."""

    path: Path
    engine: str = LORA_IDENTITY
    most_cfg: ClassVar[float | None] = None

    def conditions(self, settings: InferenceSettings, place: FacePlace) -> tuple[Condition, ...]:
        return (LoraCondition(self.path, settings.lora_weight),) if settings.lora_weight else ()

    def record(self, settings: InferenceSettings) -> Mapping[str, Any]:
        return {"file": self.path.name, "weight": settings.lora_weight}
