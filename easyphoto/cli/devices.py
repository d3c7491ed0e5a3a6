"""`--devices` of the verbs that compute: this process is kept to what it names, before torch is imported."""

from __future__ import annotations

import argparse
import os

from easyphoto.cli.options import add_options, settings_of
from easyphoto.devices import AUTO, CUDA, DeviceGroup, cards, check_usable, groups_of
from easyphoto.errors import BadSettings
from easyphoto.messages import text
from easyphoto.settings.devices import OneDevice, SharedDevices

SHARING = ("train", "resume")
"""Verbs that run one training, which several devices can compute together."""
COMPUTING = ("demo", "check", "photograph", "place", "persons", "styles", "bench")


def add_devices_option(parser: argparse.ArgumentParser, verb: str) -> None:
    """Add `--devices` where the verb computes by itself."""
    if verb in SHARING or verb in COMPUTING:
        add_options(parser, SharedDevices if verb in SHARING else OneDevice, title="devices")


def kept_to(arguments: argparse.Namespace) -> DeviceGroup | None:
    """Keep this process, and those that it starts, to the devices that were typed, and return them as it then counts
    them; None: torch chooses.

    Raises BadSettings for several devices where the verb takes one, and MissingCapability for one that is not there.
    """
    if arguments.verb not in (*SHARING, *COMPUTING):
        return None
    can_share = arguments.verb in SHARING
    settings = settings_of(SharedDevices, arguments) if can_share else settings_of(OneDevice, arguments)
    written = settings.devices
    if written.strip() == AUTO:
        return None
    # All take part in the one training that the verb runs, whichever way they are joined.
    (group,) = groups_of(written.replace(",", "+"), cards() if CUDA in written else ())
    if len(group.devices) > 1 and not can_share:
        raise BadSettings(
            text("{verb} computes on one device, and {value} are several.", verb=arguments.verb, value=written),
            advice=text("Name one, such as --devices {name}.", name=group.devices[0].name),
        )
    os.environ.update(group.environment())
    check_usable(group)
    return group.inside
