"""The context of a job's command: turns progress and notes into events, files and fields of the job's record."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol
from weakref import ref

from PIL import Image

from easyphoto.inference.results import Photograph
from easyphoto.jobs.answers import check_answer, picture_answer
from easyphoto.jobs.making import MAKING
from easyphoto.jobs.records import Job
from easyphoto.preprocess.verdict import Check
from easyphoto.progress import Cancelled, Progress
from easyphoto.storage.files import atomic_path
from easyphoto.training.events import Checkpoint, Done, Event, Sample, Step, to_line
from easyphoto.workspace.folders import Workspace

# A step of the miniature takes 0.1 s; nobody reads faster than this, and every change is written to disk.
SECONDS_BETWEEN_TELLING = 0.4
SECONDS_BETWEEN_PREVIEWS = 1.0
MOST_PREVIEWS = 24
PREVIEW_SIDE = 768


class Jobs(Protocol):
    """The part of the queue that a job's context needs."""

    @property
    def workspace(self) -> Workspace: ...

    def get(self, id: str) -> Job: ...

    def is_cancelled(self, id: str) -> bool: ...

    def change(self, id: str, event: str | None = None, *, values: Mapping[str, Any], **changes: Any) -> None: ...


class JobContext:
    """The command's `Context`; also collects what its answer is made of."""

    def __init__(self, queue: Jobs, id: str, folder: Path, watched: Progress) -> None:
        """`watched` stops the job when one of its persons is being deleted, in whichever process that happens."""
        self.folder = folder
        self.pictures: list[dict[str, Any]] = []
        """Answers of the pictures finished so far; the steps of each are written as soon as it is finished."""
        self._queue, self._id, self._watched = queue, id, watched
        self._told, self._shown, self._trained = 0.0, 0.0, 0.0
        self._last: tuple[int, int, str] = (0, 0, "")
        self._began: tuple[float, int, int] | None = None
        """When and where the current count began: time in seconds, total, and `done` at the first step."""
        self._is_making = self.job.kind in MAKING
        """Counts one thing after another, photos and steps, so that its speed tells nothing of its end."""
        self._ends_at: float | None = None
        """When a training ends, on the monotonic clock, by its own estimate."""
        self._previews: tuple[str, ...] = ()
        self._preview_count = 0
        self._kept: dict[int, tuple[ref[Image.Image], str]] = {}
        """Pictures that were written, by their object's id: the steps before the first pass are those of every seed."""

    @property
    def job(self) -> Job:
        """The job as it is now."""
        return self._queue.get(self._id)

    def step(self, done: int, total: int, message: str = "", *, preview: Any = None) -> None:
        """Report progress. Updates faster than people read are dropped, except a new phase and the last step."""
        if preview is not None and time.monotonic() - self._shown >= SECONDS_BETWEEN_PREVIEWS:
            self._show(preview() if callable(preview) else preview)
        phase = message or self._last[2]
        changed = (done, total, phase) != self._last
        is_due = time.monotonic() - self._told >= SECONDS_BETWEEN_TELLING
        is_news = phase.split(" · ")[0] != self._last[2].split(" · ")[0] or done == total
        self._last = (done, total, phase)
        if changed and (is_due or is_news):
            self._tell_progress(done, total, phase)

    def check(self) -> None:
        if self._queue.is_cancelled(self._id):
            raise Cancelled
        self._watched.check()

    def note(self, text: str) -> None:
        """Add a note: something that people should know although the job goes on."""
        notes = self.job.notes
        if text not in notes:
            self._queue.change(self._id, "note", values={"text": text}, notes=(*notes, text))

    def tell(self, event: str | None, values: Mapping[str, Any], **changes: Any) -> None:
        """Append an event to the job, where there is one, and change its record."""
        self._queue.change(self._id, event, values=values, **changes)

    def checked(self, check: Check) -> None:
        self.tell("verdicts", check_answer(check, self))

    def run_started(self, folder: Path) -> None:
        self._queue.change(self._id, "run", values={"run": folder.name}, run=folder.name)

    def picture_finished(self, file: Path, template: Path, made: Photograph) -> None:
        self.pictures.append(picture_answer(file, template.stem, made, self))
        # Others may still be in the making.
        self._show(made.image)

    def training_event(self, event: Event) -> None:
        """Show samples, and thin out steps as progress is thinned."""
        if isinstance(event, Sample):
            self.show_file(f"sample-{event.step:06d}-{event.template:02d}.png", Path(event.path))
        if isinstance(event, Step):
            self._ends_at = None if event.eta_s is None else time.monotonic() + event.eta_s
            is_due = time.monotonic() - self._trained >= SECONDS_BETWEEN_TELLING
            if not is_due and event.step not in (1, event.of):
                return
            self._trained = time.monotonic()
        self._queue.change(self._id, "train", values={"line": to_line(redacted_event(event))})

    def hand_out(self, name: str, path: Path) -> str:
        """Let clients download a file of the workspace under `name`; returns the name."""
        below = path.resolve().relative_to(self._queue.workspace.root.resolve()).as_posix()
        files = {**self.job.files, name: below}
        self._queue.change(self._id, values={}, files=files)
        return name

    def show_file(self, name: str, path: Path) -> None:
        """Add a file of the workspace to the previews."""
        if path.is_file():
            self._add_preview(self.hand_out(name, path))

    def keep_picture(self, name: str, picture: Image.Image, *, quality: int = 92) -> str:
        """Write an RGB JPEG into the job's folder; returns its name, or that of the same picture's earlier file."""
        known = self._kept.get(id(picture))
        if known is not None and known[0]() is picture:
            return known[1]
        with atomic_path(self.folder / name) as temporary:
            picture.convert("RGB").save(temporary, format="JPEG", quality=quality)
        self._kept[id(picture)] = ref(picture), name
        return name

    def _show(self, preview: Image.Image) -> None:
        small = preview.copy()
        small.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE))
        self._preview_count += 1
        name = self.keep_picture(f"preview-{self._preview_count:04d}.jpg", small, quality=85)
        self._shown = time.monotonic()
        self._add_preview(name)

    def _add_preview(self, name: str) -> None:
        """Keep the newest `MOST_PREVIEWS`; files handed out from elsewhere in the workspace are not deleted."""
        previews = (*self._previews, name)
        for old in previews[:-MOST_PREVIEWS]:
            (self.folder / old).unlink(missing_ok=True)
        self._previews = previews[-MOST_PREVIEWS:]
        self._queue.change(self._id, "preview", values={"file": name}, previews=self._previews)

    def _tell_progress(self, done: int, total: int, phase: str) -> None:
        self._told = time.monotonic()
        eta = self._eta(done, total)
        values = {"done": done, "total": total, "phase": phase, "eta_seconds": eta}
        self._queue.change(self._id, "progress", values=values, **values)

    def _eta(self, done: int, total: int) -> float | None:
        """Return the remaining seconds, where they can be told."""
        if not self._is_making:
            return self._eta_of_count(done, total)
        left = None if self._ends_at is None else round(self._ends_at - time.monotonic(), 1)
        return left if left is not None and left > 0 else None

    def _eta_of_count(self, done: int, total: int) -> float | None:
        """Return the remaining seconds at the speed since this count began; None until it has moved."""
        if self._began is None or self._began[1] != total or done < self._began[2]:
            self._began = (time.monotonic(), total, done)
        began, _, first = self._began
        if done <= first or total <= 0:
            return None
        return round((time.monotonic() - began) / (done - first) * (total - done), 1)


def redacted_event(event: Event) -> Event:
    """Return the event with bare file names, because clients must not learn paths on this machine."""
    match event:
        case Done():
            portrait = Path(event.portrait).name if event.portrait else None
            return replace(event, path=Path(event.path).name, portrait=portrait)
        case Sample() | Checkpoint():
            return replace(event, path=Path(event.path).name)
        case _:
            return event
