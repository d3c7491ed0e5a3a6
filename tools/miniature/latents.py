"""The fixed latents: PCA of 8 x 8 patches in closed form, written into an AutoencoderKL's encoder exactly.

    python tools/miniature/latents.py --weight 4
    python tools/miniature/latents.py --family models/miniature    (pictures drawn anew, into the latents that it has)

Why no training: an autoencoder of this size with default initialisation stalls near 17 dB, because its last norms
remove each picture's brightness. Latents fixed beforehand also let the autoencoder, the UNet and the ControlNets train
at the same time. Patches on eyes, brows, nose and mouth count `--weight` times, because a face lives or dies there.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from data import CACHE, FAMILY_PARTS, SIZE
from diffusers import AutoencoderKL
from networks import LATENT_CHANNELS, make_autoencoder
from safetensors.torch import save_file

from easyphoto.drawings.renderer import PARTS

FEATURES = tuple(PARTS.index(name) for name in ("brows", "eyes", "nose", "mouth"))
STATISTICS_PICTURES = 1500
CONSTANT = 50.0
SILENT_LOG_VARIANCE = -30.0


@dataclass(frozen=True)
class Projection:
    """patch → latents in two steps, as the encoder's strided convolutions take them."""

    small: np.ndarray  # 32 x 48: 4x4 patches as two rounds of _blocks order them
    large: np.ndarray  # latents x 128: 2x2 neighbours of the above, divided by the latents' scale
    offset: np.ndarray  # one for each latent


def to_signal(images: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.array(images)).permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)


def feature_share(parts: np.ndarray, cell: int) -> np.ndarray:
    """For every cell of the picture the share of its pixels on brows, eyes, nose or mouth."""
    count, side = parts.shape[0], parts.shape[1] // cell
    mask = np.isin(parts, FEATURES).reshape(count, side, cell, side, cell)
    return mask.mean(axis=(2, 4), dtype=np.float32)


def fit_projection(images: np.ndarray, parts: np.ndarray, weight: float) -> Projection:
    small_patches = _blocks(_blocks(to_signal(images)))  # N x 48 x 32 x 32
    small = _principal(_rows(small_patches), np.ones(small_patches[:, 0].numel(), np.float32), 32)
    reduced = torch.einsum("oc,nchw->nohw", torch.from_numpy(small), small_patches)
    rows = _rows(_blocks(reduced))
    weights = 1.0 + (weight - 1.0) * feature_share(parts, 8).reshape(-1)
    large = _principal(rows, weights, LATENT_CHANNELS)
    values = rows @ large.T
    deviation = values.std(0)
    # Half whitened: variances follow the deviations and average 1. So coarse channels still stand out of the noise
    # first, as in pixels, and an equal loss on all channels cares most about what is seen most.
    scale = np.sqrt(deviation * deviation.mean())
    return Projection(small, large / scale[:, None], -values.mean(0) / scale)


def project(projection: Projection, images: np.ndarray, batch: int = 256) -> np.ndarray:
    """What the encoder computes, by the two matrices alone: a hundred times faster, float16."""
    small, large = torch.from_numpy(projection.small), torch.from_numpy(projection.large)
    offset = torch.from_numpy(projection.offset)[:, None, None]
    results = []
    for start in range(0, len(images), batch):
        reduced = torch.einsum("oc,nchw->nohw", small, _blocks(_blocks(to_signal(images[start : start + batch]))))
        results.append((torch.einsum("oc,nchw->nohw", large, _blocks(reduced)) + offset).half().numpy())
    return np.concatenate(results)


