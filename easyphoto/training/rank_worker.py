"""Another process of a training on several devices: `python -m easyphoto.training.rank_worker run.json MEETING DEVICE`.

The worker starts it (`rank_processes`). It takes part in every step, and neither saves, judges nor speaks: the worker
does that alone. All it writes to standard output is the error that ended it. It ends with its standard input.
"""

from __future__ import annotations

# First, because it sets what torch reads from the environment when it is imported.
from easyphoto.training.worker import error_event, leave, prepare_torch, private_stdout  # isort: skip

import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path

from easyphoto.devices import groups_of
from easyphoto.machine import reuse_freed_memory
from easyphoto.progress import NullProgress
from easyphoto.training.events import to_line
from easyphoto.training.rank_processes import RankLost, Seat, seat_from
from easyphoto.training.run import RunFolder, TrainRun

log = logging.getLogger(__name__)
SECONDS_TO_BE_ENDED = 60.0


def main(path: Path, meeting: Path, device: str) -> int:
    """Take part in the run, and return the exit code."""
    reuse_freed_memory()
    stream = private_stdout()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    # The worker is asked to stop, and takes its time to save.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_input, daemon=True).start()
    try:
        try:
            _follow(path, seat_from(os.environ, meeting), device)
        except RankLost:
            # Another process ended first, and its error is the one to tell; the worker ends this one.
            time.sleep(SECONDS_TO_BE_ENDED)
            raise
    except Exception as error:
        log.exception("This process of the training ended with an error.")
        event = error_event(error)
        os.write(stream, f"{to_line(event)}\n".encode())
        return event.exit_code
    return 0


def _follow(path: Path, seat: Seat, device: str) -> None:
    run = TrainRun.read(path)
    # The environment holds this device alone; without it torch would compute on the processor, and meet nobody.
    prepare_torch(run, *groups_of(device, ()))
    from easyphoto.training.context import RunContext
    from easyphoto.training.session import follow_session

    follow_session(RunContext(run, RunFolder(path.parent), lambda event: None, NullProgress()), seat)


def _end_with_input() -> None:
    try:
        os.read(0, 1)
    except OSError:
        log.info("Standard input cannot be read; ending.")
    os._exit(0)


if __name__ == "__main__":
    os.umask(0o077)
    leave(main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve(), sys.argv[3]))
