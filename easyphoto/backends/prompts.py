"""Encoding prompts into the embeddings the UNet attends to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from easyphoto.architectures.base import TextEncoder
from easyphoto.backends.components import Components
from easyphoto.geometry import Size
from easyphoto.messages import note

LAST = -1
"""The last layer's hidden states, after the final norm."""


@dataclass(frozen=True, eq=False)
class PromptEmbeddings:
    """Encoded prompts, with notes on truncated ones. `states` is (count, tokens, width) in the UNet's dtype."""

    states: torch.Tensor
    notes: tuple[str, ...]
    pooled: torch.Tensor | None = None
    """(count, width), the pooled embeddings; None for families whose UNet does not take them."""

    @property
    def bytes(self) -> int:
        tensors = (self.states,) if self.pooled is None else (self.states, self.pooled)
        return sum(tensor.numel() * tensor.element_size() for tensor in tensors)

    def added(self, size: Size) -> dict[str, torch.Tensor] | None:
        """The UNet's extra inputs for uncropped pictures of `size` in pixels; None if the family has none."""
        if self.pooled is None:
            return None
        times = [time_ids(original=size, corner=(0, 0), target=size)] * len(self.pooled)
        # Always float32: bfloat16 cannot represent odd numbers above 256.
        return {"text_embeds": self.pooled, "time_ids": torch.tensor(times, dtype=torch.float32).to(self.pooled.device)}


def time_ids(*, original: Size, corner: tuple[int, int], target: Size) -> tuple[int, ...]:
    """SDXL's size conditioning, six numbers of pixels: original height and width, top and left of the crop, height and
    width of the crop. `corner` is (top, left)."""
    return original.height, original.width, *corner, target.height, target.width


def encode_prompts(components: Components, texts: Sequence[str]) -> PromptEmbeddings:
    """Encode prompts, each distinct text once, padded to the encoder's length as in Stable Diffusion's training."""
    distinct = list(dict.fromkeys(texts))
    order = [distinct.index(text) for text in texts]
    encoders, tokenizers = components.text_encoders, components.tokenizers
    lengths = [
        min(tokenizer.model_max_length, encoder.config.max_position_embeddings)
        for tokenizer, encoder in zip(tokenizers, encoders, strict=True)
    ]
    tokens = [
        tokenizer(distinct, padding="max_length", truncation=True, max_length=length, return_tensors="pt").input_ids
        for tokenizer, length in zip(tokenizers, lengths, strict=True)
    ]
    said = components.family.text_encoders
    states, pooled = encoded_tokens(said, encoders, [each.to(encoders[0].device) for each in tokens])
    dtype = components.unet.conv_in.weight.dtype
    if components.family.blank_is_zero:
        filled = torch.tensor([bool(text) for text in distinct], device=states.device)
        states = states * filled[:, None, None]
        pooled = None if pooled is None else pooled * filled[:, None]
    notes = tuple(_cut_notes(components, distinct, lengths[0]))
    return PromptEmbeddings(states[order].to(dtype), notes, None if pooled is None else pooled[order].to(dtype))


def encoded_tokens(
    said: Sequence[TextEncoder], encoders: Sequence[Any], tokens: Sequence[torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Hidden states (count, length, width), concatenated over the encoders, and the pooled embeddings (count, width) or
    None.

    `said` describes each encoder; `tokens` holds int64 (count, length) for each.
    """
    states, pooled = [], None
    for each, encoder, its_tokens in zip(said, encoders, tokens, strict=True):
        # All hidden states are requested only if needed: they cost memory in a training.
        answer = encoder(its_tokens, output_hidden_states=each.layer != LAST)
        states.append(answer.last_hidden_state if each.layer == LAST else answer.hidden_states[each.layer])
        pooled = answer.text_embeds if each.pools else pooled
    return torch.cat(states, dim=-1), pooled


def _cut_notes(components: Components, texts: Sequence[str], length: int) -> list[str]:
    counts = [len(components.tokenizers[0](text, verbose=False).input_ids) for text in texts]
    return [
        note(
            "prompt-cut",
            "The prompt “{text}…” has {count} tokens; {length} were used.",
            text=text[:40],
            count=count,
            length=length,
        )
        for text, count in zip(texts, counts, strict=True)
        if count > length
    ]
