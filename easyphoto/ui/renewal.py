"""What a tab shows of the workspace changes while another tab is open: how it is looked up again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Renewal:
    """For when the tab is opened, the page's loading included."""

    handler: Callable[..., dict[Any, Any]]
    """Returns updates by component."""
    outputs: set[Any]
    inputs: Sequence[Any] = ()
