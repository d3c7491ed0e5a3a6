"""What a web UI elsewhere has, as it says itself, read once when it is opened."""

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
# What a web UI must do otherwise than its owner may have set it, for a picture to be what was asked for.
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
    """The names that a web UI knows."""

    checkpoints: tuple[HostCheckpoint, ...]
    samplers: tuple[str, ...]
    schedulers: tuple[str, ...] | None
    """None: a web UI before 1.9, whose samplers' names hold them."""
    controls: tuple[str, ...] | None
    """Models; None without the ControlNet extension."""
    modules: tuple[str, ...]
    units: int | None
    """How many controls a picture may have; None where that is not said. More are dropped in silence."""
    upscalers: tuple[ListedUpscaler, ...] = ()
    restorers: tuple[str, ...] = ()


def read_lists(webui: WebUi) -> RemoteInventory:
    """Raises BackendUnreachable, or BackendError, for what is no web UI or has its API off."""
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
    """What the request must set and put back: only what differs, because a web UI puts back no more than was saved.

    A setting that stands at its default may never have been saved, and would keep our value for ever.
    """
    options = webui.get("/sdapi/v1/options")
    options = options if isinstance(options, dict) else {}
    changes = {name: value for name, value in _NEEDED.items() if options.get(name, value) != value}
    current = checkpoint_named(str(options.get("sd_model_checkpoint") or ""), lists.checkpoints)
    if checkpoint is not None and current != checkpoint:
        changes["sd_model_checkpoint"] = checkpoint.title
    return changes


def current_checkpoint(webui: WebUi, lists: RemoteInventory) -> HostCheckpoint | None:
    options = webui.get("/sdapi/v1/options")
    name = options.get("sd_model_checkpoint") if isinstance(options, dict) else None
    return checkpoint_named(str(name), lists.checkpoints) if name else None


@dataclass
class RemoteLoras:
    """Finds a file of ours among a web UI's LoRAs, by name: it can be sent none."""

    webui: WebUi
    _found: dict[tuple[Path, int, int], str] = field(default_factory=dict)

    def require(self, lora: Path) -> str:
        """The name for the prompt. Raises MissingCapability that names the file, and the name to copy it under."""
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
            text("The web UI at {url} has not the LoRA of {lora}.", url=self.webui.address.url, lora=lora),
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
    """False where both files say what tensors they hold, and say different things."""
    metadata = entry.get("metadata")
    theirs = metadata.get(_HASH) if isinstance(metadata, dict) else None
    try:
        ours = read_header(lora).metadata.get(_HASH)
    except InputError:
        return True
    return not theirs or not ours or theirs == ours
