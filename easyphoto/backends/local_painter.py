"""Painting batches of pictures with the local networks: words, steps, autoencoder, as much at a time as fits."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
import torch
from PIL import Image

from easyphoto.backends.applied import Applied
from easyphoto.backends.base import Request
from easyphoto.backends.batches import worth_at_a_time
from easyphoto.backends.components import Components
from easyphoto.backends.conditions import LoraCondition, loras_in
from easyphoto.backends.controls import ActiveControl, ControlNets
from easyphoto.backends.denoiser_graphs import DenoiserGraphs
from easyphoto.backends.graphs import recorder_for
from easyphoto.backends.latent_batch import LatentBatch
from easyphoto.backends.latents import LATENT_FACTOR, decoded, encoded, in_tiles, lay_out
from easyphoto.backends.local_conditions import ActiveConditions, conditions_applied
from easyphoto.backends.network_placement import NetworkPlacement
from easyphoto.backends.networks import Networks
from easyphoto.backends.picture_memory import PaintingPart, PictureMemory, Work, tiles_note
from easyphoto.backends.prompts import PromptEmbeddings, encode_prompts
from easyphoto.backends.sampling import Denoise, Denoiser, make_schedule, sample
from easyphoto.geometry import Size
from easyphoto.model_cache import Lease, file_key
from easyphoto.progress import Progress, TurnProgress
from easyphoto.weights.store import WeightStore

R = TypeVar("R", bound=Request)
Painted = tuple[np.ndarray, Applied]
"""A picture's pixels, uint8 (height, width, 3), and what took effect."""


