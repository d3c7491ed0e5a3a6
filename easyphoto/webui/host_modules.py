"""The web UI's own Python modules, imported late: EasyPhoto's extension is loaded before most of them are ready."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from typing import Any


def host_module(name: str) -> Any:
    """`modules.<name>` of the web UI. Raises ImportError outside of one."""
    return importlib.import_module(f"modules.{name}")


def host_module_or_none(name: str) -> Any:
    """The same, for modules that only some web UIs have."""
    try:
        return host_module(name)
    except ImportError:
        return None


def loaded(name: str) -> Any:
    """A module that some extension has imported, under the name it has there; None where nobody did."""
    return sys.modules.get(name)


def is_there(name: str) -> bool:
    """Whether a top-level package could be imported; it is not."""
    if name in sys.modules:
        return True
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False
