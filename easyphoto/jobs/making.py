"""What makes a person: one job at a time for each, because the later one would replace what the earlier one made."""

from __future__ import annotations

from collections.abc import Iterable

from easyphoto.errors import HostBusy
from easyphoto.jobs.records import Job
from easyphoto.messages import text

MAKING = ("train", "resume", "add", "choose")
"""Kinds of jobs that make a person or make them anew."""
CHANGING = (*MAKING, "propose")
"""Kinds that change a person: no other job about the person runs beside them. What renames or deletes is no job."""


def check_free(job: Job, jobs: Iterable[Job]) -> None:
    """Raises HostBusy if one of `jobs` makes the person whom `job` would make, as after a double click."""
    for other in jobs:
        both = {*job.subject.persons} & {*other.subject.persons}
        if other.kind in MAKING and not other.state.is_over and both:
            raise HostBusy(
                text("{name} is being trained or added already.", name=min(both)),
                advice=text("Wait until that job is over, or cancel it."),
            )
