"""The processes of a training on several devices: the worker starts the others, watches them, and ends them.

A process gets its device by its environment, before it imports torch. The others (`rank_worker`) end with the worker,
whatever ended that, because it holds their standard input; all they write to their standard output is the error that
ended them.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from easyphoto.devices import CPU, DeviceGroup
from easyphoto.errors import EasyPhotoError, TrainerCrashed
from easyphoto.machine import processes_ended_for_memory
from easyphoto.messages import text
from easyphoto.parallel import cores, thread_limit
from easyphoto.training.endings import named_error, unsaid_end
from easyphoto.training.events import ErrorEvent, from_line
from easyphoto.training.run import RunFolder

SECONDS_TO_NOTICE = 15.0
"""How long the worker may take to notice by itself that another process has ended, before it is ended as it is."""
SECONDS_TO_END = 5.0
PROGRAM = (sys.executable, "-m", "easyphoto.training.rank_worker")
LOOPBACK = ("lo", "lo0")


class RankLost(Exception):
    """A process of the training does not answer any more; how it ended tells which one, and why."""


@dataclass(frozen=True)
class Seat:
    """The place of a process in a training on several devices."""

    rank: int
    count: int
    meeting: Path
    """The file over which the processes find each other."""

    @property
    def environment(self) -> dict[str, str]:
        """The variables that accelerate and torch read, as `torchrun` sets them."""
        names = {"RANK": self.rank, "WORLD_SIZE": self.count, "LOCAL_RANK": self.rank, "LOCAL_WORLD_SIZE": self.count}
        # They are on one machine, and nobody else should be able to talk to them.
        loopback = next((name for name in LOOPBACK if name in _interfaces()), None)
        return {**{name: str(value) for name, value in names.items()},
                **({} if loopback is None else {"GLOO_SOCKET_IFNAME": loopback})}  # fmt: skip


def seat_from(environment: Mapping[str, str], meeting: Path) -> Seat:
    return Seat(int(environment["RANK"]), int(environment["WORLD_SIZE"]), meeting)


@contextmanager
def seated(
    folder: RunFolder, devices: DeviceGroup | None, *, batch: int, on_lost: Callable[[EasyPhotoError], None]
) -> Iterator[Seat | None]:
    """Keep this process to the first of the devices and start one for each other, until the context ends; yields this
    process's place, None if it is alone.

    No more processes are started than a step has pictures. Where one of them ends before its last step, RankLost
    becomes its error, and `on_lost` is called with that where this process does not notice.
    """
    if devices is None:
        yield None
        return
    kept = devices.devices[: max(1, batch)]
    limits = [DeviceGroup((each,)).environment(threads=_threads(devices.kind, len(kept))) for each in kept]
    if len(kept) == 1:
        os.environ.update(limits[0])
        yield None
        return
    # A name of its own: a process of an earlier attempt may still hold the earlier file.
    meeting = folder.root / f".writing-ranks-{os.getpid()}"
    seats = [Seat(rank, len(kept), meeting) for rank in range(len(kept))]
    others = _OtherRanks(folder, on_lost)
    try:
        for device, seat, limit in zip(kept[1:], seats[1:], limits[1:], strict=True):
            others.start(device.name, seat, {**os.environ, **limit, **seat.environment})
        os.environ.update({**limits[0], **seats[0].environment})
        yield seats[0]
    except RankLost as lost:
        raise others.cause(lost) from lost
    finally:
        others.end()
        with suppress(OSError):
            meeting.unlink()


@dataclass(eq=False)
class _OtherRanks:
    folder: RunFolder
    on_lost: Callable[[EasyPhotoError], None]
    _processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    _cause: EasyPhotoError | None = None
    _is_known: threading.Event = field(default_factory=threading.Event)
    """Whether there is a cause."""
    _finding: threading.Lock = field(default_factory=threading.Lock)
    _is_over: threading.Event = field(default_factory=threading.Event)
    _ended_before: int = field(default_factory=processes_ended_for_memory)

    def start(self, device: str, seat: Seat, environment: Mapping[str, str]) -> None:
        command = [*PROGRAM, str(self.folder.run), str(seat.meeting), device]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=dict(environment))
        self._processes.append(process)
        threading.Thread(target=self._watch, args=(device, process), daemon=True).start()

    def cause(self, lost: RankLost) -> EasyPhotoError:
        """The error of the process that ended first."""
        self._is_known.wait(SECONDS_TO_NOTICE)
        return self._cause or TrainerCrashed(
            text("The devices of the training lost each other: {cause}.", cause=str(lost.__cause__).rstrip(".")),
            advice=text("Start the run again: it continues from its last checkpoint."),
        )

    def end(self) -> None:
        self._is_over.set()
        for process in self._processes:
            if process.stdin is not None:
                with suppress(OSError):
                    process.stdin.close()
        for process in self._processes:
            try:
                process.wait(SECONDS_TO_END)
            except subprocess.TimeoutExpired:
                process.kill()

    def _watch(self, device: str, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        events = [from_line(line.decode("utf-8", "replace")) for line in process.stdout]
        said = next((event for event in events if isinstance(event, ErrorEvent)), None)
        code = process.wait()
        if code == 0 or self._is_over.is_set() or self._is_known.is_set():
            return
        ran_out = processes_ended_for_memory() > self._ended_before
        error = named_error(self.folder, said) if said else unsaid_end(self.folder, code, memory_ran_out=ran_out)
        with self._finding:
            # Those that end after it end because of it.
            if self._is_known.is_set():
                return
            said_where = text("On {device}: {said}", device=device, said=error.message)
            self._cause = type(error)(said_where, advice=error.advice)
            self._is_known.set()
        # While this process waits for its device or makes test pictures, it hears nothing of the others.
        if not self._is_over.wait(SECONDS_TO_NOTICE):
            self.on_lost(self._cause)


def _threads(kind: str, count: int) -> int | None:
    """The threads of each process: on processors they share those that one would have; None: as it was."""
    if kind != CPU or count == 1:
        return None
    return max(1, (thread_limit() or cores()) // count)


def _interfaces() -> set[str]:
    """The names of the network's interfaces; none on Windows, whose names gloo does not take."""
    if os.name == "nt":
        return set()
    return {name for _, name in socket.if_nameindex()}
