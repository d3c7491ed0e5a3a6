"""Blocks of the UNet without operators that change nothing: diffusers' divide by 1.0, and copy where nothing moves.

They hold the base blocks' layers, under the same names.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from easyphoto.training.lora_layers import JoinedRows


class PictureTransformer(nn.Module):
    """diffusers' Transformer2DModel for pictures: transformer blocks over a picture's cells, added to the picture."""

    def __init__(self, base: Any) -> None:
        super().__init__()
        self.norm, self.proj_in, self.proj_out = base.norm, base.proj_in, base.proj_out
        self.transformer_blocks = base.transformer_blocks
        self.gradient_checkpointing = False
        """diffusers sets it."""

    def forward(
        self,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor | None = None,
        timestep: torch.Tensor | None = None,
        cross_attention_kwargs: dict[str, Any] | None = None,
        attention_mask: torch.Tensor | None = None,
        encoder_attention_mask: torch.Tensor | None = None,
        return_dict: bool = False,
    ) -> tuple[torch.Tensor]:
        """(pictures, channels, height, width), in a tuple as diffusers' blocks want it."""
        height, width = hidden_states.shape[2:]
        cells = self.proj_in.of_rows(self.norm(hidden_states).permute(0, 2, 3, 1).flatten(1, 2))
        arguments = (attention_mask, encoder_hidden_states, encoder_attention_mask, timestep, cross_attention_kwargs)
        for block in self.transformer_blocks:
            if self.gradient_checkpointing and torch.is_grad_enabled():
                cells = checkpoint(block, cells, *arguments, use_reentrant=False)
            else:
                cells = block(cells, *arguments)
        cells = self.proj_out.of_rows(cells)
        return (hidden_states + cells.unflatten(1, (height, width)).permute(0, 3, 1, 2),)


class ResidualBlock(nn.Module):
    """diffusers' ResnetBlock2D in its plain form. The time is projected for all blocks at once by `TimeProjections`."""

    def __init__(self, base: Any, place: int) -> None:
        super().__init__()
        self.norm1, self.conv1, self.time_emb_proj = base.norm1, base.conv1, base.time_emb_proj
        self.norm2, self.conv2, self.conv_shortcut = base.norm2, base.conv2, base.conv_shortcut
        self.place = place

    def forward(self, x: torch.Tensor, times: Sequence[torch.Tensor]) -> torch.Tensor:
        """(pictures, channels, height, width); `times` are the projections for all blocks."""
        inner = functional.silu(self.norm1(x))
        inner = functional.conv2d(inner, self.conv1.weight, padding=1) + times[self.place][:, :, None, None]
        inner = self.conv2(functional.silu(self.norm2(inner)))
        return inner + (x if self.conv_shortcut is None else self.conv_shortcut(x))


class TimeProjections(nn.Module):
    """The projections of the time embedding for all residual blocks, each with the bias of the block's convolution, to
    which it is added."""

    bias: torch.Tensor

    def __init__(self, blocks: Sequence[Any]) -> None:
        super().__init__()
        self.weight = JoinedRows([block.time_emb_proj.weight for block in blocks])
        biases = torch.cat([block.time_emb_proj.bias + block.conv1.bias for block in blocks])
        self.register_buffer("bias", biases, persistent=False)
        self._widths = [block.conv1.out_channels for block in blocks]

    def forward(self, time: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """(pictures, channels) for each block, for the embedded time (pictures, width)."""
        return functional.linear(functional.silu(time), self.weight(), self.bias).split(self._widths, 1)


def is_plain_residual(block: Any) -> bool:
    """Whether a ResnetBlock2D is what ResidualBlock computes."""
    return bool(
        block.upsample is block.downsample is None
        and block.time_emb_proj is not None
        and block.time_embedding_norm == "default"
        and not block.skip_time_act
        and isinstance(block.nonlinearity, nn.SiLU)
        and block.output_scale_factor == 1
        and block.dropout.p == 0
    )
