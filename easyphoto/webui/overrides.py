"""Options of the host that hold for one picture of ours, and for the thread that paints it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

from easyphoto.webui.host_modules import host_module, host_module_or_none, loaded

CHECKPOINT, VAE = "sd_model_checkpoint", "sd_vae"
_HASH = "sd_checkpoint_hash"
"""The host notes it with each checkpoint that it loads."""
PLAIN: Mapping[str, Any] = MappingProxyType(
    {
        # `denoise` means the same share of the steps everywhere.
        "img2img_fix_steps": False,
        # Colours and edges are our own business, and what the host lays over the picture would be laid twice.
        "img2img_color_correction": False,
        "overlay_inpaint": False,
        # Nobody asked for a copy of the crop on the disk, nor for the mask among the pictures.
        "save_init_img": False,
        "return_mask": False,
        "return_mask_composite": False,
    }
)
IsOurs = Callable[[str, Any], bool]


@contextmanager
def overridden(values: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Gives those of `values` and PLAIN that this host has options for; they hold in this thread, until it is left.

    The host would set them for everybody: its user's choice meanwhile would be put back, a page that is opened show
    our checkpoint as theirs, and settings that are saved hold ours.
    """
    options = shared_options()
    known = {key: value for key, value in {**PLAIN, **values}.items() if key in host_module("shared").opts.data_labels}
    # No others: what the host's user sets meanwhile, as the clip skip, must be seen. A load writes the checkpoint's.
    keys = dict.fromkeys((CHECKPOINT, _HASH, *known))
    before = {key: options[key] for key in keys if key in options}
    try:
        with options.own(keys, lambda key, value: value == before.get(key) or _is_ours(key, value, known)):
            yield known
    finally:
        _follow(known, before, options)


class SharedOptions(dict[str, Any]):
    """What the host calls its options' data; a thread that paints for us sees some of it in its own way."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        super().__init__(options)
        self._threads, self._nothing = threading.local(), _Own({}, lambda key, value: False)

    @contextmanager
    def own(self, keys: Mapping[str, Any], is_ours: IsOurs) -> Iterator[None]:
        """What this thread writes under one of `keys` is seen by itself alone, and gone afterwards.

        What is not ours is somebody's choice, as of a script that is called while the host paints, and stays.
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
        return dict, (dict(self),)  # copies have no threads

    @property
    def _own(self) -> _Own:
        own: _Own = getattr(self._threads, "own", self._nothing)
        return own


class _Own:
    def __init__(self, keys: Mapping[str, Any], is_ours: IsOurs) -> None:
        self.keys, self.is_ours = keys, is_ours
        self.values: dict[str, Any] = {}


def shared_options() -> SharedOptions:
    """The host's, which are exchanged for such once, and stay so."""
    held = vars(host_module("shared").opts)
    if not isinstance(held["data"], SharedOptions):
        held["data"] = SharedOptions(held["data"])
    options: SharedOptions = held["data"]
    return options


@contextmanager
def unwritten() -> Iterator[None]:
    """What the host remembers as its user's last prompt, for a button of the page, is not ours."""
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
        # Its title may change at its first load, when the host has found out the file's hash.
        aliases = host_module("sd_models").checkpoint_aliases
        return value == known[key] or aliases.get(value) is aliases.get(known[key])
    return key == _HASH or (key in known and value == known[key])


def _follow(known: Mapping[str, Any], before: Mapping[str, Any], options: Mapping[str, Any]) -> None:
    """What the host does itself where it puts an option back, for what it did not put back, or not as it is now."""
    if VAE in known and VAE not in before and (vae := host_module_or_none("sd_vae")) is not None:
        vae.reload_vae_weights()
    # Forge keeps a note of which checkpoint is to be loaded, beside the option.
    forge = loaded("modules_forge.main_entry")
    is_as_before = CHECKPOINT in before and options.get(CHECKPOINT) == before[CHECKPOINT]
    if CHECKPOINT in known and not is_as_before and hasattr(forge, "refresh_model_loading_parameters"):
        forge.refresh_model_loading_parameters()
