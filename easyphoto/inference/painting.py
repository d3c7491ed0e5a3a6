"""Runs the passes of one picture on a backend, and collects what a report and a record say of them."""

from __future__ import annotations

from typing import Any

from PIL import Image

from easyphoto.backends.base import Backend, InpaintRequest
from easyphoto.inference.finish import overlaid
from easyphoto.inference.results import UNITS, Slice, Stage, Stopwatch
from easyphoto.messages import Text, phase
from easyphoto.progress import Progress


class PictureRun:
    """The passes of one seed; collects stages, notes and what the backend applied."""

    part_key = "face"
    """What records call the number of the part that a pass works on."""

    def __init__(
        self, backend: Backend, progress: Progress, clock: Stopwatch, seed: int, *, first_unit: int, units: int
    ) -> None:
        self.backend, self.progress, self.clock, self.seed = backend, progress, clock, seed
        self.unit, self.units = first_unit, units
        self.stages: list[Stage] = []
        self.notes: list[str] = []
        self.applied: list[dict[str, Any]] = []

    def passed(self, step: str, request: InpaintRequest, part: int | None, told: Text) -> Image.Image:
        """Run one timed pass of the backend and record its stage and notes; outside the mask the picture stays.

        `told` says for which part the step is.
        """
        self.progress.check()
        said = phase("paint", "seed {seed}: {what}", seed=self.seed, what=told)
        with self.clock.timed(step):
            result = self.backend.inpaint(request, Slice(self.progress, self.unit, self.units, said))
        self.unit += UNITS
        picture = overlaid(request.image, result.image, request.mask)
        self.progress.step(self.unit, self.units, said, preview=picture)
        self.stages.append(Stage(step, picture, part))
        self.notes.extend(result.notes)
        self.applied.append(
            {"pass": step, self.part_key: part, "controls": list(result.applied_controls), "steps": request.steps,
             "denoise": request.denoise, "cfg": request.cfg, "sampler": request.sampler.value, "prompt": request.prompt}
        )  # fmt: skip
        return picture
