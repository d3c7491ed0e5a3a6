"""Says no in the host's own places: below its pictures, as an answer to its API's clients, in its log in one line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from easyphoto.errors import HostBusy
from easyphoto.webui.host_modules import host_module, host_module_or_none

SERVICE_UNAVAILABLE = 503
TABS = ("scripts_txt2img", "scripts_img2img")


def say(p: Any, text: str) -> None:
    """Add a comment to the host's own below its pictures."""
    comment = getattr(p, "comment", None)
    if comment is not None:
        comment(text)
        return
    # Before 1.6 the host collected them elsewhere.
    host_module("sd_hijack").model_hijack.comments.append(text)


def refuse(p: Any, error: HostBusy) -> None:
    """Make the host's `process_images` raise `error` for this picture.

    The host only logs exceptions of scripts, and would still paint, with a model that is not on the device. An
    exception in its own next line reaches the page and the API's client.
    """
    p.override_settings = RefusedSettings(_without_traceback(error))


class RefusedSettings(dict[str, Any]):
    """Raises on any access."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise self._error

    keys = items = values = get = pop = update = __iter__ = __getitem__ = __setitem__ = _refuse


@contextmanager
def pages_answered(busy: Callable[[], HostBusy]) -> Iterator[None]:
    """Answer the Generate buttons of the host's page with `busy()` as a comment and no picture.

    The page asks a tab's runner first whether a selected script paints. An exception would reach the page as well, but
    the host would write a traceback and all arguments into its log, as for a fault.
    """
    scripts = host_module_or_none("scripts")
    runners: list[Any] = [runner for name in TABS if hasattr(runner := getattr(scripts, name, None), "run")]
    for runner in runners:
        runner.run = _answering(runner.run, busy)
    try:
        yield
    finally:
        for runner in runners:
            vars(runner).pop("run", None)


def _answering(run: Callable[..., Any], busy: Callable[[], HostBusy]) -> Callable[..., Any]:
    def answered(p: Any, *arguments: Any) -> Any:
        # The API's clients want an error, and the upscaling of one picture wants a picture.
        if getattr(p, "is_api", False) or getattr(p, "txt2img_upscale", False):
            return run(p, *arguments)
        say(p, str(busy()))
        return host_module("processing").Processed(p, [], getattr(p, "seed", -1), "")

    return answered


def _without_traceback(error: HostBusy) -> Exception:
    """Return the error as one of the kind of which the host's API writes no traceback, with the same name and words."""
    try:
        from fastapi.exceptions import HTTPException
    except ImportError:
        error.__dict__["status_code"] = SERVICE_UNAVAILABLE
        return error
    told = str(error)
    kind: Any = type(type(error).__name__, (type(error), HTTPException), {"__str__": lambda _: told})
    quiet: Exception = kind.__new__(kind, told)
    vars(quiet).update({**vars(error), "status_code": SERVICE_UNAVAILABLE, "detail": "", "headers": None})
    return quiet
