"""The sampling loop: diffusers' schedulers, with the old latents blended in outside the mask in every step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

import torch

from easyphoto.backends.base import Sampler
from easyphoto.backends.controls import ActiveControl, AddedConditions, summed_residuals
from easyphoto.messages import phase
from easyphoto.progress import Progress

Preview = Callable[[torch.Tensor], Any]
"""The finished latents as they are estimated in a step → the picture to show, made only if somebody looks."""
Denoise = Callable[[torch.Tensor, torch.Tensor, float], torch.Tensor]
"""(latents, time step, progress in 0..1) → the prediction, as `Denoiser` computes it."""
STEPS_PER_PREVIEW = 5
LCM_STEPS = 50
"""Steps of the sampler that consistency models were distilled from; their own steps are a subset of these."""


@dataclass(frozen=True, eq=False)
class Denoiser:
    """The UNet with its prompt embeddings and controls, applying classifier-free guidance.

    It takes latents (batch, channels, height, width) and returns the guided prediction, float32 of the same shape.
    """

    unet: Any
    words: torch.Tensor
    """(batch, tokens, width), or (2 × batch, tokens, width) with the negative prompts first if `cfg` is not 1."""
    cfg: float
    controls: tuple[ActiveControl, ...]
    added: AddedConditions = None
    """Extra inputs for the UNet and the ControlNets of some families, in rows like `words`."""

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
    """A scheduler set to its steps, with the scales of signal and noise in the latents before each step."""

    scheduler: Any
    first: int
    """Index of the first step taken; the lower the denoising strength, the later."""
    signal: torch.Tensor
    noise: torch.Tensor
    """`signal` and `noise` are float32 (steps + 1,) on the CPU; they end in 1 and 0, the finished picture."""
    loudest: float
    """Scale of the noise if nothing of the picture is kept."""
    times: torch.Tensor
    """The time steps on the device, for the networks. The scheduler's own stay on the CPU, where it reads their values:
    on the device each reading would wait for all that the device still has to do."""

    @property
    def made(self) -> int:
        return len(self.scheduler.timesteps) - self.first

    @property
    def middles(self) -> list[float]:
        """The middle of each step taken, as a fraction of all; it decides which controls and conditions act."""
        return [(step + 0.5) / self.made for step in range(self.made)]

    def noised(self, latents: torch.Tensor, noise: torch.Tensor, index: int) -> torch.Tensor:
        """The latents the sampler would hold before step `index`, of the shape of `latents` and `noise`."""
        return float(self.signal[index]) * latents + float(self.noise[index]) * noise

    def start(self, latents: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """The latents before the first step, of the shape of `latents` and `noise`.

        At full strength they are pure noise: the last training time step would still show the picture's brightness.
        """
        if self.first == 0:
            return self.loudest * noise
        return self.noised(latents, noise, self.first)


@dataclass(frozen=True, eq=False)
class Repaint:
    """The latents to keep and the mask of cells to repaint; outside the mask, every step returns to the old latents.

    `latents` is float32 (batch, channels, height, width), `mask` float32 (batch, 1, height, width) of 0 and 1.
    """

    latents: torch.Tensor
    mask: torch.Tensor


def make_schedule(config: Any, sampler: Sampler, *, steps: int, strength: float, device: torch.device) -> Schedule:
    """The schedule of a sampler. `config` is the base model's scheduler configuration, which gives the betas and the
    prediction type; `strength` in 0..1 is the fraction of the `steps` that is taken."""
    scheduler = _scheduler(config, sampler, steps)
    scheduler.set_timesteps(steps, device="cpu")
    total = len(scheduler.timesteps)
    made = min(total, max(1, round(total * strength)))
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(total - made)
    signal, noise = _levels(scheduler, sampler)
    # With trailing spacing the first step is the last training time step, whose scale of noise alone is used.
    trailing = sampler is Sampler.EULER_TRAILING
    loudest = noise[0] if trailing else torch.hypot(signal[0], noise[0])
    return Schedule(scheduler, total - made, signal, noise, float(loudest), scheduler.timesteps.to(device))


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
            # The same steps as diffusers' DDIM, which however advances by whole numbers: if the number of steps does
            # not divide the 1000 training steps, it misses the next time step; 18 steps leave noise of 0.029.
            return DPMSolverMultistepScheduler.from_config(config, **_FIRST_ORDER, timestep_spacing="trailing")
        case Sampler.EULER_TRAILING:
            return EulerDiscreteScheduler.from_config(config, timestep_spacing="trailing")
        case Sampler.LCM:
            origin = max(LCM_STEPS, steps)
            return LCMScheduler.from_config(config, **_UNCLIPPED, original_inference_steps=origin)


# DDIM clips predictions to -1..1 by default, but latents are not limited to that range.
_UNCLIPPED = MappingProxyType({"clip_sample": False, "set_alpha_to_one": True})
_FIRST_ORDER = MappingProxyType({"algorithm_type": "dpmsolver++", "solver_order": 1, "final_sigmas_type": "zero"})


def _karras(config: Any, algorithm: str) -> dict[str, Any]:
    # With zero terminal SNR, Karras' sigmas would start at 4096 and half of the steps would be spent on pure noise: at
    # strength 0.45 nothing of the picture would be left.
    is_karras = not config.get("rescale_betas_zero_snr", False)
    return {
        "algorithm_type": algorithm, "solver_order": 2, "use_karras_sigmas": is_karras, "final_sigmas_type": "zero"
    }  # fmt: skip


def _levels(scheduler: Any, sampler: Sampler) -> tuple[torch.Tensor, torch.Tensor]:
    """The scales of signal and noise before every step, in that scheduler's convention, float32 (steps + 1,) each."""
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
    """Run the sampling loop and return the finished latents.

    `latents` and `noise` are float32 (batch, channels, height, width): the old picture's latents and the initial noise.
    There is one generator per picture.
    """
    scheduler = schedule.scheduler
    current = schedule.start(latents, noise)
    draws = _Draws(scheduler, generators, (schedule.made, *noise.shape), noise.device)
    for made, middle in enumerate(schedule.middles):
        progress.check()
        index = schedule.first + made
        timestep = scheduler.timesteps[index]
        scaled = scheduler.scale_model_input(current, timestep)
        prediction = denoise(scaled, schedule.times[index], middle)
        output = scheduler.step(prediction, timestep, current, **draws.of(made))
        current = output.prev_sample
        if repaint is not None:
            old = schedule.noised(repaint.latents, noise, index + 1)
            current = repaint.mask * current + (1 - repaint.mask) * old
        is_shown = preview is not None and (made + 1) % STEPS_PER_PREVIEW == 0
        shown = partial(preview, _forecast(scheduler, output)) if preview is not None and is_shown else None
        progress.step(made + 1, schedule.made, phase("paint-steps", "painting"), preview=shown)
    return current


