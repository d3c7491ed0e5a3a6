"""The local backend, which paints with diffusers' networks and without a web UI."""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from easyphoto.architectures.base import Family
from easyphoto.backends.applied import Applied
from easyphoto.backends.base import (
    Capabilities,
    Fill,
    GenerateRequest,
    InpaintRequest,
    Request,
    Result,
    Sampler,
)
from easyphoto.backends.components import Components
from easyphoto.backends.conditions import LoraCondition, loras_in, require_conditions
from easyphoto.backends.controls import ActiveControl, ControlNets
from easyphoto.backends.latents import Preview, decoded, encoded, latent_mask
from easyphoto.backends.loading import default_device, default_dtype, load_components
from easyphoto.backends.local_conditions import APPLIERS, ActiveConditions, conditions_applied
from easyphoto.backends.memory import out_of_memory_named
from easyphoto.backends.networks import Networks
from easyphoto.backends.prompts import PromptEmbeddings, encode_prompts
from easyphoto.backends.requests import alike, check_generate, check_inpaint, unchanged
from easyphoto.backends.sampling import Denoise, Denoiser, Repaint, make_schedule, sample
from easyphoto.backends.used import UsedFiles
from easyphoto.errors import BackendError, MissingCapability
from easyphoto.geometry import Size
from easyphoto.images.pictures import as_array, as_picture, blended
from easyphoto.messages import text
from easyphoto.model_cache import Lease, bytes_of_networks, file_key, no_models
from easyphoto.progress import Progress
from easyphoto.weights.catalog import UsedWeight
from easyphoto.weights.store import WeightStore

LATENT_FACTOR = 8
"""Pixels per latent cell, along each side, in every Stable Diffusion autoencoder."""


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
    return LocalBackend(components, base, device=device, store=store, models=models, key=key, keeps_loras=True)


