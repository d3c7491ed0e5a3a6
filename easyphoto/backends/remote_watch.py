"""One painting in a web UI: asked for once, in a thread of its own, and watched from outside until it is there.

Other work may stand in the host's queue before ours. Progress and interrupt speak of whatever is running, so it is
asked first whether that is our task; a host without its own page (--nowebui) cannot tell, and is taken at its word.
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
_WORDS = phase("paint-elsewhere", "painting elsewhere")


def watched(webui: WebUi, path: str, payload: Payload, *, steps: int, progress: Progress, room: int) -> Any:
    """The answer to the payload. Every step is reported, also those that no look at the host has seen.

    However it is left early (Cancelled, Ctrl-C, a host that died), the host is told to stop.
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
    """Tells each step once, in order, and the preview with the latest; asks before each whether to go on."""

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
    """A POST under way."""

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
        """Whether the host works on ours and on nothing else; None where it cannot tell. Raises BackendUnreachable."""
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
        """Interrupt the host's work on ours. Somebody else's work is not touched; a host that is gone is left alone."""
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
        except Exception as error:  # a thread's exception would otherwise be nobody's
            self._error = BackendError(
                text("The painting elsewhere failed: {kind}: {error}.", kind=type(error).__name__, error=error)
            )
        finally:
            self.done.set()


def _follow(errand: PaintRequest, teller: ProgressReporter) -> None:
    """Look at the host now and then until the answer is there. Raises BackendUnreachable where it answers no more."""
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
        return  # a host too busy to tell its progress still paints
    state = said.get("state") if isinstance(said, dict) else None
    step = state.get("sampling_step") if isinstance(state, dict) else None
    if isinstance(step, int) and not errand.done.is_set():
        teller.reached(step, _preview(said.get("current_image")))


def _preview(text: Any) -> Image.Image | None:
    try:
        return decoded(text) if text else None
    except BackendError:
        return None
