"""Late imports of the web UI's own modules: the extension is loaded before most of them are ready."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from typing import Any


def host_module(name: str) -> Any:
    """Import `modules.<name>` of the web UI. Raises ImportError outside of one."""
    return importlib.import_module(f"modules.{name}")


def host_module_or_none(name: str) -> Any:
    """Import `modules.<name>`; None in web UIs that lack it."""
    try:
        return host_module(name)
    except ImportError:
        return None


def loaded(name: str) -> Any:
    """Return a module that an extension has imported under this name; None if none has."""
    return sys.modules.get(name)


def is_there(name: str) -> bool:
    """Return whether a top-level package could be imported, without importing it."""
    if name in sys.modules:
        return True
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False
