"""The networks of a base model, and loading them completely and without library output."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn

from easyphoto.architectures.base import Family, TextEncoder
from easyphoto.backends.headers import read_header
from easyphoto.backends.merged_loras import MergedLoras
from easyphoto.errors import WeightsMissing
from easyphoto.messages import text
from easyphoto.storage.files import cause_of

POSITIONS = "embeddings.position_ids"
"""The numbers 0, 1, 2 …, which transformers before 4.31 makes itself, and yet misses in a file of a later version."""
TEXT_LEVEL = "text_model."


@dataclass(frozen=True, eq=False)
class Components:
    """The networks of one base model. They are shared, not copied: a trainer may hold the same UNet."""

    unet: Any
    vae: Any
    text_encoders: tuple[Any, ...]
    """In the order of the family's text encoders."""
    tokenizers: tuple[Any, ...]
    scheduler: Any
    family: Family
    loras: MergedLoras = field(default_factory=MergedLoras)
    """What is merged into the networks now. It belongs to them, so that no two callers merge into each other's."""

    @property
    def networks(self) -> tuple[nn.Module, ...]:
        return self.unet, self.vae, *self.text_encoders

    @property
    def parts(self) -> dict[str, Any]:
        """The components by their names in the diffusers layout, as diffusers' pipelines take them."""
        said = self.family.text_encoders
        encoders = {each.part: encoder for each, encoder in zip(said, self.text_encoders, strict=True)}
        tokenizers = {each.tokenizer: tokenizer for each, tokenizer in zip(said, self.tokenizers, strict=True)}
        return {"unet": self.unet, "vae": self.vae, **encoders, **tokenizers, "scheduler": self.scheduler}


def encoder_class(encoder: TextEncoder) -> Any:
    """The transformers class of a text encoder."""
    from transformers import CLIPTextModel, CLIPTextModelWithProjection

    return CLIPTextModelWithProjection if encoder.pools else CLIPTextModel


def autoencoder_dtype(config: Mapping[str, Any], dtype: torch.dtype) -> torch.dtype:
    """The dtype of an autoencoder if the other networks run in `dtype`: SDXL's overflows in float16 (`force_upcast`).

    `config` is the file's own. If it has no `force_upcast`, as SD 1.5's, the answer is no, unlike diffusers' default.
    """
    return torch.float32 if dtype == torch.float16 and config.get("force_upcast", False) else dtype


def load_network(kind: type, folder: Path, *, dtype: torch.dtype, device: torch.device) -> nn.Module:
    """Load one network, frozen and in evaluation mode. `kind` is a diffusers or transformers class.

    Raises WeightsMissing if the folder cannot be loaded or lacks weights.
    """
    arguments: dict[str, Any] = {"local_files_only": True, "use_safetensors": True, "output_loading_info": True}
    if not list(folder.glob("*model.safetensors")) and list(folder.glob("*model.fp16.safetensors")):
        arguments["variant"] = "fp16"
    try:
        network, report = kind.from_pretrained(folder, **arguments)  # type: ignore[attr-defined]
    except (OSError, ValueError, SafetensorError) as error:
        raise WeightsMissing(
            text("{folder} cannot be loaded: {cause}", folder=folder, cause=cause_of(error)),
            advice=text("Download the folder again; it may be incomplete."),
        ) from error
    # The libraries fill missing weights with random numbers and go on; tensors on the meta device would fail much
    # later.
    without_memory = [name for name, parameter in network.named_parameters() if parameter.is_meta]
    missing = sorted(report["missing_keys"]) + without_memory
    if missing and all(name.startswith(TEXT_LEVEL) for name in missing):
        missing = _filled_below(TEXT_LEVEL, network, folder)
    missing = [name for name in missing if not name.endswith(POSITIONS)]
    if missing:
        raise WeightsMissing(
            text("Weights are missing in {folder}: {missing}.", folder=folder, missing=", ".join(missing[:5])),
            advice=text("Download the folder again."),
        )
    loaded: nn.Module = network.to(device=device, dtype=dtype).eval().requires_grad_(False)
    return loaded


def _filled_below(level: str, network: nn.Module, folder: Path) -> list[str]:
    """Fill a text encoder of transformers before 5.6 from a file of a later version, whose names lack one level.

    Returns the names that are still missing.
    """
    from safetensors.torch import load_file

    files = [file for file in folder.glob("*model*.safetensors") if read_header(file)]
    state = {level + name: tensor for file in files for name, tensor in load_file(file).items()}
    return sorted(network.load_state_dict(state, strict=False, assign=True).missing_keys)


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Silence the loading reports and progress bars of diffusers and transformers; errors are still logged."""
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
