"""Draw a sheet of samples from a family's folder, or from a training average: look at it before believing a loss.

    python tools/miniature/sample.py --family build/miniature/current --out build/sheet.png

Rows: the trigger alone, attribute captions, and held-out pictures whose face is repainted at strength 0.65.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
from data import CACHE
from diffusers import ControlNetModel, DPMSolverMultistepScheduler, StableDiffusionPipeline
from networks import CONTROL_KINDS, TRIGGER
from train_control import Guides, stack

from easyphoto.drawings.renderer import PARTS

SEED = 50
CAPTIONS = (
    "blue eyes, pale skin, blond long hair, smiling, plain background, soft painting",
    "dark eyes, dark skin, black curly hair, open mouth, landscape background, ink drawing",
    "green eyes, freckles, red bob hair, calm, city background, soft painting",
    "brown eyes, tan skin, bald, striped, gradient background, ink drawing",
    "violet eyes, brown skin, purple afro hair, smiling, room background, soft painting",
    "grey eyes, light skin, white side hair, beard shadow, jacket, lights background, ink drawing",
    "amber eyes, large eyes, pink spiky hair, hoodie, shapes background, soft painting",
    "blue eyes, small eyes, dark brown ponytail hair, stripes background, ink drawing",
)


@torch.no_grad()
def sample(
    pipeline: StableDiffusionPipeline,
    prompts: list[str],
    guidance: float,
    steps: int,
    start: torch.Tensor | None = None,
    mask: torch.Tensor | None = None,
    strength: float = 1.0,
    control: ControlNetModel | None = None,
    guides: torch.Tensor | None = None,
    noise: torch.Tensor | None = None,
) -> torch.Tensor:
    """Latents by DPM++ 2M Karras; with a start, only where the mask is 1 and from the given strength on."""
    scheduler = DPMSolverMultistepScheduler.from_config(pipeline.scheduler.config, use_karras_sigmas=True)
    scheduler.set_timesteps(steps)
    times = scheduler.timesteps[steps - int(steps * strength) :]
    scheduler.set_begin_index(steps - len(times))
    count, size = len(prompts), pipeline.unet.config.sample_size
    if noise is None:
        noise = torch.randn((count, pipeline.unet.config.in_channels, size, size), generator=_draws())
    latents = noise if start is None else scheduler.add_noise(start, noise, times[:1].repeat(count))
    tokens = pipeline.tokenizer(
        prompts + [""] * count, padding="max_length", truncation=True, max_length=32, return_tensors="pt"
    )
    context = pipeline.text_encoder(tokens.input_ids).last_hidden_state
    for index, time in enumerate(times):
        twice = torch.cat([latents, latents])
        down, middle = None, None
        if control is not None:
            down, middle = control(twice, time, context, torch.cat([guides, guides]), return_dict=False)
        both = pipeline.unet(
            twice, time, context, down_block_additional_residuals=down, mid_block_additional_residual=middle
        ).sample
        with_text, without = both.chunk(2)
        latents = scheduler.step(without + guidance * (with_text - without), time, latents).prev_sample
        if start is not None and mask is not None:
            last = index + 1 == len(times)
            kept = start if last else scheduler.add_noise(start, noise, times[index + 1 : index + 2].repeat(count))
            latents = mask * latents + (1 - mask) * kept
    return latents


def _draws() -> torch.Generator:
    return torch.Generator().manual_seed(SEED)


def to_pictures(pipeline: StableDiffusionPipeline, latents: torch.Tensor) -> np.ndarray:
    with torch.no_grad():
        signal = pipeline.vae.decode(latents).sample.clamp(-1, 1)
    return ((signal.permute(0, 2, 3, 1).numpy() + 1) * 127.5).round().astype(np.uint8)


def make_sheet(pipeline: StableDiffusionPipeline) -> np.ndarray:
    rows = [to_pictures(pipeline, sample(pipeline, [TRIGGER] * 8, guidance, 20)) for guidance in (3.0, 7.0)]
    rows.append(to_pictures(pipeline, sample(pipeline, list(CAPTIONS), 5.0, 20)))
    held = np.load(CACHE / "held_out-images.npy", mmap_mode="r")[0:64:8]
    parts = np.load(CACHE / "held_out-parts.npy", mmap_mode="r")[0:64:8]
    latents = torch.from_numpy(np.load(CACHE / "held_out-latents-24.npy", mmap_mode="r")[0:64:8].astype(np.float32))
    mask = face_mask(parts)
    rows += [held, to_pictures(pipeline, latents)]
    rows.append(to_pictures(pipeline, sample(pipeline, [TRIGGER] * 8, 4.0, 20, latents, mask, 0.65)))
    return np.concatenate([np.concatenate(list(row), axis=1) for row in rows])


def make_control_sheet(pipeline: StableDiffusionPipeline, family: Path) -> np.ndarray:
    """For each ControlNet a row of guides, a row of pictures drawn from noise, a row of faces repainted at 0.65."""
    numbers = range(0, 64, 8)
    latents = torch.from_numpy(np.load(CACHE / "held_out-latents-24.npy", mmap_mode="r")[0:64:8].astype(np.float32))
    mask = face_mask(np.load(CACHE / "held_out-parts.npy", mmap_mode="r")[0:64:8])
    rows = []
    for kind in CONTROL_KINDS:
        source = Guides("held_out", kind)
        pictures = [source.clean(number) for number in numbers]
        guides = stack(pictures)
        control = ControlNetModel.from_pretrained(family / "controlnet" / kind, torch_dtype=torch.float32)
        drawn = sample(pipeline, [TRIGGER] * 8, 3.0, 20, control=control, guides=guides)
        repainted = sample(pipeline, [TRIGGER] * 8, 3.0, 20, latents, mask, 0.65, control, guides)
        rows += [np.stack(pictures), to_pictures(pipeline, drawn), to_pictures(pipeline, repainted)]
    return np.concatenate([np.concatenate(list(row), axis=1) for row in rows])


def face_mask(parts: np.ndarray) -> torch.Tensor:
    face = np.isin(parts, [PARTS.index(name) for name in ("skin", "brows", "eyes", "nose", "mouth")])
    return torch.from_numpy(face.reshape(len(parts), 16, 8, 16, 8).any((2, 4)).astype(np.float32))[:, None]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--family", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--controls", action="store_true", help="a sheet of the ControlNets instead")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    pipeline = StableDiffusionPipeline.from_pretrained(
        arguments.family, torch_dtype=torch.float32, safety_checker=None, requires_safety_checker=False
    )
    sheet = make_control_sheet(pipeline, arguments.family) if arguments.controls else make_sheet(pipeline)
    cv2.imwrite(str(arguments.out), sheet[..., ::-1])


if __name__ == "__main__":
    main()
