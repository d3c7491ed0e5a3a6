"""The trainer's steps against a plain loop: everything between the photos' files and the adapters, written out.

The plain loop shares the networks' forward passes and the run's draws (photos, timesteps, seeds) with the trainer,
nothing else. Both run in float32 on the same networks, so that what the adapters learn differs by rounding: by less
than a thousandth of its size, in each network.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from easyphoto.architectures.miniature import MINIATURE
from easyphoto.architectures.sd15 import SD15
from easyphoto.architectures.sdxl import SDXL
from easyphoto.backends.components import Components
from easyphoto.backends.loading import load_components
from easyphoto.progress import NullProgress
from easyphoto.settings.training import TrainSettings
from easyphoto.training.adapters import Adapted, add_adapters
from easyphoto.training.data import cache_dataset, make_plan, read_entries
from easyphoto.training.loop import Learner
from easyphoto.training.noise import Noise
from tests.backends.merges import write_merges
from tests.ldm_layout import write_checkpoint

SIDE, CELLS, BATCH = 128, 16, 3
STEPS, WARM_UP, MADE = 30, 3, 5
UNET_RATE, TEXT_RATE = 2e-4, 3e-5
GAMMA, LONGEST = 5.0, 1.0
BETA1, BETA2, EPSILON, DECAY = 0.9, 0.999, 1e-8, 0.01
Values = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Model:
    family: Any
    base: Path

    def open(self, *, text_learns: bool = True) -> tuple[Components, Adapted]:
        """The networks with adapters that are not nothing, the same ones each time."""
        components = load_components(
            replace(self.family, resolution=SIDE), self.base, dtype=torch.float32, device="cpu"
        )
        # An alpha that makes some gradients longer than what is let through, and others shorter.
        adapted = add_adapters(components, rank=4, alpha=16, seed=0, text_learns=text_learns)
        draw = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for name, parameter in adapted.parameters().items():
                if "lora_B" in name:
                    parameter.copy_(torch.randn(parameter.shape, generator=draw) * 0.2)
        return components, adapted


@pytest.fixture(scope="module", params=["miniature", "sd15", "sdxl"])
def model(request: pytest.FixtureRequest, tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Model:
    torch.set_num_threads(1)
    if request.param == "miniature":
        return Model(MINIATURE, tiny_base)
    family, folder = {"sd15": SD15, "sdxl": SDXL}[request.param], tmp_path_factory.mktemp(request.param)
    write_merges(folder)
    return Model(family, write_checkpoint(folder, family)[0])


def values(adapted: Adapted) -> Values:
    return {name: parameter.detach().clone() for name, parameter in adapted.parameters().items()}


@dataclass(frozen=True)
class Learned:
    after: Values
    losses: list[float]
    moments: tuple[Values, Values]
    """AdamW's running means, of the slopes and of their squares."""


def trained(model: Model, dataset: Path, steps: int, gamma: float, *, text_learns: bool) -> tuple[Learned, Any]:
    """The trainer's own steps, and the run's draws."""
    components, adapted = model.open(text_learns=text_learns)
    cached = cache_dataset(components, read_entries(dataset), NullProgress(), flip=False, device="cpu")
    noise = Noise.of(components.scheduler, "cpu")
    plan = make_plan(cached, STEPS, batch=BATCH, timesteps=noise.timesteps, seed=4)
    learner = Learner(
        adapted, cached, noise=noise, plan=plan, settings=TrainSettings(batch=BATCH, min_snr_gamma=gamma),
        rates=(UNET_RATE, TEXT_RATE), device="cpu",
    )  # fmt: skip
    for _ in range(steps):
        learner.advance()
    learner.read()
    return Learned(values(adapted), learner.losses, moments_of(learner)), plan


