"""The noise that a sampler leaves, held against what its schedule says it leaves."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler

from easyphoto.backends.base import Sampler
from easyphoto.backends.sampling import Schedule, make_schedule

CPU = torch.device("cpu")


def stable_diffusion(**changes: Any) -> Any:
    """Its scheduler's configuration, as a base model brings it."""
    betas = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012}
    return DDPMScheduler(**betas, clip_sample=False, steps_offset=1, **changes).config


def drawn() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    return torch.randn(1, 4, 32, 32, generator=generator), torch.randn(1, 4, 32, 32, generator=generator)


def largest_error(schedule: Schedule) -> float:
    """With a network that sees the noise exactly: between what a step leaves and what the next one counts with."""
    picture, noise = drawn()
    current, worst = schedule.start(picture, noise), 0.0
    for index in range(schedule.first, len(schedule.scheduler.timesteps)):
        timestep = schedule.scheduler.timesteps[index]
        schedule.scheduler.scale_model_input(current, timestep)
        current = schedule.scheduler.step(noise, timestep, current).prev_sample
        worst = max(worst, float((current - schedule.noised(picture, noise, index + 1)).abs().max()))
    return worst


@pytest.mark.parametrize("sampler", [Sampler.DDIM, Sampler.DDIM_TRAILING, Sampler.EULER_TRAILING])
@pytest.mark.parametrize(("steps", "strength"), [(18, 0.45), (23, 0.35), (27, 0.30)])
def test_what_a_step_leaves_is_what_the_next_one_counts_with(sampler: Sampler, steps: int, strength: float) -> None:
    schedule = make_schedule(stable_diffusion(), sampler, steps=steps, strength=strength, device=CPU)

    assert schedule.made == 8
    assert largest_error(schedule) < 1e-4


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_ddim_trailing_makes_the_steps_of_diffusers_where_they_divide_the_training(prediction: str) -> None:
    config = stable_diffusion(prediction_type=prediction)
    ours = make_schedule(config, Sampler.DDIM_TRAILING, steps=8, strength=1.0, device=CPU)
    theirs = DDIMScheduler.from_config(config, timestep_spacing="trailing", clip_sample=False, set_alpha_to_one=True)
    theirs.set_timesteps(8)
    picture, noise = drawn()

    mine = other = ours.start(picture, noise)
    for timestep in theirs.timesteps:
        guess = torch.tanh(mine + picture)
        mine = ours.scheduler.step(guess, timestep, mine).prev_sample
        other = theirs.step(guess, timestep, other).prev_sample

    assert ours.scheduler.timesteps.tolist() == theirs.timesteps.tolist()
    assert torch.allclose(mine, other, atol=1e-4)


@pytest.mark.parametrize("sampler", list(Sampler))
def test_at_a_middle_strength_a_model_that_begins_with_pure_noise_keeps_the_picture(sampler: Sampler) -> None:
    config = stable_diffusion(prediction_type="v_prediction", rescale_betas_zero_snr=True, timestep_spacing="trailing")

    schedule = make_schedule(config, sampler, steps=20, strength=0.45, device=CPU)

    # In equal steps 0.45 of the training's 1000 lie before it, where picture and noise are about as strong.
    signal, noise = float(schedule.signal[schedule.first]), float(schedule.noise[schedule.first])
    assert 0.5 < noise / signal < 2
