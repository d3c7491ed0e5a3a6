"""A model family opened from disk, a folder in the diffusers layout or one file: the networks, loaded quietly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn

from easyphoto.architectures.base import Family
from easyphoto.backends.folders import base_model, controlnet_folder, has_second_encoder, part_config, require_parts
from easyphoto.backends.headers import read_header
from easyphoto.errors import InputError, WeightsMissing
from easyphoto.storage.files import cause_of
from easyphoto.weights.store import WeightStore

__all__ = ["Components", "base_model", "controlnet_folder", "load_components", "load_network", "quiet_libraries"]

TEXT_LEVEL = "text_model."


@dataclass(frozen=True, eq=False)
class Components:
    """The networks of one family. They are shared, not copied: a trainer may hold the same UNet."""

    unet: Any
    vae: Any
    text_encoder: Any
    tokenizer: Any
    scheduler: Any
    family: Family
    text_encoder_2: Any = None
    """SDXL's second encoder, with projection; None for the families that have one."""
    tokenizer_2: Any = None

    @property
    def networks(self) -> tuple[nn.Module, ...]:
        return self.unet, self.vae, *self.text_encoders

    @property
    def text_encoders(self) -> tuple[Any, ...]:
        return (self.text_encoder,) if self.text_encoder_2 is None else (self.text_encoder, self.text_encoder_2)

    @property
    def tokenizers(self) -> tuple[Any, ...]:
        """One for each of `text_encoders`."""
        return (self.tokenizer,) if self.tokenizer_2 is None else (self.tokenizer, self.tokenizer_2)


def load_components(
    family: Family,
    base: Path,
    *,
    dtype: torch.dtype | None = None,
    device: str | torch.device | None = None,
    store: WeightStore | None = None,
) -> Components:
    """Load everything but the ControlNets, from a folder in the diffusers layout or from one checkpoint file.

    Without dtype and device: the GPU in 16 bit where there is one, else fp32. `store` gives what a checkpoint file
    does not hold. Raises WeightsMissing for what does not lie in `base`.
    """
    device = torch.device(device or default_device())
    dtype = dtype or default_dtype(device)
    if base.is_file():
        from easyphoto.backends.single_file import load_single_file

        components = load_single_file(family, base, dtype=dtype, device=device, store=store)
    else:
        components = _load_folder(family, base, dtype=dtype, device=device)
    _refuse_what_does_not_fit(components, base)
    return components


def _load_folder(family: Family, base: Path, *, dtype: torch.dtype, device: torch.device) -> Components:
    from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel  # 5 s, so not before it is known that
    from transformers import CLIPTextModel, CLIPTextModelWithProjection  # anything will be loaded

    require_parts(base)
    place: dict[str, Any] = {"dtype": dtype, "device": device}
    wide = {**place, "dtype": autoencoder_dtype(part_config(base, "vae"), dtype)}
    two = has_second_encoder(base)
    with quiet_libraries():
        return Components(
            unet=load_network(UNet2DConditionModel, base / "unet", **place),
            vae=load_network(AutoencoderKL, base / "vae", **wide),
            text_encoder=load_network(CLIPTextModel, base / "text_encoder", **place),
            tokenizer=_tokenizer(base / "tokenizer"),
            # Only its configuration counts (betas, prediction type); the samplers are made from it.
            scheduler=DDPMScheduler.from_pretrained(base / "scheduler", local_files_only=True),
            family=family,
            text_encoder_2=load_network(CLIPTextModelWithProjection, base / "text_encoder_2", **place) if two else None,
            tokenizer_2=_tokenizer(base / "tokenizer_2") if two else None,
        )


def _tokenizer(folder: Path) -> Any:
    # By this name both transformers 4, whose other class reads no tokenizer.json, and 5 have the fast one.
    from transformers import CLIPTokenizerFast

    return CLIPTokenizerFast.from_pretrained(folder, local_files_only=True)


def autoencoder_dtype(config: Mapping[str, Any], dtype: torch.dtype) -> torch.dtype:
    """What an autoencoder runs in where the rest runs in `dtype`: SDXL's overflows in float16 (`force_upcast`).

    `config` is the one of the file: where that does not speak of it, as SD 1.5's, diffusers would say yes.
    """
    return torch.float32 if dtype == torch.float16 and config.get("force_upcast", False) else dtype


def _refuse_what_does_not_fit(components: Components, base: Path) -> None:
    expected, found = components.vae.config.latent_channels, components.unet.config.in_channels
    if expected != found:
        raise InputError(
            f"The UNet in {base} takes {found} channels where the latents have {expected}.",
            advice="Special inpainting models are not supported: take the ordinary checkpoint, it inpaints too.",
        )
    if components.unet.config.addition_embed_type == "text_time" and components.text_encoder_2 is None:
        raise WeightsMissing(
            f"{base} lacks text_encoder_2 and tokenizer_2, which its UNet wants.",
            advice="Fetch the whole folder; refiners, which have only that encoder, are not supported.",
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
            f"{folder} cannot be loaded: {cause_of(error)}",
            advice="Fetch the folder again; a copy may have been cut off.",
        ) from error
    # The libraries fill what a file lacks with random numbers and go on; tensors without memory would fail much later.
    without_memory = [name for name, parameter in network.named_parameters() if parameter.is_meta]
    missing = sorted(report["missing_keys"]) + without_memory
    if missing and all(name.startswith(TEXT_LEVEL) for name in missing):
        missing = _filled_below(TEXT_LEVEL, network, folder)
    if missing:
        raise WeightsMissing(f"{folder} lacks weights: {', '.join(missing[:5])}.", advice="Fetch the folder again.")
    loaded: nn.Module = network.to(device=device, dtype=dtype).eval().requires_grad_(False)
    return loaded


def _filled_below(level: str, network: nn.Module, folder: Path) -> list[str]:
    """Fill an encoder of transformers before 5.6 from a file of a later one, which has a level of names less.

    Returns what the file lacks even so.
    """
    from safetensors.torch import load_file

    files = [file for file in folder.glob("*model*.safetensors") if read_header(file)]
    state = {level + name: tensor for file in files for name, tensor in load_file(file).items()}
    return sorted(network.load_state_dict(state, strict=False, assign=True).missing_keys)


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
