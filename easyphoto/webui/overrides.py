"""Overrides host options for one picture of ours, only in the thread that paints it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

from easyphoto.webui.host_modules import host_module, host_module_or_none, loaded

CHECKPOINT, VAE = "sd_model_checkpoint", "sd_vae"
_HASH = "sd_checkpoint_hash"
"""The host records it with each checkpoint that it loads."""
PLAIN: Mapping[str, Any] = MappingProxyType(
    {
        # `denoise` means the same share of the steps everywhere.
        "img2img_fix_steps": False,
        # EasyPhoto corrects colours and edges itself, and what the host pastes over the picture would be applied twice.
        "img2img_color_correction": False,
        "overlay_inpaint": False,
        # No copy of the crop on disk, and no mask among the pictures.
        "save_init_img": False,
        "return_mask": False,
        "return_mask_composite": False,
    }
)
WITH_FACES: Mapping[str, Any] = MappingProxyType(
    {
        # ControlNet computes an identity's keys and values at a picture's first call of the network and keeps them: a
        # call for prompt and negative prompt together gets both right, calls for each would give the negative prompt
        # the face as well.
        "batch_cond_uncond": True,
        "pad_cond_uncond": True,
    }
)
"""Options of pictures with an identity."""
IsOurs = Callable[[str, Any], bool]


@contextmanager
def overridden(values: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Override those of `values` and PLAIN that this host has options for, in this thread only; yields them.

    The host's own mechanism would set them for everybody: it would revert a choice that its user makes meanwhile, a
    page opened meanwhile would show our checkpoint as the user's, and saved settings would contain ours.
    """
    options = shared_options()
    known = {key: value for key, value in {**PLAIN, **values}.items() if key in host_module("shared").opts.data_labels}
    # Only these keys: other changes by the host's user, such as the clip skip, must take effect.
    # Loading a checkpoint writes its name and hash.
    keys = dict.fromkeys((CHECKPOINT, _HASH, *known))
    before = {key: options[key] for key in keys if key in options}
    try:
        with options.own(keys, lambda key, value: value == before.get(key) or _is_ours(key, value, known)):
            yield known
    finally:
        _follow(known, before, options)


class SharedOptions(dict[str, Any]):
    """Replaces the data of the host's options; a thread that paints for EasyPhoto sees its own values of some keys."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        super().__init__(options)
        self._threads, self._nothing = threading.local(), _Own({}, lambda key, value: False)

    @contextmanager
    def own(self, keys: Mapping[str, Any], is_ours: IsOurs) -> Iterator[None]:
        """Keep values that this thread writes under `keys` visible to it alone, and discard them at the end.

        A value that `is_ours` rejects is another choice, for instance of a script that runs while the host paints, and
        stays.
        """
        outer, self._threads.own = self._own, _Own(keys, is_ours)
        try:
            yield
        finally:
            self._threads.own = outer

    def __contains__(self, key: object) -> bool:
        return key in self._own.values or super().__contains__(key)

    def __getitem__(self, key: str) -> Any:
        own = self._own.values
        return own[key] if key in own else super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        own = self._own.values
        return own[key] if key in own else super().get(key, default)

    def __setitem__(self, key: str, value: Any) -> None:
        own = self._own
        if key in own.keys and own.is_ours(key, value):
            own.values[key] = value
        else:
            super().__setitem__(key, value)

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)  # copies hold no threads

    @property
    def _own(self) -> _Own:
        own: _Own = getattr(self._threads, "own", self._nothing)
        return own


class _Own:
    def __init__(self, keys: Mapping[str, Any], is_ours: IsOurs) -> None:
        self.keys, self.is_ours = keys, is_ours
        self.values: dict[str, Any] = {}


def shared_options() -> SharedOptions:
    """Return the host's option data, replaced once and for all by a SharedOptions."""
    held = vars(host_module("shared").opts)
    if not isinstance(held["data"], SharedOptions):
        held["data"] = SharedOptions(held["data"])
    options: SharedOptions = held["data"]
    return options


@contextmanager
def unwritten() -> Iterator[None]:
    """Keep our prompt out of the host's history, from which a button of its page restores the user's last prompt."""
    flags = host_module("shared").cmd_opts
    if not hasattr(flags, "no_prompt_history"):
        yield
        return
    before, flags.no_prompt_history = flags.no_prompt_history, True
    try:
        yield
    finally:
        flags.no_prompt_history = before


def _is_ours(key: str, value: Any, known: Mapping[str, Any]) -> bool:
    if key == CHECKPOINT and CHECKPOINT in known:
        # The title may change at its first load, when the host has computed the file's hash.
        aliases = host_module("sd_models").checkpoint_aliases
        return value == known[key] or aliases.get(value) is aliases.get(known[key])
    return key == _HASH or (key in known and value == known[key])


def _follow(known: Mapping[str, Any], before: Mapping[str, Any], options: Mapping[str, Any]) -> None:
    """Do what the host does when it restores an option, for those that it did not restore, or not to today's value."""
    if VAE in known and VAE not in before and (vae := host_module_or_none("sd_vae")) is not None:
        vae.reload_vae_weights()
    # Forge records the checkpoint to load separately from the option.
    forge = loaded("modules_forge.main_entry")
    is_as_before = CHECKPOINT in before and options.get(CHECKPOINT) == before[CHECKPOINT]
    if CHECKPOINT in known and not is_as_before and hasattr(forge, "refresh_model_loading_parameters"):
        forge.refresh_model_loading_parameters()
