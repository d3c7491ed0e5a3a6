"""Words to what the UNet attends to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from easyphoto.backends.components import Components


@dataclass(frozen=True, eq=False)
class Words:
    """Encoded prompts: (count, tokens, width), and notes on what had to be cut."""

    states: torch.Tensor
    notes: tuple[str, ...]


def encode_prompts(components: Components, texts: Sequence[str]) -> Words:
    """Every distinct text is encoded once, padded to the encoder's length, as Stable Diffusion was trained."""
    distinct = list(dict.fromkeys(texts))
    encoder = components.text_encoder
    length = min(components.tokenizer.model_max_length, encoder.config.max_position_embeddings)
    tokens = components.tokenizer(
        distinct, padding="max_length", truncation=True, max_length=length, return_tensors="pt"
    ).input_ids
    states = encoder(tokens.to(encoder.device)).last_hidden_state
    order = [distinct.index(text) for text in texts]
    return Words(
        states[order].to(components.unet.conv_in.weight.dtype), tuple(_cut_notes(components, distinct, length))
    )


def _cut_notes(components: Components, texts: Sequence[str], length: int) -> list[str]:
    counts = [len(components.tokenizer(text, verbose=False).input_ids) for text in texts]
    return [
        f"The prompt “{text[:40]}…” has {count} tokens; {length} were used."
        for text, count in zip(texts, counts, strict=True)
        if count > length
    ]
