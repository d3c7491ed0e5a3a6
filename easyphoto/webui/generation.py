"""A turn in the host's process: its queue, state and steps, how it is stopped, and its errors."""

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
"""Called when the first step begins; returns a sentence for each requested thing that was not applied."""
_LONGEST_ERROR = 300


@dataclass(eq=False)
class Turn:
    """The host's state during a turn."""

    state: Any
    stopped: bool = False
    """Whether we stopped it: the host's flags then say nothing about its user."""

    def stop(self) -> None:
        self.stopped = True
        self.state.interrupt()

    def require_going_on(self) -> None:
        """Raises Cancelled if the host's user has pressed Interrupt or Skip."""
        if not self.stopped and any(getattr(self.state, flag, False) for flag in _STOPS):
            raise Cancelled("The web UI was told to stop.")


@contextmanager
def turn(lock: Lock | None) -> Iterator[Turn]:
    """Wait for the host's queue, begin a job and end it.

    With `lock` given, the caller is inside a job that already holds the queue lock: the state is restored afterwards,
    except for a stop that its user requested meanwhile. Raises HostBusy while the device is lent.
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
    """The host calls it before each step, in the painting thread."""

    turn: Turn
    progress: Progress
    look: Look
    _begun: int = 0
    _total: int = 0
    _missing: tuple[str, ...] = ()
    _failure: BaseException | None = field(default=None)

    def begins_step(self, params: Any) -> None:
        # The host swallows exceptions of callbacks, so the exception is kept, and raised when the host has returned.
        if self._failure is not None or self._missing:
            # Stop again: the host clears its flags for everybody when another event of its page ends.
            self.turn.stop()
            return
        try:
            self._note(int(params.total_sampling_steps))
        except BaseException as error:
            self._failure = error
            self.turn.stop()

    def conclude(self) -> None:
        """Raise the kept exception after the host has returned: Cancelled, or BackendError for what was not applied."""
        if self._failure is not None:
            raise self._failure
        if self._missing:
            raise BackendError(
                joined(self._missing, " "),
                advice=text("See the web UI's log. No picture was changed."),
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
            # Some samplers call twice per step; calls beyond the total are not counted.
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
    """Exceptions of the host's scripts since this was created: the host swallows them and keeps the last five."""

    _before: list[Any] = field(default_factory=_records)

    def new(self, about: str = "") -> tuple[str, ...]:
        """Return one sentence per exception, oldest first; if any tracebacks name `about`, only theirs."""
        fresh = [record for record in _records() if not any(record is old for old in self._before)]
        named = [record for record in fresh if about in str(record).lower()]
        return tuple(dict.fromkeys(map(_words, named or fresh)))


def _words(record: Any) -> str:
    said = record.get("exception") if isinstance(record, dict) else record
    first = (str(said or "").strip() or "an exception without words").splitlines()[0]
    return first if len(first) <= _LONGEST_ERROR else first[:_LONGEST_ERROR] + "…"
