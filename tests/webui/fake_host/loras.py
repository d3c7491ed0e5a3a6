"""The built-in Lora extension: names in the prompt, files in a folder; a name it does not know it leaves out."""

from __future__ import annotations

import json
import re
import struct
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

TAG = re.compile(r"<lora:([^:>]+):([^:>]+)>")
FITTING = ("lora_unet_", "lora_te_")


@dataclass(eq=False)
class Network:
    name: str
    network_on_disk: Any
    weight: float
    modules: dict[str, object] = field(default_factory=dict)


def write_lora(path: Path, *, layers: tuple[str, ...] = ("lora_unet_mid", "lora_te_first"), salt: str = "") -> Path:
    """A file in the safetensors layout with empty tensors."""
    header: dict[str, Any] = {
        f"{layer}.lora_up.weight": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for layer in layers
    }
    text = json.dumps(header | {"__metadata__": {"salt": salt}}).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text)
    return path


def layers_of(file: Path) -> set[str]:
    content = file.read_bytes()
    header = json.loads(content[8 : 8 + struct.unpack("<Q", content[:8])[0]])
    return {name.split(".")[0] for name in header if name != "__metadata__"}


class LoraExtension:
    def __init__(self, folder: Path, sd_model: Any):
        self.folder, self.sd_model = folder, sd_model
        self.module = ModuleType("networks")
        self.module.available_networks = {}  # type: ignore[attr-defined]
        self.module.loaded_networks = []  # type: ignore[attr-defined]
        self.module.list_available_networks = self.list_again  # type: ignore[attr-defined]
        self.list_again()

    @property
    def loaded(self) -> list[Network]:
        return self.module.loaded_networks  # type: ignore[no-any-return]

    def list_again(self) -> None:
        files = sorted(self.folder.rglob("*.safetensors"))
        known = {file.stem: SimpleNamespace(name=file.stem, filename=str(file)) for file in files}
        self.module.available_networks.clear()  # type: ignore[attr-defined]
        self.module.available_networks.update(known)  # type: ignore[attr-defined]

    def activate(self, prompt: str) -> str:
        """Loads what the prompt names, and gives it back without the names."""
        self.loaded.clear()
        objects = getattr(self.sd_model, "forge_objects", None)
        if objects is not None:
            objects.unet.lora_patches = {}
        for name, weight in TAG.findall(prompt):
            self._load(name, float(weight), objects)
        return TAG.sub("", prompt).strip()

    def _load(self, name: str, weight: float, objects: Any) -> None:
        if name not in self.module.available_networks:  # type: ignore[attr-defined]
            self.list_again()
        on_disk = self.module.available_networks.get(name)  # type: ignore[attr-defined]
        if on_disk is None:
            return
        fitting = {layer for layer in layers_of(Path(on_disk.filename)) if layer.startswith(FITTING)}
        network = Network(name, on_disk, weight)
        if objects is None:
            network.modules = dict.fromkeys(fitting)
        else:
            objects.unet.lora_patches[(on_disk.filename, weight, 1.0, False)] = dict.fromkeys(fitting)
        self.loaded.append(network)

    def words(self) -> list[str]:
        """What a picture depends on."""
        said = []
        for net in self.loaded:
            file = Path(net.network_on_disk.filename)
            if any(layer.startswith(FITTING) for layer in layers_of(file)):
                said.append(f"{net.weight} {hash(file.read_bytes())}")
        return said
