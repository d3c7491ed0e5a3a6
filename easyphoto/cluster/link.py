"""The link to a Ray cluster: a process of its own, because Ray ends its drivers when the cluster's head is lost.

`python -m easyphoto.cluster.link` reads messages from its standard input and answers on its standard output. It holds
one actor for each lane that had a job lately, and ends when its input does.
"""

from __future__ import annotations

import os
import pickle
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from easyphoto import __version__
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
    NodeFacts,
    NotConnected,
    OfAttempt,
    Quit,
    StopAttempt,
    SweepNode,
    Told,
)
from easyphoto.cluster.node import Node, sweep_node
from easyphoto.cluster.shipment import Shipment
from easyphoto.errors import EasyPhotoError, MissingCapability, first_line
from easyphoto.jobs.relay import Failed, Finished, Stopped, failure_of
from easyphoto.jobs.runners import BUSY, IDLE, STARTING
from easyphoto.messages import text

SECONDS_IDLE = 600.0
"""How long a lane without a job keeps its machine; then an autoscaler may take it back."""
SECONDS_PATIENT = 10.0
"""How long a new machine is waited for before that of a lane without a job is taken over."""
SECONDS_BETWEEN_LOOKS = 0.5
SECONDS_TO_ANSWER = 20.0
MOST_UNFETCHED = 16
"""Messages of an actor that wait in the object store: pieces of files among them have 8 MB each."""
MOST_ON_THE_WAY = 4
CONTROL = "control"
"""The concurrency group of methods that are called while a job runs."""


@dataclass
class _Lane:
    name: str
    actor: Any = None
    facts: NodeFacts | None = None
    used: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)
    """Held while it starts or runs a job."""


@dataclass
class _Running:
    lane: _Lane
    job: str
    stop: threading.Event = field(default_factory=threading.Event)
    is_begun: bool = False


