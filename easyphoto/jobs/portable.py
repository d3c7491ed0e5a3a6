"""The app as plain values, from which another process opens its own: it shares the workspace, and nothing in memory."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from easyphoto.app import EasyPhoto
from easyphoto.devices import DeviceGroup
from easyphoto.host.base import ThisMachine
from easyphoto.host.remote import RemoteHost
from easyphoto.machine import memory_for_models
from easyphoto.model_cache import ModelCache
from easyphoto.settings.options import Options
from easyphoto.workspace.folders import Workspace


@dataclass(frozen=True)
class PortableApp:
    workspace: Path
    options: Options
    mirrors: tuple[Path, ...]
    host: ThisMachine | RemoteHost
    devices: DeviceGroup | None = None
    """What the process is kept to, as it counts them."""
    memory_shares: int = 1
    """How many processes keep their models in the same memory."""

    def opened(self) -> EasyPhoto:
        limit = None if self.memory_shares == 1 else memory_for_models() // self.memory_shares
        return EasyPhoto(
            Workspace(self.workspace), self.options, self.mirrors, self.host, self.devices, ModelCache(limit)
        )


def portable(app: EasyPhoto, devices: DeviceGroup | None = None, *, memory_shares: int = 1) -> PortableApp:
    """Return the app's values for a process that is kept to `devices`. A web UI's host is bound to its process: raises
    TypeError.
    """
    if not isinstance(app.host, (ThisMachine, RemoteHost)):
        raise TypeError(f"{type(app.host).__name__} cannot be opened in another process")
    # A copy has none of what the host has opened, such as connections.
    return PortableApp(
        app.workspace.root, app.options, app.mirrors, replace(app.host), devices and devices.inside, memory_shares
    )
