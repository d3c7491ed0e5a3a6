"""Runs a lane's jobs on a machine of a cluster, again where it is lost, and publishes what they made once."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from easyphoto.app import EasyPhoto
from easyphoto.cluster.connection import Cluster, LinkLost, Running
from easyphoto.cluster.messages import Lost, Made, Piece, Whole
from easyphoto.cluster.shipment import goes_elsewhere, shipment_of
from easyphoto.commands.base import Command
from easyphoto.errors import EnvironmentFailure, WorkerLost
from easyphoto.jobs.arrivals import Arrivals, JobOutcome
from easyphoto.jobs.context import JobContext
from easyphoto.jobs.records import State, error_record
from easyphoto.jobs.relay import Answer, Changed, Failed, followed
from easyphoto.jobs.runners import HereRunner, LaneFacts
from easyphoto.messages import note, phase, text
from easyphoto.persons.deletion import Left
from easyphoto.progress import Cancelled

_LOGS = text("It may need more memory than they have; their logs say more: ray logs.")
MOST_LOSSES = 3
"""Machines that may be lost with one job: after that the job is what ends them."""
MOST_STARTS = 10
"""Machines that may end before they had the job."""
SECONDS_BETWEEN_STARTS = 2.0
SECONDS_BETWEEN_CHECKS = 0.5


class _NotBegun(WorkerLost):
    """The machine has ended before it had the job."""


@dataclass(frozen=True)
class ActorRunner:
    """A lane of a cluster. The first of them also ends the connection, and asks machines that no lane has any more."""

    app: EasyPhoto
    cluster: Cluster
    name: str
    is_first: bool

    def run(self, command: Command, context: JobContext) -> Mapping[str, Any]:
        """Raises Cancelled, the errors of the command, and WorkerLost where several machines ended with the job."""
        if not goes_elsewhere(command):
            return HereRunner(self.app, self.name).run(command, context)
        losses = starts = 0
        while True:
            self._wait(context)
            try:
                return _Attempt(self, command, context).performed()
            except LinkLost:
                said = note("cluster-lost", "The connection to the cluster was lost; the job begins again.")
            except _NotBegun as error:
                starts += 1
                if starts >= MOST_STARTS:
                    raise WorkerLost(error.message, advice=_LOGS) from error
                said = note("node-not-begun", "{error} Another machine is asked for.", error=error)
                # Until the cluster knows that the machine is gone, it gives the same one.
                self._pause(context)
            except WorkerLost as error:
                losses += 1
                if losses >= MOST_LOSSES:
                    raise WorkerLost(
                        text("{count} machines of the cluster ended with this job. {error}", count=losses, error=error),
                        advice=_LOGS,
                    ) from error
                said = note("node-lost", "{error} The job begins again: loss {count} of {most}.",
                            error=error, count=losses, most=MOST_LOSSES)  # fmt: skip
            context.note(said)

    def _wait(self, context: JobContext) -> None:
        """Wait until there is a cluster; the job says why it does not go on. Raises Cancelled."""
        while (why := self.cluster.wait(SECONDS_BETWEEN_CHECKS)) is not None:
            context.step(0, 0, phase("cluster-away", "waiting for the cluster: {why}", why=why))
            context.check()

    def _pause(self, context: JobContext) -> None:
        until = time.monotonic() + SECONDS_BETWEEN_STARTS
        while time.monotonic() < until:
            context.check()
            time.sleep(SECONDS_BETWEEN_CHECKS)

    def forget(self, person: str) -> tuple[Left, ...]:
        left = self.cluster.forget(self.name, person)
        return (*left, *self.cluster.forget_left(person)) if self.is_first else left

    def facts(self) -> LaneFacts:
        return self.cluster.facts(self.name)

    def close(self, seconds: float = 10.0) -> None:
        if self.is_first:
            self.cluster.close()


class _Attempt:
    """One attempt at a job: what arrives is kept aside, and published when the job has ended there."""

    def __init__(self, runner: ActorRunner, command: Command, context: JobContext) -> None:
        self._runner, self._command, self._context = runner, command, context
        self._workspace = runner.app.workspace
        self._arrivals = Arrivals(self._workspace, context.job.id)
        self._made: Made | None = None

    def performed(self) -> Mapping[str, Any]:
        """Raises what `ActorRunner.run` raises, WorkerLost for one machine, LinkLost for the connection."""
        context = self._context
        self._arrivals.clear()
        if context.job.files or context.job.previews:
            # Those of an attempt that was cut off.
            context.tell(None, {}, files={}, previews=())
        context.step(0, 0, phase("cluster-node", "waiting for a machine of the cluster"))
        shipment = shipment_of(self._command, self._workspace)
        try:
            with self._runner.cluster.attempted(self._runner.name, context.job, shipment) as running:
                answer = followed(
                    lambda seconds: self._heard(running, seconds), context, cancel=running.stop, kill=running.kill
                )
        except WorkerLost:
            raise
        except Cancelled:
            self._publish(State.CANCELLED)
            raise
        except Exception as error:
            self._publish(State.FAILED, error=error_record(error))
            raise
        self._publish(State.DONE, answer=answer)
        return answer

    def _heard(self, running: Running, seconds: float) -> Answer | None:
        """The next message for the job; files are put aside. Raises WorkerLost."""
        message = running.hear(seconds)
        if isinstance(message, Piece):
            self._arrivals.keep(message.below, message.content, offset=message.offset)
        elif isinstance(message, Whole):
            self._arrivals.complete(message.below, changed=message.changed)
        elif isinstance(message, Made):
            self._made = message
        elif isinstance(message, Lost):
            node = message.node or self._runner.name
            if not message.had_begun:
                raise _NotBegun(text("{node} was lost before it began: {why}.", node=node, why=message.why))
            raise WorkerLost(text("{node} was lost while it worked: {why}.", node=node, why=message.why))
        elif isinstance(message, Changed):
            return self._translated(message)
        elif isinstance(message, Failed):
            return replace(message, error=self._of_machine(message.error))
        else:
            return message
        return None

    def _of_machine(self, error: Exception) -> Exception:
        """Say on which machine something is missing, or a disk is full."""
        node = self._runner.cluster.node_of(self._runner.name)
        if node and isinstance(error, EnvironmentFailure):
            error.message = text("On {node}: {message}", node=node, message=error.message)
        return error

    def _translated(self, message: Changed) -> Changed:
        """Let the job name files where they lie until they are published, and remove previews that fell out."""
        changes = dict(message.changes)
        if "files" in changes:
            changes["files"] = {name: self._arrivals.staged(below) for name, below in changes["files"].items()}
        if "previews" in changes:
            for name in {*self._context.job.previews} - {*changes["previews"]}:
                (self._context.folder / Path(name).name).unlink(missing_ok=True)
        return Changed(message.event, message.values, changes)

    def _publish(
        self, state: State, *, answer: Mapping[str, Any] | None = None, error: Mapping[str, str] | None = None
    ) -> None:
        """Decide how the job ended and put what it made in place. Raises NameTaken, DiskFailure, Cancelled."""
        made = self._made or Made(())
        if not made.parts and not made.gone and state is not State.DONE:
            return
        files = {name: self._arrivals.published(below) for name, below in self._context.job.files.items()}
        outcome = JobOutcome(state.value, answer, error, made.parts, made.gone, files)
        self._arrivals.decide(outcome, replaces=made.replaces)
        self._arrivals.publish(outcome)
        self._context.tell(None, {}, files=files)
