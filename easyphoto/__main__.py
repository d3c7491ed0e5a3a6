"""The entry point of `python -m easyphoto …` and of the console script `easyphoto`."""

import sys  # built in: all other imports take a moment, in which Ctrl-C may come, and stand in `main`

INTERRUPTED = 130
SECONDS_LATER = 0.05


class Terminated(KeyboardInterrupt):
    """Another program asked this one to stop: treated as Ctrl-C, with another exit code."""

    exit_code = 143


def main() -> int:
    """Run the command line. Ctrl-C never shows a traceback, whenever it comes once this function runs."""
    try:
        import signal

        signal.signal(signal.SIGTERM, _terminate)
        sys.unraisablehook = _not_lost
        if hasattr(signal, "pthread_sigmask"):
            # start.py keeps Ctrl-C back while this interpreter starts, which would print a traceback of its own.
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        occupy_standard_streams()
        from easyphoto.cli.main import main as run_verb

        return run_verb()
    except KeyboardInterrupt as stop:
        return getattr(stop, "exit_code", INTERRUPTED)
    finally:
        import signal

        # Python's shutdown can be interrupted too, and would print a traceback.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)


def occupy_standard_streams() -> None:
    """Open closed standard streams (`>&-`) on the null device.

    Otherwise the next file to be opened would get the stream's number, and with it whatever a library prints.
    """
    import os

    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _terminate(*_: object) -> None:
    raise Terminated


def _not_lost(told: "sys.UnraisableHookArgs") -> None:
    """Bring back a Ctrl-C that came during a destructor or a callback, where Python prints an exception and goes on."""
    if not issubclass(told.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(told)
        return
    from _thread import interrupt_main
    from threading import Timer

    # A moment later, because this hook runs in the same callback.
    Timer(SECONDS_LATER, interrupt_main).start()


if __name__ == "__main__":
    sys.exit(main())
