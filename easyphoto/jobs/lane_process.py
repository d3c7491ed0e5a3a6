"""A lane's process from the queue's side: started at its first job, spoken to, ended."""

from __future__ import annotations

import logging
import os
import queue
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO, Any

from easyphoto.commands.base import Command
from easyphoto.errors import WorkerLost
from easyphoto.jobs.channel import Channel
from easyphoto.jobs.context import JobContext
from easyphoto.jobs.portable import PortableApp
from easyphoto.jobs.relay import SECONDS_TO_STOP, Answer, Cancel, Close, Forget, Forgotten, Ready, Run, followed
from easyphoto.jobs.runners import IDLE, LOST, STARTING, LaneFacts
from easyphoto.messages import text
from easyphoto.persons.deletion import Left
from easyphoto.training.commands import end, start
from easyphoto.training.job import worker_environment

SECONDS_TO_FORGET = 5.0
LOG_TAIL_LINES = 40
PROGRAM = (sys.executable, "-m", "easyphoto.jobs.lane_worker")
_log = logging.getLogger(__name__)


class LaneProcess:
    """One process, from its start to its end."""

    def __init__(
        self, lane: str, app: PortableApp, environment: Mapping[str, str], program: Sequence[str] = PROGRAM
    ) -> None:
        """Raises OSError where it cannot be started."""
        self._lane = lane
        variables = {**worker_environment(), **environment}
        # In a group of its own: Ctrl-C reaches the server alone, which cancels its jobs.
        self._process = start(program, stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=variables, cwd=None)
        stdin, stdout, stderr = self._process.stdin, self._process.stdout, self._process.stderr
        assert stdin is not None
        assert stdout is not None
        assert stderr is not None
        self._channel = Channel(stdout, stdin)
        self._heard: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        self._forgotten: dict[str, threading.Event] = {}
        self._tail: deque[str] = deque(maxlen=LOG_TAIL_LINES)
        self.is_ready, self.has_ended = False, threading.Event()
        self._writer = threading.Thread(target=self._keep_log, args=(stderr,), daemon=True)
        self._writer.start()
        threading.Thread(target=self._listen, name=f"easyphoto-hear-{lane}", daemon=True).start()
        self.send(app)

    def send(self, message: object) -> None:
        """Send a message; one that cannot arrive any more is no error here, because `hear` says so."""
        with suppress(OSError):
            self._channel.send(message)

    def hear(self, seconds: float) -> Answer | None:
        """Return the job's next message within `seconds`. Raises WorkerLost where none can come."""
        # Asked before: what arrived until the end is heard first.
        has_ended = self.has_ended.is_set()
        try:
            return self._heard.get(timeout=0.0 if has_ended else seconds)
        except queue.Empty:
            if has_ended:
                raise self._lost() from None
            return None

    def forget(self, person: str, seconds: float) -> bool:
        """Return whether the process has forgotten the person, or has ended."""
        done = self._forgotten.setdefault(person, threading.Event())
        self.send(Forget(person))
        # Asked first: whoever sets the events of a process that has ended has done so already.
        return self.has_ended.is_set() or done.wait(seconds) or self.has_ended.is_set()

    def end(self, seconds: float) -> None:
        """End the process and its children; its job is cancelled, and may take `seconds` to stop."""
        self.send(Close())
        self._channel.close()
        end(self._process, after=seconds)

    def kill(self) -> None:
        self.end(0.0)

    def _listen(self) -> None:
        with suppress(EOFError):
            while True:
                self._take(self._channel.receive())
        self.has_ended.set()
        for done in list(self._forgotten.values()):
            done.set()
        # Reaps it, so that no dead process stays in the system's list until the next job.
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(SECONDS_TO_FORGET)

    def _take(self, message: Answer) -> None:
        match message:
            case Ready():
                self.is_ready = True
            case Forgotten():
                self._forgotten.pop(message.person, threading.Event()).set()
            case _:
                self._heard.put(message)

    def _keep_log(self, stream: IO[bytes]) -> None:
        """Pass on what the process writes, and keep the end of it."""
        with suppress(ValueError, OSError), stream:
            for line in stream:
                self._tail.append(said := line.decode("utf-8", "replace").rstrip())
                _log.warning("%s: %s", self._lane, said)

    def _lost(self) -> WorkerLost:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(SECONDS_TO_FORGET)
        self._writer.join(1.0)
        return lost(self._lane, how_it_ended(self._process.returncode), tuple(self._tail), began=self.is_ready)


def lost(lane: str, how: str, tail: tuple[str, ...], *, began: bool) -> WorkerLost:
    """Return the error of a job whose lane's process is gone; `tail` are the last lines that it wrote."""
    if began:
        said = text("The process of the lane {lane} ended in the middle of this job ({how}).", lane=lane, how=how)
    else:
        last = tail[-1] if tail else text("It said nothing.")
        said = text("The process of the lane {lane} did not start ({how}). {last}", lane=lane, how=how, last=last)
    return WorkerLost(
        said,
        advice=text("Start it again, or resume the training; the lane's next job gets a new process."),
        log_tail="\n".join(tail),
    )


def how_it_ended(returncode: int | None) -> str:
    if returncode is None:
        return text("it does not answer")
    if os.name == "posix" and returncode == -signal.SIGKILL:
        return text("killed by signal {number}, often because memory ran out", number=-returncode)
    if returncode < 0:
        return text("killed by signal {number}", number=-returncode)
    return text("exit code {number}", number=returncode)


class ProcessRunner:
    """Runs jobs in a process of its own, which keeps its models from job to job.

    The process starts with its first job: a lane that nobody needs takes no memory of its card, and the page of a
    server that has just started is not kept waiting by what imports. One that has ended is started anew.
    """

    def __init__(
        self,
        name: str,
        app: PortableApp,
        environment: Mapping[str, str],
        *,
        device: str = "",
        program: Sequence[str] = PROGRAM,
    ) -> None:
        """`environment` keeps the process to the lane's devices; `device` describes them."""
        self._name, self._app, self._environment, self._device = name, app, dict(environment), device
        self._program = program
        self._process: LaneProcess | None = None
        self._changing = threading.Lock()

    def run(self, command: Command, context: JobContext) -> Mapping[str, Any]:
        process, job = self._running(), context.job
        process.send(Run(job, command))
        return followed(
            process.hear,
            context,
            cancel=lambda: process.send(Cancel(job.id)),
            kill=process.kill,
            seconds_to_stop=SECONDS_TO_STOP,
        )

    def forget(self, person: str) -> tuple[Left, ...]:
        process = self._process
        if process is None or process.forget(person, SECONDS_TO_FORGET):
            return ()
        what = text("the memory of the lane {lane}", lane=self._name)
        return (Left(what, text("it is busy, and drops what it holds within the hour")),)

    def facts(self) -> LaneFacts:
        process = self._process
        has_ended = process is not None and process.has_ended.is_set()
        is_starting = process is not None and not process.is_ready
        state = LOST if has_ended else STARTING if is_starting else IDLE
        return LaneFacts(self._name, self._device, state=state)

    def close(self, seconds: float = 10.0) -> None:
        with self._changing:
            process, self._process = self._process, None
        if process is not None:
            process.end(seconds)

    def _running(self) -> LaneProcess:
        """The process; a new one where there is none, or the last has ended. Raises WorkerLost."""
        with self._changing:
            if self._process is None or self._process.has_ended.is_set():
                try:
                    self._process = LaneProcess(self._name, self._app, self._environment, self._program)
                except OSError as error:
                    raise lost(self._name, str(error), (), began=False) from error
            return self._process
