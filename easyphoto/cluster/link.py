"""The link to a Ray cluster: a process of its own, because Ray ends its drivers when the cluster's head is lost.

`python -m easyphoto.cluster.link` reads messages from its standard input and answers on its standard output. It holds
one actor for each lane that had a job lately, and ends when its input does.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from easyphoto.cluster.actors import SECONDS_TO_ANSWER, Actors, LaneActor
from easyphoto.cluster.joining import join_cluster
from easyphoto.cluster.messages import (
    PIECE,
    Answered,
    Attempt,
    ForgetPerson,
    KillAttempt,
    LaneNews,
    LinkSetup,
    Lost,
    NotConnected,
    OfAttempt,
    Quit,
    StopAttempt,
    SweepNode,
    Told,
)
from easyphoto.cluster.node import sweep_node
from easyphoto.cluster.shipment import Shipment
from easyphoto.errors import EasyPhotoError, first_line
from easyphoto.jobs.channel import Channel
from easyphoto.jobs.relay import Failed, Finished, Stopped, failure_of
from easyphoto.jobs.runners import BUSY, IDLE
from easyphoto.messages import text

MOST_UNFETCHED = 16
"""Messages of an actor that wait in the object store: pieces of files among them have 8 MB each."""
MOST_ON_THE_WAY = 4


@dataclass
class _Running:
    lane: LaneActor
    job: str
    stop: threading.Event = field(default_factory=threading.Event)
    is_begun: bool = False
    is_over: bool = False
    """Its end has been told."""


class Link:
    """Runs attempts on actors; each in a thread of its own."""

    def __init__(self, ray: Any, setup: LinkSetup, tell: Callable[[object], None]) -> None:
        self._ray, self.tell = ray, tell
        self._actors = Actors(ray, setup.node, tell)
        self._running: dict[int, _Running] = {}

    def serve(self, heard: Callable[[], object]) -> None:
        """Do what is asked until the messages end, then let the machines clean up."""
        _begin(self._actors.release_now_and_then)
        with suppress(EOFError):
            while not isinstance(message := heard(), Quit):
                self._take(message)
        for running in tuple(self._running.values()):
            running.stop.set()
        self._actors.close()
        self._ray.shutdown()

    def _take(self, message: object) -> None:
        if isinstance(message, Attempt):
            running = _Running(self._actors.lane(message.lane), message.job.id)
            self._running[message.number] = running
            _begin(self._attempt, message, running)
        elif isinstance(message, (StopAttempt, KillAttempt)):
            self._stop(message)
        elif isinstance(message, ForgetPerson):
            _begin(self._forget, message)
        elif isinstance(message, SweepNode):
            _begin(self._sweep, message)

    # --- a job ---

    def _attempt(self, attempt: Attempt, running: _Running) -> None:
        lane = running.lane
        with lane.lock:
            ended = self._performed(attempt, running)
            if ended is not None:
                self._tell_end(attempt, running, ended)
            lane.used = time.monotonic()

    def _tell_end(self, attempt: Attempt, running: _Running, ended: Told | Lost) -> None:
        # First: the server ends what is left of an attempt, and the lane's next job may come at once.
        self._running.pop(attempt.number, None)
        self.tell(LaneNews(running.lane.name, IDLE, running.lane.facts))
        self.tell(OfAttempt(attempt.number, ended))
        running.is_over = True

    def _performed(self, attempt: Attempt, running: _Running) -> Told | Lost | None:
        """Run the attempt and return its last message; None where it was told already."""
        lane, exceptions = running.lane, self._ray.exceptions
        try:
            if not self._actors.make_ready(lane, running.stop):
                return Stopped()
            self.tell(LaneNews(lane.name, BUSY, lane.facts))
            self._send_files(lane.actor, attempt.shipment)
            if running.stop.is_set():
                return Stopped()
            for message in self._told(attempt, running):
                if isinstance(message, (Finished, Failed, Stopped)):
                    # The machine clears up after it; the lane's next job waits for that.
                    self._tell_end(attempt, running, message)
                else:
                    self.tell(OfAttempt(attempt.number, message))
            return None if running.is_over else self._lost(running, text("it said nothing"))
        except exceptions.RayTaskError as error:
            return failure_of(error.cause if isinstance(error.cause, Exception) else error)
        except EasyPhotoError as error:
            self._actors.end(lane)
            return failure_of(error)
        except Exception as error:
            lost = self._lost(running, self._words(error))
            return None if running.is_over else lost

    def _told(self, attempt: Attempt, running: _Running) -> Iterator[Told]:
        method = running.lane.actor.run.options(
            num_returns="streaming", _generator_backpressure_num_objects=MOST_UNFETCHED
        )
        coming = method.remote(attempt.job, attempt.shipment)
        running.is_begun = True
        if running.stop.is_set():
            self._cancel(running)
        for reference in coming:
            yield from self._ray.get(reference)

    def _send_files(self, actor: Any, shipment: Shipment) -> None:
        """Send what the machine lacks, a few pieces ahead of what it has written."""
        waiting: list[Any] = []
        for number in self._ray.get(actor.lacks.remote(shipment)):
            file = shipment.files[number]
            with open(file.source, "rb") as stream:
                offset = 0
                while True:
                    content = stream.read(PIECE)
                    # The file may grow meanwhile: as much is sent as was announced.
                    waiting.append(actor.keep.remote(file, offset, content[: file.bytes - offset]))
                    offset += len(content)
                    if len(waiting) >= MOST_ON_THE_WAY:
                        self._ray.get(waiting.pop(0))
                    if not content or offset >= file.bytes:
                        break
        self._ray.get(waiting)

    def _lost(self, running: _Running, why: str) -> Lost:
        node = running.lane.node
        self._actors.end(running.lane)
        return Lost(node, why, running.is_begun)

    def _words(self, error: Exception) -> str:
        """What happened, without the numbers that Ray gives to everything."""
        if isinstance(error, self._ray.exceptions.ActorUnavailableError):
            return text("it does not answer")
        if isinstance(error, self._ray.exceptions.RayActorError):
            return text("its process ended")
        return first_line(error)

    def _stop(self, message: StopAttempt | KillAttempt) -> None:
        running = self._running.get(message.number)
        if running is None:
            return
        running.stop.set()
        if isinstance(message, KillAttempt):
            if (actor := running.lane.actor) is not None:
                self._ray.kill(actor, no_restart=True)
        elif running.is_begun:
            self._cancel(running)

    def _cancel(self, running: _Running) -> None:
        with suppress(Exception):
            running.lane.control("cancel", running.job)

    # --- deletion ---

    def _forget(self, asked: ForgetPerson) -> None:
        lane, why = self._actors.lane(asked.lane), ""
        try:
            if lane.actor is None:
                # The server does not know that yet, and what the process held may still lie on its machine.
                why = text("its process ended")
            else:
                self._ray.get(lane.control("forget", asked.person), timeout=SECONDS_TO_ANSWER)
        except Exception as error:
            why = self._words(error)
        self.tell(Answered(asked.number, why))

    def _sweep(self, asked: SweepNode) -> None:
        try:
            why = self._swept(asked.node)
        except Exception as error:
            why = self._words(error)
        self.tell(Answered(asked.number, why))

    def _swept(self, node: str) -> str:
        """Sweep the machine, as a task of its own; returns why that could not be done."""
        ids = [each["NodeID"] for each in self._ray.nodes() if each["Alive"] and each["NodeManagerHostname"] == node]
        if not ids:
            return text("it is not in the cluster now")
        affinity = self._ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(ids[0], soft=False)
        sweep = self._ray.remote(num_cpus=0, max_retries=0, scheduling_strategy=affinity)(sweep_node)
        is_clean = self._ray.get(sweep.remote(), timeout=SECONDS_TO_ANSWER)
        return "" if is_clean else text("something there is in use")


def _begin(do: Callable[..., None], *arguments: Any) -> None:
    threading.Thread(target=do, args=arguments, daemon=True).start()


def main() -> int:
    # What Ray and its libraries print must not come between the messages.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    channel = Channel(sys.stdin.buffer, out)
    try:
        setup = channel.receive()
    except EOFError:
        return 0
    try:
        ray, connected = join_cluster(setup)
    except Exception as error:
        channel.send(NotConnected(failure_of(error).error))
        return 1
    link = Link(ray, setup, channel.send)
    link.tell(connected)
    link.serve(channel.receive)
    return 0


if __name__ == "__main__":
    sys.exit(main())
