"""What the web UI is, and what it lacks for EasyPhoto; cheap enough to be asked while a tab is built."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from easyphoto.families import MINIATURE, SD15, SDXL
from easyphoto.host import HostFacts
from easyphoto.webui import checkpoints
from easyphoto.webui.access import host_module, host_module_or_none, is_there, loaded
from easyphoto.webui.controlnet import GET_EXTENSION, found_models, open_controlnet
from easyphoto.webui.finisher import restorer_names, upscaler_names
from easyphoto.webui.loras import networks

SENDS = ("img2img", "inpaint", "extras")
_NAMES: Mapping[str, str] = MappingProxyType(
    {"a1111": "AUTOMATIC1111", "forge": "Forge", "reforge": "reForge", "classic": "Forge Classic"}
)
OPEN = (
    "Everybody who can reach this page sees and changes every person: the web UI is open to others and asks for no "
    "account. Start it with --gradio-auth user:password."
)
_CHINESE = ("zh", "chinese")
_UNTAGGED = "<none>"


def read_facts() -> HostFacts:
    kind = host_kind()
    return HostFacts(
        name=f"{_NAMES[kind]} {_version()}".strip(),
        kind=kind,
        language=language(),
        checkpoints=(*checkpoints.names(), *((MINIATURE.id,) if is_there("diffusers") else ())),
        restorers=restorer_names(),
        upscalers=upscaler_names(),
        warnings=tuple(_warnings()),
        sends=SENDS,
    )


def host_kind() -> str:
    """a1111, forge, reforge or classic."""
    if not is_there("modules_forge"):
        return "a1111"
    # The first Forge and its elder forks bring ComfyUI's engine along; today's has one of its own, and gradio 4.
    if is_there("ldm_patched"):
        return "reforge"
    return "classic" if str(getattr(loaded("gradio"), "__version__", "4")).startswith("3") else "forge"


def serves_api() -> bool:
    """Whether the web UI was started with its API; without a page it is nothing else."""
    flags = host_module("shared").cmd_opts
    return bool(getattr(flags, "api", False) or getattr(flags, "nowebui", False))


def language() -> str:
    """The host's: its file of translations is called zh_CN, zh-Hans, Chinese-All or the like."""
    said = str(getattr(host_module("shared").opts, "localization", None) or "").lower()
    return "zh_CN" if said.startswith(_CHINESE) else "en"


def webui_folder() -> Path:
    """The folder that holds `models` and `extensions`."""
    paths = host_module("paths")
    return Path(str(getattr(paths, "data_path", None) or paths.script_path)).absolute()


def _is_open() -> bool:
    """Whether its page is there for others than who sits at this machine, and asks nobody for an account."""
    flags = host_module("shared").cmd_opts
    said = {name: getattr(flags, name, None) for name in ("listen", "share", "ngrok", "server_name")}
    is_here = said["server_name"] in (None, "", "127.0.0.1", "::1", "localhost")
    is_reached = bool(said["listen"] or said["share"] or said["ngrok"]) or not is_here
    return is_reached and not (getattr(flags, "gradio_auth", None) or getattr(flags, "gradio_auth_path", None))


def _version() -> str:
    said = str(getattr(loaded("modules_forge.forge_version"), "version", "") or "")
    if not said and (launcher := host_module_or_none("launch_utils")) is not None:
        said = str(launcher.git_tag())
    # Tags look like v1.10.1, or f2.0.1v1.10.1-previous-665-gdfdcbab6.
    number = re.match(r"[a-z]*(\d[\d.]*)", said)
    return number[1] if number else "" if said == _UNTAGGED else said


def _warnings() -> Iterator[str]:
    if _is_open():
        yield OPEN
    net = open_controlnet()
    if net is None:
        yield f"ControlNet is missing, without which a portrait does not keep its template's pose. {GET_EXTENSION}"
    elif not any(found_models(family, net) for family in (SD15, SDXL)):
        wanted = ", ".join(SD15.controls[kind] for kind in ("canny", "tile", "color"))
        yield f"ControlNet has none of the models that EasyPhoto uses. Put into models/ControlNet: {wanted}."
    if networks() is None:
        yield "The built-in extension Lora is off, so no person can be applied. Enable it in the tab Extensions."
    if not host_module("sd_models").checkpoints_list:
        yield f"There is no checkpoint. {checkpoints.PUT_IT}"
