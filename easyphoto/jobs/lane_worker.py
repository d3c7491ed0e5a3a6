"""A lane's process: `python -m easyphoto.jobs.lane_worker`, which runs the jobs that its parent sends, one at a time.

Messages come on standard input and leave on standard output (see `relay`); everything else is written to standard
error. Its environment keeps it to the lane's devices. It ends when its input ends, and therefore when its parent dies.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import pickle
import queue
import signal
import sys
import threading
from contextlib import suppress

from easyphoto.jobs.channel import Channel
from easyphoto.jobs.hourly import Hourly
from easyphoto.jobs.portable import PortableApp
from easyphoto.jobs.relay import (
    SECONDS_TO_STOP,
    Answer,
    Cancel,
    Close,
    Forget,
    Forgotten,
    Ready,
    RelayedJobs,
    Run,
    failure_of,
    performed,
)
from easyphoto.jobs.runners import HereRunner, Runner
from easyphoto.jobs.service import SECONDS_KEPT
from easyphoto.machine import reuse_freed_memory
from easyphoto.training.worker import private_stdout
from easyphoto.workspace.folders import Workspace

LOST, TERMINATED = 1, 143
"""Exit codes: the parent is gone, and the job did not stop; another program ended the process."""


class LaneWorker:
    """Runs jobs in the thread that calls `serve`; another thread listens, so that a job can be cancelled."""

    def __init__(self, channel: Channel, workspace: Workspace, runner: Runner) -> None:
        self._channel, self._workspace, self._runner = channel, workspace, runner
        self._waiting: queue.SimpleQueue[tuple[RelayedJobs, Run] | None] = queue.SimpleQueue()
        self._latest: RelayedJobs | None = None
        """The job that came last: the parent sends one at a time."""

    def serve(self) -> None:
        """Run jobs until the parent closes the lane or is gone."""
        threading.Thread(target=self._listen, name="easyphoto-listen", daemon=True).start()
        self._say(Ready())
        while (received := self._waiting.get()) is not None:
            jobs, run = received
            self._end(performed(jobs, self._runner.run, run.command))

    def stop(self) -> None:
        """Cancel the job that runs, and take no other."""
        if self._latest is not None:
            self._latest.cancel()
        self._waiting.put(None)

    def _listen(self) -> None:
        try:
            while not isinstance(message := self._channel.receive(), Close):
                self._heard(message)
        except EOFError:
            # Nobody waits any more, so nobody would end a job that does not stop.
            late = threading.Timer(SECONDS_TO_STOP, os._exit, (LOST,))
            late.daemon = True
            late.start()
        finally:
            self.stop()

    def _heard(self, message: object) -> None:
        match message:
            case Run():
                self._latest = RelayedJobs(self._workspace, message.job, self._channel.send)
                self._waiting.put((self._latest, message))
            case Cancel():
                if self._latest is not None and self._latest.get("").id == message.job:
                    self._latest.cancel()
            case Forget():
                self._runner.forget(message.person)
                self._say(Forgotten(message.person))

    def _end(self, answer: Answer) -> None:
        try:
            self._say(answer)
        except (pickle.PicklingError, TypeError, AttributeError) as error:
            # As in the queue's own process: an answer that nobody can read is an error of the job.
            self._say(failure_of(error))

    def _say(self, answer: Answer) -> None:
        with suppress(OSError):  # the parent is gone, which the listening thread sees too
            self._channel.send(answer)


def main() -> int:
    """Serve the parent on standard input and output; returns the exit code."""
    # This process writes personal data, so its files are readable by the user alone.
    os.umask(0o077)
    reuse_freed_memory()
    faulthandler.enable()
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    channel = _private_channel()
    try:
        app: PortableApp = channel.receive()
    except EOFError:
        return LOST
    opened = app.opened()
    worker = LaneWorker(channel, opened.workspace, HereRunner(opened, ""))
    signal.signal(signal.SIGTERM, lambda *_: _terminated(worker))
    hourly = Hourly(lambda: opened.cache.expire(SECONDS_KEPT))
    try:
        worker.serve()
    except KeyboardInterrupt:
        return TERMINATED
    finally:
        hourly.close(0.0)
    return 0


def _private_channel() -> Channel:
    """The standard streams, which no library and no child can disturb: theirs are the null device and the log."""
    incoming = os.fdopen(os.dup(0), "rb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return Channel(incoming, os.fdopen(private_stdout(), "wb"))


def _terminated(worker: LaneWorker) -> None:
    """Leave the job as Ctrl-C leaves a program, so that what it started, such as a trainer, is ended with it."""
    worker.stop()
    raise KeyboardInterrupt


if __name__ == "__main__":
    code = main()
    # Everything is written, and Python would take seconds to take torch apart.
    logging.shutdown()
    os._exit(code)
