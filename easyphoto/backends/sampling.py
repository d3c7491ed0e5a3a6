"""The loop that turns noise into latents, with diffusers' schedulers and a blend of the old latents in every step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch

from easyphoto.backends.base import Sampler
from easyphoto.backends.controls import ActiveControl, AddedConditions, summed_residuals
from easyphoto.messages import phase
from easyphoto.progress import Progress

Preview = Callable[[torch.Tensor], Any]
Denoise = Callable[[torch.Tensor, torch.Tensor, float], torch.Tensor]
"""Latents, time step and progress (0 to 1) to the prediction, as `Denoiser` does."""
STEPS_PER_PREVIEW = 5
LCM_STEPS = 50
"""Steps of the sampler that consistency models were distilled from; theirs are a choice of these."""


@dataclass(frozen=True, eq=False)
class Denoiser:
    """The UNet with its words and controls: latents in, the guided prediction out."""

    unet: Any
    words: torch.Tensor
    """(batch, tokens, width), or twice the batch with the negative prompts first where `cfg` is not 1."""
    cfg: float
    controls: tuple[ActiveControl, ...]
    added: AddedConditions = None
    """What the UNet and the ControlNets of some families are told besides, in rows like `words`."""

    def __call__(self, latents: torch.Tensor, timestep: torch.Tensor, progress: float) -> torch.Tensor:
        dtype = self.unet.conv_in.weight.dtype
        copies = len(self.words) // len(latents)
        doubled = latents.repeat(copies, 1, 1, 1).to(dtype)
        residuals = summed_residuals(
            self.controls, doubled, timestep=timestep, words=self.words, progress=progress, added=self.added
        )
        prediction = self.unet(
            doubled,
            timestep,
            encoder_hidden_states=self.words,
            added_cond_kwargs=self.added,
            down_block_additional_residuals=residuals and tuple(residuals[0]),
            mid_block_additional_residual=residuals and residuals[1],
            return_dict=False,
        )[0].float()
        if copies == 1:
            return prediction
        without, with_words = prediction.chunk(2)
        return without + self.cfg * (with_words - without)


@dataclass(frozen=True, eq=False)
class Schedule:
    """A scheduler set to its steps, and what share of picture and noise the latents hold before each of them."""

    scheduler: Any
    first: int
    """Index of the first step that is made: later the less is to change."""
    signal: torch.Tensor
    noise: torch.Tensor
    """Both (steps + 1): the last entry is the finished picture, 1 and 0."""
    loudest: float
    """Size of the noise where nothing of the picture is kept."""

    @property
    def made(self) -> int:
        return len(self.scheduler.timesteps) - self.first

    @property
    def middles(self) -> list[float]:
        """The middle of each step that is made, as a share of all: what starts and ends is told by it."""
        return [(step + 0.5) / self.made for step in range(self.made)]

    def noised(self, latents: torch.Tensor, noise: torch.Tensor, index: int) -> torch.Tensor:
        """What the sampler holds before step `index` of a picture."""
        return float(self.signal[index]) * latents + float(self.noise[index]) * noise

    def start(self, latents: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """At full strength nothing of the picture is kept: the last step of the training still shows its brightness."""
        if self.first == 0:
            return self.loudest * noise
        return self.noised(latents, noise, self.first)


@dataclass(frozen=True, eq=False)
class Repaint:
    """Where to change what: latents outside of the mask follow the old picture through every step."""

    latents: torch.Tensor
    mask: torch.Tensor


def make_schedule(config: Any, sampler: Sampler, *, steps: int, strength: float, device: torch.device) -> Schedule:
    """`config` is the base model's scheduler configuration: betas and prediction type are taken from it."""
    scheduler = _scheduler(config, sampler, steps)
    scheduler.set_timesteps(steps, device=device)
    total = len(scheduler.timesteps)
    made = min(total, max(1, round(total * strength)))
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(total - made)
    signal, noise = _levels(scheduler, sampler)
    # Where the last step of the training is the first one here, it has the noise alone, as in the training.
    trailing = sampler is Sampler.EULER_TRAILING
    loudest = noise[0] if trailing else torch.hypot(signal[0], noise[0])
    return Schedule(scheduler, total - made, signal, noise, float(loudest))


