"""A model family opened from a folder in the diffusers layout: the networks, loaded quietly and only from disk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn

from easyphoto.backends.folders import base_folder, controlnet_folder, require_parts
from easyphoto.errors import InputError, WeightsMissing
from easyphoto.families import Family

__all__ = ["Components", "base_folder", "controlnet_folder", "load_components", "load_network", "quiet_libraries"]


@dataclass(frozen=True, eq=False)
class Components:
    """The networks of one family. They are shared, not copied: a trainer may hold the same UNet."""

    unet: Any
    vae: Any
    text_encoder: Any
    tokenizer: Any
    scheduler: Any
    family: Family

    @property
    def networks(self) -> tuple[nn.Module, ...]:
        return self.unet, self.vae, self.text_encoder


def load_components(
    family: Family, base: Path, *, dtype: torch.dtype | None = None, device: str | torch.device | None = None
) -> Components:
    """Load everything but the ControlNets. Without dtype and device: the GPU in 16 bit where there is one, else fp32.

    Raises WeightsMissing for what does not lie in `base`.
    """
    from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel  # 5 s, so not before it is known that
    from transformers import CLIPTextModel, CLIPTokenizer  # anything will be loaded

    require_parts(base)
    device = torch.device(device or default_device())
    dtype = dtype or default_dtype(device)
    with quiet_libraries():
        components = Components(
            unet=load_network(UNet2DConditionModel, base / "unet", dtype=dtype, device=device),
            vae=load_network(AutoencoderKL, base / "vae", dtype=dtype, device=device),
            text_encoder=load_network(CLIPTextModel, base / "text_encoder", dtype=dtype, device=device),
            tokenizer=CLIPTokenizer.from_pretrained(base / "tokenizer", local_files_only=True),
            # Only its configuration counts (betas, prediction type); the samplers are made from it.
            scheduler=DDPMScheduler.from_pretrained(base / "scheduler", local_files_only=True),
            family=family,
        )
    _refuse_inpainting_unet(components, base)
    return components


def _refuse_inpainting_unet(components: Components, base: Path) -> None:
    expected, found = components.vae.config.latent_channels, components.unet.config.in_channels
    if expected != found:
        raise InputError(
            f"The UNet in {base} takes {found} channels where the latents have {expected}.",
            advice="Special inpainting models are not supported: take the ordinary checkpoint, it inpaints too.",
        )


def default_device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"


def default_dtype(device: torch.device) -> torch.dtype:
    # float16 rather than bfloat16 where nothing is trained: eight times finer, and SD 1.5 does not overflow in it.
    return torch.float16 if device.type == "cuda" else torch.float32


def load_network(kind: type, folder: Path, *, dtype: torch.dtype, device: torch.device) -> nn.Module:
    """One network, frozen for inference. `kind` is a diffusers or transformers class."""
    arguments: dict[str, Any] = {"local_files_only": True, "use_safetensors": True, "output_loading_info": True}
    if not list(folder.glob("*model.safetensors")) and list(folder.glob("*model.fp16.safetensors")):
        arguments["variant"] = "fp16"
    try:
        network, report = kind.from_pretrained(folder, **arguments)  # type: ignore[attr-defined]
    except (OSError, ValueError, SafetensorError) as error:
        raise WeightsMissing(
            f"{folder} cannot be loaded: {error}", advice="Fetch the folder again; a copy may have been cut off."
        ) from error
    # The libraries fill what a file lacks with random numbers and go on; tensors without memory would fail much later.
    without_memory = [name for name, parameter in network.named_parameters() if parameter.is_meta]
    missing = sorted(report["missing_keys"]) + without_memory
    if missing:
        raise WeightsMissing(f"{folder} lacks weights: {', '.join(missing[:5])}.", advice="Fetch the folder again.")
    loaded: nn.Module = network.to(device=device, dtype=dtype).eval().requires_grad_(False)
    return loaded


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Keep loading reports and progress bars of diffusers and transformers off the screen; only errors pass."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    libraries = (diffusers_logging, transformers_logging)
    before = [library.get_verbosity() for library in libraries]
    bars = [library.is_progress_bar_enabled() for library in libraries]
    try:
        for library in libraries:
            library.set_verbosity_error()
            library.disable_progress_bar()
        yield
    finally:
        for library, verbosity, bar in zip(libraries, before, bars, strict=True):
            library.set_verbosity(verbosity)
            if bar:
                library.enable_progress_bar()
