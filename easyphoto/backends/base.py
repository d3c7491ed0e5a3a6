"""The requests and results of a backend. Every backend passes tests/backends/contract.py."""

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
    """The sampler Lightning was distilled for."""
    DDIM_TRAILING = "DDIM trailing"
    """The sampler Hyper-SD was distilled for."""
    LCM = "LCM"


class Fill(str, Enum):
    """What the masked area is initialised with."""

    ORIGINAL = "original"
    NOISE = "latent noise"


@dataclass(frozen=True, eq=False)
class Control:
    """One ControlNet unit with its control image (RGB, of the request's size).

    `start` and `end` are fractions of the steps.
    """

    kind: str
    image: Image.Image
    weight: float = 1.0
    start: float = 0.0
    end: float = 1.0

    @property
    def batch_key(self) -> Hashable:
        """What requests must have in common to be batched: everything but the image."""
        return self.kind, self.weight, self.start, self.end


@dataclass(frozen=True, eq=False, kw_only=True)
class SamplingRequest:
    """The fields of every request."""

    prompt: str
    negative: str = ""
    controls: tuple[Control, ...] = ()
    conditions: tuple[Condition, ...] = ()
    checkpoint: str | None = None
    """A name the backend knows; None takes the checkpoint it was opened with."""
    seed: int = 0
    steps: int = 20
    cfg: float = 7.0
    sampler: Sampler = Sampler.DPMPP_2M_KARRAS


@dataclass(frozen=True, eq=False)
class InpaintRequest(SamplingRequest):
    """Repaint the masked part of an RGB picture. Image and mask have the same size; its sides are latent multiples."""

    image: Image.Image
    mask: np.ndarray
    """float32 (height, width) in 0..1: 1 is repainted, 0 stays, values between blend the two."""
    _: KW_ONLY
    denoise: float = 0.5
    """Denoising strength: 0 returns the image unchanged, 1 keeps nothing of it under the mask."""
    fill: Fill = Fill.ORIGINAL

    @property
    def size(self) -> Size:
        return Size.of(self.image)

    @property
    def batch_key(self) -> Hashable:
        """What requests must have in common to be batched: everything but pictures, prompts and seeds."""
        steps = self.steps, self.denoise, self.cfg, self.sampler, self.fill
        controls = tuple(each.batch_key for each in self.controls)
        return self.image.size, steps, controls, tuple(each.batch_key for each in self.conditions)


@dataclass(frozen=True, eq=False)
class GenerateRequest(SamplingRequest):
    """Draw a picture from a prompt alone."""

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
    """Control kinds for which a model is available."""
    samplers: tuple[Sampler, ...]
    upscalers: tuple[str, ...]
    restorers: tuple[str, ...]
    device: str
    free_memory: int | None
    """Bytes; None if the device does not tell."""
    at_a_time: int = 1
    """How many pictures of the family's resolution `inpaint_many` paints together. It may be given more."""
    refused: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Control kind that cannot be applied → the reason: no model, or a licence that is not allowed."""
    checkpoints: tuple[str, ...] = ()
    """Names allowed as a request's `checkpoint`."""
    conditions: tuple[str, ...] = ()
    """Condition kinds that can be applied."""
    timed_conditions: tuple[str, ...] = ()
    """The subset of `conditions` that may start and end between the first step and the last."""
    refused_conditions: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Condition kind that the backend knows and cannot apply here → the reason."""


class Backend(Protocol):
    @property
    def family(self) -> str:
        """Family id of the opened checkpoint."""
        ...

    @property
    def weights(self) -> tuple[UsedWeight, ...]:
        """The weight files used so far, for a run's record."""
        ...

    def capabilities(self) -> Capabilities: ...

    def inpaint(self, request: InpaintRequest, progress: Progress) -> Result:
        """Repaint the masked part of the request's image.

        Raises MissingCapability for a control, condition or checkpoint it cannot apply (it never drops one silently),
        InputError for sizes that do not fit, and Cancelled from `progress.check`.
        """
        ...

    def inpaint_many(self, requests: Sequence[InpaintRequest], progress: Progress) -> tuple[Result, ...]:
        """Like `inpaint` for each request, in order. Requests with equal batch keys may share the networks' passes."""
        ...

    def generate(self, request: GenerateRequest, progress: Progress) -> Result: ...

    def prepare(self) -> None:
        """Free the device for other work (a training); requests are refused until `release`."""
        ...

    def release(self) -> None:
        """Take the device back."""
        ...

    def close(self) -> None:
        """End a series of requests: the networks get their own weights back, and a host its chosen checkpoint."""
        ...
