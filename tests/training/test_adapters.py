"""Our adapters against PEFT's: the same values at the start, the same answers and gradients, in fewer operators."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from easyphoto.architectures.base import Family
from easyphoto.architectures.miniature import MINIATURE
from easyphoto.architectures.sdxl import SDXL
from easyphoto.backends.components import Components
from easyphoto.backends.loading import load_components
from easyphoto.backends.prompts import encoded_tokens
from easyphoto.training.adapted_networks import TEXT_TARGETS, UNET_TARGETS
from easyphoto.training.adapters import Adapted, add_adapters

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


Guess = Callable[..., torch.Tensor]


def guess_of(components: Components) -> Guess:
    """The bare UNet, as it draws pictures."""

    def guess(latents: torch.Tensor, times: torch.Tensor, words: torch.Tensor, added: Any) -> torch.Tensor:
        found: torch.Tensor = components.unet(latents, times, words, added_cond_kwargs=added, return_dict=False)[0]
        return found

    return guess


def inputs(components: Components) -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens of two captions, and latents."""
    draw = torch.Generator().manual_seed(5)
    tokens = torch.randint(0, 200, (2, 77), generator=draw)
    return tokens, torch.randn(2, 4, 16, 16, generator=draw).to(components.unet.conv_in.weight.dtype)


def answer(
    components: Components, guess: Guess | None = None, given: tuple[torch.Tensor, torch.Tensor] | None = None
) -> torch.Tensor:
    """What the networks make of a fixed input, with all the text encoders' answers behind it."""
    family: Any = components.family
    tokens, latents = given or inputs(components)
    count = len(family.text_encoders)
    words, pooled = encoded_tokens(family.text_encoders, components.text_encoders, [tokens] * count)
    added = None if pooled is None else {"text_embeds": pooled, "time_ids": torch.full((2, 6), 128.0)}
    return (guess or guess_of(components))(latents, torch.tensor([100, 700]), words, added)


def slopes(pair: Pair) -> tuple[Values, Values]:
    """The gradients of a fixed loss, ours and PEFT's."""
    weights, pefts = pair.adapted.weights, pair.peft_values
    weights.clear()
    answer(pair.ours, pair.adapted.guess).float().square().sum().backward()
    weights.gather()
    with precision(pair.pefts):
        answer(pair.pefts).float().square().sum().backward()
    theirs = {name: torch.zeros_like(each) if each.grad is None else each.grad for name, each in pefts.items()}
    return dict(weights.gradients), theirs


def precision(components: Components) -> Any:
    """What PEFT's adapters needed on a 16-bit base."""
    dtype = components.unet.conv_in.weight.dtype
    return torch.autocast("cpu", dtype=dtype, enabled=dtype != torch.float32)


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
    assert apart(answer(both.ours, both.adapted.guess), answer(both.pefts)) < 1e-5
    ours, theirs = slopes(both)
    assert ours.keys() == theirs.keys()
    for network in both.adapted.learning:
        names = [name for name in theirs if name.startswith(f"{network}.")]
        whole = float(torch.cat([theirs[name].flatten() for name in names]).norm())
        for name in names:
            # The least slopes are what remains of sums of large terms, and mostly rounding.
            assert float((ours[name] - theirs[name]).norm()) < 1e-5 * (float(theirs[name].norm()) + 0.01 * whole)


@FAMILIES
def test_in_16_bits_they_are_as_near_to_those_in_32_as_under_autocast(
    pair: Callable[..., Pair], family: Family
) -> None:
    exact, half = pair(family, acting=True), pair(family, torch.bfloat16, acting=True)
    with torch.no_grad():
        wanted, ours = answer(exact.pefts), answer(half.ours, half.adapted.guess)
        with precision(half.pefts):
            theirs = answer(half.pefts)

    assert apart(ours.float(), wanted) < 1.2 * apart(theirs.float(), wanted)
    (our_slopes, their_slopes), (_, exact_slopes) = slopes(half), slopes(exact)
    ours, theirs, wanted = (
        torch.cat([each[name].flatten() for name in exact_slopes]) for each in (our_slopes, their_slopes, exact_slopes)
    )
    assert apart(ours, wanted) < 1.2 * apart(theirs, wanted)


def test_a_changed_base_is_the_base_of_layers_that_are_computed_as_one(pair: Callable[..., Pair]) -> None:
    """As a merged LoRA of the base does while test pictures are drawn; also where the networks were moved meanwhile."""
    both = pair(MINIATURE, acting=True)
    layers = [
        name for name, each in both.ours.unet.named_modules() if name.endswith(("attn1.to_k", "attn2.to_v", "proj_in"))
    ]
    for network in (both.ours.unet, *both.ours.text_encoders):
        # As after it left the device for want of memory, and came back.
        network._apply(torch.clone)
    with torch.no_grad():
        answer(both.ours, both.adapted.guess)
        for name in layers:
            both.ours.unet.get_submodule(name).weight.mul_(3)
            both.pefts.unet.get_submodule(name).base_layer.weight.mul_(3)

    assert len(layers) == 3 * 4
    assert apart(answer(both.ours, both.adapted.guess), answer(both.pefts)) < 1e-5


class Operators(TorchDispatchMode):
    """Counts the operators that make something new: on a GPU each is at least one launch, unlike a view."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        is_view = any(each.alias_info and not each.alias_info.is_write for each in func._schema.returns)
        name = func._schema.name.removeprefix("aten::")
        self.count += not is_view and name not in ("_unsafe_view", "detach", "empty", "empty_like", "empty_strided")
        return func(*args, **(kwargs or {}))


def operators(components: Components, guess: Guess | None, *, casts: bool) -> tuple[int, int]:
    """Of a forward and of a backward pass."""
    with Operators() as forward, precision(components) if casts else nullcontext():
        loss = answer(components, guess).float().sum()
    with Operators() as backward:
        loss.backward()
    return forward.count, backward.count


def test_a_pass_takes_two_fifths_of_the_operators_it_took_with_pefts_layers(pair: Callable[..., Pair]) -> None:
    """634 for 1,558 on the miniature, whose text encoder has two layers and whose UNet four transformer blocks."""
    both = pair(MINIATURE, torch.bfloat16)

    ours = operators(both.ours, both.adapted.guess, casts=False)
    theirs = operators(both.pefts, None, casts=True)

    assert sum(ours) <= 640
    assert sum(ours) < 0.42 * sum(theirs)


@pytest.mark.slow
def test_the_networks_are_traced_as_one_graph(pair: Callable[..., Pair]) -> None:
    both = pair(MINIATURE, acting=True)
    weights, given = both.adapted.weights, inputs(both.ours)

    def loss() -> torch.Tensor:
        return answer(both.ours, both.adapted.guess, given).square().sum()

    def learned(loss: Callable[[], torch.Tensor]) -> torch.Tensor:
        weights.clear()
        loss().backward()
        weights.gather()
        return torch.cat([each.clone() for each in weights.grads.values()])

    plain = learned(loss)
    traced = learned(torch.compile(loss, backend="aot_eager", fullgraph=True))

    assert apart(traced, plain) < 1e-5
