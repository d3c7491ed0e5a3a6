"""The devices that compute: which this machine has, how a setting names them, and how a process is kept to its own.

A process is given cards by its environment, as `torchrun` and the launcher of accelerate do it: within it the first of
them is `cuda`, and nothing else can be touched.
"""

from __future__ import annotations

import csv
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from easyphoto.errors import BadSettings, MissingCapability
from easyphoto.messages import joined, text
from easyphoto.parallel import cores

AUTO, CPU, CUDA = "auto", "cpu", "cuda"
VISIBLE, ORDER = "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER"
BY_BUS, BY_SPEED = "PCI_BUS_ID", "FASTEST_FIRST"
"""Values of CUDA_DEVICE_ORDER: as `nvidia-smi` counts, and as torch does where nobody says otherwise."""
_QUERY = ("name", "memory.total", "memory.free")
_SECONDS_TO_ASK = 10.0
MIB, GIB = 1 << 20, 1 << 30


@dataclass(frozen=True)
class Card:
    """A graphics card, as its driver describes it."""

    number: int
    """As torch counts them in this process: `cuda:<number>`."""
    name: str
    memory: int
    free: int
    """In bytes."""


@dataclass(frozen=True)
class Device:
    kind: str
    """cpu or cuda."""
    number: int = 0

    @property
    def name(self) -> str:
        return f"{self.kind}:{self.number}"


@dataclass(frozen=True)
class DeviceGroup:
    """The devices of one lane, all of one kind: a training takes them all, everything else the first."""

    devices: tuple[Device, ...]
    order: str = BY_BUS
    """How the numbers count cards where this process's own environment does not say."""

    @property
    def name(self) -> str:
        """As the setting writes it: cuda:0, cuda:0+cuda:1."""
        return "+".join(device.name for device in self.devices)

    @property
    def kind(self) -> str:
        return self.devices[0].kind

    @property
    def inside(self) -> DeviceGroup:
        """The same devices as a process counts them that is kept to them."""
        return DeviceGroup(tuple(Device(device.kind, number) for number, device in enumerate(self.devices)))

    def environment(self, *, threads: int | None = None) -> dict[str, str]:
        """The variables that keep a process, and those that it starts, to these devices; `threads` are torch's.

        Raises MissingCapability for a card that this process's own environment hides.
        """
        mine = _visible()
        numbers = [device.number for device in self.devices] if self.kind == CUDA else []
        if mine is not None and any(number >= len(mine) for number in numbers):
            raise unusable(self)
        cards = [mine[number] if mine is not None else str(number) for number in numbers]
        limits = {} if threads is None else {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
        return {ORDER: os.environ.get(ORDER, self.order), VISIBLE: ",".join(cards), **limits}


def groups_of(written: str, cards: Sequence[Card]) -> tuple[DeviceGroup, ...]:
    """Return the lanes' devices that the setting names: `auto`, `cpu`, `cuda:0,cuda:1`, `cuda:0+cuda:1,cuda:2`.

    A comma separates lanes, a plus joins the devices of one. `auto` is a lane for each of `cards`, or the processor
    where there is none. Raises BadSettings for what names no device, or one twice; MissingCapability for a card that is
    not there.
    """
    if written.strip() == AUTO:
        return tuple(DeviceGroup((Device(CUDA, card.number),)) for card in cards) or (DeviceGroup((Device(CPU),)),)
    groups = tuple(
        DeviceGroup(tuple(_device(part, written) for part in lane.split("+"))) for lane in written.split(",")
    )
    named = [device for group in groups for device in group.devices]
    if len(set(named)) < len(named) or any(len({each.kind for each in group.devices}) > 1 for group in groups):
        raise _unreadable(written)
    known = {card.number for card in cards}
    missing = [device.name for device in named if device.kind == CUDA and cards and device.number not in known]
    if missing:
        raise MissingCapability(
            text("This machine has no {names}.", names=", ".join(missing)),
            advice=text("It has {known}.", known=", ".join(f"{CUDA}:{number}" for number in sorted(known))),
        )
    return groups


def threads_each(groups: Sequence[DeviceGroup]) -> int:
    """How many threads each lane on the processor may use, so that together they use every core once."""
    return max(1, cores() // max(1, len(groups)))


def described(group: DeviceGroup, cards: Sequence[Card], threads: int | None = None) -> str:
    """Return the devices in words; `threads` is how many a processor's lane may use, None: one for each core."""
    if group.kind == CPU:
        count = cores() if threads is None else threads
        return text("processor, 1 thread") if count == 1 else text("processor, {count} threads", count=count)
    known = {card.number: card for card in cards}
    return joined([_card_words(device, known.get(device.number)) for device in group.devices], " + ")


def _card_words(device: Device, card: Card | None) -> str:
    if card is None or not card.memory:
        return device.name
    return text("{name}, {size} GB", name=card.name, size=round(card.memory / GIB))


def check_usable(group: DeviceGroup) -> None:
    """Raises MissingCapability for cards that torch does not find: it would compute without them. Imports torch."""
    if group.kind != CUDA:
        return
    import torch

    if torch.cuda.device_count() < len(group.devices):
        raise unusable(group)


def unusable(group: DeviceGroup) -> MissingCapability:
    """The error for cards that torch does not find."""
    return MissingCapability(
        text("torch cannot use {names}.", names=group.name),
        advice=text("easyphoto doctor says which devices there are; --devices cpu computes without a card."),
    )


def cards() -> tuple[Card, ...]:
    """Return NVIDIA's cards that this process may use, by its driver's `nvidia-smi`; none where there is none.

    torch would need six seconds for the answer, and the web page and `--help` must not wait for it.
    """
    command = ["nvidia-smi", f"--query-gpu={','.join(_QUERY)}", "--format=csv,noheader,nounits"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS_TO_ASK, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ()
    all_cards = [tuple(map(str.strip, row)) for row in csv.reader(said.splitlines()) if len(row) == len(_QUERY)]
    mine = _visible()
    # As CUDA does: what follows the number of a card that is not there does not count.
    named = takewhile(
        lambda each: not each.isdecimal() or int(each) < len(all_cards),
        mine if mine is not None else map(str, range(len(all_cards))),
    )
    # A card may also be named by its UUID, and a part of one (MIG) by a longer name: how many there are is known then.
    rows = [all_cards[int(each)] if each.isdecimal() else (each, "0", "0") for each in named]
    return tuple(Card(number, name, _bytes(total), _bytes(free)) for number, (name, total, free) in enumerate(rows))


def _device(written: str, whole: str) -> Device:
    kind, _, number = written.strip().partition(":")
    if kind not in (CPU, CUDA) or not (number or "0").isdecimal():
        raise _unreadable(whole)
    return Device(kind, int(number or 0))


def _visible() -> tuple[str, ...] | None:
    """The cards that this process's own environment leaves to it; None: all."""
    said = os.environ.get(VISIBLE)
    if said is None:
        return None
    # As CUDA reads it: what follows an entry that names no card, such as -1, does not count.
    return tuple(takewhile(lambda part: part and not part.startswith("-"), map(str.strip, said.split(","))))


def _bytes(mib: str) -> int:
    return int(mib) * MIB if mib.isdecimal() else 0


def _unreadable(written: str) -> BadSettings:
    return BadSettings(
        text("devices cannot be {value}.", value=repr(written)),
        advice=text(
            "It must be auto, cpu, or cards such as cuda:0,cuda:1: one job at a time on each. A plus joins cards for "
            "one training: cuda:0+cuda:1."
        ),
    )
