"""Isolates pictures of ours that are painted inside a picture of the host, and restores what they disturb."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any

from easyphoto.webui.host_modules import host_module, host_module_or_none, loaded

# ControlNet's attribute names: the hooked and the original forward of the network, and the script's hook object.
_HOOKED, _UNHOOKED, _HOOK = "forward", "_original_forward", "latest_network"
_ADAPTERS = "scripts.ipadapter.plugable_ipadapter"
"""ControlNet's module of identity adapters. It hooks each into the attention layers, one for all pictures."""


@contextmanager
def isolated(p: Any) -> Iterator[None]:
    """Detach the outer picture's scripts, ControlNet, tiling and token merging while the context is open.

    Forge prepares its networks anew for each batch, so there only the scripts matter.
    """
    with ExitStack() as stack:
        for script in _scripts_with(p):
            stack.enter_context(_kept_as_it_was(script))
        stack.enter_context(_unhooked(p))
        stack.enter_context(_without_adapters())
        stack.enter_context(_whole_precision())
        stack.callback(_as_the_outer_wants, p)
        yield


def _scripts_with(p: Any) -> list[Any]:
    """Return the scripts of both tabs: inner pictures may use the other one, and after failures nobody cleans up."""
    scripts = host_module("scripts")
    runners = (p.scripts, getattr(scripts, "scripts_txt2img", None), getattr(scripts, "scripts_img2img", None))
    found = (script for runner in runners for script in getattr(runner, "alwayson_scripts", ()))
    return list({id(script): script for script in found}.values())


@contextmanager
def _kept_as_it_was(script: Any) -> Iterator[None]:
    """Restore a script's attributes: its one instance also serves our pictures in the middle of the outer one."""
    held = vars(script)
    before = dict(held)
    lists = [(value, list(value)) for value in before.values() if isinstance(value, list)]
    if before.get(_HOOK) is not None:
        # Otherwise it would take the outer picture's hook for a stale one, and remove it.
        held[_HOOK] = None
    try:
        yield
    finally:
        # The attributes are never empty in between, because the page's events use the same instance.
        held.update(before)
        for name in held.keys() - before.keys():
            del held[name]
        for value, items in lists:
            value[:] = items


@contextmanager
def _unhooked(p: Any) -> Iterator[None]:
    """Remove the outer picture's ControlNet hook, so that it does not guide the inner one."""
    held = _network_of(p.sd_model)
    before = {name: held[name] for name in (_HOOKED, _UNHOOKED) if name in held}
    if _UNHOOKED in before:
        held[_HOOKED] = held.pop(_UNHOOKED)
    try:
        yield
    finally:
        _take_off_hook(held)
        held.update(before)


@contextmanager
def _without_adapters() -> Iterator[None]:
    """Take the outer picture's identity adapters off the attention layers, and hook them in again afterwards."""
    module = loaded(_ADAPTERS)
    if not getattr(module, "all_hacks", None):
        yield
        return
    before, model = dict(module.all_hacks), module.current_model
    hooked = [(layer, layer.forward, list(layer.ipadapter_hacks)) for layer in before]
    module.clear_all_ip_adapter()
    try:
        yield
    finally:
        module.clear_all_ip_adapter()
        for layer, forward, adapters in hooked:
            layer.forward, layer.ipadapter_hacks = forward, adapters
        module.all_hacks, module.current_model = before, model


@contextmanager
def left_unhooked(p: Any) -> Iterator[None]:
    """Remove ControlNet's hooks however a picture of ours ends; the host cleans up only after success."""
    try:
        yield
    finally:
        if hasattr(adapters := loaded(_ADAPTERS), "clear_all_ip_adapter"):
            adapters.clear_all_ip_adapter()
        # Looked up here, because loading another checkpoint may have replaced the model.
        held = _network_of(p.sd_model)
        if _UNHOOKED in held:
            _take_off_hook(held)
            for script in getattr(p.scripts, "alwayson_scripts", ()):
                if getattr(script, _HOOK, None) is not None:
                    setattr(script, _HOOK, None)


def _network_of(model: Any) -> dict[str, Any]:
    """Return the instance attributes of the denoising network, without its class's; empty if the host has none."""
    network = getattr(getattr(model, "model", None), "diffusion_model", None)
    return getattr(network, "__dict__", {})


def _take_off_hook(held: dict[str, Any]) -> None:
    """Restore the original forward: a stale hook of a failed picture would make every later picture fail."""
    if _UNHOOKED in held:
        held[_HOOKED] = held.pop(_UNHOOKED)


def _whole_precision() -> AbstractContextManager[Any]:
    """Run in full precision: our networks do not support the host's autocast, which its own networks re-enable."""
    plain = getattr(host_module("devices"), "without_autocast", None)
    return plain() if plain is not None else nullcontext()


def _as_the_outer_wants(p: Any) -> None:
    """Apply the outer picture's values, which the host sets once per job and the inner picture has replaced."""
    merging = getattr(host_module("sd_models"), "apply_token_merging", None)
    if merging is not None:
        merging(p.sd_model, p.get_token_merging_ratio())
    hijack = getattr(host_module_or_none("sd_hijack"), "model_hijack", None)
    if hijack is not None and hasattr(hijack, "apply_circular"):
        hijack.apply_circular(bool(p.tiling))