def _blocks(signal: torch.Tensor) -> torch.Tensor:
    """Every 2x2 block becomes channels, block position slowest: the order in which _stride_kernel reads them."""
    count, channels, height, width = signal.shape
    split = signal.reshape(count, channels, height // 2, 2, width // 2, 2).permute(0, 3, 5, 1, 2, 4)
    return split.reshape(count, 4 * channels, height // 2, width // 2)


def _rows(signal: torch.Tensor) -> np.ndarray:
    return signal.permute(0, 2, 3, 1).reshape(-1, signal.shape[1]).numpy()


def _principal(rows: np.ndarray, weights: np.ndarray, count: int) -> np.ndarray:
    weights = weights / weights.sum()
    centred = rows - (weights[:, None] * rows).sum(0)
    covariance = (centred * weights[:, None]).T.astype(np.float64) @ centred
    values, vectors = np.linalg.eigh(covariance)
    axes = vectors[:, np.argsort(values)[::-1][:count]].T
    signs = np.sign(axes[np.arange(count), np.abs(axes).argmax(1)])
    return (axes * signs[:, None]).astype(np.float32)


def write_encoder(autoencoder: AutoencoderKL, projection: Projection) -> None:
    """Make the encoder compute the projection: residual branches zero, strided convolutions gather 2x2 blocks.

    The last norm is made linear by a constant pair ±CONSTANT in each group, whose size drowns the picture's own
    deviation, and SiLU by pairs of opposite sign: silu(x) - silu(-x) = x.
    """
    encoder = autoencoder.encoder
    with torch.no_grad():
        for parameter in [*encoder.parameters(), *autoencoder.quant_conv.parameters()]:
            parameter.zero_()
        for block in [*encoder.down_blocks, encoder.mid_block]:
            for resnet in block.resnets:
                resnet.norm1.weight.fill_(1.0)
                resnet.norm2.weight.fill_(1.0)
        _identity(encoder.conv_in.weight, 3)
        _stride_kernel(encoder.down_blocks[0].downsamplers[0].conv.weight, np.eye(12, dtype=np.float32), 3)
        _identity(encoder.down_blocks[1].resnets[0].conv_shortcut.weight, 12)
        _stride_kernel(encoder.down_blocks[1].downsamplers[0].conv.weight, projection.small, 12)
        _identity(encoder.down_blocks[2].resnets[0].conv_shortcut.weight, 32)
        last = encoder.down_blocks[2].downsamplers[0].conv
        _stride_kernel(last.weight, projection.large, 32)
        last.bias[:LATENT_CHANNELS] = torch.from_numpy(projection.offset)
        _write_linear_norm(autoencoder)


def read_projection(autoencoder: AutoencoderKL) -> Projection:
    """What `write_encoder` has written, so that the shipped autoencoder's latents cost no pass of it."""
    blocks = autoencoder.encoder.down_blocks
    small, large = blocks[1].downsamplers[0].conv, blocks[2].downsamplers[0].conv
    return Projection(
        _stride_matrix(small.weight, 32, 12),
        _stride_matrix(large.weight, LATENT_CHANNELS, 32),
        large.bias[:LATENT_CHANNELS].detach().numpy(),
    )


def _write_linear_norm(autoencoder: AutoencoderKL) -> None:
    encoder = autoencoder.encoder
    shortcut = encoder.down_blocks[3].resnets[0].conv_shortcut
    norm, out = encoder.conv_norm_out, encoder.conv_out
    group = norm.num_channels // norm.num_groups
    pairs = LATENT_CHANNELS // norm.num_groups
    constants = group - 2 * pairs  # the rest of a group is ±CONSTANT
    for latent in range(LATENT_CHANNELS):
        plus = (latent // pairs) * group + 2 * (latent % pairs)
        shortcut.weight[plus, latent] = 1.0
        shortcut.weight[plus + 1, latent] = -1.0
        out.weight[latent, plus, 1, 1] = 1.0
        out.weight[latent, plus + 1, 1, 1] = -1.0
    for start in range(0, norm.num_channels, group):
        shortcut.bias[start + 2 * pairs : start + group : 2] = CONSTANT
        shortcut.bias[start + 2 * pairs + 1 : start + group : 2] = -CONSTANT
    variance = (2 * pairs + constants * CONSTANT**2) / group
    norm.weight.fill_((variance + norm.eps) ** 0.5)
    out.bias[LATENT_CHANNELS:] = SILENT_LOG_VARIANCE
    _identity(autoencoder.quant_conv.weight, 2 * LATENT_CHANNELS)


def _identity(weight: torch.Tensor, channels: int) -> None:
    centre = weight.shape[-1] // 2
    for channel in range(channels):
        weight[channel, channel, centre, centre] = 1.0


def _stride_kernel(weight: torch.Tensor, matrix: np.ndarray, channels: int) -> None:
    """diffusers pads right and below only, so taps 0 and 1 of the 3x3 kernel are exactly one 2x2 block."""
    blocks = torch.from_numpy(matrix).reshape(len(matrix), 2, 2, channels)
    weight[: len(matrix), :channels, :2, :2] = blocks.permute(0, 3, 1, 2)


def _stride_matrix(weight: torch.Tensor, rows: int, channels: int) -> np.ndarray:
    return weight[:rows, :channels, :2, :2].detach().permute(0, 2, 3, 1).reshape(rows, 4 * channels).numpy()


def linear_bound(latents: np.ndarray, images: np.ndarray, parts: np.ndarray) -> tuple[float, float]:
    """PSNR of the best linear decoder, patch by patch: over the picture, and over patches with eyes."""
    patches = _rows(_blocks(_blocks(_blocks(to_signal(images)))))
    rows = _rows(torch.from_numpy(latents.astype(np.float32)))
    design = np.concatenate([rows, np.ones((len(rows), 1), np.float32)], 1)
    solution = np.linalg.lstsq(design, patches, rcond=None)[0]
    error = ((np.clip(design @ solution, -1, 1) - patches) ** 2).mean(1) / 4
    eyes = (parts == PARTS.index("eyes")).reshape(len(parts), SIZE // 8, 8, SIZE // 8, 8).any(axis=(2, 4)).reshape(-1)
    return float(-10 * np.log10(error.mean())), float(-10 * np.log10(error[eyes].mean()))


def write_latents(projection: Projection) -> None:
    for part in FAMILY_PARTS:
        images = np.load(CACHE / f"{part}-images.npy", mmap_mode="r")
        np.save(CACHE / f"{part}-latents-24.npy", project(projection, images))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weight", type=float, default=4.0)
    parser.add_argument("--family", type=Path, help="use its autoencoder's latents instead of fitting some")
    parser.add_argument("--measure", action="store_true", help="print the bounds only")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    if arguments.family:
        autoencoder = AutoencoderKL.from_pretrained(arguments.family / "vae", torch_dtype=torch.float32)
        write_latents(read_projection(autoencoder))
        return
    images, parts = (np.load(CACHE / f"train-{name}.npy", mmap_mode="r") for name in ("images", "parts"))
    chosen = np.linspace(0, len(images) - 1, STATISTICS_PICTURES).astype(int)
    projection = fit_projection(images[chosen], parts[chosen], arguments.weight)
    held_images, held_parts = np.load(CACHE / "held_out-images.npy"), np.load(CACHE / "held_out-parts.npy")
    held = project(projection, held_images)
    bound = linear_bound(held[::4], held_images[::4], held_parts[::4])
    print("weight", arguments.weight, "linear bound in dB, overall and eyes:", bound)
    if arguments.measure:
        return
    write_latents(projection)
    print("deviations", held.astype(np.float32).std((0, 2, 3)).round(2).tolist())
    autoencoder = make_autoencoder().eval()
    write_encoder(autoencoder, projection)
    with torch.no_grad():
        encoded = autoencoder.encode(to_signal(held_images[:8])).latent_dist.mode().numpy()
    print("encoder against matrices, largest difference:", np.abs(encoded - held[:8]).max())
    save_file(autoencoder.state_dict(), CACHE / "autoencoder-start-24.safetensors")


if __name__ == "__main__":
    main()