def _scheduler(config: Any, sampler: Sampler, steps: int) -> Any:
    from diffusers import (
        DDIMScheduler,
        DPMSolverMultistepScheduler,
        EulerAncestralDiscreteScheduler,
        EulerDiscreteScheduler,
        LCMScheduler,
    )

    match sampler:
        case Sampler.DPMPP_2M_KARRAS:
            return DPMSolverMultistepScheduler.from_config(config, **_karras(config, "dpmsolver++"))
        case Sampler.DPMPP_2M_SDE_KARRAS:
            return DPMSolverMultistepScheduler.from_config(config, **_karras(config, "sde-dpmsolver++"))
        case Sampler.EULER_A:
            return EulerAncestralDiscreteScheduler.from_config(config)
        case Sampler.DDIM:
            return DDIMScheduler.from_config(config, **_UNCLIPPED)
        case Sampler.DDIM_TRAILING:
            # The same steps as diffusers' DDIM makes, but that one goes on by whole numbers: where the steps do not
            # divide the training's 1000 it misses the next time step, and 18 steps leave noise of 0.029 in the picture.
            return DPMSolverMultistepScheduler.from_config(config, **_FIRST_ORDER, timestep_spacing="trailing")
        case Sampler.EULER_TRAILING:
            return EulerDiscreteScheduler.from_config(config, timestep_spacing="trailing")
        case Sampler.LCM:
            origin = max(LCM_STEPS, steps)
            return LCMScheduler.from_config(config, **_UNCLIPPED, original_inference_steps=origin)


# DDIM's own default clips predictions to -1..1, which latents are not held to.
_UNCLIPPED = MappingProxyType({"clip_sample": False, "set_alpha_to_one": True})
_FIRST_ORDER = MappingProxyType({"algorithm_type": "dpmsolver++", "solver_order": 1, "final_sigmas_type": "zero"})


def _karras(config: Any, algorithm: str) -> dict[str, Any]:
    # Where the training's last step is pure noise, Karras' steps would begin at a noise of 4096 and spend the half on
    # what is noise alone: at strength 0.45 nothing of the picture would be left.
    is_karras = not config.get("rescale_betas_zero_snr", False)
    return {
        "algorithm_type": algorithm, "solver_order": 2, "use_karras_sigmas": is_karras, "final_sigmas_type": "zero"
    }  # fmt: skip


def _levels(scheduler: Any, sampler: Sampler) -> tuple[torch.Tensor, torch.Tensor]:
    """Share of picture and of noise before every step, in the scaling of that scheduler."""
    if sampler in (Sampler.DDIM, Sampler.LCM):
        kept = torch.cat([scheduler.alphas_cumprod[scheduler.timesteps.cpu()], torch.ones(1)])
        return kept.sqrt(), (1 - kept).sqrt()
    sigmas = scheduler.sigmas.float().cpu()
    if sampler in (Sampler.EULER_A, Sampler.EULER_TRAILING):
        return torch.ones_like(sigmas), sigmas
    signal = (1 + sigmas**2).rsqrt()
    return signal, sigmas * signal


def sample(
    denoise: Denoise,
    schedule: Schedule,
    progress: Progress,
    *,
    latents: torch.Tensor,
    noise: torch.Tensor,
    generators: Sequence[torch.Generator],
    repaint: Repaint | None = None,
    preview: Preview | None = None,
) -> torch.Tensor:
    """Finished latents. `latents` are where the picture starts from, `generators` one for each picture."""
    scheduler = schedule.scheduler
    current = schedule.start(latents, noise)
    for made, middle in enumerate(schedule.middles):
        progress.check()
        index = schedule.first + made
        timestep = scheduler.timesteps[index]
        scaled = scheduler.scale_model_input(current, timestep)
        prediction = denoise(scaled, timestep, middle)
        output = scheduler.step(prediction, timestep, current, **_randomness(scheduler, generators))
        current = output.prev_sample
        if repaint is not None:
            old = schedule.noised(repaint.latents, noise, index + 1)
            current = repaint.mask * current + (1 - repaint.mask) * old
        shown = preview(_forecast(scheduler, output)) if preview and (made + 1) % STEPS_PER_PREVIEW == 0 else None
        progress.step(made + 1, schedule.made, phase("paint-steps", "painting"), preview=shown)
    return current


def _randomness(scheduler: Any, generators: Sequence[torch.Generator]) -> dict[str, Any]:
    """A generator for each picture, so that a picture comes out the same alone and in a batch."""
    return {"generator": list(generators)} if type(scheduler).__name__ != "DDIMScheduler" else {}


def _forecast(scheduler: Any, output: Any) -> torch.Tensor:
    """The finished latents as the sampler guesses them now: what is worth showing while noise is still in."""
    for name in ("pred_original_sample", "denoised"):
        guess = getattr(output, name, None)
        if guess is not None:
            return guess
    return scheduler.model_outputs[-1]