class Link:
    """Runs attempts on actors; each in a thread of its own."""

    def __init__(self, ray: Any, setup: LinkSetup, out: BinaryIO) -> None:
        self._ray, self._setup, self._out = ray, setup, out
        self._lanes: dict[str, _Lane] = {}
        self._running: dict[int, _Running] = {}
        self._sending = threading.Lock()

    def tell(self, message: object) -> None:
        with self._sending:
            pickle.dump(message, self._out)
            self._out.flush()

    def serve(self, heard: Iterator[object]) -> None:
        """Do what is asked until the messages end, then let the machines clean up."""
        threading.Thread(target=self._release_now_and_then, daemon=True).start()
        for message in heard:
            if isinstance(message, Quit):
                break
            if isinstance(message, Attempt):
                running = _Running(self._lane(message.lane), message.job.id)
                self._running[message.number] = running
                self._begin(self._attempt, message, running)
            elif isinstance(message, (StopAttempt, KillAttempt)):
                self._stop(message)
            elif isinstance(message, ForgetPerson):
                self._begin(self._forget, message)
            elif isinstance(message, SweepNode):
                self._begin(self._sweep, message)
        self._close()

    def _begin(self, do: Any, *arguments: Any) -> None:
        threading.Thread(target=do, args=arguments, daemon=True).start()

    def _lane(self, name: str) -> _Lane:
        return self._lanes.setdefault(name, _Lane(name))

    # --- a job ---

    def _attempt(self, attempt: Attempt, running: _Running) -> None:
        lane = running.lane
        with lane.lock:
            ended = self._performed(attempt, running)
            lane.used = time.monotonic()
            self._running.pop(attempt.number, None)
            # Before the end is told: the lane's next job may come at once.
            self.tell(LaneNews(lane.name, IDLE, lane.facts))
            self.tell(OfAttempt(attempt.number, ended))

    def _performed(self, attempt: Attempt, running: _Running) -> Told | Lost:
        """Run the attempt and return its last message."""
        lane, exceptions = running.lane, self._ray.exceptions
        ended: Told | Lost = Lost("", text("it said nothing"))
        try:
            if not self._is_ready(lane, running):
                return Stopped()
            self.tell(LaneNews(lane.name, BUSY, lane.facts))
            self._send_files(lane.actor, attempt.shipment)
            if running.stop.is_set():
                return Stopped()
            for message in self._told(attempt, running):
                # The end is told when the actor is free again.
                if isinstance(message, (Finished, Failed, Stopped)):
                    ended = message
                else:
                    self.tell(OfAttempt(attempt.number, message))
            return ended
        except exceptions.RayTaskError as error:
            return failure_of(error.cause if isinstance(error.cause, Exception) else error)
        except EasyPhotoError as error:
            self._end(lane)
            return failure_of(error)
        except Exception as error:
            return self._lost(running, self._words(error))

    def _told(self, attempt: Attempt, running: _Running) -> Iterator[Told]:
        method = running.lane.actor.run.options(
            num_returns="streaming", _generator_backpressure_num_objects=MOST_UNFETCHED
        )
        coming = method.remote(attempt.job, attempt.shipment)
        running.is_begun = True
        if running.stop.is_set():
            self._cancel(running)
        for reference in coming:
            yield self._ray.get(reference)

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
        node = running.lane.facts.node if running.lane.facts is not None else ""
        self._end(running.lane)
        return Lost(node, why, running.is_begun)

    def _words(self, error: Exception) -> str:
        """What happened, without the numbers that Ray gives to everything."""
        if isinstance(error, self._ray.exceptions.ActorUnavailableError):
            return text("it does not answer")
        if isinstance(error, self._ray.exceptions.RayActorError):
            return text("its process ended")
        return first_line(error)

    def _end(self, lane: _Lane) -> None:
        """End the lane's process, which may be alive behind a broken network; the next job gets a new one."""
        actor, lane.actor, lane.facts = lane.actor, None, None
        if actor is not None:
            with suppress(Exception):
                self._ray.kill(actor, no_restart=True)

    def _stop(self, message: StopAttempt | KillAttempt) -> None:
        running = self._running.get(message.number)
        if running is None:
            return
        running.stop.set()
        if isinstance(message, KillAttempt):
            actor = running.lane.actor
            if actor is not None:
                self._ray.kill(actor, no_restart=True)
        elif running.is_begun:
            self._cancel(running)

    def _cancel(self, running: _Running) -> None:
        with suppress(Exception):
            running.lane.actor.cancel.options(concurrency_group=CONTROL).remote(running.job)

    # --- the actors ---

    def _is_ready(self, lane: _Lane, running: _Running) -> bool:
        """Give the lane an actor, and wait until its machine is there, however long that takes.

        False where the job was cancelled meanwhile. Raises MissingCapability for a machine that cannot do the work.
        """
        if lane.actor is not None:
            return True
        self.tell(LaneNews(lane.name, STARTING))
        lane.actor = self._new_actor()
        facts, patient_until = lane.actor.open.remote(), time.monotonic() + SECONDS_PATIENT
        while not self._ray.wait([facts], timeout=SECONDS_BETWEEN_LOOKS)[0]:
            if running.stop.is_set():
                self._end(lane)
                return False
            if time.monotonic() > patient_until and self._took_over(lane):
                return True
        try:
            lane.facts = self._ray.get(facts)
        except self._ray.exceptions.RayTaskError:
            raise
        except self._ray.exceptions.RayActorError as error:
            if "import" in str(error) or "creation task" in str(error):
                raise MissingCapability(
                    text("EasyPhoto does not start on a machine of the cluster: {cause}", cause=_last_line(error)),
                    advice=text("Install the same version of EasyPhoto on all machines of the cluster."),
                ) from error
            raise
        self._check_version(lane.facts)
        return True

    def _took_over(self, lane: _Lane) -> bool:
        """Take the actor of a lane that has no job: there may be fewer machines than lanes now."""
        for other in tuple(self._lanes.values()):
            if other is lane or other.facts is None or not other.lock.acquire(blocking=False):
                continue
            try:
                if other.actor is not None and other.facts is not None:
                    self._end(lane)
                    lane.actor, lane.facts = other.actor, other.facts
                    other.actor = other.facts = None
                    return True
            finally:
                other.lock.release()
        return False

    def _new_actor(self) -> Any:
        asked = {"num_gpus": 1} if self._ray.cluster_resources().get("GPU", 0) else {"num_cpus": 1}
        actor = self._ray.remote(concurrency_groups={CONTROL: 2}, max_restarts=0, **asked)(Node)
        return actor.remote(self._setup.node)

    def _check_version(self, facts: NodeFacts | None) -> None:
        if facts is not None and facts.version != __version__:
            raise MissingCapability(
                text(
                    "{node} has EasyPhoto {theirs}, this server {ours}.",
                    node=facts.node, theirs=facts.version, ours=__version__,
                ),
                advice=text("Install the same version of EasyPhoto on all machines of the cluster."),
            )  # fmt: skip

    def _release_now_and_then(self) -> None:
        while True:
            time.sleep(SECONDS_BETWEEN_LOOKS)
            for lane in tuple(self._lanes.values()):
                is_old = lane.actor is not None and time.monotonic() - lane.used > SECONDS_IDLE
                if is_old and lane.lock.acquire(blocking=False):
                    try:
                        self._let_go(lane)
                    finally:
                        lane.lock.release()

    def _let_go(self, lane: _Lane) -> None:
        if lane.actor is None:
            return
        is_clean = False
        with suppress(Exception):
            self._ray.get(lane.actor.close.options(concurrency_group=CONTROL).remote(), timeout=SECONDS_TO_ANSWER)
            is_clean = True
        self._end(lane)
        self.tell(LaneNews(lane.name, IDLE, is_clean=is_clean))

    def _close(self) -> None:
        for running in tuple(self._running.values()):
            running.stop.set()
        waiting = []
        for lane in self._lanes.values():
            if lane.actor is not None:
                with suppress(Exception):
                    waiting.append(lane.actor.close.options(concurrency_group=CONTROL).remote())
        with suppress(Exception):
            self._ray.wait(waiting, num_returns=len(waiting), timeout=5.0)
        self._ray.shutdown()

    # --- deletion ---

    def _forget(self, asked: ForgetPerson) -> None:
        lane, why = self._lane(asked.lane), ""
        if (actor := lane.actor) is not None:
            try:
                forget = actor.forget.options(concurrency_group=CONTROL)
                self._ray.get(forget.remote(asked.person), timeout=SECONDS_TO_ANSWER)
            except Exception as error:
                why = first_line(error)
        self.tell(Answered(asked.number, why))

    def _sweep(self, asked: SweepNode) -> None:
        why = ""
        try:
            found = [each for each in self._ray.nodes() if each["Alive"] and each["NodeManagerHostname"] == asked.node]
            if not found:
                why = text("it is not in the cluster now")
            else:
                there = self._ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
                    found[0]["NodeID"], soft=False
                )
                sweep = self._ray.remote(num_cpus=0, max_retries=0, scheduling_strategy=there)(sweep_node)
                if not self._ray.get(sweep.remote(), timeout=SECONDS_TO_ANSWER):
                    why = text("something there is in use")
        except Exception as error:
            why = first_line(error)
        self.tell(Answered(asked.number, why))


def _last_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


def _heard(stream: BinaryIO) -> Iterator[object]:
    """The messages of the server, whose end is the end of the stream."""
    with suppress(EOFError, OSError):
        while True:
            yield pickle.load(stream)


def main() -> int:
    # What Ray and its libraries print must not come between the messages.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    heard = _heard(sys.stdin.buffer)
    setup = next(heard, None)
    if not isinstance(setup, LinkSetup):
        return 0
    try:
        ray, connected = join_cluster(setup)
    except Exception as error:
        pickle.dump(NotConnected(failure_of(error).error), out)
        out.flush()
        return 1
    link = Link(ray, setup, out)
    link.tell(connected)
    link.serve(heard)
    return 0


if __name__ == "__main__":
    sys.exit(main())
