"""What every sampler's schedule promises, and what the loop makes of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from diffusers import DDPMScheduler

from easyphoto.backends.base import Sampler
from easyphoto.backends.sampling import Denoiser, Repaint, Schedule, make_schedule, sample
from easyphoto.progress import NullProgress
from tests.fakes import RecordingProgress

CPU = torch.device("cpu")
SAMPLERS = list(Sampler)
SHAPE = (2, 4, 4, 6)


def config(**changes: Any) -> Any:
    betas = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012}
    kept = {"clip_sample": False, "steps_offset": 1, "timestep_spacing": "leading"}
    return DDPMScheduler(**betas, **{**kept, **changes}).config


def drawn(seed: int) -> torch.Tensor:
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed))


def scheduled(sampler: Sampler, *, steps: int = 10, strength: float = 1.0, **changes: Any) -> Schedule:
    return make_schedule(config(**changes), sampler, steps=steps, strength=strength, device=CPU)


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize(
    ("steps", "strength", "made"),
    [(10, 1.0, 10), (10, 0.44, 4), (10, 0.46, 5), (10, 0.01, 1), (20, 0.3, 6), (1, 0.5, 1)]
)  # fmt: skip
def test_so_many_steps_are_made_as_the_strength_is_a_share_of(
    sampler: Sampler, steps: int, strength: float, made: int
) -> None:
    schedule = scheduled(sampler, steps=steps, strength=strength)

    assert (schedule.made, schedule.first) == (made, steps - made)
    assert len(schedule.signal) == len(schedule.noise) == steps + 1
    assert (float(schedule.signal[-1]), float(schedule.noise[-1])) == (1.0, 0.0)


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("index", [0, 3, 9])
def test_noise_is_mixed_in_as_the_sampler_s_own_scheduler_does(sampler: Sampler, index: int) -> None:
    schedule, picture, noise = scheduled(sampler), drawn(1), drawn(2)

    ours = schedule.noised(picture, noise, index)

    fresh = scheduled(sampler).scheduler
    fresh._begin_index = None
    theirs = fresh.add_noise(picture, noise, fresh.timesteps[index].repeat(len(picture)))
    assert torch.allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_at_full_strength_the_start_is_noise_as_loud_as_the_scheduler_wants(sampler: Sampler) -> None:
    schedule, noise = scheduled(sampler), drawn(2)

    start = schedule.start(drawn(1), noise)

    assert torch.allclose(start, noise * float(schedule.scheduler.init_noise_sigma), rtol=1e-4)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_below_full_strength_the_start_is_the_picture_under_its_first_step_s_noise(sampler: Sampler) -> None:
    schedule, picture, noise = scheduled(sampler, strength=0.5), drawn(1), drawn(2)

    assert torch.equal(schedule.start(picture, noise), schedule.noised(picture, noise, 5))


def test_each_sampler_makes_its_own_steps() -> None:
    times = {sampler: scheduled(sampler, steps=4).scheduler.timesteps.tolist() for sampler in SAMPLERS}

    # Karras: sigma 14.6, 3.2, 0.45, 0.03. The trailing ones begin with the training's last step; LCM takes four of 50.
    assert times[Sampler.DPMPP_2M_KARRAS] == times[Sampler.DPMPP_2M_SDE_KARRAS] == [999, 687, 146, 0]
    assert times[Sampler.EULER_A] == times[Sampler.DDIM] == [751, 501, 251, 1]
    assert times[Sampler.EULER_TRAILING] == times[Sampler.DDIM_TRAILING] == [999, 749, 499, 249]
    assert times[Sampler.LCM] == [999, 759, 499, 259]


def test_a_base_model_that_does_not_say_how_its_training_ends_is_sampled_by_karras_sigmas() -> None:
    older = {key: value for key, value in config().items() if key != "rescale_betas_zero_snr"}

    schedule = make_schedule(older, Sampler.DPMPP_2M_KARRAS, steps=4, strength=1.0, device=CPU)

    assert schedule.scheduler.timesteps.tolist() == [999, 687, 146, 0]


def test_more_steps_than_lcm_was_distilled_from_are_made_all_the_same() -> None:
    assert len(scheduled(Sampler.LCM, steps=60).scheduler.timesteps) == 60


@pytest.mark.parametrize("sampler", [Sampler.DDIM, Sampler.LCM])
def test_latents_beyond_one_are_not_clipped(sampler: Sampler) -> None:
    loud = 5 * drawn(1)
    schedule = scheduled(sampler, steps=4, strength=0.25)

    made = sample(
        denoiser(Network(lambda latents, words: drawn(2))), schedule, NullProgress(), latents=loud, noise=drawn(2),
        generators=generators(),
    )  # fmt: skip

    assert float(made.abs().max()) > 5


@dataclass
class Network:
    """A UNet that says what it is told to, and remembers what it was shown."""

    said: Any
    shown: list[tuple[torch.Tensor, float]] = field(default_factory=list)
    dtype: torch.dtype = torch.float32

    @property
    def conv_in(self) -> torch.nn.Module:
        return torch.nn.Conv2d(4, 4, 1, dtype=self.dtype)

    def __call__(self, latents: torch.Tensor, timestep: torch.Tensor, **told: Any) -> tuple[torch.Tensor]:
        self.shown.append((latents.clone(), float(timestep)))
        assert told["added_cond_kwargs"] is None
        assert told["down_block_additional_residuals"] is told["mid_block_additional_residual"] is None
        return (self.said(latents, told["encoder_hidden_states"]),)


def denoiser(network: Network, *, cfg: float = 1.0, rows: int = 2) -> Denoiser:
    """Words are the row's number all over."""
    words = torch.arange(rows, dtype=torch.float32)[:, None, None].expand(rows, 3, 5)
    return Denoiser(network, words, cfg, ())


