"""The local backend, which paints with diffusers' networks and without a web UI."""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from easyphoto.architectures.base import Family
from easyphoto.backends.base import (
    Capabilities,
    GenerateRequest,
    InpaintRequest,
    Request,
    Result,
    Sampler,
)
from easyphoto.backends.components import Components
from easyphoto.backends.conditions import require_conditions
from easyphoto.backends.controls import ControlNets
from easyphoto.backends.latent_batch import LatentBatch, blank, painted_over
from easyphoto.backends.loading import default_device, default_dtype, load_components
from easyphoto.backends.local_conditions import APPLIERS
from easyphoto.backends.local_painter import LocalPainter
from easyphoto.backends.memory import free_memory, out_of_memory_named
from easyphoto.backends.requests import alike, check_generate, check_inpaint, unchanged
from easyphoto.backends.used import UsedFiles
from easyphoto.errors import BackendError, MissingCapability
from easyphoto.images.pictures import as_array, as_picture, blended
from easyphoto.messages import text
from easyphoto.model_cache import Lease, bytes_of_networks, file_key, no_models
from easyphoto.progress import Progress
from easyphoto.weights.catalog import UsedWeight
from easyphoto.weights.store import WeightStore


def open_local(
    family: Family, base: Path, store: WeightStore | None = None, models: Lease | None = None
) -> LocalBackend:
    """The backend for a folder in the diffusers layout or a checkpoint file, as `base_model` returns it.

    `store` provides what a checkpoint does not hold: tokenizer, autoencoder, ControlNets. Networks already loaded are
    borrowed from `models`. Raises WeightsMissing.
    """
    models = models or no_models()
    device = torch.device(default_device())
    key = (
        "components",
        family.id,
        file_key(base),
        store.state if store else None,
        str(default_dtype(device)),
        str(device),
    )
    components = models.borrow(
        key,
        lambda: load_components(family, base, device=device, store=store),
        size=lambda loaded: bytes_of_networks(loaded.networks),
        clean=lambda loaded: loaded.loras.take_off(),
    )
    return LocalBackend(components, base, device=device, store=store, models=models, key=key, owns=True)


