"""Handlers of a tab's events: they show errors in the tab, and refresh it when it is opened."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any

from easyphoto.errors import EasyPhotoError
from easyphoto.jobs.records import error_record
from easyphoto.ui.card import error_html
from easyphoto.ui.language import Translator

log = logging.getLogger(__name__)


def saying(message: Any, words: Translator, handler: Callable[..., dict[Any, Any]]) -> Callable[..., dict[Any, Any]]:
    """Wrap `handler`, which returns updates by component, so that its errors appear in the component `message`.

    `message` must be among the event's outputs; it is cleared if the handler does not set it.
    """

    @wraps(handler)
    def guarded(*values: Any) -> dict[Any, Any]:
        try:
            return {message: "", **handler(*values)}
        except EasyPhotoError as error:
            return {message: error_html(error_record(error), words)}
        except Exception as error:  # the last handler before gradio, which would only show "Error"
            log.exception("A handler of the EasyPhoto tab failed.")
            return {message: error_html(error_record(error), words)}

    return guarded


@dataclass(frozen=True)
class Renewal:
    """Refreshes a tab when it is opened, also when the page loads."""

    handler: Callable[..., dict[Any, Any]]
    """Returns updates by component."""
    outputs: set[Any]
    inputs: Sequence[Any] = ()