@dataclass(frozen=True, eq=False)
class LatentBatch:
    """The latents and noise a batch of pictures starts from, both float32 (batch, channels, height, width)."""

    latents: torch.Tensor
    noise: torch.Tensor
    generators: tuple[torch.Generator, ...]
    repaint: Repaint | None
    strength: float
    preview: Preview | None

    @property
    def size(self) -> Size:
        """Size of the picture in pixels."""
        height, width = self.latents.shape[-2:]
        return Size(width * LATENT_FACTOR, height * LATENT_FACTOR)


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
        keeps_loras: bool = False,
    ) -> None:
        """`base` is what the networks were loaded from; a folder may hold ControlNets in `controlnet/`.

        Other ControlNets come from the store. Without a device the networks stay where they are. ControlNets and
        encoded prompts are cached in `models`; `key` identifies the networks in cache keys. With `keeps_loras` a
        picture's LoRAs stay merged for the next one that wants the same, until `close`.
        """
        self._models, self._key, self._keeps_loras = models or no_models(), key, keeps_loras
        weight = components.unet.conv_in.weight
        self._components = components
        self._device = torch.device(device) if device else weight.device
        self._controls = ControlNets(
            components.family, base, dtype=weight.dtype, device=self._device, store=store, unet=components.unet,
            models=self._models, base_key=key,
        )  # fmt: skip
        self._names = (components.family.id,) if base is None else (base.name, base.stem, str(base))
        self._used = UsedFiles(components.family, store)
        self._used.checkpoint(base)
        self._lent = False
        if self._device != weight.device:
            self._move(self._device)

    @property
    def family(self) -> str:
        return self._components.family.id

    @property
    def weights(self) -> tuple[UsedWeight, ...]:
        """The weight files used so far: the checkpoint, and those from the catalogue."""
        return self._used.weights()

    def capabilities(self) -> Capabilities:
        free = torch.cuda.mem_get_info(self._device)[0] if self._device.type == "cuda" else None
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
        with self._ready():
            pictures, applied = self._painted([request], self._blank_canvas(request), progress)
        return applied.result(request, as_picture(pictures[0]), time.monotonic() - started)

    def prepare(self) -> None:
        self._lent = True
        self._components.loras.take_off()
        self._move(torch.device("cpu"))
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def release(self) -> None:
        self._move(self._device)
        self._lent = False

    def close(self) -> None:
        self._components.loras.take_off()

    def _inpaint_batch(self, batch: list[InpaintRequest], progress: Progress) -> list[Result]:
        same = [result for request in batch if (result := unchanged(request)) is not None]
        if len(same) == len(batch):
            return same
        started = time.monotonic()
        with self._ready():
            painted, applied = self._painted(batch, self._canvas(batch), progress)
        seconds = (time.monotonic() - started) / len(batch)
        return [
            applied.result(request, _pasted(request, pixels), seconds)
            for request, pixels in zip(batch, painted, strict=True)
        ]

    def _painted(
        self, batch: Sequence[Request], canvas: LatentBatch, progress: Progress
    ) -> tuple[list[np.ndarray], Applied]:
        first = batch[0]
        config = self._components.scheduler.config
        schedule = make_schedule(
            config, first.sampler, steps=first.steps, strength=canvas.strength, device=self._device
        )
        if not self._controls.are_loaded(first.controls):
            self._components.loras.take_off()
        controls = self._controls.activate([request.controls for request in batch])
        networks = Networks(
            self._components, self._controls, self._models, self._used.store, first.cfg != 1, self._keeps_loras
        )
        with conditions_applied(networks, [request.conditions for request in batch]) as conditions:
            every = *controls, *conditions.controls
            denoise, words = self._denoise(batch, conditions, every, size=canvas.size, middles=schedule.middles)
            self._remember(first)
            latents = sample(
                denoise,
                schedule,
                progress,
                latents=canvas.latents,
                noise=canvas.noise,
                generators=canvas.generators,
                repaint=canvas.repaint,
                preview=canvas.preview,
            )
            applied = Applied.of(controls, conditions, words.notes, middles=schedule.middles)
        return decoded(self._components.vae, latents), applied

    def _denoise(
        self,
        batch: Sequence[Request],
        conditions: ActiveConditions,
        controls: tuple[ActiveControl, ...],
        *,
        size: Size,
        middles: Sequence[float],
    ) -> tuple[Denoise, PromptEmbeddings]:
        """The denoising function for all steps, and the prompt embeddings of the first step.

        Prompts are encoded once per set of active LoRAs, which may change the text encoders.
        """
        denoisers: dict[frozenset[int], Denoiser] = {}
        words: dict[tuple[LoraCondition, ...], PromptEmbeddings] = {}
        for on in dict.fromkeys(map(conditions.on_at, middles)):
            conditions.switch(on)
            loras = loras_in([conditions.conditions[number] for number in sorted(on)])
            if loras not in words:
                words[loras] = self._words(batch, loras)
            said = words[loras]
            denoisers[on] = Denoiser(self._components.unet, said.states, batch[0].cfg, controls, said.added(size))

        def denoise(latents: torch.Tensor, timestep: torch.Tensor, progress: float) -> torch.Tensor:
            on = conditions.on_at(progress)
            conditions.switch(on)
            return denoisers[on](latents, timestep, progress)

        return denoise, next(iter(words.values()))

    def _words(self, batch: Sequence[Request], loras: Sequence[LoraCondition]) -> PromptEmbeddings:
        """The prompt embeddings, negative prompts first as in `Denoiser`; with CFG 1 there are no negative ones."""
        negatives = [] if batch[0].cfg == 1 else [request.negative for request in batch]
        texts = (*negatives, *(request.prompt for request in batch))
        if self._key is None:
            return encode_prompts(self._components, texts)
        said_by = tuple((each, file_key(each.path)) for each in loras)
        return self._models.get(
            ("prompts", self._key, texts, said_by),
            lambda: encode_prompts(self._components, texts),
            size=lambda words: words.bytes,
            # A person's LoRA changes the words, so they go with the person.
            owners=[each.path.parent for each in loras],
        )

    def _canvas(self, batch: Sequence[InpaintRequest]) -> LatentBatch:
        old = encoded(self._components.vae, [request.image for request in batch])
        mask = latent_mask([request.mask for request in batch], old.shape[-2:]).to(old.device)
        generators = _generators(batch)
        noise = _noise(old.shape, generators, old.device)
        start = old
        if batch[0].fill is Fill.NOISE:
            start = torch.lerp(old, _noise(old.shape, generators, old.device), mask)
        preview = Preview(old, batch[0].image)
        return LatentBatch(start, noise, generators, Repaint(old, mask), batch[0].denoise, preview)

    def _blank_canvas(self, request: GenerateRequest) -> LatentBatch:
        channels = self._components.unet.config.in_channels
        shape = (1, channels, request.size.height // LATENT_FACTOR, request.size.width // LATENT_FACTOR)
        generators = _generators([request])
        noise = _noise(shape, generators, self._device)
        return LatentBatch(torch.zeros_like(noise), noise, generators, None, 1.0, None)

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


def _generators(batch: Sequence[Request]) -> tuple[torch.Generator, ...]:
    # Always on the CPU, so that a seed gives the same noise on every device.
    return tuple(torch.Generator("cpu").manual_seed(request.seed) for request in batch)


def _noise(shape: Sequence[int], generators: Sequence[torch.Generator], device: torch.device) -> torch.Tensor:
    draws = [torch.randn(tuple(shape[1:]), generator=generator) for generator in generators]
    return torch.stack(draws).to(device)


def _pasted(request: InpaintRequest, painted: np.ndarray) -> Image.Image:
    """The painted pixels blended in by the mask; where it is 0, every byte is the request's."""
    return as_picture(blended(as_array(request.image), painted, request.mask))
