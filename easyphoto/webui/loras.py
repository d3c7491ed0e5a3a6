"""LoRAs in the prompt, by their names in the host's folder. The host leaves out a name that it does not know."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from easyphoto.backends.conditions import LoraCondition
from easyphoto.backends.headers import read_header
from easyphoto.backends.published import published_name
from easyphoto.errors import InputError, MissingCapability
from easyphoto.messages import note, text
from easyphoto.storage.files import atomic_path
from easyphoto.webui.host_modules import host_module, loaded

SUFFIX = ".safetensors"
_SPLITTING = frozenset(":<>")
"""Characters that separate the parts of a prompt's tag."""


@dataclass(frozen=True)
class NamedLora:
    use: LoraCondition
    name: str
    file: Path
    """The file in the host's folder."""

    @property
    def tag(self) -> str:
        return f"<lora:{self.name}:{self.use.weight:g}>"


def networks() -> Any:
    """Return the built-in Lora extension's module; None if it is disabled."""
    module = loaded("networks")
    return module if hasattr(module, "loaded_networks") else None


def lora_folder() -> Path | None:
    said = getattr(host_module("shared").cmd_opts, "lora_dir", None)
    return Path(str(said)).absolute() if said else None


def list_again() -> None:
    if (module := networks()) is not None and hasattr(module, "list_available_networks"):
        module.list_available_networks()


def published(lora: Path, folder: Path) -> Path:
    """Return the file in the host's folder that holds the same bytes; the LoRA is copied there if there is none."""
    target = folder / (published_name(lora) + SUFFIX)
    if not target.is_file():
        with atomic_path(target) as temporary:
            shutil.copyfile(lora, temporary)
        list_again()
    return target


@dataclass(eq=False)
class HostLoras:
    """Finds and caches a LoRA's name in the host, because reading 150 MB for every pass would take too long."""

    _files: dict[tuple[Path, int, int], Path] = field(default_factory=dict)

    def named(self, uses: Iterable[LoraCondition]) -> tuple[NamedLora, ...]:
        """Return the LoRAs with a weight. Raises MissingCapability for a missing file, or a name unfit for a prompt."""
        return tuple(self._named(use) for use in uses if use.weight)

    def require(self, uses: Iterable[LoraCondition]) -> None:
        """Raises MissingCapability for a LoRA that cannot be applied, whatever its weight; changes nothing."""
        for use in uses:
            if not use.path.is_file():
                raise MissingCapability(text("There is no LoRA {path}.", path=use.path), advice=text("Check the path."))
            if networks() is None or lora_folder() is None:
                raise MissingCapability(
                    text(
                        "The web UI cannot apply the LoRA {name}: its built-in extension Lora is off.",
                        name=use.path.name,
                    ),
                    advice=text("Enable it in the web UI's tab Extensions, and restart."),
                )

    def _named(self, use: LoraCondition) -> NamedLora:
        file = self._file(use.path)
        if _SPLITTING & set(file.stem):
            raise MissingCapability(
                text("The LoRA {name} has a name that cannot be written in a prompt.", name=file.name),
                advice=text("Rename it: no colon, < or >."),
            )
        return NamedLora(use, file.stem, file)

    def _file(self, path: Path) -> Path:
        folder = lora_folder()
        assert folder is not None, "asked for by `require`"
        own = path.resolve()
        if folder.resolve() in own.parents:
            return own
        said = own.stat()
        key = (own, said.st_size, said.st_mtime_ns)
        if key not in self._files or not self._files[key].is_file():
            self._files[key] = published(path, folder)
        return self._files[key]


def not_applied(loras: Sequence[NamedLora]) -> list[str]:
    """Return a sentence for each LoRA that the host did not apply; must be called while it paints."""
    module = networks()
    active = {str(net.name): net for net in getattr(module, "loaded_networks", ())}
    return [sentence for lora in loras if (sentence := _complaint(lora, active.get(lora.name)))]


def partly_applied(loras: Sequence[NamedLora]) -> tuple[str, ...]:
    """Return a note for each LoRA with layers that the checkpoint lacks; none if the host does not tell."""
    active = {str(net.name): net for net in getattr(networks(), "loaded_networks", ())}
    notes = []
    for lora in loras:
        matched, there = len(getattr(active.get(lora.name), "modules", ())), _layers(lora.file)
        if 0 < matched < there:
            notes.append(
                note(
                    "lora-partly-applied",
                    "Of the LoRA {name} {matched} of {all} layers fit this checkpoint.",
                    name=lora.use.path.name,
                    matched=matched,
                    all=there,
                )
            )
    return tuple(notes)


def _complaint(lora: NamedLora, net: Any) -> str | None:
    file = lora.use.path.name
    if net is None:
        return text("The LoRA {file} was not applied: the web UI did not load {name!r}.", file=file, name=lora.name)
    on_disk = getattr(getattr(net, "network_on_disk", None), "filename", None)
    if on_disk is not None and Path(str(on_disk)).resolve() != lora.file.resolve():
        return text(
            "The LoRA {file} was not applied: the web UI knows another file as {name!r} ({on_disk}).",
            file=file,
            name=lora.name,
            on_disk=on_disk,
        )
    patched = _forge_patches(str(on_disk))
    if patched is False or (patched is None and not getattr(net, "modules", True)):
        return text("The LoRA {file} was not applied: none of its layers fits this checkpoint.", file=file)
    return None


def _forge_patches(file: str) -> bool | None:
    """Return whether Forge patches its networks with the file; None in a host that keeps no such list."""
    objects = getattr(host_module("shared").sd_model, "forge_objects", None)
    if objects is None:
        return None
    patchers = [objects.unet, getattr(objects.clip, "patcher", None)]
    by_file = [each.lora_patches for each in patchers if hasattr(each, "lora_patches")]
    if by_file:
        return any(layers and key[0] == file for patches in by_file for key, layers in patches.items())
    # The older forks do not record which file a patch came from.
    return any(getattr(each, "patches", None) for each in patchers)


def _layers(file: Path) -> int:
    try:
        return len({name.split(".")[0] for name in read_header(file).shapes})
    except InputError:
        return 0
