"""The training data: latents, loss weights and captions cached in memory, and the order of the batches.

The autoencoder and the tokenizer are used only here, once; the steps do not need them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from easyphoto.backends.prompts import time_ids
from easyphoto.errors import BadRecord, TooFewPhotos
from easyphoto.geometry import Size
from easyphoto.images.pictures import read_picture, resized, resized_mask
from easyphoto.messages import phase, text
from easyphoto.progress import Progress
from easyphoto.storage.files import inside, read_regular
from easyphoto.storage.records import MOST_BYTES, parsed, typed

# Log variance. exp(-20 / 2) = 4.5e-5 of a latent of size 1: such an autoencoder has no noise, so sampling adds nothing.
NO_NOISE = -20.0
HOLD_OUT_FROM = 8
HOLD_OUT_SHARE = 0.2


@dataclass(frozen=True)
class Entry:
    """One training picture of a dataset folder."""

    image: Path
    weights: Path | None
    caption: str
    original: Size | None = None
    """Size of the picture before it was cropped and resized for training; None if the file is the original."""
    corner: tuple[int, int] = (0, 0)
    """Top and left of its crop in the original, in pixels."""


@dataclass(frozen=True, eq=False)
class Cached:
    """Everything a step needs, on the device. One row per photo, then one mirrored row per photo if flipping is on.

    `mean` and `deviation` are float32 (rows, channels, height, width), the scaled latents' distribution. `weights` is
    float32 (rows, 1, height, width) with a mean of 1 per row.
    """

    mean: torch.Tensor
    deviation: torch.Tensor | None
    """None if the autoencoder's noise is negligible."""
    weights: torch.Tensor
    captions: torch.Tensor
    """int64 (rows,), on the CPU: the row of `tokens` for each row."""
    tokens: tuple[torch.Tensor, ...]
    """int64 (captions, length), the tokens of every distinct caption, for each text encoder."""
    photos: int
    times: torch.Tensor | None = None
    """float32 (rows, 6), the UNet's size conditioning; None for a family without it."""


@dataclass(frozen=True, eq=False)
class BatchOrder:
    """The random draws of the whole run, made in advance from the seed: resuming does not change a step's data."""

    indices: torch.Tensor
    """int64 (steps, batch): rows of the cache; `timesteps` has the same shape."""
    timesteps: torch.Tensor
    noise_seeds: torch.Tensor
    """int64 (steps,): the seed of each step's own generator."""


@dataclass(frozen=True)
class _MetadataLine:
    """A line of `metadata.jsonl` in the format of kohya and Hugging Face datasets, with EasyPhoto's additions."""

    file_name: str = ""
    image: str = ""
    weights: str | None = None
    text: str = ""
    caption: str = ""
    original_size: tuple[int, int] | None = None
    corner: tuple[int, int] | None = None


def read_entries(folder: Path) -> tuple[Entry, ...]:
    """The pictures of a dataset folder. Raises TooFewPhotos if there are none, BadRecord for a damaged list."""
    listing = folder / "metadata.jsonl"
    lines = read_regular(listing, MOST_BYTES).splitlines() if listing.is_file() else []
    entries = tuple(_entry(folder, _row(line)) for line in lines if line.strip())
    if not entries:
        raise TooFewPhotos(
            text("{folder} holds no training pictures.", folder=folder), advice=text("Run the check and add photos.")
        )
    return entries


def _row(line: bytes) -> _MetadataLine:
    try:
        return typed(_MetadataLine, parsed(line), "A line of metadata.jsonl")
    except ValueError as error:
        raise BadRecord(
            text("A line of metadata.jsonl is damaged: {error}.", error=error),
            advice=text("Prepare the dataset again."),
        ) from error


def _entry(folder: Path, row: _MetadataLine) -> Entry:
    image = inside(folder, row.file_name or row.image)
    if not image.is_file():
        image = folder / "images" / image.name
    weights = inside(folder, row.weights) if row.weights else folder / "weights" / f"{image.stem}.png"
    return Entry(
        image,
        weights if weights.is_file() else None,
        row.text or row.caption,
        Size(*row.original_size) if row.original_size else None,
        row.corner or (0, 0),
    )


