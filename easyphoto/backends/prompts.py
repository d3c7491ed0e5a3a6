"""Words to what the UNet attends to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from easyphoto.backends.components import Components
from easyphoto.geometry import Size


@dataclass(frozen=True, eq=False)
class PromptEmbeddings:
    """Encoded prompts: (count, tokens, width), and notes on what had to be cut."""

    states: torch.Tensor
    notes: tuple[str, ...]
    pooled: torch.Tensor | None = None
    """(count, width): each prompt as a whole, by SDXL's second encoder; None for the families with one."""

    def added(self, size: Size) -> dict[str, torch.Tensor] | None:
        """What SDXL's networks are told besides the words, for pictures of `size` from which nothing was cut off."""
        if self.pooled is None:
            return None
        times = [time_ids(original=size, corner=(0, 0), target=size)] * len(self.pooled)
        # In float32, whatever the networks run in: bfloat16 knows no odd number above 256.
        return {"text_embeds": self.pooled, "time_ids": torch.tensor(times, dtype=torch.float32).to(self.pooled.device)}


def time_ids(*, original: Size, corner: tuple[int, int], target: Size) -> tuple[int, ...]:
    """SDXL's six: height and width before anything was cut, top and left of the cut, height and width of the rest."""
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
    states, pooled = encoded_tokens(encoders, [each.to(encoders[0].device) for each in tokens])
    dtype = components.unet.conv_in.weight.dtype
    if pooled is not None:
        # SDXL was trained with zeros in place of an empty text.
        said = torch.tensor([bool(text) for text in distinct], device=pooled.device)
        states, pooled = states * said[:, None, None], pooled * said[:, None]
        pooled = pooled[order].to(dtype)
    return PromptEmbeddings(states[order].to(dtype), tuple(_cut_notes(components, distinct, lengths[0])), pooled)


def encoded_tokens(encoders: Sequence[Any], tokens: Sequence[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Hidden states and pooled text of tokens, (count, length) for each encoder.

    One encoder gives its last hidden states; of two the last but one are laid side by side, and the second pools.
    """
    if len(encoders) == 1:
        return encoders[0](tokens[0]).last_hidden_state, None
    answers = [encoder(each, output_hidden_states=True) for encoder, each in zip(encoders, tokens, strict=True)]
    return torch.cat([answer.hidden_states[-2] for answer in answers], dim=-1), answers[-1].text_embeds


def _cut_notes(components: Components, texts: Sequence[str], length: int) -> list[str]:
    counts = [len(components.tokenizer(text, verbose=False).input_ids) for text in texts]
    return [
        f"The prompt “{text[:40]}…” has {count} tokens; {length} were used."
        for text, count in zip(texts, counts, strict=True)
        if count > length
    ]
