"""The entry point of `python -m easyphoto …` and of the console script `easyphoto`."""

import os
import signal
import sys
from typing import Any

INTERRUPTED = 130


class Terminated(KeyboardInterrupt):
    """Another program asked this one to stop: treated as Ctrl-C, with another exit code."""

    exit_code = 143


def main() -> int:
    """Run the command line. Ctrl-C never shows a traceback, whenever it comes."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        occupy_standard_streams()
        from easyphoto.cli.main import main as run_verb  # takes a moment, in which Ctrl-C may come

        return run_verb()
    except KeyboardInterrupt as stop:
        return getattr(stop, "exit_code", INTERRUPTED)
    finally:
        # Python's shutdown can be interrupted too, and would print a traceback.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)


def occupy_standard_streams() -> None:
    """Open closed standard streams (`>&-`) on the null device.

    Otherwise the next file to be opened would get the stream's number, and with it whatever a library prints.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _terminate(*_: Any) -> None:
    raise Terminated


if __name__ == "__main__":
    sys.exit(main())