class LocalPainter:
    """Paints with one base's networks; remembers what did not fit into memory, and the recordings of its steps."""

    def __init__(
        self,
        components: Components,
        controls: ControlNets,
        device: torch.device,
        *,
        models: Lease,
        key: Hashable,
        store: WeightStore | None,
        owns: bool,
    ) -> None:
        """The arguments are those of `LocalBackend`."""
        self._components, self._controls, self._device = components, controls, device
        self._models, self._key, self._store, self._owns = models, key, store, owns
        # Networks that somebody else uses stay where they are, and others may change what a recording depends on.
        recorder = recorder_for(device) if owns else None
        self.graphs = DenoiserGraphs(recorder)
        lay_out(components.vae, device)
        self.placement = NetworkPlacement(components, controls, device)
        can_move = owns and device.type != "cpu"
        self.memory = PictureMemory(components, device, can_move=can_move, graphs=recorder is not None)

    def at_a_time(self, resolution: int) -> int:
        """How many pictures of that side in pixels to paint at a time: what is faster, and fits the memory."""
        cells = resolution // LATENT_FACTOR
        worth = worth_at_a_time(self._device, cells**2)
        return self.memory.at_a_time(PaintingPart.STEPS, Work(worth, cells, cells, rows=2))

    def painted(
        self, batch: Sequence[R], start: Callable[[Sequence[R]], LatentBatch], progress: Progress
    ) -> list[Painted]:
        """Each picture of a batch with equal batch keys. `start` makes what a part of the batch starts from."""
        made: list[Painted] = []
        try:
            while len(made) < len(batch):
                made += self._next(batch, len(made), start, progress)
        finally:
            self.placement.settle()
        return made

    def encoded(self, pictures: Sequence[Image.Image]) -> torch.Tensor:
        """As `latents.encoded`, as many pictures at a time as fit."""

        def encode(count: int) -> torch.Tensor:
            self.placement.autoencoder(self.memory.plan)
            with in_tiles(self._components.vae, self.memory.plan.tile):
                parts = [pictures[first : first + count] for first in range(0, len(pictures), count)]
                return torch.cat([encoded(self._components.vae, part) for part in parts])

        size = Size.of(pictures[0])
        work = Work(len(pictures), size.width // LATENT_FACTOR, size.height // LATENT_FACTOR)
        return self.memory.within(PaintingPart.AUTOENCODER, encode, work)

    def _next(
        self, batch: Sequence[R], done: int, start: Callable[[Sequence[R]], LatentBatch], progress: Progress
    ) -> list[Painted]:
        """The next pictures of the batch."""
        rest, first = batch[done:], batch[0]
        width, height = first.size.width // LATENT_FACTOR, first.size.height // LATENT_FACTOR
        rows = 1 if first.cfg == 1 else 2
        work = Work(len(rest), width, height, rows, has_controls=bool(first.controls or first.conditions))

        def steps(count: int) -> tuple[torch.Tensor, Applied]:
            part = rest[:count]
            return self._latents(part, start(part), TurnProgress(progress, done // count, -(-len(batch) // count)))

        latents, applied = self.memory.within(PaintingPart.STEPS, steps, work)
        pixels = self._decoded(latents)
        told = (*self.memory.told(), *self.graphs.told())
        tiles = (tiles_note(),) if self.memory.is_tiled(work) else ()
        # What is true from now on is told once.
        notes = [told + tiles, *(tiles for _ in pixels[1:])]
        return [(each, replace(applied, notes=(*applied.notes, *its))) for each, its in zip(pixels, notes, strict=True)]

    def _latents(
        self, batch: Sequence[Request], start: LatentBatch, progress: Progress
    ) -> tuple[torch.Tensor, Applied]:
        """The finished latents of pictures that go through the networks together."""
        if not self.memory.plan.graphs:
            self.graphs.stop()
        self.placement.steps(self.memory.plan)
        first = batch[0]
        config = self._components.scheduler.config
        schedule = make_schedule(config, first.sampler, steps=first.steps, strength=start.strength, device=self._device)
        if not self._controls.are_loaded(first.controls):
            self._components.loras.take_off()
        controls = self._controls.activate([request.controls for request in batch])
        networks = Networks(
            self._components, self._controls, self._models, self._store, first.cfg != 1, keeps_loras=self._owns
        )
        with conditions_applied(networks, [request.conditions for request in batch]) as conditions:
            every = *controls, *conditions.controls
            denoise, words = self._denoise(batch, conditions, every, start=start, middles=schedule.middles)
            latents = sample(
                denoise,
                schedule,
                progress,
                latents=start.latents,
                noise=start.noise,
                generators=start.generators,
                repaint=start.repaint,
                preview=start.preview,
            )
            return latents, Applied.of(controls, conditions, words.notes, middles=schedule.middles)

    def _denoise(
        self,
        batch: Sequence[Request],
        conditions: ActiveConditions,
        controls: tuple[ActiveControl, ...],
        *,
        start: LatentBatch,
        middles: Sequence[float],
    ) -> tuple[Denoise, PromptEmbeddings]:
        """The denoising function for all steps, and the prompt embeddings of the first step.

        Prompts are encoded once per set of active LoRAs, which may change the text encoders.
        """
        denoisers: dict[frozenset[int], Denoise] = {}
        words: dict[tuple[LoraCondition, ...], PromptEmbeddings] = {}
        for on in dict.fromkeys(map(conditions.on_at, middles)):
            conditions.switch(on)
            loras = loras_in([conditions.conditions[number] for number in sorted(on)])
            if loras not in words:
                with self.placement.words(self.memory.plan):
                    words[loras] = self._words(batch, loras)
            said = words[loras]
            plain = Denoiser(self._components.unet, said.states, batch[0].cfg, controls, said.added(start.size))
            steps = [middle for middle in middles if conditions.on_at(middle) == on]
            # LoRAs are in the weights, whose places are the same with and without.
            others = frozenset(n for n in on if not isinstance(conditions.conditions[n], LoraCondition))
            denoisers[on] = self.graphs.denoise(plain, steps, others)

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

    def _decoded(self, latents: torch.Tensor) -> list[np.ndarray]:
        def decode(count: int) -> list[np.ndarray]:
            self.placement.autoencoder(self.memory.plan)
            with in_tiles(self._components.vae, self.memory.plan.tile):
                return [pixels for part in latents.split(count) for pixels in decoded(self._components.vae, part)]

        height, width = latents.shape[-2:]
        return self.memory.within(PaintingPart.AUTOENCODER, decode, Work(len(latents), width, height))
