"""Room for pictures of ours inside of one that the host is making: what they would disturb is put back as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any

from easyphoto.webui.host_modules import host_module, host_module_or_none

# Names that ControlNet gives to its own: what it laid over the network, and what it holds while that lies there.
_HOOKED, _UNHOOKED, _HOOK = "forward", "_original_forward", "latest_network"


@contextmanager
def isolated(p: Any) -> Iterator[None]:
    """The outer picture's scripts, its ControlNet, tiling and token merging are out of the way while this is open.

    Forge makes its networks ready anew for each batch, so there it is only the scripts.
    """
    with ExitStack() as stack:
        for script in _scripts_with(p):
            stack.enter_context(_kept_as_it_was(script))
        stack.enter_context(_unhooked(p))
        stack.enter_context(_whole_precision())
        stack.callback(_as_the_outer_wants, p)
        yield


def _scripts_with(p: Any) -> list[Any]:
    """Those of both tabs: the inner pictures may belong to the other one, and one that fails is not tidied up after."""
    scripts = host_module("scripts")
    runners = (p.scripts, getattr(scripts, "scripts_txt2img", None), getattr(scripts, "scripts_img2img", None))
    found = (script for runner in runners for script in getattr(runner, "alwayson_scripts", ()))
    return list({id(script): script for script in found}.values())


@contextmanager
def _kept_as_it_was(script: Any) -> Iterator[None]:
    """One instance serves all pictures of a tab, and so it serves ours in the midst of the outer one."""
    held = vars(script)
    before = dict(held)
    lists = [(value, list(value)) for value in before.values() if isinstance(value, list)]
    if before.get(_HOOK) is not None:
        # Or it takes the outer picture's hook for one that was left behind, and loses it.
        held[_HOOK] = None
    try:
        yield
    finally:
        # Never empty, not for a moment: the page's events ask the same instance.
        held.update(before)
        for name in held.keys() - before.keys():
            del held[name]
        for value, items in lists:
            value[:] = items


@contextmanager
def _unhooked(p: Any) -> Iterator[None]:
    """The outer picture's controls must not guide the inner one."""
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
def left_unhooked(p: Any) -> Iterator[None]:
    """However a picture of ours ends, ControlNet holds nothing of it; the host tidies up only after success."""
    try:
        yield
    finally:
        # Asked for now: another checkpoint may have brought another model.
        held = _network_of(p.sd_model)
        if _UNHOOKED in held:
            _take_off_hook(held)
            for script in getattr(p.scripts, "alwayson_scripts", ()):
                if getattr(script, _HOOK, None) is not None:
                    setattr(script, _HOOK, None)


def _network_of(model: Any) -> dict[str, Any]:
    """What the denoising network holds by itself, its class left out; nothing where the host has none such."""
    network = getattr(getattr(model, "model", None), "diffusion_model", None)
    return getattr(network, "__dict__", {})


def _take_off_hook(held: dict[str, Any]) -> None:
    """A picture that failed leaves its hook behind, which then fails at every picture of the host."""
    if _UNHOOKED in held:
        held[_HOOKED] = held.pop(_UNHOOKED)


def _whole_precision() -> AbstractContextManager[Any]:
    """Our own networks are not meant for the half precision of the host's loop; the host's own turn it on again."""
    plain = getattr(host_module("devices"), "without_autocast", None)
    return plain() if plain is not None else nullcontext()


def _as_the_outer_wants(p: Any) -> None:
    """The host sets these once for a whole job; a picture in its midst has left them at its own."""
    merging = getattr(host_module("sd_models"), "apply_token_merging", None)
    if merging is not None:
        merging(p.sd_model, p.get_token_merging_ratio())
    hijack = getattr(host_module_or_none("sd_hijack"), "model_hijack", None)
    if hijack is not None and hasattr(hijack, "apply_circular"):
        hijack.apply_circular(bool(p.tiling))
