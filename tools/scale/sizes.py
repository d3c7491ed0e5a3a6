"""What travels in a cluster, in bytes: counted from a workspace, and for LoRAs from the shapes of the networks."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from pathlib import Path

from activation_memory import open_networks

from easyphoto.architectures.base import Family
from easyphoto.architectures.registry import FAMILIES
from easyphoto.backends.components import quiet_libraries
from scale.figures import Figure

KEPT = 2
"""Bytes of a value in a LoRA's file: half precision."""
LORA = "lora.safetensors"


def measured(workspace: Path | None) -> dict[str, Figure]:
    loras = {f"lora_{name}": of_lora(family) for name, family in FAMILIES.items()}
    return loras if workspace is None else {**loras, **of_workspace(workspace)}


def of_lora(family: Family) -> Figure:
    """The file of a LoRA at the family's own rank, without what says how it was made."""
    import torch

    from easyphoto.training.adapted_networks import adapted_layers

    with quiet_libraries():
        networks = open_networks(family, torch.float32)
    learning = {"unet": networks.unet}
    learning |= {each.part: encoder for each, encoder in zip(family.text_encoders, networks.text_encoders, strict=True)}
    layers = [layer for name, network in learning.items() for layer in adapted_layers(name, network, family.rank)]
    values = sum(_product(layer.down) + _product(layer.up) + 1 for layer in layers)
    return Figure(values * KEPT, "bytes", f"the LoRA of a person, {family.short}, rank {family.rank}")


def of_workspace(workspace: Path) -> dict[str, Figure]:
    """Medians over the persons, the trainings and the pictures of a workspace of the miniature."""
    said = {
        "photos": ("a person's photos", [_of(folder / "photos") for folder in _in(workspace / "persons")]),
        "person": ("a person's folder, LoRA included", [_of(folder) for folder in _in(workspace / "persons")]),
        "run": ("a training's folder with all checkpoints", [_of(folder) for folder in _in(workspace / "runs")]),
        "picture": ("a finished picture", [file.stat().st_size for file in workspace.glob("results/*/*-[0-9].png")]),
    }
    loras = [_of_loras(folder) for folder in _in(workspace / "runs") if (folder / LORA).is_file()]
    share = Figure(statistics.median(loras), "LoRAs", "the checkpoints of a training and what it is resumed from")
    return {"run_loras": share} | {
        f"miniature_{name}": Figure(statistics.median(found), "bytes", f"{what}, miniature")
        for name, (what, found) in said.items()
        if found
    }


def _of_loras(run: Path) -> float:
    """The bytes of all LoRAs of a training's folder, in those of the one that it made."""
    return sum(file.stat().st_size for file in run.rglob("*.safetensors")) / (run / LORA).stat().st_size


def _in(folder: Path) -> Iterable[Path]:
    return [path for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []


def _of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _product(shape: Iterable[int]) -> int:
    found = 1
    for side in shape:
        found *= side
    return found