def generators() -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in (1, 2)]


def told_apart(latents: torch.Tensor, words: torch.Tensor) -> torch.Tensor:
    return torch.zeros_like(latents) + words[:, :1, :1, None]


def test_guidance_goes_from_the_negative_words_beyond_the_positive_ones() -> None:
    """Rows 0 and 1 are the negatives, 2 and 3 the prompts: −3 steps from each towards the other."""
    guided = denoiser(Network(told_apart), cfg=3.0, rows=4)(drawn(1), torch.tensor(5), 0.5)

    assert guided[0].unique().tolist() == [0 + 3 * (2 - 0)]
    assert guided[1].unique().tolist() == [1 + 3 * (3 - 1)]


def test_without_guidance_the_words_are_asked_once() -> None:
    network = Network(told_apart)

    said = denoiser(network)(drawn(1), torch.tensor(5), 0.5)

    assert [len(latents) for latents, _ in network.shown] == [2]
    assert [float(row.unique()) for row in said] == [0.0, 1.0]


def test_a_16_bit_network_is_shown_16_bits_and_heard_in_32() -> None:
    network = Network(lambda latents, words: latents, dtype=torch.bfloat16)

    said = denoiser(network)(drawn(1), torch.tensor(5), 0.5)

    assert network.shown[0][0].dtype == torch.bfloat16
    assert said.dtype == torch.float32


def painted(sampler: Sampler, *, strength: float = 1.0, repaint: Repaint | None = None, **more: Any) -> torch.Tensor:
    """By a network that sees the noise in its latents exactly: it removes it and finds the picture."""
    schedule = scheduled(sampler, strength=strength)
    return sample(
        denoiser(Network(lambda latents, words: drawn(2))), schedule, more.pop("progress", NullProgress()),
        latents=drawn(1), noise=drawn(2), generators=generators(), repaint=repaint, **more,
    )  # fmt: skip


@pytest.mark.parametrize(
    "sampler", [Sampler.DDIM, Sampler.DDIM_TRAILING, Sampler.EULER_TRAILING, Sampler.DPMPP_2M_KARRAS]
)
def test_who_sees_the_noise_exactly_finds_the_picture(sampler: Sampler) -> None:
    assert torch.allclose(painted(sampler, strength=0.5), drawn(1), atol=1e-3)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_outside_the_mask_the_old_latents_come_out_to_the_bit(sampler: Sampler) -> None:
    mask = torch.zeros(2, 1, 4, 6)
    mask[..., 3:] = 1
    old = drawn(3)

    made = painted(sampler, strength=0.6, repaint=Repaint(old, mask))

    assert torch.equal(made[..., :3], old[..., :3])
    assert (made[..., 3:] != old[..., 3:]).all()


def test_half_a_mask_mixes_halves() -> None:
    """After the last step, where no noise is left."""
    old = drawn(3)

    mixed = painted(Sampler.DDIM, strength=0.1, repaint=Repaint(old, torch.full((2, 1, 4, 6), 0.25)))

    alone = painted(Sampler.DDIM, strength=0.1)
    assert torch.allclose(mixed, 0.25 * alone + 0.75 * old, atol=1e-5)


def test_every_fifth_step_shows_the_guess_of_the_finished_picture() -> None:
    progress = RecordingProgress()

    painted(Sampler.DDIM, progress=progress, preview=lambda latents: f"after {len(progress.steps)} steps and this one")

    assert progress.steps == [(done, 10, "painting") for done in range(1, 11)]
    assert progress.previews == ["after 4 steps and this one", "after 9 steps and this one"]
    assert progress.checks == 10


@pytest.mark.parametrize("sampler", [Sampler.DDIM, Sampler.DDIM_TRAILING, Sampler.EULER_TRAILING])
def test_the_guess_is_without_noise(sampler: Sampler) -> None:
    progress = RecordingProgress()
    schedule = scheduled(sampler, steps=10, strength=0.7)

    sample(
        denoiser(Network(lambda latents, words: drawn(2))), schedule, progress, latents=drawn(1), noise=drawn(2),
        generators=generators(), preview=lambda guess: guess,
    )  # fmt: skip

    assert len(progress.previews) == 1
    assert torch.allclose(progress.previews[0], drawn(1), atol=1e-3)


@pytest.mark.parametrize("sampler", [Sampler.EULER_A, Sampler.LCM, Sampler.DPMPP_2M_SDE_KARRAS])
def test_each_picture_draws_from_its_own_generator(sampler: Sampler) -> None:
    def made(seeds: tuple[int, int]) -> torch.Tensor:
        return sample(
            denoiser(Network(lambda latents, words: drawn(2))), scheduled(sampler), NullProgress(), latents=drawn(1),
            noise=drawn(2), generators=[torch.Generator().manual_seed(seed) for seed in seeds],
        )  # fmt: skip

    one, other = made((1, 2)), made((1, 3))

    assert torch.equal(one[0], other[0])
    assert not torch.equal(one[1], other[1])


def test_controls_are_told_the_middle_of_each_step() -> None:
    """So that one that ends at 0.65 of four steps is on in the third, whose middle is 0.625."""
    told: list[float] = []

    def denoise(latents: torch.Tensor, timestep: torch.Tensor, progress: float) -> torch.Tensor:
        told.append(progress)
        return torch.zeros_like(latents)

    schedule = scheduled(Sampler.DDIM, steps=8, strength=0.5)
    sample(denoise, schedule, NullProgress(), latents=drawn(1), noise=drawn(2), generators=generators())  # type: ignore[arg-type]

    assert told == [0.125, 0.375, 0.625, 0.875]
