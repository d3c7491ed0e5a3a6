"""What test pictures cost a training: their share of its arithmetic, counted without weights, and of finished runs'
time.

The networks have true size and lie on torch's "meta" device, where tensors have shapes and no content; torch's counter
adds up the multiplications of one training step, of one denoising step with guidance and control, and of the
autoencoder. The share is of the whole run, training and test pictures:

    python tools/validation_share.py sd15 sdxl miniature
    python tools/validation_share.py --runs WORKSPACE/runs/*
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from activation_memory import Networks, open_networks
from torch.utils.flop_counter import FlopCounterMode

from easyphoto.architectures.base import Family
from easyphoto.architectures.registry import FAMILIES
from easyphoto.backends.components import quiet_libraries
from easyphoto.backends.prompts import encoded_tokens
from easyphoto.settings.presets import PRESETS, preset
from easyphoto.settings.training import TrainSettings
from easyphoto.training.adapters import Adapted, add_adapters
from easyphoto.training.checkpoint import marks
from easyphoto.training.rounds import is_whole

PICTURES = 4
"""Templates of a whole round."""
TERA = 1e12


@dataclass(frozen=True)
class Costs:
    """Floating point operations, in units of 10^12."""

    step: float
    """One training step: forward, backward, a batch."""
    denoise: float
    """One step of one picture, with and without the words, and its control."""
    picture: float
    """Once for each picture: the autoencoder both ways."""

    def round(self, pictures: int, settings: TrainSettings) -> float:
        made = max(1, round(settings.validation_steps * settings.validation_strength))
        return pictures * (made * self.denoise + self.picture)


def added_product(base: object, left: tuple[int, ...], right: tuple[int, ...], **_: object) -> int:
    """The operations of base + left · right, given the shapes."""
    return 2 * math.prod(left) * right[-1]


def counted(work: Callable[[], object]) -> float:
    # The adapters add their products in place, of which torch's counter does not know.
    in_place = {torch.ops.aten.addmm_: added_product, torch.ops.aten.baddbmm_: added_product}
    counter = FlopCounterMode(display=False, custom_mapping=in_place)
    with counter:
        work()
    return float(counter.get_total_flops()) / TERA


def costs_of(family: Family, *, batch: int) -> Costs:
    with quiet_libraries():
        networks = open_networks(family, torch.float32)
        vae, control = _beside(family)
        adapted = add_adapters(networks, rank=family.rank, alpha=family.alpha, seed=0, text_learns=True)
    side, cells, channels = family.resolution, family.resolution // 8, networks.unet.config.in_channels
    with torch.device("meta"), torch.no_grad():
        once = counted(lambda: vae.encode(torch.zeros(1, 3, side, side)))
        once += counted(lambda: vae.decode(torch.zeros(1, channels, cells, cells)))
        words = torch.zeros(2, _length(networks), family.words_width)
        inputs = {"encoder_hidden_states": words, "added_cond_kwargs": _added(family, 2)}
        noisy = torch.zeros(2, channels, cells, cells)
        denoise = counted(lambda: networks.unet(noisy, 0, **inputs))
        guide = torch.zeros(2, 3, side, side)
        denoise += counted(lambda: control(noisy, 0, controlnet_cond=guide, **inputs)) if control else 0.0
    with torch.device("meta"):
        step = counted(lambda: _step(networks, adapted, family, batch))
    return Costs(step, denoise, once)


def _beside(family: Family) -> tuple[Any, Any]:
    """The autoencoder and the control of the test pictures, None where no configuration of one ships."""
    from diffusers import AutoencoderKL, ControlNetModel

    def made(kind: Any, part: str) -> Any:
        file = family.folder / part / "config.json"
        with torch.device("meta"):
            return kind.from_config(json.loads(file.read_text())).eval() if file.is_file() else None

    control = "controlnet/canny" if (family.folder / "controlnet/canny").is_dir() else "controlnet"
    return made(AutoencoderKL, "vae"), made(ControlNetModel, control)


def _added(family: Family, rows: int) -> dict[str, torch.Tensor] | None:
    pooled = [each for each in family.text_encoders if each.pools]
    return {"text_embeds": torch.zeros(rows, 1280), "time_ids": torch.zeros(rows, 6)} if pooled else None


def _length(networks: Networks) -> int:
    """Tokens of a prompt."""
    return int(networks.text_encoders[0].config.max_position_embeddings)


def _step(networks: Networks, adapted: Adapted, family: Family, batch: int) -> None:
    """Forward and backward of a batch with one caption."""
    tokens = [torch.zeros(1, _length(networks), dtype=torch.long) for _ in adapted.text_encoders]
    words, _ = encoded_tokens(adapted.said, adapted.text_encoders, tokens)
    cells = family.resolution // 8
    guess = networks.unet(
        torch.zeros(batch, networks.unet.config.in_channels, cells, cells),
        torch.zeros(batch, dtype=torch.long),
        encoder_hidden_states=words.expand(batch, -1, -1),
        added_cond_kwargs=_added(family, batch),
    ).sample
    guess.mean().backward()


def table(family: Family) -> list[str]:
    costs = costs_of(family, batch=TrainSettings().batch)
    lines = [
        f"{family.id}: a training step {costs.step:.3f} TFLOP; of a test picture each step {costs.denoise:.3f}, "
        f"the autoencoder {costs.picture:.3f}"
    ]
    for name in PRESETS[TrainSettings]:
        settings = preset(TrainSettings, name)
        steps = settings.steps or family.training_steps
        places = marks(steps, settings.validations)
        whole = sum(is_whole(mark, steps) for mark in places)
        parts = {
            "for the eye": (len(places) - whole) * costs.round(1, settings),
            "judged": whole * costs.round(PICTURES, settings),
        }
        drawn, learned = sum(parts.values()), steps * costs.step
        every = len(places) * costs.round(PICTURES, settings)
        said = ", ".join(f"{part} {100 * cost / (drawn + learned):.1f} %" for part, cost in parts.items())
        lines.append(
            f"  {name}: {steps} steps, {len(places)} marks: {100 * drawn / (drawn + learned):.1f} % ({said}); "
            f"with all pictures at every mark {100 * every / (every + learned):.1f} %"
        )
    return lines


def seconds_table(runs: list[Path]) -> list[str]:
    """Of each finished run: seconds of training and of test pictures, and the share of the latter."""
    lines = []
    for run in runs:
        outcome = run / "outcome.json"
        if outcome.is_file():
            seconds = json.loads(outcome.read_text())["seconds"]
            drawn = seconds.get("validate", 0.0)
            train, whole = seconds["train"], sum(seconds.values())
            share = f"{100 * drawn / (train + drawn):.1f} % of both, {100 * drawn / whole:.1f} % of the whole run"
            lines.append(f"{run.name}: training {train:.1f} s, test pictures {drawn:.1f} s: {share}")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description="Say what share of a training its test pictures take.")
    parser.add_argument("families", nargs="*", metavar="FAMILY", help=", ".join(sorted(FAMILIES)))
    parser.add_argument("--runs", nargs="+", type=Path, default=[], help="folders of finished runs")
    options = parser.parse_args()
    for name in options.families:
        print("\n".join(table(FAMILIES[name])), flush=True)
    for line in seconds_table(options.runs):
        print(line)


if __name__ == "__main__":
    main()