def moments_of(learner: Learner) -> tuple[Values, Values]:
    """Nothing where nobody looks: SDXL takes the states before an encoder's last layer."""
    state, parameters = learner.state(), learner.adapted.parameters()
    one, two = (
        {name: state.get(f"{key}.{name}", torch.zeros_like(each)) for name, each in parameters.items()}
        for key in ("exp_avg", "exp_avg_sq")
    )
    return one, two


@dataclass(frozen=True)
class Photo:
    mean: torch.Tensor
    deviation: torch.Tensor
    weights: torch.Tensor
    caption: str


@torch.no_grad()
def photo_of(components: Components, image: Path, caption: str) -> Photo:
    pixels = torch.from_numpy(np.array(Image.open(image), np.float32) / 127.5 - 1).permute(2, 0, 1)[None]
    found, scale = components.vae.encode(pixels).latent_dist, components.vae.config.scaling_factor
    mask = np.array(Image.open(image.parent.parent / "weights" / image.name), np.float32)
    cells = mask.reshape(CELLS, SIDE // CELLS, CELLS, SIDE // CELLS).mean((1, 3))
    return Photo(found.mean[0] * scale, found.std[0] * scale, torch.from_numpy(cells / cells.mean()), caption)


def conditions(components: Components, captions: list[str]) -> tuple[torch.Tensor, dict[str, torch.Tensor] | None]:
    tokens = [
        tokenizer(captions, padding="max_length", max_length=77, truncation=True, return_tensors="pt").input_ids
        for tokenizer in components.tokenizers
    ]
    if len(tokens) == 1:
        return components.text_encoders[0](tokens[0]).last_hidden_state, None
    one = components.text_encoders[0](tokens[0], output_hidden_states=True)
    two = components.text_encoders[1](tokens[1], output_hidden_states=True)
    times = torch.tensor([[SIDE, SIDE, 0, 0, SIDE, SIDE]] * len(captions), dtype=torch.float32)
    states = torch.cat([one.hidden_states[-2], two.hidden_states[-2]], dim=-1)
    return states, {"text_embeds": two.text_embeds, "time_ids": times}


def plain_loss(
    components: Components, adapted: Adapted, photos: list[Photo], times: torch.Tensor, seed: int, gamma: float
) -> Any:
    """Of one batch, by diffusers' own noise schedule. Min-SNR: Hang et al., 2023, and its formula for v."""
    from diffusers import DDPMScheduler

    schedule = DDPMScheduler.from_config(components.scheduler.config)
    draw = torch.Generator().manual_seed(seed)
    shape = (len(photos), 4, CELLS, CELLS)
    latents = torch.stack([photo.mean for photo in photos])
    latents = latents + torch.stack([photo.deviation for photo in photos]) * torch.randn(shape, generator=draw)
    noise = torch.randn(shape, generator=draw)
    words, added = conditions(components, [photo.caption for photo in photos])
    noisy = schedule.add_noise(latents, noise, times)
    guess = adapted.guess(noisy, times, words, added)
    is_v = schedule.config.prediction_type == "v_prediction"
    target = schedule.get_velocity(latents, noise, times) if is_v else noise
    loss = torch.zeros(())
    for row, photo in enumerate(photos):
        kept = float(schedule.alphas_cumprod[times[row]])
        ratio = kept / (1 - kept)
        importance = min(ratio, gamma) / (ratio + 1 if is_v else ratio) if gamma else 1.0
        loss = loss + importance * (photo.weights * (guess[row] - target[row]) ** 2).mean() / len(photos)
    return loss


def plain_rate(step: int) -> float:
    """Three steps up, then a cosine from the whole down to a tenth at the end."""
    if step < WARM_UP:
        return (step + 1) / WARM_UP
    return 0.1 + 0.9 * (1 + math.cos(math.pi * (step - WARM_UP) / (STEPS - WARM_UP))) / 2


def plain_run(
    model: Model, dataset: Path, plan: Any, steps: int, gamma: float, *, text_learns: bool
) -> tuple[Learned, list[float]]:
    """The same by hand, and the gradients' lengths before they were clipped."""
    components, adapted = model.open(text_learns=text_learns)
    photos = [photo_of(components, entry.image, entry.caption) for entry in read_entries(dataset)]
    parameters = adapted.parameters()
    first, second = ({name: torch.zeros_like(each) for name, each in parameters.items()} for _ in range(2))
    losses, lengths = [], []
    for step in range(steps):
        batch = [photos[row] for row in plan.indices[step].tolist()]
        loss = plain_loss(components, adapted, batch, plan.timesteps[step], int(plan.noise_seeds[step]), gamma)
        losses.append(loss.item())
        adapted.weights.clear()
        loss.backward()
        adapted.weights.gather()
        slopes = {name: slope.clone() for name, slope in adapted.weights.gradients.items()}
        lengths.append(math.sqrt(sum(float((slope**2).sum()) for slope in slopes.values())))
        for name, slope in slopes.items():
            slope = slope * min(1.0, LONGEST / lengths[-1])
            first[name] = BETA1 * first[name] + (1 - BETA1) * slope
            second[name] = BETA2 * second[name] + (1 - BETA2) * slope**2
            rate = (TEXT_RATE if name.startswith("text_encoder") else UNET_RATE) * plain_rate(step)
            mean, square = first[name] / (1 - BETA1 ** (step + 1)), second[name] / (1 - BETA2 ** (step + 1))
            with torch.no_grad():
                parameters[name] *= 1 - rate * DECAY
                parameters[name] -= rate * mean / (square.sqrt() + EPSILON)
    return Learned(values(adapted), losses, (first, second)), lengths


def apart(mine: Values, other: Values, before: Values | None = None) -> float:
    """How far the values, or what became of them, differ, as a share of them; of the network where that is most."""
    shares = []
    for network in dict.fromkeys(name.partition(".")[0] for name in other):
        names = [name for name in other if name.startswith(f"{network}.")]
        start = {name: before[name] if before else 0.0 for name in names}
        here, there = (torch.cat([(each[n] - start[n]).flatten() for n in names]) for each in (mine, other))
        shares.append(float((here - there).norm() / there.norm()))
    return max(shares)


@pytest.mark.parametrize(
    ("steps", "gamma", "text_learns"),
    [(1, GAMMA, True), (MADE, GAMMA, True), (1, 0.0, True), (1, GAMMA, False)],
    ids=["one step", "five steps", "without min-SNR", "the UNet alone"],
)
def test_the_trainer_s_steps_are_those_of_a_plain_loop(
    model: Model, dataset: Path, steps: int, gamma: float, *, text_learns: bool
) -> None:
    before = values(model.open(text_learns=text_learns)[1])

    mine, plan = trained(model, dataset, steps, gamma, text_learns=text_learns)

    other, lengths = plain_run(model, dataset, plan, steps, gamma, text_learns=text_learns)
    assert mine.losses == pytest.approx(other.losses, rel=1e-4)
    assert apart(mine.after, other.after, before) < 1e-3
    for one, two in zip(mine.moments, other.moments, strict=True):
        assert apart(one, two) < 1e-3
    assert steps == 1 or max(lengths) > LONGEST


@pytest.mark.parametrize(
    ("prediction", "weights"),
    [("epsilon", [0.25, 1.0, 1.0]), ("v_prediction", [5 / 21, 2 / 3, 1 / 5]), ("sample", [5.0, 2.0, 0.25])],
)
def test_min_snr_of_5_caps_the_weight_of_what_is_nearly_clean(prediction: str, weights: list[float]) -> None:
    """Signal to noise 20, 2 and 1/4; a network that predicts v is told by the signal and the noise together."""
    ratios = torch.tensor([20.0, 2.0, 0.25])
    noise = Noise(ratios / (1 + ratios), prediction)
    times = torch.arange(3)

    assert noise.importance(times, 5.0).tolist() == pytest.approx(weights)
    assert noise.importance(times, 0.0).tolist() == [1.0, 1.0, 1.0]
