"""python -m easyphoto …, and the console script `easyphoto`."""

import os
import signal
import sys
from typing import Any

INTERRUPTED = 130


class Terminated(KeyboardInterrupt):
    """Another program asked us to stop: the same as Ctrl-C, with an exit code of its own."""

    exit_code = 143


def main() -> int:
    """Run the command line. Whenever Ctrl-C comes, no traceback is seen."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        occupy_standard_streams()
        from easyphoto.cli.main import main as run_verb  # takes a moment, in which Ctrl-C may come

        return run_verb()
    except KeyboardInterrupt as stop:
        return getattr(stop, "exit_code", INTERRUPTED)
    finally:
        # What Python does at its end can be interrupted as well, and it would tell at length.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)


def occupy_standard_streams() -> None:
    """Where one is closed (`>&-`), the next file to be opened would take its number, and what a library prints."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _terminate(*_: Any) -> None:
    raise Terminated


if __name__ == "__main__":
    sys.exit(main())
