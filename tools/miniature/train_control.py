"""Train one ControlNet of the miniature on the frozen UNet.

    nice python tools/miniature/train_control.py --kind canny --steps 2000
    nice python tools/miniature/train_control.py --kind canny --steps 800 --rate 4e-4 --family models/miniature \\
        --average build/miniature/unet/cooled/average-007000.pt

`--average` names the UNet it is trained on (the newest kept average without it), `--family` the folder of a family
whose ControlNet to begin from, for a UNet that went on. Resumable. Kinds: canny; facepoints; tile (also used as color:
the same net at another strength).
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from data import CACHE
from diffusers import ControlNetModel, UNet2DConditionModel
from export import load_average
from guides import draw_canny, draw_points, draw_tile, mix_faces, spoil_canny, spoil_tile
from networks import CONTROL_KINDS, make_controlnet
from safetensors.torch import save_file
from train_unet import Miniature, Task
from unet_run import write
from words import build_tokenizer

from easyphoto.drawings.renderer import PARTS

SEEDS = {"canny": 61, "facepoints": 62, "tile": 63}
BATCH = 16
RATE = 8e-4
MIXED_SHARE = 0.3  # of canny guides come from a picture with another face mixed in
FACE = tuple(PARTS.index(name) for name in ("skin", "brows", "eyes", "nose", "mouth"))


class Guides:
    """Control images for pictures by number, spoiled for training or clean for measuring."""

    def __init__(self, part: str, kind: str) -> None:
        self.kind = kind
        self.images, self.parts, self.points = (
            np.load(CACHE / f"{part}-{name}.npy", mmap_mode="r") for name in ("images", "parts", "points")
        )

    def clean(self, number: int) -> np.ndarray:
        if self.kind == "canny":
            return draw_canny(np.array(self.images[number]))
        if self.kind == "tile":
            return draw_tile(self.images[number], 4)
        return draw_points(self.points[number], self.images.shape[1])

    def spoiled(self, number: int, draws: np.random.Generator) -> np.ndarray:
        image = np.array(self.images[number])
        if self.kind == "facepoints":
            jitter = draws.normal(0, 0.5, (5, 2))
            return draw_points(self.points[number] + jitter, image.shape[0])
        if self.kind == "tile":
            return spoil_tile(image, draws)
        if draws.random() < MIXED_SHARE:
            other = int(draws.integers(len(self.images)))
            face = np.isin(self.parts[number], FACE)
            image = mix_faces(image, face, self.points[number], self.images[other], self.points[other])
        return spoil_canny(image, draws)


def guided_loss(
    model: Miniature, control: ControlNetModel | None, task: Task, guides: torch.Tensor, chosen: np.ndarray, seed: int
) -> torch.Tensor:
    """The UNet's own loss (see train_unet.py) with a ControlNet's residuals added; without one for comparison."""
    draw = task.drawn(chosen, seed)
    with torch.no_grad():
        context = model.text_encoder(draw.tokens).last_hidden_state
    down, middle = None, None
    if control is not None:
        down, middle = control(draw.noisy, draw.times, context, guides, return_dict=False)
    answer = model.unet(
        draw.noisy, draw.times, context, down_block_additional_residuals=down, mid_block_additional_residual=middle
    ).sample
    return task.error(draw, answer.float(), chosen)


def stack(pictures: list[np.ndarray]) -> torch.Tensor:
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 255


@torch.no_grad()
def validate(model: Miniature, control: ControlNetModel | None, task: Task, guides: Guides) -> float:
    losses = []
    for number, chosen in enumerate(np.arange(128).reshape(8, 16)):
        images = stack([guides.clean(int(index)) for index in chosen])
        losses.append(guided_loss(model, control, task, images, chosen, 88_000 + number).item())
    return float(np.mean(losses))


def begun(kind: str, unet: UNet2DConditionModel, family: Path | None) -> ControlNetModel:
    """A copy of the UNet's encoder; or a family's ControlNet, which takes its ear for words from the UNet."""
    control = make_controlnet(unet)
    if family is not None:
        older = ControlNetModel.from_pretrained(family / "controlnet" / kind, torch_dtype=torch.float32)
        words = {name: value for name, value in control.state_dict().items() if ".attn2." in name}
        control.load_state_dict(older.state_dict() | words)
    return control.requires_grad_(True).train()


def learning_rate(step: int, steps: int, peak: float) -> float:
    warm = min(1.0, (step + 1) / 100)
    return peak * warm * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * min(step / steps, 1.0))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind", choices=CONTROL_KINDS, required=True)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--average", type=Path)
    parser.add_argument("--family", type=Path)
    parser.add_argument("--rate", type=float, default=RATE)
    parser.add_argument("--half", action="store_true", help="networks in bfloat16, a fifth faster where the CPU has it")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    kind, seed_base = arguments.kind, SEEDS[arguments.kind]
    torch.manual_seed(seed_base)
    folder = CACHE / "controls"
    folder.mkdir(exist_ok=True)
    model = load_average(arguments.average)
    control = begun(kind, model.unet, arguments.family)
    optimizer = torch.optim.AdamW(control.parameters(), lr=RATE, betas=(0.9, 0.99), weight_decay=0.01, fused=True)
    step, state_path = 0, folder / f"{kind}-state.pt"
    if state_path.exists():
        state = torch.load(state_path, weights_only=True)
        control.load_state_dict(state["control"])
        optimizer.load_state_dict(state["optimizer"])
        step = state["step"]
    tokenizer = build_tokenizer()
    train, held_out = Task("train", tokenizer), Task("held_out", tokenizer)
    guides, held_guides = Guides("train", kind), Guides("held_out", kind)
    print(f"{kind} held-out loss without it {validate(model, None, held_out, held_guides):.4f}", flush=True)
    print(f"{kind} {step} held-out loss {validate(model, control, held_out, held_guides):.4f}", flush=True)

    began, first, total = time.time(), step, 0.0
    while step < arguments.steps:
        seed = seed_base * 1_000_003 + step
        draws = np.random.default_rng(seed)
        chosen = draws.integers(len(train.latents), size=BATCH)
        images = stack([guides.spoiled(int(index), draws) for index in chosen])
        with torch.autocast("cpu", torch.bfloat16, enabled=arguments.half):
            loss = guided_loss(model, control, train, images, chosen, seed)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, arguments.steps, arguments.rate)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(control.parameters(), 1.0)
        optimizer.step()
        step += 1
        total += loss.item()
        if step % 100 == 0 or step == arguments.steps:
            pace = (time.time() - began) / (step - first)
            print(f"{kind} {step} loss {total / 100:.4f} {pace:.3f} s/step", flush=True)
            total = 0.0
        if step % 250 == 0 or step == arguments.steps:
            write(state_path, {"control": control.state_dict(), "optimizer": optimizer.state_dict(), "step": step})
            save_file(control.state_dict(), folder / f"{kind}.partial")
            (folder / f"{kind}.partial").replace(folder / f"{kind}.safetensors")
        if step % 500 == 0 or step == arguments.steps:
            print(f"{kind} {step} held-out loss {validate(model, control, held_out, held_guides):.4f}", flush=True)


if __name__ == "__main__":
    main()
