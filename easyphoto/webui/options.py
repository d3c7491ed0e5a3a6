"""The section "EasyPhoto" of the host's settings page, and what was set there. Nothing else asks the host's options."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from easyphoto.settings import Declared, FaceSettings, Settings, WeightSettings, hints_of, settings_from
from easyphoto.webui.host_modules import host_module
from easyphoto.webui.workspace_location import workspace_of

SECTION = ("easyphoto", "EasyPhoto")
PREFIX = "easyphoto_"
WORKSPACE = PREFIX + "workspace"
# The web UI's folder is the host itself; nobody is asked for it.
ASKED: Mapping[type[Settings], tuple[str, ...]] = MappingProxyType(
    {WeightSettings: ("licences", "offline"), FaceSettings: ("detector", "embedder", "parser", "saliency")}
)


@dataclass(frozen=True)
class ServerSettings:
    """What the person who keeps the web UI has decided; what users choose is in the tabs."""

    workspace: Path | None
    """None: where no page of the host reaches."""
    faces: FaceSettings
    weights: WeightSettings


def read_server_settings() -> ServerSettings:
    """Raises BadSettings for a value that only an editor can have put into the host's file."""
    weights = {**_read(WeightSettings), "webui": str(data_folder())}
    return ServerSettings(
        chosen_workspace(),
        settings_from(FaceSettings, _read(FaceSettings)),
        settings_from(WeightSettings, weights),
    )


def workspace_folder() -> Path:
    """Where it lies now: as set, else where none of the host's pages reaches."""
    return chosen_workspace() or workspace_of(data_folder())


def chosen_workspace() -> Path | None:
    """As set, below the host's data where it is relative; None where nothing is set."""
    said = str(host_module("shared").opts.data.get(WORKSPACE) or "").strip()
    return data_folder() / Path(said).expanduser() if said else None


def data_folder() -> Path:
    """Where the host keeps models and settings; --data-dir moves it."""
    return Path(str(host_module("paths").data_path)).absolute()


def add_options() -> None:
    """The callback of the host's settings page."""
    import gradio as gr  # the host has it loaded already; the command line never comes here

    options = host_module("shared").opts
    info = host_module("shared").OptionInfo
    where = f"Empty: {workspace_of(data_folder())}"
    asked: dict[str, Any] = {
        WORKSPACE: info("", "Folder for persons, results and weights", gr.Textbox, {"placeholder": where})
    }
    for kind, names in ASKED.items():
        fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
        for name in names:
            field = fields[name]
            asked[PREFIX + name] = _option(info, field.default, field.metadata["declared"], _kind_of(kind, name))
    for key, option in asked.items():
        option.section = SECTION
        _after_reload(option)
        options.add_option(key, option)


def _read(kind: type[Settings]) -> dict[str, Any]:
    known = host_module("shared").opts.data
    return {name: known[PREFIX + name] for name in ASKED[kind] if PREFIX + name in known}


def _option(info: Any, default: Any, declared: Declared, kind: Any) -> Any:
    import gradio as gr

    if kind is bool:
        made = info(default, declared.label, gr.Checkbox)
    elif declared.choices:
        made = info(default, declared.label, gr.Dropdown, {"choices": list(declared.choices)})
    else:
        made = info(default, declared.label, gr.Textbox)
    return made.info(declared.help) if declared.help and hasattr(made, "info") else made


def _after_reload(option: Any) -> None:
    """The tabs are opened with the settings; hosts that can say so are asked to."""
    say = getattr(option, "needs_reload_ui", None)
    if say is not None:
        say()


def _kind_of(kind: type[Settings], name: str) -> Any:
    return hints_of(kind)[name]
