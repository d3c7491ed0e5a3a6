"""On which devices jobs run; `easyphoto.devices` reads it."""

from __future__ import annotations

from dataclasses import dataclass

from easyphoto.settings.declarations import Settings, line, same_as


@dataclass(frozen=True)
class DeviceSettings(Settings):
    devices: str = line(
        "auto",
        label="Devices",
        help="Where jobs run: auto (every graphics card), cpu, or a list such as cuda:0,cuda:1, with one job at a time "
        "on each. A plus joins cards for one training: cuda:0+cuda:1.",
    )


@dataclass(frozen=True)
class SharedDevices(Settings):
    """The devices of one training."""

    devices: str = same_as(
        DeviceSettings,
        "devices",
        help="What computes: auto (the first graphics card), cpu, one card as cuda:1, or several that share the "
        "training: cuda:0,cuda:1.",
    )


@dataclass(frozen=True)
class OneDevice(Settings):
    """The device of work that takes one."""

    devices: str = same_as(
        DeviceSettings, "devices", help="What computes: auto (the first graphics card), cpu, or one card: cuda:1."
    )
