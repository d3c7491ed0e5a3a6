"""Lends the device to a training: the web UI's model is unloaded, and requests for pictures are refused.

The web UI keeps running meanwhile: its queue is held only while the model is unloaded and loaded again.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from easyphoto.errors import HostBusy
from easyphoto.messages import text
from easyphoto.webui.host_modules import host_module
from easyphoto.webui.refusals import pages_answered

LENT = "easyphoto_lent"
"""Attribute of the host's `shared`, which survives every reload: what the device is lent for, or None."""
# Forge, then reForge and the first Forge.
MEMORY_KEEPERS = ("backend.memory_management", "ldm_patched.modules.model_management")

Undo = Callable[[], object]


def lent_for() -> str | None:
    """Return what the device is lent for, like "the training of anna"."""
    return getattr(host_module("shared"), LENT, None)


def require_device() -> None:
    """Raises HostBusy while the device is lent."""
    what_for = lent_for()
    if what_for is not None:
        raise busy(what_for)


def busy(what_for: str) -> HostBusy:
    return HostBusy(
        text("EasyPhoto is using the device for {what_for}.", what_for=what_for),
        advice=text("Wait for it to end, or cancel it in the EasyPhoto tab; then ask for the picture again."),
    )


@contextmanager
def lent_device(what_for: str) -> Iterator[None]:
    """Wait for the host's current picture, unload its model from the device, and always load it again at the end."""
    shared, queue = host_module("shared"), host_module("call_queue").queue_lock
    with queue:
        require_device()
        setattr(shared, LENT, what_for)
        try:
            undo = unloaded()
        except BaseException:
            setattr(shared, LENT, None)
            raise
    try:
        with pages_answered(lambda: busy(what_for)):
            yield
    finally:
        with queue:
            try:
                undo()
            finally:
                setattr(shared, LENT, None)


def unloaded() -> Undo:
    """Unload the host's networks from the device; returns the function that restores them. A failure
    restores them too.
    """
    keeper = _memory_keeper()
    undo = _left_to(keeper) if keeper is not None else _moved_models()
    try:
        _let_go_of_controls()
        host_module("devices").torch_gc()
    except BaseException:
        undo()
        raise
    return undo


def _memory_keeper() -> Any:
    """Return Forge's module that moves networks; None in other hosts. If it is not loaded, the host does not use it."""
    return next((sys.modules[name] for name in MEMORY_KEEPERS if name in sys.modules), None)


def _left_to(keeper: Any) -> Undo:
    keeper.unload_all_models()
    keeper.soft_empty_cache()
    # Forge loads what it needs with the next picture.
    return lambda: None


def _moved_models() -> Undo:
    models = host_module("sd_models")
    # `shared.sd_model` would load a model that nobody has requested yet.
    current = models.model_data.sd_model
    if current is None:
        return lambda: None
    if not hasattr(models, "send_model_to_device"):
        # Before 1.6 the model was discarded and read again.
        models.unload_model_weights()
        return models.reload_model_weights
    models.unload_model_weights(current)
    return lambda: _brought_back(models)


def _brought_back(models: Any) -> None:
    """Load the model that is chosen now: the user may have chosen another meanwhile, which then is on the device."""
    current = models.model_data.sd_model
    if current is not None:
        models.send_model_to_device(current)


def _let_go_of_controls() -> None:
    """Unload ControlNet's last control models from the device; it reads them again when they are needed."""
    script = getattr(sys.modules.get("scripts.controlnet"), "Script", None)
    clear = getattr(script, "clear_control_model_cache", None)
    if clear is not None:
        clear()
