"""Attention over layers that are computed as one: the UNet's, by diffusers' attention processors, and CLIP's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from easyphoto.training.lora_layers import JoinedLayers


class SelfAttention:
    """A diffusers attention processor for a layer without norms, whose queries, keys and values are one product."""

    def __init__(self, plain: Any, layers: JoinedLayers) -> None:
        self._plain, self._layers = plain, layers

    def __call__(
        self,
        attn: Any,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        temb: torch.Tensor | None = None,
        keys_values: Sequence[torch.Tensor] | None = None,
    ) -> torch.Tensor:
        if attention_mask is not None or encoder_hidden_states is not None:
            return self._plain(attn, hidden_states, encoder_hidden_states, attention_mask, temb)
        query, key, value = self._layers(hidden_states)
        return _projected(attn, query, key, value)


class CrossAttention:
    """The processor of a layer that attends to words, whose keys and values may have been computed with those of all
    such layers."""

    def __init__(self, plain: Any, place: int) -> None:
        self._plain, self._place = plain, place

    def __call__(
        self,
        attn: Any,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        temb: torch.Tensor | None = None,
        keys_values: Sequence[torch.Tensor] | None = None,
    ) -> torch.Tensor:
        """`keys_values` are the keys and values of all layers in turn."""
        if keys_values is None or attention_mask is not None:
            return self._plain(attn, hidden_states, encoder_hidden_states, attention_mask, temb)
        key, value = keys_values[2 * self._place : 2 * self._place + 2]
        return _projected(attn, attn.to_q(hidden_states), key, value)


def _projected(attn: Any, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    answer: torch.Tensor = attn.to_out[1](attn.to_out[0](attended(query, key, value, attn.heads)))
    return answer


def attended(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, heads: int, *, is_causal: bool = False
) -> torch.Tensor:
    """(rows, places, width) for queries, keys and values of that shape; keys and values may have other places."""
    query, key, value = (each.unflatten(-1, (heads, -1)).transpose(1, 2) for each in (query, key, value))
    return functional.scaled_dot_product_attention(query, key, value, is_causal=is_causal).transpose(1, 2).flatten(2)


class CausalAttention(nn.Module):
    """CLIP's attention over whole captions: each token attends to itself and those before it. It takes no mask."""

    def __init__(self, base: Any, layers: JoinedLayers) -> None:
        """`layers` give the queries, keys and values of `base`, a CLIPAttention."""
        super().__init__()
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = base.q_proj, base.k_proj, base.v_proj, base.out_proj
        self.num_heads = base.num_heads
        self.joined = layers

    def forward(self, hidden_states: torch.Tensor, *_: Any, **__: Any) -> tuple[torch.Tensor, None]:
        """(rows, tokens, width) for states of that shape, and no weights."""
        query, key, value = self.joined(hidden_states)
        return self.out_proj(attended(query, key, value, self.num_heads, is_causal=True)), None
