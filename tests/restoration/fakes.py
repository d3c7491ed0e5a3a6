"""A spandrel without torchvision, a weight store without files, and networks that can be told from afar."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from easyphoto.errors import LicenceRefused, WeightsMissing
from easyphoto.progress import Progress
from easyphoto.weights.catalog import UsedWeight


class FakeNetwork:
    """What spandrel hands back: its attributes, and `work` in place of the network."""

    def __init__(self, work: Any, *, purpose: str, scale: int = 1, channels: int = 3) -> None:
        import torch

        self.model = work
        self.purpose, self.scale = purpose, scale
        self.input_channels = self.output_channels = channels
        self.architecture = SimpleNamespace(name="Fake")
        self.device, self.dtype, self.supports_half = torch.device("cpu"), torch.float32, True
        self.said: list[str] = []

    def __call__(self, tensor: Any) -> Any:
        return self.model(tensor).clamp(0, 1)

    def eval(self) -> FakeNetwork:
        self.said.append("eval")
        return self

    def float(self) -> FakeNetwork:
        self.said.append("float")
        return self

    def half(self) -> FakeNetwork:
        self.said.append("half")
        return self


def install(monkeypatch: pytest.MonkeyPatch, network: FakeNetwork | Exception) -> list[Path]:
    """Puts a module `spandrel` into sys.modules that reads every file as that network; returns what it was given."""
    asked: list[Path] = []

    class ModelLoader:
        def __init__(self, device: Any) -> None:
            self.device = device

        def load_from_file(self, path: Path) -> FakeNetwork:
            asked.append(path)
            if isinstance(network, Exception):
                raise network
            return network

    module = ModuleType("spandrel")
    module.ModelLoader = ModelLoader  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "spandrel", module)
    return asked


def uninstall(monkeypatch: pytest.MonkeyPatch) -> None:
    """Importing spandrel fails, as it does without torchvision."""
    monkeypatch.setitem(sys.modules, "spandrel", None)


@dataclass
class FakeStore:
    """Holds the ids it was given; `refused` ones by licence."""

    here: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    asked: list[str] = field(default_factory=list)

    def find(self, id: str) -> Path | None:
        return Path(f"{id}.pth") if id in self.here and id not in self.refused else None

    def allows(self, id: str) -> bool:
        return id not in self.refused

    def require(self, id: str, progress: Progress) -> Path:
        self.asked.append(id)
        if id in self.refused:
            raise LicenceRefused(f"{id} is for research only.")
        if id not in self.here:
            raise WeightsMissing(f"{id} is not at hand.")
        return Path(f"{id}.pth")

    def used(self, id: str) -> UsedWeight:
        return UsedWeight(id, f"{id}.pth", "test", "0" * 64)


@dataclass
class Painter:
    """A Restorer and an Upscaler that paint everything in one colour."""

    colour: tuple[int, int, int]
    factor: int = 4
    error: Exception | None = None
    faces: list[Image.Image] = field(default_factory=list)
    changes_only: bool = False

    @property
    def weights(self) -> tuple[UsedWeight, ...]:
        return (UsedWeight("painter", "painter.pth", "test", "1" * 64),)

    def restore(self, face: Image.Image) -> Image.Image:
        if self.error:
            raise self.error
        self.faces.append(face)
        return Image.new("RGB", face.size, self.colour)

    def upscale(self, picture: Image.Image, progress: Progress) -> Image.Image:
        if self.error:
            raise self.error
        progress.step(1, 1)
        return Image.new("RGB", (self.factor * picture.width, self.factor * picture.height), self.colour)


def ramp_picture(width: int, height: int) -> np.ndarray:
    """uint8 (height, width, 3) with detail everywhere."""
    rows, columns = np.mgrid[:height, :width]
    waves = [np.sin(columns / 3.1) + np.sin(rows / 5.3), np.sin((rows + columns) / 7.7), np.cos(columns * rows / 900.0)]
    return np.rint(127.5 + 60 * np.stack(waves, -1)).clip(0, 255).astype(np.uint8)
