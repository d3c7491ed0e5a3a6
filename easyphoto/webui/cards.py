"""The devices beside the web UI's own: trainings use them while it paints. Its own it keeps for everything else.

Cards are counted as the web UI's torch counts them, which by default is not the driver's order but the fastest first.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from easyphoto.devices import AUTO, BY_SPEED, CPU, CUDA, Card, Device, DeviceGroup, groups_of
from easyphoto.errors import BadSettings, MissingCapability
from easyphoto.messages import text
from easyphoto.settings.declarations import Settings, same_as
from easyphoto.settings.devices import DeviceSettings
from easyphoto.webui.host_modules import host_module, loaded

_USED = ("device", "device_interrogate", "device_gfpgan", "device_esrgan", "device_codeformer")
"""Attributes of the host's `devices` that name what it computes on."""


@dataclass(frozen=True)
class SpareDeviceSettings(Settings):
    """Which devices a web UI leaves to trainings. By default none: what else uses another card is not known here."""

    devices: str = same_as(
        DeviceSettings,
        "devices",
        label="Other graphics cards for trainings",
        help="auto: none, because another program may be using them, and a training that takes their memory makes it "
        "fail. Name cards that are free, such as cuda:1 or cuda:1,cuda:2: a training then runs there while the web "
        "UI goes on painting on its own. A plus joins cards for one training: cuda:1+cuda:2.",
    )


def spare_groups(written: str) -> tuple[DeviceGroup, ...]:
    """Return the devices of each lane for trainings that the setting names; `auto` names none.

    Raises BadSettings for what names no device, or the web UI's own, and MissingCapability for a card that the web UI
    does not see.
    """
    if written.strip() in ("", AUTO):
        return ()
    groups = groups_of(written, ())
    named = [device for group in groups for device in group.devices]
    if own := [device.name for device in named if device in devices_in_use()]:
        raise BadSettings(
            text("{names} is what the web UI itself computes on.", names=", ".join(own)),
            advice=text("Name other cards, or auto: trainings then take turns with the web UI's pictures."),
        )
    known = [f"{CUDA}:{card.number}" for card in host_cards()]
    if missing := [device.name for device in named if device.kind == CUDA and device.name not in known]:
        raise MissingCapability(
            text("This web UI sees no {names}.", names=", ".join(missing)),
            advice=text(
                "It sees {known}. CUDA_VISIBLE_DEVICES or --gpu-device-id may hide cards from it: start it without.",
                known=", ".join(known) or text("no graphics card"),
            ),
        )
    return tuple(spare_group(group.name) for group in groups)


def spare_group(name: str) -> DeviceGroup:
    """Return the devices of the lane with this name, counted as the web UI's torch counts them."""
    (group,) = groups_of(name, ())
    return replace(group, order=BY_SPEED)


def host_cards() -> tuple[Card, ...]:
    """Return the cards that the web UI's torch sees. How much of them is free is not asked: that would use them."""
    torch = loaded("torch")
    if torch is None or not torch.cuda.is_available():
        return ()
    found = (torch.cuda.get_device_properties(number) for number in range(torch.cuda.device_count()))
    return tuple(Card(number, str(each.name), int(each.total_memory), 0) for number, each in enumerate(found))


def devices_in_use() -> frozenset[Device]:
    """Return the cards that the web UI computes on, or the processor where it has none."""
    devices = host_module("devices")
    used = {_device(getattr(devices, name, None)) for name in _USED}
    # Beside a card, most web UIs do a little on the processor; a training there leaves the card alone.
    return frozenset(device for device in used if device and device.kind == CUDA) or frozenset(filter(None, [own()]))


def own() -> Device | None:
    """Return what the web UI paints on; None for what is neither a card nor the processor."""
    return _device(getattr(host_module("devices"), "device", None))


def own_group() -> DeviceGroup | None:
    """Return what a training takes from the web UI, where the trainer would not take it by itself."""
    device = own()
    return DeviceGroup((device,), BY_SPEED) if device is not None and device.number > 0 else None


def _device(said: Any) -> Device | None:
    """`said` is a torch.device, or its name; the card without a number is the first."""
    kind, _, number = str(said).partition(":")
    return Device(kind, int(number or 0)) if kind in (CPU, CUDA) else None
