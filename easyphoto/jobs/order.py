"""Which waiting job goes to which free lane: the first that may go, and where its person was last.

Jobs about one person keep their order: one that changes a person waits for all earlier jobs about them, and every job
waits for the earlier ones that change one of its persons. Jobs that only read a person run side by side.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from easyphoto.jobs.lanes import Lane
from easyphoto.jobs.making import CHANGING

ALONE = ("template", "previews", "setup")
"""One job of such a kind at a time: two could take the same name among the templates, draw the same previews, or make
the same environment."""


@dataclass(frozen=True)
class QueuedJob:
    """What the order knows of a job."""

    id: str
    kind: str
    """Its command's kind."""
    persons: frozenset[str] = frozenset()
    """Ids of those it is about."""

    @property
    def things(self) -> frozenset[str]:
        """What must not be changed beside it: its persons, and what its kind makes, under a name that no person has."""
        return self.persons | {f"{self.kind}/"} if self.kind in ALONE else self.persons

    @property
    def changes(self) -> bool:
        return self.kind in CHANGING or self.kind in ALONE


@dataclass
class _Earlier:
    """What the jobs before one are about."""

    changed: set[str] = field(default_factory=set)
    touched: set[str] = field(default_factory=set)

    def add(self, job: QueuedJob) -> None:
        self.touched |= job.things
        if job.changes:
            self.changed |= job.things

    def lets(self, job: QueuedJob) -> bool:
        return job.things.isdisjoint(self.touched if job.changes else self.changed)


def assigned(
    waiting: Iterable[QueuedJob], running: Iterable[QueuedJob], free: Sequence[Lane], last: Mapping[Lane, QueuedJob]
) -> list[tuple[QueuedJob, Lane]]:
    """Return the jobs that begin now, each with its lane. `waiting` comes in the order of submission; `last` holds what
    each lane ran last.

    No lane stays free while a job may run there, and no job is overtaken by a later one that could have had the same
    lane. Among free lanes those that take such jobs alone come first, so that the others stay free for the rest; then
    one that ran a job of the same person, because what was measured of the person is still in its memory; else the
    first, whose models are the likeliest to be loaded.
    """
    earlier, left, begun = _Earlier(), list(free), []
    for job in running:
        earlier.add(job)
    for job in waiting:
        if not left:
            break
        fitting = [lane for lane in left if lane.accepts(job.kind)]
        if fitting and earlier.lets(job):
            lane = min(fitting, key=lambda lane: (not lane.takes, _is_strange(job, last.get(lane))))
            left.remove(lane)
            begun.append((job, lane))
        earlier.add(job)
    return begun


def _is_strange(job: QueuedJob, before: QueuedJob | None) -> bool:
    return before is None or job.persons.isdisjoint(before.persons)
