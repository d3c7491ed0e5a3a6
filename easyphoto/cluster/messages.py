"""What the server, its link to the cluster and the machines there say to each other; plain values, for pickle.

Within an attempt the messages of `jobs.relay` go through unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from easyphoto.cluster.shipment import Shipment
from easyphoto.jobs.records import Job
from easyphoto.jobs.relay import Answer
from easyphoto.settings.options import Options

PIECE = 8 << 20
"""Bytes of a file that travel at once."""


# --- about a file that comes back ---


@dataclass(frozen=True)
class Piece:
    """A part of a file that the job made; `below` is its path in the workspace."""

    below: str
    offset: int
    content: bytes


@dataclass(frozen=True)
class Whole:
    """All pieces of the file have been sent."""

    below: str
    changed: int
    """Its time of change in nanoseconds."""


@dataclass(frozen=True)
class Made:
    """All that the job made has been sent; its end follows."""

    parts: tuple[str, ...]
    """Paths below the workspace: folders, and single files."""
    replaces: tuple[str, ...] = ()
    """Those of `parts` that were there before."""
    gone: tuple[str, ...] = ()
    """Files that the job was sent, and removed."""


Told = Answer | Piece | Whole | Made


# --- what a machine is, and is told ---


@dataclass(frozen=True)
class NodeSetup:
    """What a machine needs to know to do the server's work."""

    options: Options
    mirrors: tuple[Path, ...] = ()
    """Folders with weight files, which the machine may have under the same paths."""
    checkpoints: tuple[Path, ...] = ()
    """Folders with checkpoints, likewise."""


@dataclass(frozen=True)
class NodeFacts:
    node: str
    """The machine's name."""
    device: str
    version: str
    """Of EasyPhoto there."""
    process: int
    """The number of its process."""
    swept: bool = True
    """Whether what killed processes had left there is gone."""


# --- between the server and its link ---


@dataclass(frozen=True)
class Attempt:
    """Run a job on a lane."""

    number: int
    lane: str
    job: Job
    shipment: Shipment


@dataclass(frozen=True)
class StopAttempt:
    number: int


@dataclass(frozen=True)
class KillAttempt:
    """End the process of an attempt that does not stop."""

    number: int


@dataclass(frozen=True)
class ForgetPerson:
    """Remove a person's files and what was measured of them, wherever the lane runs."""

    number: int
    lane: str
    person: str


@dataclass(frozen=True)
class SweepNode:
    """Remove what killed processes have left on a machine."""

    number: int
    node: str


@dataclass(frozen=True)
class Quit:
    pass


@dataclass(frozen=True)
class Connected:
    gpus: int
    cpus: int
    nodes: tuple[str, ...]


@dataclass(frozen=True)
class NotConnected:
    """There is no connection, and will be none without a change of what is wrong."""

    error: Exception


@dataclass(frozen=True)
class LaneNews:
    lane: str
    state: str
    """As in `LaneFacts`."""
    facts: NodeFacts | None = None
    is_clean: bool = False
    """Of a process that has ended: whether it removed its files."""


@dataclass(frozen=True)
class OfAttempt:
    number: int
    message: Told | Lost


@dataclass(frozen=True)
class Lost:
    """The process that ran the attempt, or its machine, has ended."""

    node: str
    why: str
    had_begun: bool = True
    """Whether it had the job already, which may be what ended it."""


@dataclass(frozen=True)
class Answered:
    """The end of a ForgetPerson or SweepNode."""

    number: int
    why: str = ""
    """Why it could not be done; empty: it was."""


@dataclass(frozen=True)
class LinkSetup:
    """The first message to the link."""

    address: str
    node: NodeSetup
    actors: int | None = None
    folder: str = ""
    """For the files of a cluster that is started here."""
