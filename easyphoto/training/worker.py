"""The training process: `python -m easyphoto.training.worker run.json [DEVICES]`, with devices such as cuda:0+cuda:1.

It writes JSON lines to standard output (see `events`) and everything else to standard error. It stops on input or the
end of its standard input, on SIGINT and on SIGTERM, and therefore also when its parent dies. Before training it stops
at once, because there is nothing to save; during training it stops after the current step.
Exit codes are those of `easyphoto.errors`, and 130 for a run that was cancelled and can be resumed.
"""

from __future__ import annotations

import os
import signal
import sys

# Set before torch is imported: its idle OpenMP threads would otherwise spin and starve other processes.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# Without a fixed workspace cuBLAS's results depend on what else runs; torch's documentation names this value.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from easyphoto.backends.folders import base_files
from easyphoto.backends.read_ahead import read_ahead
from easyphoto.devices import CUDA, DeviceGroup, groups_of, unusable
from easyphoto.errors import DiskFailure, EasyPhotoError, InputError
from easyphoto.machine import reuse_freed_memory
from easyphoto.messages import text
from easyphoto.parallel import thread_limit
from easyphoto.progress import Cancelled
from easyphoto.storage.files import cause_of, disk_failure, private_opener
from easyphoto.storage.locks import file_lock
from easyphoto.training.events import ErrorEvent, Event, is_training, to_line
from easyphoto.training.rank_processes import Seat, seated
from easyphoto.training.run import RunFolder, TrainRun

log = logging.getLogger(__name__)
CANCELLED = 130
NOT_RESUMABLE = (InputError,)


def main(arguments: list[str]) -> int:
    """Run the training of the record and return the exit code."""
    reuse_freed_memory()
    stream = private_stdout()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    if not 1 <= len(arguments) <= 2:
        log.error("The path of run.json is wanted, and the devices where they are chosen.")
        return InputError.exit_code
    path = Path(arguments[0]).resolve()
    folder = RunFolder(path.parent)
    stop = StopSignal()
    stop.watch_stdin()
    speaker = Speaker(stream, folder.events, on_deaf=stop.set)
    try:
        with file_lock(folder.lock, wait=1.0):  # other processes briefly take the lock to see whether it is held
            devices = groups_of(arguments[1], ())[0] if arguments[1:] else None
            return work(path, folder, speaker, stop, devices)
    except EasyPhotoError as error:
        return speaker.fail(error)


def work(path: Path, folder: RunFolder, speaker: Speaker, stop: StopSignal, devices: DeviceGroup | None = None) -> int:
    """Train while the run's lock is held, and return the exit code."""

    def fail(error: EasyPhotoError) -> None:
        os._exit(speaker.fail(error))

    try:
        run = TrainRun.read(path)
        clear_leftovers(folder)
        stop.check()
        with seated(folder, devices, batch=run.settings.batch, on_lost=fail) as seat:
            return _trained(run, folder, speaker, stop, devices, seat)
    except Cancelled:
        log.info("Cancelled; the run can be resumed.")
        return CANCELLED
    except EasyPhotoError as error:
        return speaker.fail(error)
    except Exception as error:
        log.exception("The training ended with an error nobody foresaw.")
        return speaker.fail(error)


def _trained(
    run: TrainRun, folder: RunFolder, speaker: Speaker, stop: StopSignal, devices: DeviceGroup | None, seat: Seat | None
) -> int:
    # The imports take six seconds, so the record is validated first; the disk reads the base model meanwhile.
    with read_ahead(base_files(run.kind, folder.base(run))):
        prepare_torch(run, devices)
        from easyphoto.training.context import RunContext
        from easyphoto.training.session import train_session

    stop.check()

    def say(event: Event) -> None:
        if is_training(event):
            stop.take_time()
        speaker.say(event)

    context = RunContext(run, folder, say, stop)
    if devices is not None and len(devices.devices) > run.settings.batch:
        context.note(
            "few-devices",
            text(
                "of {count} devices only {batch} take part, one for each photo of a step",
                count=len(devices.devices),
                batch=run.settings.batch,
            ),
        )
    speaker.say(train_session(context, seat=seat))
    return 0


