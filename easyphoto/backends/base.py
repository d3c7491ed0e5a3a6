"""What a backend is asked, and what it answers. Every backend passes tests/backends/contract.py."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Protocol

import numpy as np
from PIL import Image

from easyphoto.backends.conditions import Condition
from easyphoto.geometry import Size
from easyphoto.progress import Progress
from easyphoto.weights.catalog import UsedWeight


class Sampler(str, Enum):
    DPMPP_2M_KARRAS = "DPM++ 2M Karras"
    DPMPP_2M_SDE_KARRAS = "DPM++ 2M SDE Karras"
    EULER_A = "Euler a"
    DDIM = "DDIM"
    EULER_TRAILING = "Euler trailing"
    """What Lightning was distilled for."""
    DDIM_TRAILING = "DDIM trailing"
    """What Hyper-SD was distilled for."""
    LCM = "LCM"


class Fill(str, Enum):
    """What the masked area starts from."""

    ORIGINAL = "original"
    NOISE = "latent noise"


@dataclass(frozen=True, eq=False)
class Control:
    """One ControlNet unit with its image ready drawn (RGB, the request's size)."""

    kind: str
    image: Image.Image
    weight: float = 1.0
    start: float = 0.0
    end: float = 1.0

    @property
    def batch_key(self) -> Hashable:
        """What must be equal in requests that share the networks' passes: all but the image."""
        return self.kind, self.weight, self.start, self.end


@dataclass(frozen=True, eq=False, kw_only=True)
class SamplingRequest:
    """What every picture is asked for with."""

    prompt: str
    negative: str = ""
    controls: tuple[Control, ...] = ()
    conditions: tuple[Condition, ...] = ()
    checkpoint: str | None = None
    """A name the backend knows; None is the one it was opened with."""
    seed: int = 0
    steps: int = 20
    cfg: float = 7.0
    sampler: Sampler = Sampler.DPMPP_2M_KARRAS


@dataclass(frozen=True, eq=False)
class InpaintRequest(SamplingRequest):
    """Repaint the masked part of a picture. Image and mask have one size, whose sides are latent multiples."""

    image: Image.Image
    mask: np.ndarray
    """float32 (height, width): 1 is repainted, 0 stays; between, the two are mixed."""
    _: KW_ONLY
    denoise: float = 0.5
    """0 gives the image back unchanged, 1 keeps nothing of it under the mask."""
    fill: Fill = Fill.ORIGINAL

    @property
    def size(self) -> Size:
        return Size.of(self.image)

    @property
    def batch_key(self) -> Hashable:
        """What must be equal in requests that share the networks' passes: all but pictures, words and seeds."""
        steps = self.steps, self.denoise, self.cfg, self.sampler, self.fill
        controls = tuple(each.batch_key for each in self.controls)
        return self.image.size, steps, controls, tuple(each.batch_key for each in self.conditions)


@dataclass(frozen=True, eq=False)
class GenerateRequest(SamplingRequest):
    """Draw a picture from words."""

    size: Size


Request = InpaintRequest | GenerateRequest


@dataclass(frozen=True, eq=False)
class Result:
    image: Image.Image
    seed: int
    applied_controls: tuple[str, ...]
    applied_conditions: tuple[str, ...]
    seconds: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Capabilities:
    families: tuple[str, ...]
    controls: tuple[str, ...]
    """Control kinds for which a model was found."""
    samplers: tuple[Sampler, ...]
    upscalers: tuple[str, ...]
    restorers: tuple[str, ...]
    device: str
    free_memory: int | None
    """Bytes; None where the device does not say."""
    refused: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Control kinds whose model the licence set refuses → why, with the licence's name."""
    checkpoints: tuple[str, ...] = ()
    """Names that a request's `checkpoint` may say."""
    conditions: tuple[str, ...] = ()
    """Kinds of conditions that can be applied."""
    timed_conditions: tuple[str, ...] = ()
    """Those of them that may start and end between the first step and the last."""


class Backend(Protocol):
    @property
    def family(self) -> str:
        """Id of the family of the opened checkpoint."""
        ...

    @property
    def weights(self) -> tuple[UsedWeight, ...]:
        """The weight files that were used so far, for a run's record."""
        ...

    def capabilities(self) -> Capabilities: ...

    def inpaint(self, request: InpaintRequest, progress: Progress) -> Result:
        """Raises MissingCapability for a control, condition or checkpoint it cannot apply (never leaves one out in
        silence), InputError for sizes that do not fit, Cancelled where `progress.check` says so."""
        ...

    def inpaint_many(self, requests: Sequence[InpaintRequest], progress: Progress) -> tuple[Result, ...]:
        """As `inpaint` for each, in their order. Requests that are alike may share each step's pass."""
        ...

    def generate(self, request: GenerateRequest, progress: Progress) -> Result: ...

    def prepare(self) -> None:
        """Free the device for somebody else (a training); requests are refused until `release`."""
        ...

    def release(self) -> None:
        """Take the device back."""
        ...

    def close(self) -> None:
        """No more requests for now: whose networks are used gets back what they had loaded before."""
        ...
