"""Drawings alone, without the passes that follow: the same person and seed with other words and settings."""

from __future__ import annotations

from dataclasses import dataclass, replace

from PIL import Image

from easyphoto.app import EasyPhoto
from easyphoto.backends.base import Backend, GenerateRequest
from easyphoto.backends.conditions import LoraCondition
from easyphoto.faces.engine import FaceEngine
from easyphoto.geometry import Size
from easyphoto.progress import NullProgress
from easyphoto.settings.drawing import DrawingSettings


@dataclass(frozen=True)
class Arm:
    """What differs from the usual drawing; None and empty: the usual."""

    cfg: float | None = None
    steps: int = DrawingSettings().drawing_steps
    weight: float = DrawingSettings().drawing_lora_weight
    size: str = ""

    @property
    def name(self) -> str:
        usual = Arm()
        changed = {"CFG": self.cfg, "steps": self.steps, "LoRA weight": self.weight, "size": self.size}
        before = {"CFG": usual.cfg, "steps": usual.steps, "LoRA weight": usual.weight, "size": usual.size}
        return ", ".join(f"{name} {value}" for name, value in changed.items() if value != before[name]) or "usual"


@dataclass(frozen=True, eq=False)
class Drawer:
    """A backend that draws, and an engine that looks at what was drawn."""

    app: EasyPhoto
    backend: Backend
    engine: FaceEngine

    def drawn(self, name: str, words: str, seed: int, arm: Arm) -> Image.Image:
        """Draw `words` with the person's LoRA; no words leave the trigger alone."""
        person, family = self.app.workspace.person(name), self.app.family
        lora = self.app.workspace.person_folder(person.id) / str(person.lora)
        width, height = map(int, arm.size.split("x")) if arm.size else (family.resolution, family.resolution)
        request = GenerateRequest(
            Size(width, height),
            prompt=", ".join(part for part in (family.trigger, words) if part),
            seed=seed,
            steps=arm.steps,
            cfg=arm.cfg if arm.cfg is not None else family.first_cfg,
        )
        if arm.weight:
            request = replace(request, conditions=(LoraCondition(lora, arm.weight),))
        return self.backend.generate(request, NullProgress()).image


def open_drawer(app: EasyPhoto) -> Drawer:
    return Drawer(app, app.open_backend(), app.open_engine("drawings", NullProgress()))
