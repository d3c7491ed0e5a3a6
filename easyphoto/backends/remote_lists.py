"""The lists of a remote web UI (checkpoints, samplers, ControlNets, …), read once when it is opened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from easyphoto.backends.headers import read_header
from easyphoto.backends.published import OWN_NAME, published_name
from easyphoto.backends.remote_client import WebUi
from easyphoto.backends.webui_names import (
    HostCheckpoint,
    checkpoint_named,
    checkpoints_in,
    records,
    texts,
)
from easyphoto.errors import BackendUnreachable, InputError, MissingCapability
from easyphoto.messages import text

_HASH = "sshs_model_hash"
# Options that must have these values for a picture to match the request, whatever the web UI's owner has set.
_NEEDED: Mapping[str, Any] = {
    "img2img_fix_steps": False,
    "img2img_color_correction": False,
    "return_mask": False,
    "return_mask_composite": False,
    "samples_format": "png",
}


@dataclass(frozen=True)
class ListedUpscaler:
    name: str
    factor: int


@dataclass(frozen=True)
class RemoteInventory:
    """The names a web UI knows."""

    checkpoints: tuple[HostCheckpoint, ...]
    samplers: tuple[str, ...]
    schedulers: tuple[str, ...] | None
    """None for a web UI before 1.9, where the sampler names include the scheduler."""
    controls: tuple[str, ...] | None
    """ControlNet models; None without the ControlNet extension."""
    modules: tuple[str, ...]
    units: int | None
    """Number of controls a picture may have, None if unknown. The web UI silently drops further ones."""
    upscalers: tuple[ListedUpscaler, ...] = ()
    restorers: tuple[str, ...] = ()


def read_lists(webui: WebUi) -> RemoteInventory:
    """Read a web UI's lists. Raises BackendUnreachable or BackendError if it is not a web UI or its API is off."""
    checkpoints = checkpoints_in(webui.get("/sdapi/v1/sd-models"))
    schedulers = webui.get_or_none("/sdapi/v1/schedulers")
    controls = webui.get_or_none("/controlnet/model_list")
    settings = webui.get_or_none("/controlnet/settings") if controls is not None else None
    return RemoteInventory(
        checkpoints=checkpoints,
        samplers=tuple(str(each.get("name")) for each in records(webui.get("/sdapi/v1/samplers"))),
        schedulers=None if schedulers is None else tuple(str(each.get("label")) for each in records(schedulers)),
        controls=texts(controls.get("model_list")) if isinstance(controls, dict) else None,
        modules=_modules(webui) if controls is not None else (),
        units=settings.get("control_net_unit_count") if isinstance(settings, dict) else None,
        upscalers=_upscalers(webui),
        restorers=tuple(str(each.get("name")) for each in records(webui.get_or_none("/sdapi/v1/face-restorers"))),
    )


def _modules(webui: WebUi) -> tuple[str, ...]:
    found = webui.get_or_none("/controlnet/module_list")
    return texts(found.get("module_list")) if isinstance(found, dict) else ()


def _upscalers(webui: WebUi) -> tuple[ListedUpscaler, ...]:
    found = records(webui.get_or_none("/sdapi/v1/upscalers"))
    named = [(str(each.get("name")), each.get("scale")) for each in found]
    return tuple(
        ListedUpscaler(name, max(1, int(scale)) if isinstance(scale, (int, float)) else 4)
        for name, scale in named
        if name != "None"
    )


def overrides_for(webui: WebUi, checkpoint: HostCheckpoint | None, lists: RemoteInventory) -> dict[str, Any]:
    """The options a request must override: only those that differ, because a web UI restores only saved options.

    An option at its default may never have been saved, and would keep the overriding value for ever.
    """
    options = webui.get("/sdapi/v1/options")
    options = options if isinstance(options, dict) else {}
    changes = {name: value for name, value in _NEEDED.items() if options.get(name, value) != value}
    current = checkpoint_named(str(options.get("sd_model_checkpoint") or ""), lists.checkpoints)
    if checkpoint is not None and current != checkpoint:
        changes["sd_model_checkpoint"] = checkpoint.title
    return changes


def current_checkpoint(webui: WebUi, lists: RemoteInventory) -> HostCheckpoint | None:
    """The checkpoint that the web UI has loaded, by its options; None if it is not in the lists."""
    options = webui.get("/sdapi/v1/options")
    name = options.get("sd_model_checkpoint") if isinstance(options, dict) else None
    return checkpoint_named(str(name), lists.checkpoints) if name else None


@dataclass
class RemoteLoras:
    """Finds local LoRA files among a web UI's LoRAs, by name, since files cannot be uploaded."""

    webui: WebUi
    _found: dict[tuple[Path, int, int], str] = field(default_factory=dict)

    def require(self, lora: Path) -> str:
        """The LoRA's name for the prompt. Raises MissingCapability with the file and the name to copy it under."""
        try:
            stat = lora.stat()
            key = (lora, stat.st_size, stat.st_mtime_ns)
            if key not in self._found:
                self._found[key] = self._search(lora)
        except OSError as error:
            raise MissingCapability(
                text("There is no LoRA {lora}.", lora=lora), advice=text("Check the path.")
            ) from error
        return self._found[key]

    def _search(self, lora: Path) -> str:
        wanted = published_name(lora)
        if (found := self._listed(lora, wanted)) is not None:
            return found
        self.webui.post("/sdapi/v1/refresh-loras", {})
        if (found := self._listed(lora, wanted)) is not None:
            return found
        raise MissingCapability(
            text("The web UI at {url} does not have the LoRA {lora}.", url=self.webui.address.url, lora=lora),
            advice=text(
                "Copy {lora} into its folder models/Lora as {wanted}.safetensors, then run the same command again.",
                lora=lora,
                wanted=wanted,
            ),
        )

    def _listed(self, lora: Path, wanted: str) -> str | None:
        try:
            known = records(self.webui.get("/sdapi/v1/loras"))
        except BackendUnreachable as error:
            raise MissingCapability(
                text("The web UI at {url} does not list LoRAs.", url=self.webui.address.url),
                advice=text("Switch its built-in extension Lora on."),
            ) from error
        if any(entry.get("name") == wanted for entry in known):
            return wanted
        if lora.stem == OWN_NAME:
            return None
        same = [entry for entry in known if entry.get("name") == lora.stem and _may_be(lora, entry)]
        return lora.stem if same else None


def _may_be(lora: Path, entry: Mapping[str, Any]) -> bool:
    """Whether a listed LoRA may be the local one: False only if both files have a tensor hash and they differ."""
    metadata = entry.get("metadata")
    theirs = metadata.get(_HASH) if isinstance(metadata, dict) else None
    try:
        ours = read_header(lora).metadata.get(_HASH)
    except InputError:
        return True
    return not theirs or not ours or theirs == ours
