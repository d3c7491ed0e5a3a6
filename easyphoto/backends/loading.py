"""Loading a base model from a folder in the diffusers layout or from a single file."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from easyphoto.architectures.base import Family
from easyphoto.backends.components import Components, autoencoder_dtype, encoder_class, quiet_libraries
from easyphoto.backends.folders import base_files, part_config, require_parts
from easyphoto.backends.network_folders import network_filling
from easyphoto.backends.read_ahead import read_ahead
from easyphoto.backends.single_file import load_single_file
from easyphoto.errors import InputError
from easyphoto.messages import text
from easyphoto.parallel import side_by_side
from easyphoto.weights.store import WeightStore


def load_components(
    family: Family,
    base: Path,
    *,
    dtype: torch.dtype | None = None,
    device: str | torch.device | None = None,
    store: WeightStore | None = None,
) -> Components:
    """Load everything but the ControlNets from a folder in the diffusers layout or from a single checkpoint file.

    The defaults are float16 on the GPU if there is one, else float32 on the CPU. `store` provides what a checkpoint
    file does not hold. Raises WeightsMissing for missing parts, InputError for a UNet that does not fit the
    autoencoder.
    """
    device = torch.device(device or default_device())
    dtype = dtype or default_dtype(device)
    with read_ahead(base_files(family, base)):
        if base.is_file():
            components = load_single_file(family, base, dtype=dtype, device=device, store=store)
        else:
            components = _load_folder(family, base, dtype=dtype, device=device)
    _refuse_what_does_not_fit(components, base)
    return components


def _load_folder(family: Family, base: Path, *, dtype: torch.dtype, device: torch.device) -> Components:
    require_parts(base, family)
    place: dict[str, Any] = {"dtype": dtype, "device": device}
    wide = {**place, "dtype": autoencoder_dtype(part_config(base, "vae"), dtype)}
    with quiet_libraries():
        from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel  # takes 5 s, so only here

        encoders = family.text_encoders
        work: list[Callable[[], Any]] = [
            network_filling(UNet2DConditionModel, base / "unet", **place),
            network_filling(AutoencoderKL, base / "vae", **wide),
            *(network_filling(encoder_class(each), base / each.part, **place) for each in encoders),
            *(partial(_tokenizer, base / each.tokenizer) for each in encoders),
        ]
        unet, vae, *others = side_by_side(work)
        return Components(
            unet=unet,
            vae=vae,
            text_encoders=tuple(others[: len(encoders)]),
            tokenizers=tuple(others[len(encoders) :]),
            # Only its configuration is used (betas, prediction type); the samplers are built from it.
            scheduler=DDPMScheduler.from_pretrained(base / "scheduler", local_files_only=True),
            family=family,
        )


def _tokenizer(folder: Path) -> Any:
    # The fast tokenizer has this name in transformers 4, whose other class does not read tokenizer.json, and in 5.
    from transformers import CLIPTokenizerFast

    return CLIPTokenizerFast.from_pretrained(folder, local_files_only=True)


def _refuse_what_does_not_fit(components: Components, base: Path) -> None:
    expected, found = components.vae.config.latent_channels, components.unet.config.in_channels
    if expected != found:
        raise InputError(
            text(
                "The UNet in {base} takes {found} channels instead of {expected}.",
                base=base,
                found=found,
                expected=expected,
            ),
            advice=text(
                "Special inpainting models are not supported: use the ordinary checkpoint, which can inpaint too."
            ),
        )


def default_device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"


def default_dtype(device: torch.device) -> torch.dtype:
    # For inference float16 rather than bfloat16: it is eight times finer, and SD 1.5 does not overflow in it.
    return torch.float16 if device.type == "cuda" else torch.float32
