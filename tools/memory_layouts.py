"""Whether networks are faster with channels last in memory: contiguous and channels last in turns, in one run.

    python tools/memory_layouts.py miniature sd15 [--dtype float32 bfloat16] [--rounds 5] [--device cpu]

Weights are random, and of SD 1.5 the networks have a quarter of their width. Prints for each network the seconds of a
call (of the processor, on a CPU), the share of them with channels last, and how far the results differ.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch

from easyphoto.architectures.base import Family
from easyphoto.architectures.registry import FAMILIES
from easyphoto.backends.components import quiet_libraries

NARROWER = {"sd15": 4, "sdxl": 4}
"""How many times narrower than the real ones the networks are, so that a processor gets through them."""
ROWS = 2
"""With classifier-free guidance."""


def networks(family: Family, dtype: torch.dtype, device: str) -> tuple[Any, Any, Any]:
    """UNet, ControlNet and autoencoder with random weights."""
    from diffusers import AutoencoderKL, ControlNetModel, UNet2DConditionModel

    narrower = NARROWER.get(family.id, 1)
    made = []
    for kind, part in ((UNet2DConditionModel, "unet"), (AutoencoderKL, "vae")):
        config = json.loads((family.folder / part / "config.json").read_text())
        config["block_out_channels"] = [width // narrower for width in config["block_out_channels"]]
        config["norm_num_groups"] = min(config.get("norm_num_groups", 32), 16)
        torch.manual_seed(0)
        made.append(kind.from_config(config))
    unet, vae = made
    control = ControlNetModel.from_unet(unet)
    for network in (unet, control, vae):
        network.to(device, dtype).eval()
    return unet, control, vae


def calls(family: Family, dtype: torch.dtype, device: str) -> dict[str, tuple[Any, Callable[[], Any]]]:
    """Name → network and a call of it, as a picture at the family's resolution makes it."""
    unet, control, vae = networks(family, dtype, device)
    side = family.resolution // 8

    def noise(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=torch.Generator().manual_seed(1)).to(device, dtype)

    latents, image = noise(ROWS, unet.config.in_channels, side, side), noise(1, 3, 8 * side, 8 * side)
    seen = noise(ROWS, 3, 8 * side, 8 * side)
    told = {"encoder_hidden_states": noise(ROWS, 77, unet.config.cross_attention_dim), "return_dict": False}
    when = torch.tensor(500, device=device)
    return {
        "UNet": (unet, lambda: unet(latents, when, **told)[0]),
        "ControlNet": (control, lambda: control(latents, when, controlnet_cond=seen, **told)[1]),
        "autoencoder, decoding": (vae, lambda: vae.decode(latents[:1]).sample),
        "autoencoder, encoding": (vae, lambda: vae.encode(image).latent_dist.mode()),
    }


def timed(call: Callable[[], torch.Tensor], device: str) -> tuple[float, torch.Tensor]:
    # Of the processor's seconds other programs take none.
    clock = time.process_time if device == "cpu" else time.perf_counter
    began = clock()
    made = call()
    if device == "cuda":
        torch.cuda.synchronize()
    return clock() - began, made.float()


@torch.no_grad()
def compare(network: Any, call: Callable[[], torch.Tensor], *, rounds: int, device: str) -> tuple[float, float, float]:
    """Seconds in the usual layout, the share of them with channels last, and the largest difference of the results as a
    part of their largest value."""
    layouts = (torch.contiguous_format, torch.channels_last)
    seconds: dict[torch.memory_format, list[float]] = {layout: [] for layout in layouts}
    results: dict[torch.memory_format, torch.Tensor] = {}
    for turn in range(rounds + 1):
        for layout in layouts:
            network.to(memory_format=layout)
            if turn == 0:
                call()  # the first call chooses kernels
            else:
                took, results[layout] = timed(call, device)
                seconds[layout].append(took)
    usual, last = (statistics.median(seconds[layout]) for layout in layouts)
    one, other = (results[layout] for layout in layouts)
    return usual, last / usual, float((one - other).abs().max() / one.abs().max().clamp(min=1e-9))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("families", nargs="+", choices=sorted(FAMILIES))
    parser.add_argument("--dtype", nargs="+", default=["float32", "bfloat16"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    asked = parser.parse_args()
    for name in asked.families:
        for dtype in asked.dtype:
            with quiet_libraries():
                made = calls(FAMILIES[name], getattr(torch, dtype), asked.device)
            for what, (network, call) in made.items():
                usual, share, differs = compare(network, call, rounds=asked.rounds, device=asked.device)
                print(f"{name:9} {dtype:8} {what:22} {usual:7.3f} s, {share:5.2f} with channels last", end="")
                print(f", differs by {differs:.0e}", flush=True)


if __name__ == "__main__":
    main()
