"""One generation in the host's process: its queue lock, its state, the steps it makes, and how it is stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from easyphoto.progress import Cancelled, Progress
from easyphoto.webui.access import host_module

JOB = "EasyPhoto"
_KEPT = (
    "job", "job_no", "job_count", "job_timestamp", "processing_has_refined_job_count", "sampling_step",
    "sampling_steps", "current_latent", "current_image", "current_image_sampling_step", "textinfo", "time_start",
    "skipped", "interrupted", "stopping_generation",
)  # fmt: skip
_STOPS = ("interrupted", "skipped", "stopping_generation")

Lock = AbstractContextManager[Any]
Look = Callable[[], Sequence[str]]
"""Asked before the first step is over: what of the things asked for did not come to be, in sentences."""


@contextmanager
def turn(lock: Lock | None) -> Iterator[Any]:
    """The host's state while it is ours; waits for the queue.

    With a lock given we are inside a generation whose lock is held already: its state is left as it was found.
    """
    state = host_module("shared").state
    if lock is None:
        with host_module("call_queue").queue_lock:
            state.begin(job=JOB)
            try:
                yield state
            finally:
                state.end()
        return
    with lock:
        before = {name: getattr(state, name) for name in _KEPT if hasattr(state, name)}
        require_going_on(state)
        try:
            yield state
        finally:
            pressed = [name for name in _STOPS if getattr(state, name, False)]
            for name, value in before.items():
                setattr(state, name, value)
            # Somebody who stopped the inner picture meant the outer one too.
            if "interrupted" in pressed and not getattr(state, "easyphoto_stopped", False):
                state.interrupted = True


def require_going_on(state: Any) -> None:
    """Raises Cancelled where somebody has stopped the web UI."""
    if any(getattr(state, name, False) for name in _STOPS):
        raise Cancelled("The web UI was told to stop.")
