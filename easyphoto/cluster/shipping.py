"""What a job on another machine tells and makes, on its way back: files before what names them, all else at the end."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from easyphoto.cluster.messages import PIECE, Made, Piece, Told, Whole
from easyphoto.cluster.shipment import Shipment
from easyphoto.commands.records import read_whole
from easyphoto.jobs.answers import COMMANDS
from easyphoto.jobs.records import Job
from easyphoto.jobs.relay import Finished, RelayedJobs, failure_of, performed
from easyphoto.jobs.runners import HereRunner
from easyphoto.storage.files import WRITING, disk_failure, matching
from easyphoto.storage.scratch import LOCK
from easyphoto.training.run import RunFolder
from easyphoto.workspace.folders import Workspace, folders_in

SECONDS_OF_A_BATCH = 0.05
Send = Callable[[Told], None]


class JobAtNode:
    """One job: sends what it writes before what names it, and at its end all that it made."""

    def __init__(self, workspace: Workspace, job: Job, shipment: Shipment, send: Send) -> None:
        self._workspace, self._job, self._shipment, self._send = workspace, job, shipment, send
        self.jobs = _ShippingJobs(workspace, job, send, self._ship_news)
        self._shipped: dict[str, tuple[int, int]] = {}
        self._sent = {file.below: (file.bytes, file.changed) for file in shipment.files}

    def run(self, runner: HereRunner) -> None:
        """Run the command and send its end, whatever happens."""
        try:
            command = read_whole(COMMANDS[self._shipment.kind], self._shipment.command, self._workspace.root.joinpath)
            ended = performed(self.jobs, runner.run, command)
            self._ship_made(is_done=isinstance(ended, Finished))
        except BaseException as error:
            ended = failure_of(error)
        self._send(ended)

    def _ship_news(self, files: Mapping[str, str]) -> None:
        """Send the files of the job's folder, and those that it hands out, as far as they were not sent yet."""
        own = matching(self._workspace.jobs / self._job.id, "[!.]*")
        for file in (*own, *(self._workspace.root / below for below in files.values())):
            self._ship(file)

    def _ship(self, file: Path) -> None:
        below = file.relative_to(self._workspace.root).as_posix()
        try:
            found = file.stat()
            stamp = (found.st_size, found.st_mtime_ns)
            if self._shipped.get(below) == stamp:
                return
            with file.open("rb") as stream:
                offset = 0
                while (content := stream.read(PIECE)) or offset == 0:
                    self._send(Piece(below, offset, content))
                    offset += len(content)
                    if not content:
                        break
        except FileNotFoundError:
            return
        except OSError as error:
            raise disk_failure(error) from error
        self._shipped[below] = stamp
        self._send(Whole(below, found.st_mtime_ns))

    def _ship_made(self, *, is_done: bool) -> None:
        self._ship_news({})
        parts, replaces, gone = self._made(is_done=is_done)
        for part in parts:
            place = self._workspace.root / part
            for file in [place] if place.is_file() else matching(place, "**/*"):
                if _belongs(file):
                    self._ship(file)
        if parts or gone:
            self._send(Made(tuple(parts), tuple(replaces), tuple(gone)))

    def _made(self, *, is_done: bool) -> tuple[list[str], list[str], list[str]]:
        """What the job made, in the order of publication; what was there before; and what it removed."""
        workspace = self._workspace
        parts = [self._path(folder) for folder in folders_in(workspace.results)]
        single = [*matching(workspace.templates, "*"), *matching(workspace.styles, "**/*")]
        replaces: list[str] = []
        gone: list[str] = []
        for run in folders_in(workspace.runs):
            # Without its dataset a training cannot go on; what was sent of another run is not this job's.
            if not (run / "dataset" / "dataset.json").is_file():
                continue
            if self._path(RunFolder(run).run) in self._sent:
                there = [file for file in matching(run, "**/*") if _belongs(file)]
                single += there
                names = {self._path(file) for file in there}
                gone += [
                    below for below in self._sent if below.startswith(f"{self._path(run)}/") and below not in names
                ]
            else:
                parts.append(self._path(run))
        for file in single:
            below = self._path(file)
            if file.is_file() and self._sent.get(below) != _stamp(file):
                parts.append(below)
                replaces += [below] if below in self._sent else []
        person = self._shipment.gives_person
        if is_done and person is not None:
            parts.append(self._path(workspace.person_folder(person)))
        return parts, replaces, gone

    def _path(self, file: Path) -> str:
        return file.relative_to(self._workspace.root).as_posix()


class _ShippingJobs(RelayedJobs):
    """Sends files before the change that names them."""

    def __init__(self, workspace: Workspace, job: Job, send: Send, ship: Callable[[Mapping[str, str]], None]) -> None:
        super().__init__(workspace, job, send)
        self._ship = ship

    def change(self, id: str, event: str | None = None, *, values: Mapping[str, Any], **changes: Any) -> None:
        if event in ("preview", "verdicts") or "files" in changes:
            self._ship(changes.get("files", {}))
        super().change(id, event, values=values, **changes)


def batches(waiting: queue.Queue[Told | None]) -> Iterator[tuple[Told, ...]]:
    """The messages up to None, those together that come within a moment; files with at most a piece's bytes."""
    message = waiting.get()
    while message is not None:
        batch, size = [message], _size(message)
        until = time.monotonic() + SECONDS_OF_A_BATCH
        while True:
            try:
                message = waiting.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                yield tuple(batch)
                message = waiting.get()
                break
            if message is None or size + _size(message) > PIECE:
                yield tuple(batch)
                break
            batch.append(message)
            size += _size(message)


def _size(message: Told) -> int:
    return len(message.content) if isinstance(message, Piece) else 0


def _belongs(file: Path) -> bool:
    """Whether a file is something that the job has made: no link, no lock, and not half written."""
    is_whole = not file.is_symlink() and file.is_file()
    return is_whole and file.suffix != LOCK and not file.name.startswith(WRITING)


def _stamp(file: Path) -> tuple[int, int]:
    found = file.stat()
    return found.st_size, found.st_mtime_ns