def prepare_torch(run: TrainRun, devices: DeviceGroup | None) -> None:
    """Set what this process computes in and with. Raises MissingCapability where it has no card although it should."""
    import torch

    from easyphoto.training.arithmetic import prepare_device

    if devices is not None and devices.kind == CUDA and not torch.cuda.is_available():
        raise unusable(devices)
    prepare_device()
    threads = run.threads or run.kind.threads
    if threads:
        torch.set_num_threads(min(threads, thread_limit() or threads))


def clear_leftovers(folder: RunFolder) -> None:
    """Remove temporary files of a worker that was killed during a write. The held lock excludes other writers."""
    for temporary in folder.root.rglob(".writing-*"):
        temporary.unlink(missing_ok=True)


def private_stdout() -> int:
    """A duplicate of descriptor 1 for the events; 1 is redirected to the log, so no library writes between events."""
    stream = os.dup(1)
    os.dup2(2, 1)
    return stream


class StopSignal:
    """Whether a stop was requested; serves as the `Progress` of everything in the worker."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._takes_time = False

    def watch_stdin(self) -> None:
        # The system's default action: Python's own handler would wait for an import or the reading of a large file.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        threading.Thread(target=self._watch_stdin, daemon=True).start()

    def take_time(self) -> None:
        """From now on, a stop request waits until the run is saved."""
        self._takes_time = True
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: self.set())

    def _watch_stdin(self) -> None:
        # Reads the descriptor, because a daemon thread inside `sys.stdin` would hold its lock when Python exits.
        try:
            os.read(0, 1)
        except OSError:
            log.info("Standard input cannot be read; stopping.")
        if not self._takes_time:
            log.info("Cancelled before the first step.")
            os._exit(CANCELLED)
        self.set()

    def set(self) -> None:
        self._event.set()

    def check(self) -> None:
        if self._event.is_set():
            raise Cancelled

    def step(self, done: int, total: int, message: str = "", *, preview: Any = None) -> None:
        pass


class Speaker:
    """Writes events to the parent and to the run's `events.jsonl`."""

    def __init__(self, stream: int, record: Path, *, on_deaf: Callable[[], None]) -> None:
        self._stream, self._record, self._on_deaf = stream, record, on_deaf

    def say(self, event: Event) -> None:
        """Write an event. Raises DiskFailure if the record cannot be written; calls `on_deaf` if the parent is gone."""
        line = (to_line(event) + "\n").encode()
        self._tell(line)
        try:
            with open(self._record, "ab", opener=private_opener) as stream:
                stream.write(line)
        except OSError as error:
            raise DiskFailure(
                text("{target} could not be written: {cause}.", target=self._record.name, cause=cause_of(error)),
                advice=text(
                    "Check free space and the permissions of the run's folder, then start the run again: it continues."
                ),
            ) from error

    def _tell(self, line: bytes) -> None:
        try:
            while line:
                line = line[os.write(self._stream, line) :]
        except OSError:
            self._on_deaf()

    def fail(self, error: Exception) -> int:
        """Write the error that ended the run, and return the exit code."""
        event = error_event(error)
        log.error("%s: %s", event.code, event.message)
        try:
            self.say(event)
        except DiskFailure as disk:
            # The parent got the event; a record without its last line is the lesser loss.
            log.error("%s", disk)
        return event.exit_code


def error_event(error: Exception) -> ErrorEvent:
    if isinstance(error, OSError):
        error = disk_failure(error)
    named = isinstance(error, EasyPhotoError)
    return ErrorEvent(
        code=type(error).__name__ if named else "TrainerCrashed",
        message=error.message if isinstance(error, EasyPhotoError) else str(error) or type(error).__name__,
        advice=error.advice if isinstance(error, EasyPhotoError) else "",
        resumable=not isinstance(error, NOT_RESUMABLE),
        exit_code=error.exit_code if isinstance(error, EasyPhotoError) else 1,
    )


def leave(code: int) -> NoReturn:
    """End this process at once: at an ordinary exit NCCL would wait for other processes, which may be gone."""
    logging.shutdown()
    os._exit(code)


if __name__ == "__main__":
    # This process writes personal data, so its files are readable by the user alone.
    os.umask(0o077)
    leave(main(sys.argv[1:]))
