"""Train the decoder of the autoencoder on the fixed latents; the encoder is the exact PCA of latents.py and stays.

    python tools/miniature/train_autoencoder.py --steps 3000

Residual branches start at zero and the last norm is linear from the start, so the decoder begins as a linear map and
only improves. A little noise on the latents makes it forgive what the UNet gets slightly wrong. Eyes, brows and mouth
count more, because they vanish first. Resumable; step n always sees the same pictures and noise.
"""

from __future__ import annotations

import argparse
import math
import os
import time
from pathlib import Path

import numpy as np
import torch
from data import CACHE
from diffusers import AutoencoderKL
from latents import to_signal
from networks import make_autoencoder
from safetensors.torch import load_file, save_file

from easyphoto.drawings.renderer import PARTS

SEED = 20
BATCH = 8
LATENT_NOISE = 0.05
WHOLE = (slice(0, 16), slice(0, 16))
CROPPED_SHARE = 0.93  # of the steps see quarters of pictures, four times as fast; the rest settles on whole ones
LEARNING_RATE = 2.0e-3
PART_WEIGHTS = {"eyes": 6.0, "brows": 4.0, "mouth": 5.0, "nose": 3.0, "skin": 1.5}
DECODER_CONSTANT = 8.0


def start_decoder(autoencoder: AutoencoderKL) -> None:
    """Residual branches at zero, and the last norm linear by the same trick as the encoder's (see latents.py)."""
    decoder = autoencoder.decoder
    with torch.no_grad():
        for block in [*decoder.up_blocks, decoder.mid_block]:
            for resnet in block.resnets:
                resnet.conv2.weight.zero_()
                resnet.conv2.bias.zero_()
        torch.nn.init.eye_(autoencoder.post_quant_conv.weight[:, :, 0, 0])
        autoencoder.post_quant_conv.bias.zero_()
        _add_identity(decoder.conv_in.weight)
        for block in decoder.up_blocks:
            for upsampler in block.upsamplers or ():
                _add_identity(upsampler.conv.weight)
            for resnet in block.resnets:
                if resnet.conv_shortcut is not None:
                    _add_identity(resnet.conv_shortcut.weight)
        shortcut = decoder.up_blocks[3].resnets[0].conv_shortcut
        for group in range(0, 16, 4):
            shortcut.weight[group + 1] = -shortcut.weight[group]
            shortcut.weight[group + 2 : group + 4] = 0.0
            shortcut.bias[group : group + 4] = torch.tensor([0.0, 0.0, DECODER_CONSTANT, -DECODER_CONSTANT])
        norm = decoder.conv_norm_out.requires_grad_(False)
        norm.weight.fill_(DECODER_CONSTANT / math.sqrt(2.0))
        decoder.conv_out.weight.mul_(0.1)
        for colour in range(3):
            decoder.conv_out.weight[colour, 4 * colour, 1, 1] += 1.0
            decoder.conv_out.weight[colour, 4 * colour + 1, 1, 1] -= 1.0


def _add_identity(weight: torch.Tensor) -> None:
    centre = weight.shape[-1] // 2
    for channel in range(min(weight.shape[:2])):
        weight[channel, channel, centre, centre] += 1.0


def pixel_weights(parts: np.ndarray) -> torch.Tensor:
    table = np.ones(256, np.float32)
    for name, weight in PART_WEIGHTS.items():
        table[PARTS.index(name)] = weight
    return torch.from_numpy(table[parts])[:, None]


def eye_windows(points: np.ndarray) -> list[tuple[slice, slice]]:
    """One window around each of the two eyes and its brow, a third of the eye distance to each side and a half up."""
    distance = float(np.linalg.norm(points[1] - points[0]))
    windows = []
    for x, y in points[:2]:
        top, bottom = int(max(0, y - 0.3 * distance)), int(min(128, y + 0.3 * distance + 1))
        left, right = int(max(0, x - 0.4 * distance)), int(min(128, x + 0.4 * distance + 1))
        windows.append((slice(top, bottom), slice(left, right)))
    return windows


