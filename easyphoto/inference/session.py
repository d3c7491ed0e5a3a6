"""What all faces and seeds of one photograph share, and in which order their passes are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from PIL import Image

from easyphoto.architectures.base import Family, FewSteps
from easyphoto.backends.base import Backend, Capabilities, InpaintRequest
from easyphoto.backends.conditions import LoraCondition, loras_in
from easyphoto.faces.engine import Face, FaceEngine
from easyphoto.faces.fuser import Fuser
from easyphoto.inference.painting import Painter
from easyphoto.inference.passes import NO_LORAS, CalledLoras, SamplerPreset, first_pass, second_strength
from easyphoto.inference.prepare import Setup
from easyphoto.inference.results import UNITS, Stopwatch
from easyphoto.progress import NullProgress, Progress
from easyphoto.restoration.base import Finisher
from easyphoto.settings.inference import InferenceSettings
from easyphoto.weights.catalog import UsedWeight


@dataclass(frozen=True, eq=False)
class PipelineModels:
    backend: Backend
    engine: FaceEngine
    progress: Progress = field(default_factory=NullProgress)
    few_steps: tuple[FewSteps, Path] | None = None
    """Preset and file of the few-step LoRA; None without one."""
    finisher: Finisher | None = None
    """Restores the faces of the result and enlarges it; None where neither is asked for."""
    fuser: Fuser | None = None
    """Replaces our own warp in the fusion."""
    scenes: CalledLoras = NO_LORAS
    """Scenes and objects, painted into every pass."""

    @property
    def weights(self) -> tuple[UsedWeight, ...]:
        """The weight files that were used so far."""
        optional = [part.weights for part in (self.finisher, self.fuser) if part is not None]
        everything = *self.engine.weights, *self.backend.weights, *(file for files in optional for file in files)
        # The engine and the fuser may share one embedder.
        return tuple(dict.fromkeys(everything))


@dataclass(frozen=True, eq=False)
class PhotographSession:
    """One template, ready to be photographed with every seed."""

    template: Image.Image
    """RGB."""
    faces: tuple[Face, ...]
    """All of the template's, from the left."""
    setups: tuple[Setup, ...]
    """The faces that are replaced."""
    settings: InferenceSettings
    family: Family
    tools: PipelineModels
    capabilities: Capabilities
    pace: SamplerPreset
    notes: tuple[str, ...]
    """Of the template."""
    picture_notes: tuple[str, ...]
    """Of every picture."""
    clock: Stopwatch

    @cached_property
    def painter(self) -> Painter:
        finisher = self.tools.finisher or Finisher()
        last = (finisher.restorer is not None) + (finisher.upscaler is not None)
        passes = 1 + (second_strength(self.settings, self.family) > 0)
        units = UNITS * (passes * len(self.setups) + (len(self.setups) > 1) + last)
        return Painter(self.tools.backend, self.tools.progress, self.clock, units=self.settings.count * units)

    @cached_property
    def groups(self) -> tuple[tuple[Setup, ...], ...]:
        """The faces whose passes may be painted together: those that need the same LoRAs in the networks."""
        if len(self.setups) == 1 or self.capabilities.at_a_time == 1:
            return tuple((setup,) for setup in self.setups)
        groups: dict[tuple[LoraCondition, ...], list[Setup]] = {}
        for setup in self.setups:
            loras = loras_in(self.first_request(setup, self.settings.seed).conditions)
            groups.setdefault(loras, []).append(setup)
        return tuple(tuple(group) for group in groups.values())

    @property
    def at_a_time(self) -> int:
        """How many pictures are made at once, so that the backend gets as many passes at once as it can use."""
        return max(1, self.capabilities.at_a_time // max(len(group) for group in self.groups))

    def seeds(self, numbers: Sequence[int]) -> list[int]:
        return [(self.settings.seed + number) % 2**32 for number in numbers]

    def first_request(self, setup: Setup, seed: int) -> InpaintRequest:
        """The request that repaints a face."""
        return first_pass(
            setup.start,
            setup.masks.first,
            setup.controls,
            setup.subject.subject,
            settings=self.settings,
            family=self.family,
            trigger=self.family.trigger,
            seed=seed,
            pace=self.pace,
            fused=self.settings.fusion and self.settings.fusion_before > 0 and setup.over is not None,
            bare=setup.is_bare,
            points=setup.work.face.points,
        )
