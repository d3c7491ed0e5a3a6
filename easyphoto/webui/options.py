"""The section "EasyPhoto" of the host's settings page, and its values, which only this module reads."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from easyphoto.settings.declarations import Declared, Settings, hints_of, settings_from
from easyphoto.settings.options import FaceSettings, WeightSettings
from easyphoto.webui.cards import SpareDeviceSettings
from easyphoto.webui.host_modules import host_module
from easyphoto.webui.workspace_location import workspace_of

SECTION = ("easyphoto", "EasyPhoto")
PREFIX = "easyphoto_"
WORKSPACE = PREFIX + "workspace"
# Without the web UI's folder, which is the host itself.
ASKED: Mapping[type[Settings], tuple[str, ...]] = MappingProxyType(
    {
        WeightSettings: ("licences", "offline"),
        FaceSettings: ("detector", "embedder", "parser", "saliency"),
        SpareDeviceSettings: ("devices",),
    }
)


@dataclass(frozen=True)
class ServerSettings:
    """What the web UI's administrator has set; users choose the rest in the tabs."""

    workspace: Path | None
    """None: a folder that no page of the host reaches."""
    faces: FaceSettings
    weights: WeightSettings
    devices: str
    """What trainings may use besides the web UI's own device; `easyphoto.webui.cards` reads it."""


def read_server_settings() -> ServerSettings:
    """Raises BadSettings for a value that can only have been edited into the host's file."""
    weights = {**_read(WeightSettings), "webui": str(data_folder())}
    return ServerSettings(
        chosen_workspace(),
        settings_from(FaceSettings, _read(FaceSettings)),
        settings_from(WeightSettings, weights),
        settings_from(SpareDeviceSettings, _read(SpareDeviceSettings)).devices,
    )


def workspace_folder() -> Path:
    """Return the workspace's folder: as set, else one that none of the host's pages reaches."""
    return chosen_workspace() or workspace_of(data_folder())


def chosen_workspace() -> Path | None:
    """Return the folder that is set, relative to the host's data folder; None if none is set."""
    said = str(host_module("shared").opts.data.get(WORKSPACE) or "").strip()
    return data_folder() / Path(said).expanduser() if said else None


def data_folder() -> Path:
    """Return the folder of the host's models and settings; --data-dir moves it."""
    return Path(str(host_module("paths").data_path)).absolute()


def add_options() -> None:
    """Add the options; the callback of the host's settings page."""
    import gradio as gr  # already loaded by the host; the command line never comes here

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
    """Mark the option as needing a reload, if the host can show that: the tabs read the settings when built."""
    say = getattr(option, "needs_reload_ui", None)
    if say is not None:
        say()


def _kind_of(kind: type[Settings], name: str) -> Any:
    return hints_of(kind)[name]