@torch.no_grad()
def measure(
    autoencoder: AutoencoderKL, latents: np.ndarray, images: np.ndarray, points: np.ndarray
) -> tuple[float, float]:
    """PSNR in dB over whole pictures and inside the eye windows."""
    errors, eye_errors = [], []
    for start in range(0, len(images), 16):
        signal = to_signal(images[start : start + 16])
        stored = torch.from_numpy(latents[start : start + 16].astype(np.float32))
        decoded = autoencoder.decode(stored).sample.clamp(-1, 1)
        squares = ((decoded - signal) ** 2 / 4).mean(1).numpy()
        errors.append(squares.mean())
        for square, five in zip(squares, points[start : start + 16], strict=True):
            eye_errors += [square[window].mean() for window in eye_windows(five) if square[window].size]
    return float(-10 * np.log10(np.mean(errors))), float(-10 * np.log10(np.mean(eye_errors)))


def choose_window(draws: torch.Generator) -> tuple[slice, slice]:
    """A quarter of the picture in latent cells, mostly near its middle where the face is."""
    top, left = (torch.randint(9, (2, 2), generator=draws).sum(0) // 2).tolist()
    return slice(top, top + 8), slice(left, left + 8)


def learning_rate(step: int, steps: int) -> float:
    warm = min(1.0, (step + 1) / 50)
    return LEARNING_RATE * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(step / steps, 1.0))))


def save_state(path: Path, **values: object) -> None:
    partial = path.with_suffix(".partial")
    torch.save(values, partial)
    os.replace(partial, path)


def save_weights(autoencoder: AutoencoderKL, path: Path) -> None:
    partial = path.with_suffix(".partial")
    save_file(autoencoder.state_dict(), partial)
    os.replace(partial, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--every", type=int, default=100)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    state_path, weights_path = CACHE / "decoder-state.pt", CACHE / "autoencoder.safetensors"
    images, parts, latents = (
        np.load(CACHE / f"train-{name}.npy", mmap_mode="r") for name in ("images", "parts", "latents-24")
    )
    held_latents, held_images, held_points = (
        np.load(CACHE / f"held_out-{name}.npy")[:96] for name in ("latents-24", "images", "points")
    )
    autoencoder = make_autoencoder()
    autoencoder.load_state_dict(_encoder_weights(), strict=False)
    start_decoder(autoencoder)
    autoencoder.requires_grad_(False)
    learned = [*autoencoder.decoder.parameters(), *autoencoder.post_quant_conv.parameters()]
    for parameter in learned:
        parameter.requires_grad_(True)
    autoencoder.decoder.conv_norm_out.requires_grad_(False)  # its constants would multiply every small change
    learned = [parameter for parameter in learned if parameter.requires_grad]
    optimizer = torch.optim.AdamW(learned, lr=LEARNING_RATE, betas=(0.9, 0.99), weight_decay=0.0, fused=True)
    step = 0
    if state_path.exists():
        state = torch.load(state_path, weights_only=True)
        autoencoder.load_state_dict(state["weights"])
        optimizer.load_state_dict(state["optimizer"])
        step = state["step"]

    began, total = time.time(), 0.0
    while step < arguments.steps:
        draws = torch.Generator().manual_seed(SEED * 1_000_003 + step)
        chosen = torch.randint(len(images), (BATCH,), generator=draws).numpy()
        rows, columns = choose_window(draws) if step < CROPPED_SHARE * arguments.steps else WHOLE
        pixels = (slice(None), slice(8 * rows.start, 8 * rows.stop), slice(8 * columns.start, 8 * columns.stop))
        signal, weights = to_signal(images[chosen][pixels]), pixel_weights(parts[chosen][pixels])
        code = torch.from_numpy(latents[chosen][:, :, rows, columns].astype(np.float32))
        code += LATENT_NOISE * torch.randn(code.shape, generator=draws)
        error = autoencoder.decode(code).sample - signal
        loss = (weights * (error.square() + 0.05 * error.abs())).sum() / weights.sum() / 3
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, arguments.steps)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learned, 1.0)
        optimizer.step()
        step += 1
        total += loss.item()
        if step % arguments.every == 0 or step == arguments.steps:
            overall, eyes = measure(autoencoder, held_latents, held_images, held_points)
            seconds = time.time() - began
            loss_mean = total / arguments.every
            print(f"{step} loss {loss_mean:.5f} psnr {overall:.2f} eyes {eyes:.2f} {seconds:.0f}s", flush=True)
            total = 0.0
            save_state(state_path, weights=autoencoder.state_dict(), optimizer=optimizer.state_dict(), step=step)
            save_weights(autoencoder, weights_path)


def _encoder_weights() -> dict[str, torch.Tensor]:
    start = load_file(CACHE / "autoencoder-start-24.safetensors")
    return {name: value for name, value in start.items() if name.startswith(("encoder.", "quant_conv."))}


if __name__ == "__main__":
    main()