class LocalBackend:
    """Implements the Backend protocol on networks that may be shared, for instance with a trainer and its adapters."""

    def __init__(
        self,
        components: Components,
        base: Path | None = None,
        *,
        device: str | torch.device | None = None,
        store: WeightStore | None = None,
        models: Lease | None = None,
        key: Hashable = None,
        owns: bool = False,
    ) -> None:
        """`base` is what the networks were loaded from; a folder may hold ControlNets in `controlnet/`.

        Other ControlNets come from the store. Without a device the networks stay where they are. ControlNets and
        encoded prompts are cached in `models`; `key` identifies the networks in cache keys. With `owns` the networks
        are nobody else's until `close`: a picture's LoRAs stay merged for the next one that wants the same, steps may
        be recorded as CUDA graphs, and networks may leave the device while others need the room.
        """
        models = models or no_models()
        weight = components.unet.conv_in.weight
        self._components = components
        self._device = torch.device(device) if device else weight.device
        self._controls = ControlNets(
            components.family, base, dtype=weight.dtype, device=self._device, store=store, unet=components.unet,
            models=models, base_key=key,
        )  # fmt: skip
        self._names = (components.family.id,) if base is None else (base.name, base.stem, str(base))
        self._used = UsedFiles(components.family, store)
        self._used.checkpoint(base)
        self._lent = False
        self._painter = LocalPainter(
            components, self._controls, self._device, models=models, key=key, store=store, owns=owns
        )
        if any(self._device != next(network.parameters()).device for network in components.networks):
            self._move(self._device)

    @property
    def family(self) -> str:
        return self._components.family.id

    @property
    def weights(self) -> tuple[UsedWeight, ...]:
        """The weight files used so far: the checkpoint, and those from the catalogue."""
        return self._used.weights()

    def capabilities(self) -> Capabilities:
        free = free_memory(self._device) if self._device.type == "cuda" else None
        return Capabilities(
            families=(self.family,),
            checkpoints=self._names[:1],
            controls=self._controls.kinds(),
            samplers=tuple(Sampler),
            upscalers=(),
            restorers=(),
            device=str(self._device),
            free_memory=free,
            refused=self._controls.refused(),
            conditions=tuple(APPLIERS),
            timed_conditions=tuple(APPLIERS),
            at_a_time=self._painter.at_a_time(self._components.family.resolution),
        )

    def inpaint(self, request: InpaintRequest, progress: Progress) -> Result:
        return self.inpaint_many((request,), progress)[0]

    def inpaint_many(self, requests: Sequence[InpaintRequest], progress: Progress) -> tuple[Result, ...]:
        """Like `inpaint` for each; requests that differ only in pictures, prompts and seeds are batched."""
        for request in requests:
            check_inpaint(request, self._components.family.latent_multiple)
            self._check_capabilities(request)
        results: dict[int, Result] = {}
        for numbers in alike(requests):
            batch = [requests[number] for number in numbers]
            results.update(zip(numbers, self._inpaint_batch(batch, progress), strict=True))
        return tuple(results[number] for number in range(len(requests)))

    def generate(self, request: GenerateRequest, progress: Progress) -> Result:
        check_generate(request, self._components.family.latent_multiple)
        self._check_capabilities(request)
        started = time.monotonic()
        channels = self._components.unet.config.in_channels
        with self._ready():
            ((pixels, applied),) = self._painter.painted(
                [request], lambda part: blank(part[0], channels, self._device), progress
            )
        self._remember(request)
        return applied.result(request, as_picture(pixels), time.monotonic() - started)

    def prepare(self) -> None:
        self._lent = True
        self._painter.graphs.drop()
        self._components.loras.take_off()
        self._move(torch.device("cpu"))
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def release(self) -> None:
        self._move(self._device)
        self._lent = False

    def close(self) -> None:
        self._painter.graphs.drop()
        self._components.loras.take_off()

    def _inpaint_batch(self, batch: list[InpaintRequest], progress: Progress) -> list[Result]:
        same = [result for request in batch if (result := unchanged(request)) is not None]
        if len(same) == len(batch):
            return same
        started = time.monotonic()
        with self._ready():
            painted = self._painter.painted(batch, self._start, progress)
        self._remember(batch[0])
        seconds = (time.monotonic() - started) / len(batch)
        return [
            applied.result(request, _pasted(request, pixels), seconds)
            for request, (pixels, applied) in zip(batch, painted, strict=True)
        ]

    def _start(self, batch: Sequence[InpaintRequest]) -> LatentBatch:
        return painted_over(batch, self._painter.encoded([request.image for request in batch]))

    @contextmanager
    def _ready(self) -> Iterator[None]:
        """Networks in evaluation mode and without gradients; afterwards their training mode is restored."""
        with ExitStack() as stack:
            stack.enter_context(out_of_memory_named())
            stack.enter_context(torch.no_grad())
            for network in self._components.networks:
                training = [module for module in network.modules() if module.training]
                stack.callback(_set_training, training)
                network.eval()
            yield

    def _check_capabilities(self, request: Request) -> None:
        if self._lent:
            raise BackendError(
                text("The device is in use by a training."), advice=text("Wait for it to end, or cancel it.")
            )
        if request.checkpoint not in (None, self.family, *self._names):
            raise MissingCapability(
                text("There is no checkpoint {checkpoint!r} here.", checkpoint=request.checkpoint),
                advice=text("The one that was opened is {names}.", names=self._names[0]),
            )
        require_conditions(request.conditions, tuple(APPLIERS), timed=tuple(APPLIERS))
        for control in request.controls:
            self._controls.require(control.kind)

    def _remember(self, request: Request) -> None:
        for condition in request.conditions:
            self._used.condition(condition)
        for control in (each for each in request.controls if each.weight > 0):
            self._used.catalogued(self._components.family.controls[control.kind], self._controls.require(control.kind))

    def _move(self, device: torch.device) -> None:
        for network in self._components.networks:
            network.to(device)
        self._controls.to(device)


def _set_training(modules: Sequence[torch.nn.Module]) -> None:
    for module in modules:
        module.training = True


def _pasted(request: InpaintRequest, painted: np.ndarray) -> Image.Image:
    """The painted pixels blended in by the mask; where it is 0, every byte is the request's."""
    return as_picture(blended(as_array(request.image), painted, request.mask))
