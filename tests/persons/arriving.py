"""Persons to import: what the extension of 2023 left on disk, and LoRA files of a known shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from safetensors.numpy import save_file

from easyphoto.faces.engine import Face, FaceEngine
from easyphoto.images.pictures import as_picture
from tests.fakes import FakeEngine

BLOCK = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0"


@dataclass
class OnePersonEngine(FakeEngine):
    """Everybody is the same person."""

    def embed(self, picture: Image.Image, face: Face) -> np.ndarray | None:
        return np.array([1, 0], np.float32) if self.embedder else None


def one_person(_: Sequence[Path]) -> FaceEngine:
    return OnePersonEngine()


def write_lora(target: Path, *, width: int = 768, value: float = 0.5, **metadata: str) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    tensors = {
        f"{BLOCK}_attn2_to_k.lora_down.weight": np.full((4, width), value, np.float32),
        f"{BLOCK}_attn2_to_k.lora_up.weight": np.full((320, 4), value, np.float32),
        f"{BLOCK}_attn2_to_k.alpha": np.array(2, np.float32),
    }
    save_file(tensors, target, metadata=metadata or None)
    return target


def write_photo(target: Path, seed: int, *, side: int = 320) -> Path:
    """Crisp squares of many colours: sharp, and unlike those of another seed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (16, 16, 3)).astype(np.uint8)
    as_picture(noise).resize((side, side), Image.Resampling.NEAREST).save(target, quality=95)
    return target


def write_earlier(root: Path, id: str = "anna", *, photos: int = 4, reference: int = 2, first: int = 0) -> Path:
    """A web UI's root with one person; gives the person's folder."""
    folder = root / "outputs" / "easyphoto-user-id-infos" / id
    for number in range(photos):
        write_photo(folder / "original_backup" / f"{number}.jpg", first + number)
    if photos:
        with Image.open(folder / "original_backup" / f"{reference}.jpg") as best:
            best.save(folder / "ref_image.jpg", quality=75)
    write_photo(folder / "processed_images" / "train" / "0.jpg", first + 50)
    (folder / "processed_images" / "metadata.jsonl").write_text("{}\n")
    write_lora(folder / "user_weights" / "checkpoint-100.safetensors", value=0.1)
    write_lora(folder / "user_weights" / "best_outputs" / f"{id}.safetensors")
    write_photo(folder / "user_weights" / "best_outputs" / "global_step_a_100_0.jpg", first + 60)
    write_lora(root / "models" / "Lora" / f"{id}.safetensors", value=0.7)
    return folder
