"""What is installed, what is missing and how fast the machine is: the first thing to look at when something fails."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from easyphoto import __version__
from easyphoto.faces.opening import engine_lines
from easyphoto.families import FAMILIES, models_folder
from easyphoto.machine import machine_words, measure_speed
from easyphoto.restoration.opening import restoration_lines
from easyphoto.settings import WeightSettings
from easyphoto.weights.opening import open_store
from easyphoto.weights.store import WeightStore, default_mirrors
from easyphoto.weights.tables import weights_lines
from easyphoto.workspace import Workspace

PACKAGES = (
    "torch", "diffusers", "transformers", "peft", "accelerate", "safetensors", "numpy", "pillow",
    "opencv-python-headless", "onnxruntime",
)  # fmt: skip
GIB = 1024**3


def examine(workspace: Workspace, settings: WeightSettings) -> Iterator[str]:
    """The findings, a line each; what needs mending begins with `!`."""
    yield f"EasyPhoto {__version__} on {machine_words()}"
    yield from _packages()
    yield from _models()
    yield from _weights(open_store(workspace.weights, default_mirrors(), settings))
    yield from _disk(workspace.root)
    try:
        yield f"  speed: {measure_speed().words()}"
    except ImportError:
        yield "! speed: not measured, torch is missing"


def _packages() -> Iterator[str]:
    for name in PACKAGES:
        try:
            yield f"  {name} {version(name)}"
        except PackageNotFoundError:
            yield f"! {name} is missing: pip install easyphoto[standalone]"
    try:
        import torch
    except ImportError:
        return
    device = torch.cuda.get_device_name(0) if torch.cuda.is_available() else f"CPU, {torch.get_num_threads()} threads"
    yield f"  device: {device}; OMP_WAIT_POLICY={os.environ.get('OMP_WAIT_POLICY', 'not set')}"


def _models() -> Iterator[str]:
    for family in FAMILIES.values():
        if family.embedded is None:
            continue
        folder = models_folder() / family.embedded
        files = list(folder.rglob("*.safetensors"))
        size = sum(file.stat().st_size for file in files) / 1e6
        good = (folder / "unet").is_dir() and bool(files)
        state = f"{size:.0f} MB in" if good else "missing in"
        yield f"{' ' if good else '!'} model {family.id}: {state} {folder}"


def _weights(store: WeightStore) -> Iterator[str]:
    yield from weights_lines(store)
    yield from engine_lines(store)
    yield from restoration_lines(store)


def _disk(root: Path) -> Iterator[str]:
    existing = next(folder for folder in (root, *root.parents) if folder.exists())
    free = shutil.disk_usage(existing).free / GIB
    writable = os.access(existing, os.W_OK)
    good = free >= 2 and writable
    yield f"{' ' if good else '!'} workspace {root}: {free:.0f} GiB free{'' if writable else ', not writable'}"
