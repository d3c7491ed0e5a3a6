"""Running one painting on a web UI: requested once, in a thread of its own, and polled until the answer arrives.

Other tasks may be ahead in the host's queue. Progress and interrupt refer to whatever task is running, so the host is
first asked whether that is ours; a host without its own page (--nowebui) cannot tell, and its task is taken for ours.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from easyphoto.backends.remote_client import WebUi
from easyphoto.backends.remote_payloads import Payload, decoded
from easyphoto.backends.remote_refusals import Gone
from easyphoto.errors import BackendError, BackendUnreachable, EasyPhotoError
from easyphoto.messages import phase, text
from easyphoto.progress import Progress

_PROGRESS, _SEEN = "/sdapi/v1/progress?skip_current_image=false", "/internal/progress"
_WORDS = phase("paint-elsewhere", "painting in the other web UI")


def watched(webui: WebUi, path: str, payload: Payload, *, steps: int, progress: Progress, room: int) -> Any:
    """POST the payload and return the answer. Every step is reported, including those between two polls.

    If it ends early for any reason (Cancelled, Ctrl-C, a host that died), the host is told to stop.
    """
    errand = PaintRequest(webui, path, payload, room=room)
    teller = ProgressReporter(progress, steps)
    errand.start()
    try:
        _follow(errand, teller)
    except BaseException:
        errand.stop()
        raise
    answer = errand.answer()
    teller.reached(steps)
    return answer


@dataclass
class ProgressReporter:
    """Reports each step once, in order, with the preview on the latest; checks for cancellation before each."""

    progress: Progress
    steps: int
    _told: int = 0

    def reached(self, step: int, preview: Image.Image | None = None) -> None:
        while self._told < min(step, self.steps):
            self.progress.check()
            self._told += 1
            latest = self._told == min(step, self.steps)
            self.progress.step(self._told, self.steps, _WORDS, preview=preview if latest else None)


@dataclass
class PaintRequest:
    """A POST running in its own thread."""

    webui: WebUi
    path: str
    payload: Payload
    room: int
    done: threading.Event = field(default_factory=threading.Event)
    _answer: Any = None
    _error: EasyPhotoError | None = None
    _seen_running: bool = False

    def start(self) -> None:
        threading.Thread(target=self._run, name="easyphoto-remote", daemon=True).start()

    def answer(self) -> Any:
        if self._error is not None:
            raise self._error
        return self._answer

    @property
    def is_running(self) -> bool | None:
        """Whether the host is working on this request; None if it cannot tell. Raises BackendUnreachable."""
        if self._seen_running or "force_task_id" not in self.payload:
            return True
        try:
            content = {"id_task": self.payload["force_task_id"], "live_preview": False}
            said = self.webui.post(_SEEN, content)
        except Gone:
            return None
        except BackendUnreachable:
            raise
        except EasyPhotoError:
            return None
        self._seen_running = isinstance(said, dict) and bool(said.get("active"))
        return self._seen_running

    def stop(self) -> None:
        """Interrupt this request on the host, but no other task; gives up if the host does not answer."""
        patience = self.webui.patience
        end = time.monotonic() + patience.stop_seconds
        while not self.done.is_set() and time.monotonic() < end:
            try:
                if self.is_running is not False:
                    self.webui.post("/sdapi/v1/interrupt", {})
            except EasyPhotoError:
                return
            self.done.wait(patience.poll_seconds)

    def _run(self) -> None:
        try:
            self._answer = self.webui.post(
                self.path, self.payload, seconds=self.webui.patience.paint_seconds, room=self.room
            )
        except EasyPhotoError as error:
            self._error = error
        except Exception as error:  # an exception in a thread would otherwise be lost
            self._error = BackendError(
                text("Painting in the other web UI failed: {kind}: {error}.", kind=type(error).__name__, error=error)
            )
        finally:
            self.done.set()


def _follow(errand: PaintRequest, teller: ProgressReporter) -> None:
    """Poll the host until the answer arrives. Raises BackendUnreachable if the host stops answering."""
    patience, silent = errand.webui.patience, 0
    while not errand.done.wait(patience.poll_seconds):
        teller.progress.check()
        try:
            _look(errand, teller)
            silent = 0
        except BackendUnreachable as error:
            silent += 1
            if silent >= patience.dead_polls and not errand.done.is_set():
                raise BackendUnreachable(
                    text("{url} stopped answering while it painted.", url=errand.webui.address.url),
                    advice=text("See whether it still runs; the picture was not asked for again."),
                ) from error


def _look(errand: PaintRequest, teller: ProgressReporter) -> None:
    if errand.is_running is False:
        return
    try:
        said = errand.webui.get(_PROGRESS, tries=1)
    except BackendUnreachable:
        raise
    except EasyPhotoError:
        return  # a host too busy to report its progress is still painting
    state = said.get("state") if isinstance(said, dict) else None
    step = state.get("sampling_step") if isinstance(state, dict) else None
    if isinstance(step, int) and not errand.done.is_set():
        teller.reached(step, _preview(said.get("current_image")))


def _preview(text: Any) -> Image.Image | None:
    try:
        return decoded(text) if text else None
    except BackendError:
        return None
