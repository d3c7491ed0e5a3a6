"""Drawings alone, without the passes that follow: the same person and seed with other words and settings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from PIL import Image

from easyphoto.app import EasyPhoto
from easyphoto.backends.base import Backend
from easyphoto.commands.photograph_words import drawn_persons
from easyphoto.faces.engine import FaceEngine
from easyphoto.inference.drawing import DRAWN_SCENE_WEIGHT, DrawingPlan, DrawingWords, DrawnPerson, drawing_size
from easyphoto.inference.passes import NO_LORAS, CalledLoras, sampler_preset
from easyphoto.persons.scenes import scene_conditions
from easyphoto.progress import NullProgress
from easyphoto.settings.drawing import DrawingSettings
from easyphoto.settings.inference import InferenceSettings

USUAL = DrawingSettings()


@dataclass(frozen=True, eq=False)
class Drawer:
    """A backend that draws, and an engine that looks at what was drawn."""

    app: EasyPhoto
    backend: Backend
    engine: FaceEngine

    def drawn(
        self, person: str, words: str, seed: int, settings: DrawingSettings = USUAL, *, scenes: CalledLoras = NO_LORAS
    ) -> Image.Image:
        """Draw as the product does, with the person's LoRA where somebody is named. No words: only its own."""
        family = self.app.family
        who: tuple[DrawnPerson, ...] = (DrawnPerson(),)
        if person:
            who, _ = drawn_persons(self.app, [self.app.workspace.person(person)], family)
        pace, _ = sampler_preset(InferenceSettings(), family, self.backend.capabilities(), None)
        size, _ = drawing_size(settings.size, family, 1)
        plan = DrawingPlan(DrawingWords(words, persons=who, scenes=scenes), family, settings, size, pace)
        return self.backend.generate(plan.request(seed), NullProgress()).image

    def called(self, scene: str, weight: float = DRAWN_SCENE_WEIGHT) -> CalledLoras:
        """The scene's LoRA with the words that call it."""
        return CalledLoras(*scene_conditions(self.app.workspace, scene, weight, self.app.family))


def open_drawer(app: EasyPhoto) -> Drawer:
    return Drawer(app, app.open_backend(), app.open_engine("drawings", NullProgress()))


def arms(**values: tuple[Any, ...]) -> list[tuple[str, DrawingSettings]]:
    """The usual drawing, then those in which one setting has another value, each with its name."""
    found = [("usual", USUAL)]
    for name, others in values.items():
        found += [(f"{name} {value}", replace(USUAL, **{name: value})) for value in others]
    return found
