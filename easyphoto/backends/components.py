"""The networks of a base model, their classes and dtypes, and the silence in which they are loaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from easyphoto.architectures.base import Family, TextEncoder
from easyphoto.backends.merged_loras import MergedLoras


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
