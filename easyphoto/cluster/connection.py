"""The server's end of the link to a cluster: a child process, which is started again whenever it ends."""

from __future__ import annotations

import itertools
import logging
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from easyphoto.cluster.messages import (
    Answered,
    Attempt,
    Connected,
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
from easyphoto.cluster.remnants import Remnants
from easyphoto.cluster.shipment import Shipment
from easyphoto.errors import BackendUnreachable, EasyPhotoError, WorkerLost
from easyphoto.jobs.channel import Channel
from easyphoto.jobs.records import Job
from easyphoto.jobs.runners import IDLE, LOST, LaneFacts
from easyphoto.messages import text
from easyphoto.persons.deletion import Left
from easyphoto.workspace.folders import Workspace

_log = logging.getLogger(__name__)
SECONDS_TO_CONNECT = 60.0
SECONDS_BETWEEN_TRIES = (0.0, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Pauses before the link is started again; the last one is repeated."""
SECONDS_TO_ANSWER = 30.0
MOST_WAITING = 64
LINES_KEPT = 40
LINK = (sys.executable, "-m", "easyphoto.cluster.link")


class LinkLost(WorkerLost):
    """The link has ended, and with it every job on the cluster; no job is the cause."""


@dataclass
class Running:
    """One attempt at a job, as the server sees it."""

    number: int
    cluster: Cluster
    coming: queue.Queue[Told | Lost | None]

    def hear(self, seconds: float) -> Told | Lost | None:
        """The next message; None where none came in time. Raises LinkLost."""
        try:
            message = self.coming.get(timeout=seconds)
        except queue.Empty:
            return None
        if message is None:
            raise LinkLost(text("The connection to the cluster was lost."))
        return message

    def stop(self) -> None:
        self.cluster.send(StopAttempt(self.number))

    def kill(self) -> None:
        self.cluster.send(KillAttempt(self.number))


class Cluster:
    """The connection of one server's lanes to a cluster."""

    def __init__(self, setup: LinkSetup, workspace: Workspace, *, command: Sequence[str] = LINK) -> None:
        """`command` starts the link."""
        self.remnants = Remnants(workspace)
        self._setup, self._command = setup, command
        self._numbers = itertools.count(1)
        self._changed = threading.Condition()
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: Channel | None = None
        self._connected: Connected | None = None
        self._why: str = text("the cluster is being joined")
        self._failed: Exception | None = None
        self._news: dict[str, LaneNews] = {}
        self._coming: dict[int, queue.Queue[Any]] = {}
        self._closing = threading.Event()
        self._keeper = threading.Thread(target=self._keep_linked, name="easyphoto-cluster", daemon=True)

    def open(self) -> Connected:
        """Join the cluster, or start one here. Raises MissingCapability, BackendUnreachable, BadSettings."""
        self._keeper.start()
        with self._changed:
            self._changed.wait_for(lambda: self._connected or self._failed, SECONDS_TO_CONNECT)
            connected, failed = self._connected, self._failed
        if connected is None:
            self.close()
            raise failed or BackendUnreachable(
                text("The cluster did not answer in {seconds} s.", seconds=int(SECONDS_TO_CONNECT)),
                advice=text("Check the state of its head: ray status."),
            )
        return connected

    def close(self) -> None:
        """Let the machines clean up, and end the link."""
        self._closing.set()
        self.send(Quit())
        process = self._process
        if process is not None:
            try:
                process.wait(10.0)
            except subprocess.TimeoutExpired:
                process.kill()
        if self._keeper.is_alive():
            self._keeper.join(10.0)

    def wait(self, seconds: float) -> str | None:
        """Wait up to `seconds` for the connection; returns why there is none, None where there is one."""
        with self._changed:
            self._changed.wait_for(lambda: self._connected or self._closing.is_set(), seconds)
            return None if self._connected is not None else self._why

    def facts(self, lane: str) -> LaneFacts:
        with self._changed:
            news, why = self._news.get(lane), None if self._connected else self._why
        if why is not None:
            return LaneFacts(lane, why, state=LOST)
        facts = news.facts if news is not None else None
        device, node = (facts.device, facts.node) if facts is not None else ("", None)
        return LaneFacts(lane, device, node, news.state if news is not None else IDLE)

    def node_of(self, lane: str) -> str:
        with self._changed:
            news = self._news.get(lane)
        return news.facts.node if news is not None and news.facts is not None else ""

    # --- a job ---

    @contextmanager
    def attempted(self, lane: str, job: Job, shipment: Shipment) -> Iterator[Running]:
        """Run the job on the lane; what is left of the attempt when the context ends is ended. Raises LinkLost."""
        number = next(self._numbers)
        running = Running(number, self, queue.Queue(MOST_WAITING))
        with self._changed:
            if self._connected is None:
                raise LinkLost(text("The connection to the cluster was lost."))
            self._coming[number] = running.coming
        try:
            self.remnants.sends(lane, shipment.persons)
            self.send(Attempt(number, lane, job, shipment))
            yield running
        finally:
            with self._changed:
                is_over = self._coming.pop(number, None) is None
            if not is_over:
                running.kill()

    def send(self, message: object) -> None:
        """Send to the link; a link that has ended is told to nobody, because its reader knows it."""
        channel = self._channel
        if channel is not None:
            with suppress(OSError):
                channel.send(message)

    # --- deletion ---

    def forget(self, lane: str, person: str) -> tuple[Left, ...]:
        """Remove the person's files from the lane's machine, if they are there."""
        if not self.remnants.has(lane, person):
            return ()
        node = self.node_of(lane)
        why = self._asked(partial(ForgetPerson, lane=lane, person=person))
        if why:
            return (Left(node or lane, why),)
        self.remnants.forgot(lane, person)
        return ()

    def forget_left(self, person: str) -> tuple[Left, ...]:
        """Remove what ended processes have left of the person on any machine."""
        left = []
        for node in self.remnants.left_of(person):
            if why := self._asked(partial(SweepNode, node=node)):
                said = text("it may hold files of this person, which go when a job runs there again: {why}", why=why)
                left.append(Left(node, said))
            else:
                self.remnants.swept(node)
        return tuple(left)

    def _asked(self, question: Callable[[int], object]) -> str:
        """Ask the link and return its answer: why it could not be done."""
        number, answers = next(self._numbers), queue.Queue[Any](1)
        with self._changed:
            if self._connected is None:
                return self._why
            self._coming[number] = answers
        try:
            self.send(question(number))
            answer = answers.get(timeout=SECONDS_TO_ANSWER)
            return answer.why if isinstance(answer, Answered) else text("the connection was lost")
        except queue.Empty:
            return text("it does not answer")
        finally:
            with self._changed:
                self._coming.pop(number, None)

    # --- the link ---

    def _keep_linked(self) -> None:
        pauses = iter(SECONDS_BETWEEN_TRIES)
        pause = next(pauses)
        while not self._closing.wait(pause):
            if self._linked():
                pauses = iter(SECONDS_BETWEEN_TRIES)
            pause = next(pauses, SECONDS_BETWEEN_TRIES[-1])

    def _linked(self) -> bool:
        """Run the link until it ends; returns whether it was connected."""
        folder = Path(tempfile.mkdtemp(prefix="easyphoto-ray-"))
        said: deque[str] = deque(maxlen=LINES_KEPT)
        try:
            process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                # Ctrl-C is the server's: it lets running jobs end first.
                start_new_session=True,
            )  # fmt: skip
            threading.Thread(target=_keep_lines, args=(process.stderr, said), daemon=True).start()
            self._process, self._channel = process, Channel(process.stdout, process.stdin)  # type: ignore[arg-type]  # pipes
            self.send(replace(self._setup, folder=str(folder)))
            was_connected = self._listen(self._channel)
            process.kill()
            process.wait()
        except OSError as error:
            _log.warning("The link to the cluster cannot be started: %s", error)
            return False
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        if not self._closing.is_set() and process.returncode not in (0, 1):
            _log.warning("The link to the cluster has ended (%s): %s", process.returncode, " | ".join(list(said)[-3:]))
        return was_connected

    def _listen(self, channel: Channel) -> bool:
        was_connected = False
        # What Ray writes before the first message would not be one; anything odd ends the link.
        with suppress(EOFError):
            while True:
                message = channel.receive()
                was_connected |= isinstance(message, Connected)
                self._take(message)
        with self._changed:
            if was_connected or self._failed is None:
                self._why = text("the connection to the cluster was lost")
            self._connected = None
            for lane in tuple(self._news):
                self.remnants.ended(lane, is_clean=self._closing.is_set())
            self._news.clear()
            waiting, self._coming = tuple(self._coming.values()), {}
            self._changed.notify_all()
        for coming in waiting:
            _put_last(coming)
        return was_connected

    def _take(self, message: object) -> None:
        if isinstance(message, (OfAttempt, Answered)):
            self._hand_on(message)
            return
        with self._changed:
            if isinstance(message, Connected):
                self._connected, self._failed = message, None
            elif isinstance(message, NotConnected):
                self._failed = message.error
                self._why = message.error.said if isinstance(message.error, EasyPhotoError) else str(message.error)
            elif isinstance(message, LaneNews):
                self._take_news(message)
            self._changed.notify_all()

    def _take_news(self, news: LaneNews) -> None:
        for lane, other in tuple(self._news.items()):
            if lane != news.lane and news.facts is not None and other.facts == news.facts:
                # Its process was taken over.
                self.remnants.moved(lane, news.lane)
                self._news[lane], self._news[news.lane] = LaneNews(lane, IDLE), news
                return
        before = self._news.get(news.lane)
        self._news[news.lane] = news
        had = before.facts if before is not None else None
        if had is not None and (news.facts is None or news.facts.process != had.process):
            self.remnants.ended(news.lane, is_clean=news.is_clean)
        if news.facts is not None and (had is None or news.facts.process != had.process):
            self.remnants.began(news.lane, news.facts.node, is_swept=news.facts.swept)

    def _hand_on(self, message: OfAttempt | Answered) -> None:
        content = message.message if isinstance(message, OfAttempt) else message
        while True:
            with self._changed:
                coming = self._coming.get(message.number)
            if coming is None:
                return
            with suppress(queue.Full):
                coming.put(content, timeout=1.0)
                return


def _put_last(coming: queue.Queue[Any]) -> None:
    """Put the end into a queue. Where it is full all before it goes, so that nothing looks whole that is not."""
    while True:
        try:
            coming.put_nowait(None)
            return
        except queue.Full:
            with suppress(queue.Empty):
                while True:
                    coming.get_nowait()


def _keep_lines(stream: Any, said: deque[str]) -> None:
    for line in stream:
        said.append(line.decode("utf-8", "replace").strip())
