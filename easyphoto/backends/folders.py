"""Where a base model's files lie and which family they are of: no torch, so that asking costs nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from easyphoto.errors import InputError, WeightsMissing
from easyphoto.families import FAMILIES, MINIATURE, SD15, Family, family_named, models_folder
from easyphoto.files import read_json

FAMILY_NOTE = "easyphoto.json"
"""How a folder that is neither SD 1.5 nor below models/ says its family: {"format": 1, "family": "miniature"}."""
DIFFUSERS_WEIGHTS = "diffusion_pytorch_model.safetensors"
TRANSFORMERS_WEIGHTS = "model.safetensors"
PARTS = {
    "unet": DIFFUSERS_WEIGHTS,
    "vae": DIFFUSERS_WEIGHTS,
    "text_encoder": TRANSFORMERS_WEIGHTS,
    "tokenizer": "tokenizer_config.json",
    "scheduler": "scheduler_config.json",
}


def base_folder(family_or_path: str) -> tuple[Family, Path]:
    """The family and the folder of `base`, which is a family's id or the path of a folder in the diffusers layout."""
    if family_or_path in FAMILIES:
        return _shipped(family_named(family_or_path))
    folder = Path(family_or_path).expanduser()
    if not folder.is_dir():
        raise WeightsMissing(
            f"There is no base model {family_or_path!r}.",
            advice=f"Give one of {', '.join(FAMILIES)}, or the path of a folder in the diffusers layout.",
        )
    return family_of(folder), folder


def family_of(folder: Path) -> Family:
    """Which family a folder holds: what it says itself, else what the UNet's width tells."""
    note = folder / FAMILY_NOTE
    if note.is_file():
        return family_named(str(read_json(note).get("family")))
    if folder.resolve() == (models_folder() / str(MINIATURE.embedded)).resolve():
        return MINIATURE
    require_parts(folder)
    if _unet_config(folder).get("cross_attention_dim") == 768:
        return SD15
    raise InputError(
        f"{folder} holds a model of no known family.",
        advice=f'SD 1.5 is recognised by itself; for others write {FAMILY_NOTE} with {{"format": 1, "family": …}}.',
    )


def controlnet_folder(family: Family, kind: str, base: Path) -> Path | None:
    """Where the ControlNet for that kind of control lies; None where the family has none or it is not at hand."""
    name = family.controls.get(kind)
    folder = base / "controlnet" / name if name else None
    return folder if folder and (folder / "config.json").is_file() else None


def require_parts(base: Path) -> None:
    missing = [f"{part}/{name}" for part, name in PARTS.items() if not _at_hand(base / part, name)]
    if missing:
        raise WeightsMissing(
            f"{base} is no complete model folder; missing: {', '.join(missing)}.",
            advice="It takes the diffusers layout with safetensors weights (pickled .bin files are not opened).",
        )


def _shipped(family: Family) -> tuple[Family, Path]:
    if family.embedded is None:
        raise WeightsMissing(
            f"The weights of {family.label} do not ship with EasyPhoto.",
            advice="Give the path of a folder in the diffusers layout instead of the family's name.",
        )
    return family, models_folder() / family.embedded


def _at_hand(folder: Path, name: str) -> bool:
    path = folder / name
    sixteen_bit = path.with_name(path.name.replace(".safetensors", ".fp16.safetensors"))
    sharded = path.with_name(path.name + ".index.json")
    return path.is_file() or sixteen_bit.is_file() or sharded.is_file()


def _unet_config(folder: Path) -> dict[str, Any]:
    try:
        config: dict[str, Any] = json.loads((folder / "unet" / "config.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsMissing(f"{folder}/unet/config.json cannot be read: {error}") from error
    return config
