"""A machine of the cluster at work: a process that keeps its models and a private workspace, and runs the jobs sent.

The workspace is a scratch folder: it goes with the process, and what a killed one left goes when the next begins on
that machine. After each job everything but the persons' files is removed; those stay for an hour, because the queue
sends a person's next job to the same lane.
"""

from __future__ import annotations

import os
import queue
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

from easyphoto import __version__
from easyphoto.app import EasyPhoto
from easyphoto.cluster.messages import NodeFacts, NodeSetup, Told
from easyphoto.cluster.shipment import SentFile, Shipment
from easyphoto.cluster.shipping import JobAtNode, batches
from easyphoto.devices import CPU, CUDA, Device, DeviceGroup, cards, described
from easyphoto.errors import EasyPhotoError
from easyphoto.host.base import ThisMachine
from easyphoto.jobs.arrivals import write_piece
from easyphoto.jobs.records import Job
from easyphoto.jobs.relay import RelayedJobs
from easyphoto.jobs.runners import HereRunner
from easyphoto.machine import reuse_freed_memory
from easyphoto.parallel import thread_limit
from easyphoto.persons.identity_vectors import EMBEDDINGS
from easyphoto.storage.files import disk_failure, inside, make_private_folder, matching
from easyphoto.storage.scratch import abandoned, clear, held_folder
from easyphoto.weights.places import default_mirrors
from easyphoto.workspace.folders import folders_in, user_folder
from easyphoto.workspace.upgrades import open_workspace

FOLDER_VARIABLE = "EASYPHOTO_NODE_FOLDER"
"""Where a machine of a cluster keeps files while it works; the default is beside the user's workspace."""
SECONDS_KEPT = 3600.0
"""How long a person's files stay on a machine after their last job."""
SECONDS_BETWEEN_SWEEPS = 60.0
SECONDS_TO_JOIN = 0.005
MOST_WAITING = 32
"""Messages that wait to be fetched before the work does: pieces of files among them have 8 MB each."""
CLEARED = ("results", "runs", "uploads", "templates", "styles", "jobs", "brought", "changes")


