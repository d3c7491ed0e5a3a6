"""Our adapters against PEFT's: the same values at the start, the same answers, the same gradients."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from easyphoto.architectures.base import Family
from easyphoto.architectures.miniature import MINIATURE
from easyphoto.architectures.sdxl import SDXL
from easyphoto.backends.components import Components
from easyphoto.backends.loading import load_components
from easyphoto.backends.prompts import encoded_tokens
from easyphoto.training.adapters import TEXT_TARGETS, UNET_TARGETS, Adapted, add_adapters

RANK, ALPHA, SEED = 4, 2.0, 3
Values = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Pair:
    """The same networks twice: with our adapters, and with PEFT's."""

    ours: Components
    adapted: Adapted
    pefts: Components

    @property
    def peft_values(self) -> dict[str, torch.nn.Parameter]:
        family = self.pefts.family
        names = ("unet", *(each.part for each in family.text_encoders))
        networks = zip(names, (self.pefts.unet, *self.pefts.text_encoders), strict=True)
        return {
            f"{name}.{path}": each
            for name, network in networks
            for path, each in network.named_parameters()
            if ".lora_" in path
        }


@pytest.fixture
def pair(tiny_base: Path, tiny_sdxl: Path) -> Callable[..., Pair]:
    torch.set_num_threads(1)

    def opened(family: Family, dtype: torch.dtype = torch.float32, *, acting: bool = False) -> Pair:
        base = tiny_sdxl if family is SDXL else tiny_base
        ours, pefts = (load_components(family, base, dtype=dtype, device="cpu") for _ in range(2))
        adapted = add_adapters(ours, rank=RANK, alpha=ALPHA, seed=SEED, text_learns=True)
        add_pefts(pefts)
        found = Pair(ours, adapted, pefts)
        if acting:
            act(found)
        return found

    return opened


def add_pefts(components: Components) -> None:
    """What the trainer did before it had layers of its own: float32 adapters of PEFT's."""
    from peft import LoraConfig

    for network in components.networks:
        network.requires_grad_(False)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        for network in (components.unet, *components.text_encoders):
            targets = UNET_TARGETS if network is components.unet else TEXT_TARGETS
            network.add_adapter(LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=list(targets)))
    for network in (components.unet, *components.text_encoders):
        for each in network.parameters():
            if each.requires_grad:
                each.data = each.data.float()


def act(pair: Pair) -> None:
    """Give both the same values, with which the adapters do something."""
    draw = torch.Generator().manual_seed(1)
    theirs = pair.peft_values
    with torch.no_grad():
        for name, value in pair.adapted.parameters().items():
            if ".lora_B." in name:
                value.copy_(torch.randn(value.shape, generator=draw) * 0.2)
            theirs[name].copy_(value)
    pair.adapted.weights.refresh()


def answer(components: Components) -> torch.Tensor:
    """What the networks make of a fixed input, with all the text encoders' answers behind it."""
    family: Any = components.family
    draw = torch.Generator().manual_seed(5)
    tokens = torch.randint(0, 200, (2, 77), generator=draw)
    latents = torch.randn(2, 4, 16, 16, generator=draw).to(components.unet.conv_in.weight.dtype)
    count = len(family.text_encoders)
    words, pooled = encoded_tokens(family.text_encoders, components.text_encoders, [tokens] * count)
    added = None if pooled is None else {"text_embeds": pooled, "time_ids": torch.full((2, 6), 128.0)}
    times = torch.tensor([100, 700])
    found: torch.Tensor = components.unet(latents, times, words, added_cond_kwargs=added, return_dict=False)[0]
    return found


def slopes(pair: Pair) -> tuple[Values, Values]:
    """The gradients of a fixed loss, ours and PEFT's."""
    weights = pair.adapted.weights
    weights.clear()
    answer(pair.ours).float().square().sum().backward()
    weights.gather()
    answer(pair.pefts).float().square().sum().backward()
    theirs = {
        name: torch.zeros_like(each) if each.grad is None else each.grad for name, each in pair.peft_values.items()
    }
    return dict(weights.gradients), theirs


def apart(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    return float(((ours - theirs).norm() / theirs.norm()).detach())


FAMILIES = pytest.mark.parametrize("family", [MINIATURE, SDXL], ids=["one encoder", "two encoders"])


@FAMILIES
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
def test_a_seed_draws_the_values_that_peft_draws(pair: Callable[..., Pair], family: Family, dtype: torch.dtype) -> None:
    both = pair(family, dtype)

    ours, theirs = both.adapted.parameters(), both.peft_values

    assert len(ours) > 100
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert all(each.dtype == torch.float32 for each in ours.values())


@FAMILIES
def test_answers_and_gradients_are_pefts_but_for_rounding(pair: Callable[..., Pair], family: Family) -> None:
    both = pair(family, acting=True)

    assert apart(answer(both.ours), answer(both.pefts)) < 1e-5
    ours, theirs = slopes(both)
    assert ours.keys() == theirs.keys()
    for network in both.adapted.learning:
        names = [name for name in theirs if name.startswith(f"{network}.")]
        whole = float(torch.cat([theirs[name].flatten() for name in names]).norm())
        for name in names:
            # The least slopes are what remains of sums of large terms, and mostly rounding.
            assert float((ours[name] - theirs[name]).norm()) < 1e-5 * (float(theirs[name].norm()) + 0.01 * whole)
