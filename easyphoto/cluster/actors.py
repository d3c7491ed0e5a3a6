"""The actors of the lanes: made for a job, kept for the next, taken over by another lane, and let go when idle."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from easyphoto import __version__
from easyphoto.cluster.messages import LaneNews, NodeFacts, NodeSetup
from easyphoto.cluster.node import Node
from easyphoto.errors import MissingCapability
from easyphoto.jobs.runners import IDLE, STARTING
from easyphoto.messages import text

SECONDS_IDLE = 600.0
"""How long a lane without a job keeps its machine; then an autoscaler may take it back."""
SECONDS_PATIENT = 10.0
"""How long a new machine is waited for before that of a lane without a job is taken over."""
SECONDS_BETWEEN_LOOKS = 0.5
SECONDS_TO_ANSWER = 20.0
SECONDS_TO_CLOSE = 5.0
CONTROL = "control"
"""The concurrency group of methods that are called while a job runs."""


@dataclass
class LaneActor:
    """A lane, and the actor that it has now."""

    name: str
    actor: Any = None
    facts: NodeFacts | None = None
    used: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)
    """Held while it starts or runs a job."""

    @property
    def node(self) -> str:
        """The machine's name; empty where it has none."""
        return self.facts.node if self.facts is not None else ""

    def control(self, method: str, *arguments: Any) -> Any:
        """Call a method of the actor beside its job; returns Ray's reference to the answer."""
        return getattr(self.actor, method).options(concurrency_group=CONTROL).remote(*arguments)


class Actors:
    def __init__(self, ray: Any, setup: NodeSetup, tell: Callable[[object], None]) -> None:
        self._ray, self._setup, self._tell = ray, setup, tell
        self._lanes: dict[str, LaneActor] = {}

    def lane(self, name: str) -> LaneActor:
        return self._lanes.setdefault(name, LaneActor(name))

    def make_ready(self, lane: LaneActor, stop: threading.Event) -> bool:
        """Give the lane an actor, and wait until its machine is there, however long that takes.

        False where `stop` was set meanwhile. Raises MissingCapability for a machine that cannot do the work, and Ray's
        errors.
        """
        if lane.actor is not None:
            return True
        self._tell(LaneNews(lane.name, STARTING))
        lane.actor = self._new_actor()
        facts, patient_until = lane.actor.open.remote(), time.monotonic() + SECONDS_PATIENT
        while not self._ray.wait([facts], timeout=SECONDS_BETWEEN_LOOKS)[0]:
            if stop.is_set():
                self.end(lane)
                return False
            if time.monotonic() > patient_until and self._took_over(lane):
                return True
        try:
            lane.facts = self._ray.get(facts)
        except self._ray.exceptions.RayTaskError:
            # It has no workspace, so no job of this lane could run there.
            self.end(lane)
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

    def _took_over(self, lane: LaneActor) -> bool:
        """Take the actor of a lane that has no job: there may be fewer machines than lanes now."""
        for other in tuple(self._lanes.values()):
            if other is lane or other.facts is None or not other.lock.acquire(blocking=False):
                continue
            try:
                if other.actor is not None and other.facts is not None:
                    self.end(lane)
                    lane.actor, lane.facts = other.actor, other.facts
                    other.actor = other.facts = None
                    return True
            finally:
                other.lock.release()
        return False

    def _new_actor(self) -> Any:
        asked = {"num_gpus": 1} if self._ray.cluster_resources().get("GPU", 0) else {"num_cpus": 1}
        actor = self._ray.remote(concurrency_groups={CONTROL: 2}, max_restarts=0, **asked)(Node)
        return actor.remote(self._setup)

    def _check_version(self, facts: NodeFacts | None) -> None:
        if facts is not None and facts.version != __version__:
            raise MissingCapability(
                text(
                    "{node} has EasyPhoto {theirs}, but this server has {ours}.",
                    node=facts.node, theirs=facts.version, ours=__version__,
                ),
                advice=text("Install the same version of EasyPhoto on all machines of the cluster."),
            )  # fmt: skip

    def end(self, lane: LaneActor) -> None:
        """End the lane's process, which may be alive behind a broken network; the next job gets a new one."""
        actor, lane.actor, lane.facts = lane.actor, None, None
        if actor is not None:
            with suppress(Exception):
                self._ray.kill(actor, no_restart=True)

    def release_now_and_then(self) -> None:
        """Let idle machines go, for ever."""
        while True:
            time.sleep(SECONDS_BETWEEN_LOOKS)
            for lane in tuple(self._lanes.values()):
                is_old = lane.actor is not None and time.monotonic() - lane.used > SECONDS_IDLE
                if is_old and lane.lock.acquire(blocking=False):
                    try:
                        self._let_go(lane)
                    finally:
                        lane.lock.release()

    def _let_go(self, lane: LaneActor) -> None:
        if lane.actor is None:
            return
        is_clean = False
        with suppress(Exception):
            self._ray.get(lane.control("close"), timeout=SECONDS_TO_ANSWER)
            is_clean = True
        self.end(lane)
        self._tell(LaneNews(lane.name, IDLE, is_clean=is_clean))

    def close(self) -> None:
        """Let all machines clean up."""
        waiting = []
        for lane in self._lanes.values():
            if lane.actor is not None:
                with suppress(Exception):
                    waiting.append(lane.control("close"))
        with suppress(Exception):
            self._ray.wait(waiting, num_returns=len(waiting), timeout=SECONDS_TO_CLOSE)


def _last_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
