"""Compares our training step with a plain loop of the usual kind, on the same weights, data and modules.

The plain loop does what most public scripts do by default: the autoencoder encodes every picture in every step,
pictures pass one at a time with their gradients accumulated, and the caption is encoded for each of them.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from easyphoto.bench.learners import open_bench_learner, write_noise_pictures
from easyphoto.errors import InputError
from easyphoto.geometry import Size
from easyphoto.messages import text
from easyphoto.progress import Progress
from easyphoto.settings.training import TrainSettings

if TYPE_CHECKING:
    import torch

    from easyphoto.app import EasyPhoto

WARM_UP = 2
WANTED = 0.6


@dataclass(frozen=True)
class TrainerComparison:
    """Seconds of every step of both loops, run alternately, and of filling our cache once beforehand."""

    ours: tuple[float, ...]
    plain: tuple[float, ...]
    caching: float
    pictures: int
    """Per step, in either loop."""

    @property
    def ratio(self) -> float:
        """Ours over plain, with the caching spread over the steps, as a run of this length pays it."""
        return (sum(self.ours) + self.caching) / sum(self.plain)

    @property
    def ratio_step(self) -> float:
        return statistics.median(self.ours) / statistics.median(self.plain)

    def table(self) -> str:
        rows = [("loop", "median", "total")]
        rows.append(("ours", f"{statistics.median(self.ours) * 1000:.0f} ms", f"{sum(self.ours):.1f} s"))
        rows.append(("plain", f"{statistics.median(self.plain) * 1000:.0f} ms", f"{sum(self.plain):.1f} s"))
        lines = [f"{name:<8}{median:>10}{total:>10}" for name, median, total in rows]
        lines.append(f"caching once: {self.caching:.1f} s · {self.pictures} pictures in each step of both")
        lines.append(f"ours / plain: {self.ratio:.2f} with caching, {self.ratio_step:.2f} a step (wanted ≤ {WANTED})")
        return "\n".join(lines)

    def record(self) -> dict[str, Any]:
        return {
            "steps": len(self.ours),
            "ours_ms": round(statistics.median(self.ours) * 1000, 1),
            "plain_ms": round(statistics.median(self.plain) * 1000, 1),
            "caching_s": round(self.caching, 2),
            "ratio": round(self.ratio, 3),
            "ratio_step": round(self.ratio_step, 3),
        }


def run(app: EasyPhoto, *, steps: int = 100, progress: Progress, say: Callable[[str], None]) -> TrainerComparison:
    """Compare both loops on the app's base model, print a table and then one JSON line."""
    if steps < 1:
        raise InputError(
            text("{steps} steps cannot be timed.", steps=steps),
            advice=text("Give at least 1; 100 is the usual number."),
        )
    found = compare(app.base, steps=steps, progress=progress)
    for line in found.table().split("\n"):
        say(line)
    say(json.dumps(found.record()))
    return found


def compare(base: str, *, steps: int, progress: Progress, settings: TrainSettings | None = None) -> TrainerComparison:
    """Run both loops alternately, step by step, so that noise of the machine affects both alike."""
    from easyphoto.backends.folders import base_model
    from easyphoto.backends.loading import load_components

    settings = settings or TrainSettings()
    family, folder = base_model(base)
    family = family.at(settings.resolution)
    device = _device()
    components, twin = (load_components(family, folder, dtype=_float32(), device=device) for _ in range(2))
    with tempfile.TemporaryDirectory() as name:
        write_noise_pictures(Path(name), family.resolution, family.trigger)
        began = time.perf_counter()
        learner = open_bench_learner(components, Path(name), settings, steps=steps + WARM_UP, device=device)
        caching = time.perf_counter() - began
        plain = PlainLoop(twin, Path(name), settings=settings, steps=steps + WARM_UP, device=device)
        ours_seconds, plain_seconds = [], []
        for step in range(steps + WARM_UP):
            progress.check()
            progress.step(step, steps + WARM_UP, "comparing")
            ours_seconds.append(_timed(learner.advance, device))
            plain_seconds.append(_timed(plain.advance, device))
    return TrainerComparison(tuple(ours_seconds[WARM_UP:]), tuple(plain_seconds[WARM_UP:]), caching, settings.batch)


class PlainLoop:
    """Batch size 1 with gradient accumulation; autoencoder and text encoder run in the loop."""

    def __init__(self, components: Any, dataset: Path, *, settings: TrainSettings, steps: int, device: str) -> None:
        import torch

        from easyphoto.training.adapters import add_adapters
        from easyphoto.training.data import read_entries
        from easyphoto.training.noise import Noise

        self._components, self._settings, self._device = components, settings, device
        self._entries = read_entries(dataset)
        family = components.family
        self._adapted = add_adapters(
            components, rank=family.rank, alpha=family.alpha, seed=settings.seed, text_learns=True
        )
        self._noise = Noise.of(components.scheduler, device)
        # The networks' own tensors: the masters, which lie in the same memory, get no gradients by themselves.
        self._parameters = [leaf for _, factors in self._adapted.weights.factors() for leaf in factors.leaves]
        self._optimizer = torch.optim.AdamW(self._parameters, lr=family.learning_rate, foreach=True)
        self._draw = torch.Generator().manual_seed(settings.seed)

    def advance(self) -> float:
        """Run one optimizer step over as many pictures as ours takes in one pass; returns the loss."""
        import torch

        total = 0.0
        for _ in range(self._settings.batch):
            loss = self._loss() / self._settings.batch
            loss.backward()
            total += float(loss.detach())
        torch.nn.utils.clip_grad_norm_(self._parameters, 1.0)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        return total

    def _loss(self) -> torch.Tensor:
        import torch

        from easyphoto.backends.prompts import PromptEmbeddings, encoded_tokens
        from easyphoto.images.pictures import read_picture
        from easyphoto.training.data import tokenized

        entry = self._entries[int(torch.randint(len(self._entries), (1,), generator=self._draw))]
        pixels = torch.from_numpy(np.array(read_picture(entry.image), np.float32) / 127.5 - 1).permute(2, 0, 1)[None]
        with torch.no_grad():
            latents = self._components.vae.encode(pixels.to(self._device)).latent_dist.sample()
        latents = latents * self._components.vae.config.scaling_factor
        noise = torch.randn(latents.shape, generator=self._draw).to(self._device)
        times = torch.randint(self._noise.timesteps, (1,), generator=self._draw).to(self._device)
        tokenizers = self._components.tokenizers
        tokens = [tokenized(tokenizer, [entry.caption]).to(self._device) for tokenizer in tokenizers]
        states, pooled = encoded_tokens(self._adapted.said, self._adapted.text_encoders, tokens)
        side = self._components.family.resolution
        added = PromptEmbeddings(states, (), pooled).added(Size(side, side))
        noisy = self._noise.mixed(latents, noise, times)
        guess = self._adapted.unet(
            noisy, times, encoder_hidden_states=states, added_cond_kwargs=added, return_dict=False
        )[0]
        error = (guess - self._noise.target(latents, noise, times)) ** 2
        return (error.mean() * self._noise.importance(times, self._settings.min_snr_gamma)).mean()


def _timed(work: Callable[[], object], device: str) -> float:
    import torch

    began = time.perf_counter()
    work()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - began


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _float32() -> torch.dtype:
    import torch

    return torch.float32
