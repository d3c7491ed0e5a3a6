"""Options of the host that hold for one picture, and are as they were afterwards, saved before or not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

from easyphoto.webui.access import host_module, host_module_or_none, loaded

CHECKPOINT, VAE = "sd_model_checkpoint", "sd_vae"
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


@contextmanager
def overridden(values: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Gives those of `values` and PLAIN that this host has options for; puts them back however it is left.

    The host puts back only what was saved once, and a fresh user has saved nothing.
    """
    options = host_module("shared").opts
    known = {key: value for key, value in {**PLAIN, **values}.items() if key in options.data_labels}
    # No others: what the host's user sets meanwhile, as the clip skip, must stay. A load writes the checkpoint's.
    keys = dict.fromkeys((CHECKPOINT, *known))
    before = {key: options.data[key] for key in keys if key in options.data}
    try:
        yield known
    finally:
        for key in keys:
            if key in before:
                options.data[key] = before[key]
            else:
                options.data.pop(key, None)
        _follow(known, before)


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


def _follow(known: Mapping[str, Any], before: Mapping[str, Any]) -> None:
    """What the host would have done itself, had it put the options back."""
    if VAE in known and VAE not in before and (vae := host_module_or_none("sd_vae")) is not None:
        vae.reload_vae_weights()
    # Forge keeps a note of which checkpoint is to be loaded, beside the option.
    forge = loaded("modules_forge.main_entry")
    if CHECKPOINT in known and CHECKPOINT not in before and hasattr(forge, "refresh_model_loading_parameters"):
        forge.refresh_model_loading_parameters()
