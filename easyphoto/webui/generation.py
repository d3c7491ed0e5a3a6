"""A turn of ours in the host's process: its queue, its state, the steps it makes, how it is stopped, and what fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from easyphoto.errors import BackendError
from easyphoto.messages import joined, text
from easyphoto.progress import Cancelled, Progress
from easyphoto.webui.host_modules import host_module
from easyphoto.webui.lending import require_device

JOB = "EasyPhoto"
STEPS_PER_PREVIEW = 5
_STOPS = ("interrupted", "skipped", "stopping_generation")
_KEPT = (
    "job", "job_no", "job_count", "job_timestamp", "processing_has_refined_job_count", "sampling_step",
    "sampling_steps", "current_latent", "current_image", "current_image_sampling_step", "textinfo", "time_start",
)  # fmt: skip
# The host decodes a preview in one of these ways within milliseconds; the fourth, "Full", takes as long as a step.
_CHEAP_PREVIEWS = ("Approx NN", "Approx cheap", "TAESD")

Lock = AbstractContextManager[Any]
Look = Callable[[], Sequence[str]]
"""Says, when the first step begins, what of the things asked for did not come to be: a sentence each."""
_LONGEST_ERROR = 300


@dataclass(eq=False)
class Turn:
    """The host's state while it is ours."""

    state: Any
    stopped: bool = False
    """By us: then the host's flags say nothing about its user."""

    def stop(self) -> None:
        self.stopped = True
        self.state.interrupt()

    def require_going_on(self) -> None:
        """Raises Cancelled where the host's user has pressed Interrupt or Skip."""
        if not self.stopped and any(getattr(self.state, flag, False) for flag in _STOPS):
            raise Cancelled("The web UI was told to stop.")


@contextmanager
def turn(lock: Lock | None) -> Iterator[Turn]:
    """Waits for the host's queue, begins a job and ends it.

    With a lock given we are inside of a job whose queue lock is held already: its state is left as it was found, but
    for a stop that its user asked for meanwhile. Raises HostBusy while the device is lent.
    """
    state = host_module("shared").state
    if lock is None:
        with host_module("call_queue").queue_lock:
            require_device()
            state.begin(job=JOB)
            try:
                yield Turn(state)
            finally:
                state.end()
                for flag in _STOPS:
                    setattr(state, flag, False)
        return
    with lock, _left_as_found(state) as ours:
        require_device()
        ours.require_going_on()
        yield ours


@contextmanager
def _left_as_found(state: Any) -> Iterator[Turn]:
    ours = Turn(state)
    before = {name: getattr(state, name) for name in _KEPT if hasattr(state, name)}
    flags = {name: getattr(state, name) for name in _STOPS if hasattr(state, name)}
    try:
        yield ours
    finally:
        for name, value in (before | (flags if ours.stopped else {})).items():
            setattr(state, name, value)


@dataclass(eq=False)
class SamplingWatch:
    """Called by the host before each step, in the thread that paints."""

    turn: Turn
    progress: Progress
    look: Look
    _begun: int = 0
    _total: int = 0
    _missing: tuple[str, ...] = ()
    _failure: BaseException | None = field(default=None)

    def begins_step(self, params: Any) -> None:
        # The host swallows what a callback raises, so it is kept, and raised when the host has returned.
        if self._failure is not None or self._missing:
            # Again: the host clears its flags for everybody when some other event of its page ends.
            self.turn.stop()
            return
        try:
            self._note(int(params.total_sampling_steps))
        except BaseException as error:
            self._failure = error
            self.turn.stop()

    def conclude(self) -> None:
        """After the host has returned. Raises what was kept: Cancelled, or BackendError for what did not come to be."""
        if self._failure is not None:
            raise self._failure
        if self._missing:
            raise BackendError(
                joined(self._missing, " "),
                advice=text("The web UI's log tells more. Nothing of it was put into a picture."),
            )
        self.turn.require_going_on()
        if self._begun == 0 and (missing := self.look()):
            raise BackendError(joined([text("The web UI made no step that could be watched."), *missing], " "))
        if self._total:
            self.progress.step(self._total, self._total)

    def _note(self, total: int) -> None:
        self._total = max(total, 1)
        if self._begun == 0:
            self._missing = tuple(self.look())
            if self._missing:
                self.turn.stop()
                return
        elif self._begun < self._total:
            # Some samplers ask twice for a step: what would be more than there are is not counted.
            self.progress.step(self._begun, self._total, preview=self._preview())
        self._begun += 1
        self.progress.check()

    def _preview(self) -> Any:
        options, state = host_module("shared").opts, self.turn.state
        if self._begun % STEPS_PER_PREVIEW or not getattr(options, "live_previews_enable", False):
            return None
        if getattr(options, "show_progress_type", None) not in _CHEAP_PREVIEWS:
            return None
        before = state.id_live_preview
        state.do_set_current_image()
        return state.current_image if state.id_live_preview != before else None


@contextmanager
def watched(watch: SamplingWatch) -> Iterator[None]:
    callbacks = host_module("script_callbacks")
    callbacks.on_cfg_denoiser(watch.begins_step)
    try:
        yield
    finally:
        callbacks.remove_callbacks_for_function(watch.begins_step)


def _records() -> list[Any]:
    return list(getattr(host_module("errors"), "exception_records", ()))


@dataclass(eq=False)
class ScriptErrors:
    """What the host's scripts failed at since this was made: it swallows their exceptions and keeps the last five."""

    _before: list[Any] = field(default_factory=_records)

    def new(self, about: str = "") -> tuple[str, ...]:
        """One sentence for each exception, oldest first; only those whose traceback names `about`, if any does."""
        fresh = [record for record in _records() if not any(record is old for old in self._before)]
        named = [record for record in fresh if about in str(record).lower()]
        return tuple(dict.fromkeys(map(_words, named or fresh)))


def _words(record: Any) -> str:
    said = record.get("exception") if isinstance(record, dict) else record
    first = (str(said or "").strip() or "an exception without words").splitlines()[0]
    return first if len(first) <= _LONGEST_ERROR else first[:_LONGEST_ERROR] + "…"
