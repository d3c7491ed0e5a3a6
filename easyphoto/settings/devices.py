"""On which devices jobs run; `easyphoto.devices` reads it."""

from __future__ import annotations

from dataclasses import dataclass

from easyphoto.settings.declarations import Settings, line


@dataclass(frozen=True)
class DeviceSettings(Settings):
    devices: str = line(
        "auto",
        label="Devices",
        help="Where jobs run: auto (every graphics card), cpu, or a list such as cuda:0,cuda:1, with one job at a time "
        "on each. A plus joins cards for one training: cuda:0+cuda:1.",
    )
