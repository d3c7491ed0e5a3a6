"""Measure a family's folder on held-out identities, as it is loaded by everyone (fp16 weights, computed in fp32).

    python tools/miniature/measure.py --family models/miniature

Prints JSON: PSNR of the autoencoder over the picture and around the eyes, the UNet's loss with the pictures' own
captions, without any, and with another picture's (words act when the last is worst), and each ControlNet's effect.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from data import CACHE
from diffusers import AutoencoderKL, ControlNetModel, StableDiffusionPipeline
from latents import to_signal
from networks import CONTROL_KINDS
from train_autoencoder import eye_windows
from train_control import Guides, validate
from train_unet import Miniature, Task, measure_words

PICTURES = 128


@torch.no_grad()
def measure_autoencoder(autoencoder: AutoencoderKL) -> dict[str, float]:
    images, points = (np.load(CACHE / f"held_out-{name}.npy")[:: 512 // PICTURES] for name in ("images", "points"))
    errors, eye_errors = [], []
    for start in range(0, PICTURES, 16):
        signal = to_signal(images[start : start + 16])
        decoded = autoencoder.decode(autoencoder.encode(signal).latent_dist.mode()).sample.clamp(-1, 1)
        squares = ((decoded - signal) ** 2 / 4).mean(1).numpy()
        errors.append(squares.mean())
        for square, five in zip(squares, points[start : start + 16], strict=True):
            eye_errors += [square[window].mean() for window in eye_windows(five) if square[window].size]
    return {"psnr_db": decibels(errors), "psnr_eyes_db": decibels(eye_errors)}


def decibels(errors: list[float]) -> float:
    return round(float(-10 * np.log10(np.mean(errors))), 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--family", type=Path, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    pipeline = StableDiffusionPipeline.from_pretrained(arguments.family, torch_dtype=torch.float32, safety_checker=None)
    tokenizer = pipeline.tokenizer  # its own: words have other numbers in families trained before they were added
    model = Miniature(tokenizer)
    model.unet, model.text_encoder = pipeline.unet, pipeline.text_encoder
    task = Task("held_out", tokenizer)
    figures: dict[str, object] = {"autoencoder": measure_autoencoder(pipeline.vae)}
    figures["words"] = measure_words(model, task, PICTURES)
    controls: dict[str, float] = {}
    for kind in CONTROL_KINDS:
        guides = Guides("held_out", kind)
        controls.setdefault("loss without", round(validate(model, None, task, guides), 4))
        control = ControlNetModel.from_pretrained(arguments.family / "controlnet" / kind, torch_dtype=torch.float32)
        controls[f"loss with {kind}"] = round(validate(model, control, task, guides), 4)
    figures["controls"] = controls
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
