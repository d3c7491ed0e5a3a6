"""Finds jobs among all: which a list shows, in which pages, and which one a key has made."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from easyphoto.jobs.askers import Requester
from easyphoto.jobs.records import Job, State

Place = tuple[str, str]
"""Where a job stands among all: when it was created, then its id."""


def place_of(job: Job) -> Place:
    return job.created, job.id


@dataclass(frozen=True)
class JobFilter:
    """What a job must be to be listed; an empty field leaves out none."""

    states: Collection[State] = ()
    kinds: Collection[str] = ()
    person: str | None = None
    """An id: jobs about this person, alone or among others."""
    since: str | None = None
    """A time as records write it: jobs created then or later."""

    def fits(self, job: Job) -> bool:
        return (
            (not self.states or job.state in self.states)
            and (not self.kinds or job.kind in self.kinds)
            and (self.person is None or self.person in job.subject.persons)
            and (self.since is None or job.created >= self.since)
        )


def page_of(
    jobs: Iterable[Job], wanted: JobFilter, most: int, *, before: Place | None = None
) -> tuple[tuple[Job, ...], Place | None]:
    """Return at most `most` of `jobs`, which come newest first, and the place after which the next page begins.

    A page begins after a job's place, not after a number of jobs: a job that arrives while somebody turns pages would
    move every later one by a place, and one that is forgotten would hide another.
    """
    page: list[Job] = []
    for job in jobs:
        if (before is not None and place_of(job) >= before) or not wanted.fits(job):
            continue
        if len(page) == most:
            return tuple(page), place_of(page[-1])
        page.append(job)
    return tuple(page), None


def job_with_key(key: str, asker: Requester, jobs: Iterable[Job]) -> Job | None:
    """Return the job that this requester's key has made. Nobody else's key counts, even if it reads the same."""
    return next((job for job in jobs if job.key is not None and job.key.key == key and job.asker == asker), None)