def drawn_noise(shape: Sequence[int], generators: Sequence[torch.Generator]) -> torch.Tensor:
    """Noise of that shape from each generator, float32 (generators, *shape)."""
    return torch.stack([torch.randn(tuple(shape), generator=each) for each in generators])


class _Draws:
    """What a scheduler draws its noise from. Each picture has a generator, so that it is the same alone and in a batch,
    on the CPU, so that it is the same on every device."""

    def __init__(
        self, scheduler: Any, generators: Sequence[torch.Generator], shape: Sequence[int], device: torch.device
    ) -> None:
        """`shape` is (steps, batch, channels, height, width)."""
        self._generators = list(generators)
        self._name = type(scheduler).__name__
        self._noise: torch.Tensor | None = None
        if str(scheduler.config.get("algorithm_type")).startswith("sde"):
            # All at once: uploaded step by step, the processor would wait for the device in every step.
            self._noise = torch.stack([drawn_noise(shape[2:], generators) for _ in range(shape[0])]).to(device)

    def of(self, step: int) -> dict[str, Any]:
        """Arguments for the scheduler's `step`."""
        if self._noise is not None:
            return {"variance_noise": self._noise[step]}
        return {"generator": self._generators} if self._name != "DDIMScheduler" else {}


def _forecast(scheduler: Any, output: Any) -> torch.Tensor:
    """The sampler's current estimate of the finished latents, without the remaining noise, for previews."""
    for name in ("pred_original_sample", "denoised"):
        guess = getattr(output, name, None)
        if guess is not None:
            return guess
    return scheduler.model_outputs[-1]
