"""The time of a training step: plain and captured, in both memory layouts, and of the largest family."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from easyphoto.architectures.base import Family
from easyphoto.backends.loading import load_components
from easyphoto.bench.gpu.clocks import device_name, peak_mb, precision, repeated, timed
from easyphoto.bench.gpu.plan import BATCH, BenchPlan
from easyphoto.bench.learners import capture, open_bench_learner, write_noise_pictures
from easyphoto.bench.random_base import random_components
from easyphoto.settings.training import TrainSettings
from easyphoto.training.arithmetic import prepare_device

ROUNDS, AT_ONCE = 8, 10
"""On a GPU; a step is waited for only after `AT_ONCE` of them, as in a training, which reads the loss now and then."""
TURNS, TOKENS = 3, 77
Result = dict[str, Any]
IN_PLACE = (torch.ops.aten.addmm_, torch.ops.aten.baddbmm_)
"""What torch's counter leaves out: products that are added in place."""
LAYOUTS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}


def step(folder: Path, plan: BenchPlan) -> Result:
    """A step of the family, plain and captured, and its share of the bound that its arithmetic sets."""
    found = _measured(_base(folder, plan), plan.kind, is_trial=plan.is_trial)
    return {**found, "peak_mb": peak_mb(device_name())}


def large(folder: Path, plan: BenchPlan) -> Result:
    """A step of the largest family at its own rank and resolution."""
    family = plan.large
    assert family is not None
    prepare_device()
    family, device = family.at(plan.resolution), device_name()
    with timed() as clock:
        components = random_components(family, width=plan.width, dtype=precision(device), device=device)
    found = _measured(components, family, is_trial=plan.is_trial, at_once=3)
    return {"family": family.label, "making_s": clock(), **found, "peak_mb": peak_mb(device)}


def layout(folder: Path, plan: BenchPlan) -> Result:
    """A step, a call of the UNet and a decoding in both memory layouts of the convolutions, in turns."""
    networks = {name: _base(folder, plan) for name in LAYOUTS}
    for name, layout_format in LAYOUTS.items():
        for network in networks[name].networks:
            network.to(memory_format=layout_format)
    device = device_name()
    works = {name: _works(networks[name], plan.kind, device) for name in LAYOUTS}
    seconds: dict[str, dict[str, list[float]]] = {}
    for _ in range(1 if plan.is_trial else TURNS):
        for name, work in ((name, work) for work in next(iter(works.values())) for name in LAYOUTS):
            taken = repeated(works[name][work], device=device, **_rounds(device, rounds=2, at_once=5))
            seconds.setdefault(work, {}).setdefault(name, []).extend(taken)
    found: Result = {}
    for work, by_layout in seconds.items():
        middle = {name: statistics.median(taken) for name, taken in by_layout.items()}
        ratio = round(middle["channels_last"] / middle["contiguous"], 3)
        found[work] = {**{f"{name}_ms": _ms(took) for name, took in middle.items()}, "ratio": ratio}
    return found


def _works(components: Any, family: Family, device: str) -> dict[str, Callable[[], object]]:
    cells, dtype = family.resolution // family.latent_multiple, components.unet.dtype
    channels, words = components.unet.config.in_channels, components.unet.config.cross_attention_dim
    latents = torch.randn(2, channels, cells, cells, device=device, dtype=dtype)
    inputs = {"encoder_hidden_states": torch.randn(2, TOKENS, words, device=device, dtype=dtype)}
    time = torch.tensor([500, 500], device=device)

    @torch.no_grad()
    def call() -> object:
        return components.unet(latents, time, **inputs)

    @torch.no_grad()
    def decode() -> object:
        return components.vae.decode(latents[:1].to(components.vae.dtype))

    works: dict[str, Callable[[], object]] = {"unet": call, "decode": decode}
    if not family.pools:
        learner = _learner(components, family)
        capture(learner)
        works["step"] = learner.advance
    return works


def _measured(components: Any, family: Family, *, is_trial: bool, at_once: int = AT_ONCE) -> Result:
    """Steps of one learner as they are launched one by one, and then captured."""
    device = device_name()
    learner = _learner(components, family)
    learner.advance()
    with FlopCounterMode(display=False, custom_mapping=dict.fromkeys(IN_PLACE, _product_flops)) as counter:
        learner.advance()
    flops = counter.get_total_flops()
    rounds = _rounds(device, rounds=1 if is_trial else ROUNDS, at_once=at_once)
    found: Result = {"tflop": round(flops / 1e12, 4), "batch": BATCH, "rank": family.rank, "side": family.resolution}
    found["plain"] = _told(repeated(learner.advance, device=device, **rounds))
    reason = capture(learner)
    found["captured"] = {"not": reason} if reason else _told(repeated(learner.advance, device=device, **rounds))
    return found


def _product_flops(added: torch.Size, left: torch.Size, right: torch.Size, **_: Any) -> int:
    """Of (…, rows, inner) times (…, inner, columns)."""
    return 2 * left.numel() * right[-1]


def _told(seconds: list[float]) -> Result:
    ordered = sorted(seconds)
    return {"ms": _ms(statistics.median(ordered)), "least_ms": _ms(ordered[0]), "most_ms": _ms(ordered[-1])}


def _ms(seconds: float) -> float:
    return round(1000 * seconds, 3)


def _rounds(device: str, *, rounds: int, at_once: int) -> dict[str, int]:
    # A processor's steps are long, and it waits for each.
    return {"rounds": rounds, "at_once": at_once if device == "cuda" else 1}


def _base(folder: Path, plan: BenchPlan) -> Any:
    prepare_device()
    device = device_name()
    return load_components(plan.kind, folder / "base", dtype=precision(device), device=device)


def _learner(components: Any, family: Family) -> Any:
    settings, device = TrainSettings(batch=BATCH), device_name()
    with tempfile.TemporaryDirectory() as name:
        write_noise_pictures(Path(name), family.resolution, family.trigger)
        return open_bench_learner(components, Path(name), settings, steps=10_000, device=device)