def split(entries: Sequence[Entry], seed: int) -> tuple[tuple[Entry, ...], tuple[Entry, ...]]:
    """Photos to train on and photos to judge by: disjoint if there are at least HOLD_OUT_FROM, else the same ones."""
    if len(entries) < HOLD_OUT_FROM:
        return tuple(entries), tuple(entries)
    order = np.random.default_rng(seed).permutation(len(entries))
    held = set(order[: max(1, round(len(entries) * HOLD_OUT_SHARE))].tolist())
    learned = tuple(entry for place, entry in enumerate(entries) if place not in held)
    return learned, tuple(entry for place, entry in enumerate(entries) if place in held)


@torch.no_grad()
def cache_dataset(components: Any, entries: Sequence[Entry], progress: Progress, *, flip: bool, device: str) -> Cached:
    """Encode every picture once into scaled latents."""
    side = components.family.resolution
    means, logvars, maps, times = [], [], [], []
    views = [(entry, mirrored) for mirrored in ((False, True) if flip else (False,)) for entry in entries]
    for done, (entry, mirrored) in enumerate(views):
        progress.check()
        original = read_picture(entry.image)
        picture = resized(original, Size(side, side))
        times.append(
            time_ids(original=entry.original or Size.of(original), corner=entry.corner, target=Size(side, side))
        )
        pixels = torch.from_numpy(np.array(picture, np.float32) / 127.5 - 1).permute(2, 0, 1)[None]
        pixels = pixels.flip(-1) if mirrored else pixels
        found = components.vae.encode(pixels.to(components.vae.device, components.vae.dtype)).latent_dist
        means.append(found.mean.float())
        logvars.append(found.logvar.float())
        maps.append(_weight_map(entry, mirrored, cells=found.mean.shape[-1]))
        progress.step(done + 1, len(views), phase("cache", "encoding photos"))
    scale = float(components.vae.config.scaling_factor)
    shift = float(getattr(components.vae.config, "shift_factor", None) or 0.0)
    noisy = max(float(logvar.max()) for logvar in logvars) > NO_NOISE
    words = sorted({entry.caption for entry in entries})
    tokens = tuple(tokenized(tokenizer, words).to(device) for tokenizer in components.tokenizers)
    return Cached(
        mean=((torch.cat(means) - shift) * scale).to(device),
        deviation=(torch.exp(0.5 * torch.cat(logvars)) * scale).to(device) if noisy else None,
        weights=torch.cat(maps).to(device),
        captions=torch.tensor([words.index(entry.caption) for entry, _ in views]),
        tokens=tokens,
        photos=len(entries),
        times=torch.tensor(times, dtype=torch.float32).to(device) if components.family.pools else None,
    )


def tokenized(tokenizer: Any, texts: Sequence[str]) -> torch.Tensor:
    """int64 (texts, length): the token ids, padded or truncated to the tokenizer's length."""
    found = tokenizer(
        list(texts), padding="max_length", max_length=tokenizer.model_max_length, truncation=True, return_tensors="pt"
    )
    return found.input_ids


def _weight_map(entry: Entry, mirrored: bool, *, cells: int) -> torch.Tensor:
    """float32 (1, 1, cells, cells) with a mean of 1: weighting shifts attention but keeps the learning rate."""
    if entry.weights is None:
        return torch.ones(1, 1, cells, cells)
    mask = np.array(read_picture(entry.weights).convert("L"), np.float32) / 255
    cell_weights = torch.from_numpy(resized_mask(mask, Size(cells, cells)).astype(np.float32))[None, None]
    cell_weights = cell_weights.flip(-1) if mirrored else cell_weights
    mean = float(cell_weights.mean())
    return cell_weights / mean if mean > 1e-4 else torch.ones_like(cell_weights)


def make_plan(cached: Cached, steps: int, *, batch: int, timesteps: int, seed: int) -> BatchOrder:
    """Draw the batches from one CPU generator. Photos come in shuffled rounds, so each is seen equally often.

    The time steps of a batch are stratified: one from each of `batch` equal parts of 0..`timesteps`, in random order.
    """
    draw = torch.Generator().manual_seed(seed)
    rows = cached.mean.shape[0]
    rounds = -(-steps * batch // rows)
    indices = torch.cat([torch.randperm(rows, generator=draw) for _ in range(rounds)])[: steps * batch]
    places = torch.stack([torch.randperm(batch, generator=draw) for _ in range(steps)])
    within = torch.rand(steps, batch, generator=draw)
    drawn = ((places + within) * (timesteps / batch)).long().clamp(max=timesteps - 1)
    noise_seeds = torch.randint(0, 2**62, (steps,), generator=draw)
    return BatchOrder(indices.reshape(steps, batch), drawn, noise_seeds)