class Node:
    """One process on a machine. The server calls one method at a time, but for `cancel`, `forget` and `close`."""

    def __init__(self, setup: NodeSetup) -> None:
        self._setup = setup
        self._held = ExitStack()
        self._running: RelayedJobs | None = None
        self._cancelled: set[str] = set()
        """Jobs that were cancelled; some before they began here."""
        self._used: dict[str, float] = {}
        self._stop = threading.Event()

    def open(self) -> NodeFacts:
        """Make the workspace and say what this machine is. Raises DiskFailure."""
        os.umask(0o077)
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        reuse_freed_memory()
        place = node_folder()
        try:
            make_private_folder(place)
        except OSError as error:
            raise disk_failure(error) from error
        is_swept = sweep_node(place)
        self.workspace = open_workspace(self._held.enter_context(held_folder(place)))
        mirrors = (*default_mirrors(), *(folder for folder in self._setup.mirrors if folder.is_dir()))
        host = ThisMachine(folders=tuple(folder for folder in self._setup.checkpoints if folder.is_dir()))
        app = EasyPhoto(self.workspace, self._setup.options, tuple(dict.fromkeys(mirrors)), host)
        self._runner = HereRunner(app, socket.gethostname())
        threading.Thread(target=self._sweep_now_and_then, daemon=True).start()
        return NodeFacts(socket.gethostname(), device_words(), __version__, os.getpid(), is_swept)

    # --- files that arrive ---

    def lacks(self, shipment: Shipment) -> tuple[int, ...]:
        """Return which of the shipment's files are not here as they are there, by their place in it."""
        # First, so that `expire` leaves alone what arrives now, or is said to be here.
        self._used.update(dict.fromkeys(shipment.persons, time.monotonic()))
        self._clear()
        lacking = tuple(number for number, file in enumerate(shipment.files) if not self._has(file))
        known = {file.below for file in shipment.files}
        for folder in shipment.folders:
            is_changed = any(shipment.files[number].below.startswith(f"{folder}/") for number in lacking)
            for file in matching(self.workspace.root / folder, "**/*"):
                below = file.relative_to(self.workspace.root).as_posix()
                # Vectors that were measured here fit as long as the pictures are the same.
                if file.is_file() and below not in known and (is_changed or file.parent.name != EMBEDDINGS):
                    file.unlink(missing_ok=True)
        return lacking

    def keep(self, file: SentFile, offset: int, content: bytes) -> None:
        """Write a piece of a file that was sent; the last one gives it its time. Raises DiskFailure, OutsideFolder."""
        target = inside(self.workspace.root, file.below)
        write_piece(target, content, offset)
        if offset + len(content) >= file.bytes:
            try:
                os.utime(target, ns=(file.changed, file.changed))
            except OSError as error:
                raise disk_failure(error) from error

    def _has(self, file: SentFile) -> bool:
        try:
            found = inside(self.workspace.root, file.below).stat()
        except (OSError, EasyPhotoError):
            return False
        return (found.st_size, found.st_mtime_ns) == (file.bytes, file.changed)

    # --- a job ---

    def run(self, job: Job, shipment: Shipment) -> Iterator[tuple[Told, ...]]:
        """Run the job, and yield what it tells and makes as it happens; the last message says how it ended.

        Several at a time: each takes Ray a millisecond or two, in which the work waits for the interpreter.
        """
        waiting: queue.Queue[Told | None] = queue.Queue(MOST_WAITING)
        self.workspace.jobs.joinpath(job.id).mkdir(parents=True, exist_ok=True)
        work = JobAtNode(self.workspace, job, shipment, waiting.put)
        self._running = work.jobs
        if job.id in self._cancelled:
            work.jobs.cancel()
        thread = threading.Thread(target=self._work, args=(work, waiting), daemon=True)
        thread.start()
        try:
            yield from batches(waiting)
        finally:
            # Nobody listens any more where the link has ended: the work must not go on.
            work.jobs.cancel()
            while thread.is_alive():
                with suppress(queue.Empty):
                    waiting.get_nowait()
                thread.join(SECONDS_TO_JOIN)
            self._running = None
            self._cancelled.discard(job.id)
            for id in shipment.persons:
                self._used[id] = time.monotonic()
            self._clear()

    def _work(self, work: JobAtNode, waiting: queue.Queue[Told | None]) -> None:
        try:
            work.run(self._runner)
        finally:
            waiting.put(None)

    def cancel(self, job: str) -> None:
        self._cancelled.add(job)
        running = self._running
        if running is not None and running.get(job).id == job:
            running.cancel()

    def forget(self, person: str) -> None:
        """Remove what is here of a person who was deleted. Raises DiskFailure."""
        self._runner.forget(person)
        self._used.pop(person, None)
        folder = self.workspace.person_folder(person)
        try:
            if folder.exists():
                shutil.rmtree(folder)
        except OSError as error:
            raise disk_failure(error) from error

    def close(self) -> None:
        """Remove everything of this process."""
        self._stop.set()
        self._held.close()

    # --- what goes again ---

    def _clear(self) -> None:
        for name in CLEARED:
            shutil.rmtree(self.workspace.root / name, ignore_errors=True)

    def _sweep_now_and_then(self) -> None:
        while not self._stop.wait(SECONDS_BETWEEN_SWEEPS):
            self.expire(SECONDS_KEPT)

    def expire(self, seconds: float) -> None:
        """Drop models unused for `seconds`, and the files of persons who had no job for as long."""
        self._runner.app.cache.expire(seconds)
        if self._running is not None:
            return
        for folder in folders_in(self.workspace.persons):
            if time.monotonic() - self._used.get(folder.name, 0.0) >= seconds:
                with suppress(EasyPhotoError):
                    self.forget(folder.name)


def node_folder() -> Path:
    """The folder for the scratch workspaces of this machine's processes."""
    said = os.environ.get(FOLDER_VARIABLE, "").strip()
    return Path(said).expanduser() if said else user_folder("easyphoto-node")


def sweep_node(place: Path | None = None) -> bool:
    """Remove what killed processes have left on this machine; returns whether all of it is gone."""
    place = place or node_folder()
    is_clean = True
    for path in abandoned(place):
        try:
            clear(place, path)
        except EasyPhotoError:
            is_clean = False
    shutil.rmtree(place / "trash", ignore_errors=True)
    return is_clean


def device_words() -> str:
    """What this process computes on, in words."""
    found = cards()
    device = Device(CUDA, found[0].number) if found else Device(CPU)
    return described(DeviceGroup((device,)), found, thread_limit())
