"""Removes EasyPhoto from the running web UI: its workspace, and what the web UI's own files hold of it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from easyphoto.app import EasyPhoto
from easyphoto.commands.base import NullContext
from easyphoto.commands.uninstall import Uninstall
from easyphoto.errors import HostBusy
from easyphoto.messages import text
from easyphoto.ui.exports import EXPORTS
from easyphoto.webui.host import WebuiHost
from easyphoto.webui.host_modules import host_module
from easyphoto.webui.loras import lora_folder
from easyphoto.webui.options import PREFIX, data_folder, workspace_folder
from easyphoto.webui.service import HOURLY, MODELS, QUEUE, REMOVED, is_working
from easyphoto.workspace.folders import Workspace
from easyphoto.workspace.web_ui_files import CONFIG, UI_CONFIG, WebuiFiles

if TYPE_CHECKING:
    from easyphoto.persons.leaving import Leaving, Removal


def webui_files() -> WebuiFiles:
    """Return the web UI's files, where its command line says they are."""
    flags, data = host_module("shared").cmd_opts, data_folder()
    config = getattr(flags, "ui_settings_file", None) or data / CONFIG
    ui_config = getattr(flags, "ui_config_file", None) or data / UI_CONFIG
    return WebuiFiles(data, Path(str(config)).absolute(), Path(str(ui_config)).absolute(), lora_folder())


def listed(keep: Collection[str]) -> tuple[Leaving, ...]:
    return _command(keep).listing(_app())


def removed(keep: Collection[str]) -> Removal:
    """Remove everything else. Raises HostBusy while jobs run, and what `Uninstall` raises before anything goes."""
    _command(keep).listing(_app())
    shared = host_module("shared")
    queue = getattr(shared, QUEUE, None)
    if queue is not None and is_working(queue):
        raise HostBusy(
            text("EasyPhoto still has jobs to do."), advice=text("Cancel them, or wait until they are done.")
        )
    # From here on nothing makes a workspace anew; the queue lets go of the one that goes.
    setattr(shared, REMOVED, True)
    if (hourly := getattr(shared, HOURLY, None)) is not None:
        hourly[1].close()
    if queue is not None:
        queue.close()
    if (models := getattr(shared, MODELS, None)) is not None:
        models[1].clear()
    removal = _command(keep).run(_app(), NullContext())
    _forget_exports()
    if "settings" not in keep:
        _forget_options()
    return removal


def _command(keep: Collection[str]) -> Uninstall:
    return Uninstall(tuple(keep), webui_files())


def _app() -> EasyPhoto:
    return EasyPhoto(Workspace(workspace_folder()), host=WebuiHost())


def _forget_options() -> None:
    """Drop the options from memory too: the host writes all of them with the next one that is changed."""
    data = host_module("shared").opts.data
    for name in [name for name in data if name.startswith(PREFIX)]:
        del data[name]


def _forget_exports() -> None:
    kept = Path(os.environ.get("GRADIO_TEMP_DIR") or os.path.join(tempfile.gettempdir(), "gradio")) / EXPORTS
    if not kept.is_symlink():
        shutil.rmtree(kept, ignore_errors=True)
