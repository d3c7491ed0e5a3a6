"""Words to what the UNet attends to."""

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
"""The hidden states after the final norm."""


@dataclass(frozen=True, eq=False)
class PromptEmbeddings:
    """Encoded prompts: (count, tokens, width), and notes on what had to be cut."""

    states: torch.Tensor
    notes: tuple[str, ...]
    pooled: torch.Tensor | None = None
    """(count, width): each prompt as a whole; None for families that are not told it."""

    def added(self, size: Size) -> dict[str, torch.Tensor] | None:
        """What the networks are told besides the words, for pictures of `size` from which nothing was cut off."""
        if self.pooled is None:
            return None
        times = [time_ids(original=size, corner=(0, 0), target=size)] * len(self.pooled)
        # In float32, whatever the networks run in: bfloat16 knows no odd number above 256.
        return {"text_embeds": self.pooled, "time_ids": torch.tensor(times, dtype=torch.float32).to(self.pooled.device)}


def time_ids(*, original: Size, corner: tuple[int, int], target: Size) -> tuple[int, ...]:
    """Six: height and width before anything was cut, top and left of the cut, height and width of the rest."""
    return original.height, original.width, *corner, target.height, target.width


def encode_prompts(components: Components, texts: Sequence[str]) -> PromptEmbeddings:
    """Every distinct text is encoded once, padded to the encoder's length, as Stable Diffusion was trained."""
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
    """Hidden states (count, length, width), the encoders' side by side, and pooled text (count, width).

    `said` is what the family says of each encoder; `tokens` are (count, length) for each.
    """
    states, pooled = [], None
    for each, encoder, its_tokens in zip(said, encoders, tokens, strict=True):
        # All hidden states are asked for only where they count: they cost memory in a training.
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
