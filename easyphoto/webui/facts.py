"""What the web UI is, and what EasyPhoto misses in it; cheap enough to be asked while a tab is built."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from easyphoto.architectures.registry import FAMILIES
from easyphoto.host.base import HostFacts
from easyphoto.messages import text
from easyphoto.webui import checkpoints
from easyphoto.webui.controlnet import GET_EXTENSION, found_models, open_controlnet
from easyphoto.webui.finisher import restorer_names, upscaler_names
from easyphoto.webui.host_modules import host_module, host_module_or_none, is_there, loaded
from easyphoto.webui.loras import networks

SENDS = ("img2img", "inpaint", "extras")
_NAMES: Mapping[str, str] = MappingProxyType(
    {"a1111": "AUTOMATIC1111", "forge": "Forge", "reforge": "reForge", "classic": "Forge Classic"}
)
OPEN = text(
    "Everybody who can reach this page sees and changes every person: the web UI is open to "
    "others and asks for no account. Start it with --gradio-auth user:password."
)
# Its /sdapi/v1/cmd-flags tells the page's accounts; script-info and loras tell who can be painted.
OPEN_API = text(
    "The web UI's own API answers everybody who can reach it, and tells even the accounts of "
    "this page. Start it with --api-auth user:password, or without --api."
)
_OPENERS = ("listen", "share", "ngrok", "cloudflared", "remotemoe", "localtunnel", "subpath")
"""Command-line flags that open the page to a network, a tunnel, or another server in front."""
_CHINESE = ("zh", "chinese")
_UNTAGGED = "<none>"


def read_facts() -> HostFacts:
    kind, flags = host_kind(), host_module("shared").cmd_opts
    return HostFacts(
        name=f"{_NAMES[kind]} {_version()}".strip(),
        kind=kind,
        language=language(),
        checkpoints=(*checkpoints.names(), *((FAMILIES.default.id,) if is_there("diffusers") else ())),
        restorers=restorer_names(),
        upscalers=upscaler_names(),
        warnings=tuple(_warnings()),
        sends=SENDS,
        is_local=is_local(flags) and not has_login(flags),
    )


def is_local(flags: Any) -> bool:
    """Return whether only users of this machine reach the page."""
    named = getattr(flags, "server_name", None) or os.environ.get("GRADIO_SERVER_NAME")
    is_here = named in (None, "", "127.0.0.1", "::1", "localhost")
    return is_here and not any(getattr(flags, name, None) for name in _OPENERS)


def host_kind() -> str:
    """Return a1111, forge, reforge or classic."""
    if not is_there("modules_forge"):
        return "a1111"
    # The first Forge and its older forks contain ComfyUI's engine; today's Forge has its own engine, and gradio 4.
    if is_there("ldm_patched"):
        return "reforge"
    return "classic" if str(getattr(loaded("gradio"), "__version__", "4")).startswith("3") else "forge"


def serves_api() -> bool:
    """Return whether the web UI was started with its API; without a page it always is."""
    flags = host_module("shared").cmd_opts
    return bool(getattr(flags, "api", False) or getattr(flags, "nowebui", False))


def language() -> str:
    """Return the page's language, from the host's translation file (zh_CN, zh-Hans, Chinese-All or similar)."""
    said = str(getattr(host_module("shared").opts, "localization", None) or "").lower()
    return "zh_CN" if said.startswith(_CHINESE) else "en"


def webui_folder() -> Path:
    """Return the folder that holds `models` and `extensions`."""
    paths = host_module("paths")
    return Path(str(getattr(paths, "data_path", None) or paths.script_path)).absolute()


def has_login(flags: Any) -> bool:
    return bool(getattr(flags, "gradio_auth", None) or getattr(flags, "gradio_auth_path", None))


def _version() -> str:
    said = str(getattr(loaded("modules_forge.forge_version"), "version", "") or "")
    if not said and (launcher := host_module_or_none("launch_utils")) is not None:
        said = str(launcher.git_tag())
    # Tags look like v1.10.1, or f2.0.1v1.10.1-previous-665-gdfdcbab6.
    number = re.match(r"[a-z]*(\d[\d.]*)", said)
    return number[1] if number else "" if said == _UNTAGGED else said


def _warnings() -> Iterator[str]:
    flags = host_module("shared").cmd_opts
    if not is_local(flags) and not has_login(flags):
        yield OPEN
    elif not is_local(flags) and serves_api() and not getattr(flags, "api_auth", None):
        yield OPEN_API
    net = open_controlnet()
    if net is None:
        yield text(
            "ControlNet is missing, without which a portrait does not keep its template's pose. {get_extension}",
            get_extension=GET_EXTENSION,
        )
    elif not any(found_models(family, net) for family in FAMILIES.from_files):
        first = FAMILIES.from_files[0]
        wanted = ", ".join(first.controls[kind] for kind in ("canny", "tile", "openpose"))
        yield text(
            "ControlNet has none of the models that EasyPhoto uses. Put into models/ControlNet: {wanted}.",
            wanted=wanted,
        )
    if networks() is None:
        yield text("The built-in extension Lora is off, so no person can be applied. Enable it in the tab Extensions.")
    if not host_module("sd_models").checkpoints_list:
        yield text("There is no checkpoint. {put_it}", put_it=checkpoints.PUT_IT)
