"""Activation functions whose backward passes need fewer operators than autograd's of the same formula."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from easyphoto.training.lora_layers import is_traced

STEEPNESS = 1.702
"""The factor of CLIP's approximation of GELU: x · σ(1.702 x)."""


class QuickGeluFunction(torch.autograd.Function):
    """x · σ(a x) = SiLU(a x) / a, so that its derivative is SiLU's at a x."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        steep = x * STEEPNESS
        ctx.save_for_backward(steep)
        return functional.silu(steep).div_(STEEPNESS)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        (steep,) = ctx.saved_tensors
        return torch.ops.aten.silu_backward(gradient, steep)


class QuickGelu(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return QuickGeluFunction.apply(x)


class GatedGeluFunction(torch.autograd.Function):
    """value · GELU(gate) for both side by side, (…, 2 · width). The gradients of the two are written side by side too,
    where autograd would copy them together."""

    @staticmethod
    def forward(ctx: Any, both: torch.Tensor) -> torch.Tensor:
        value, gate = both.chunk(2, -1)
        opened = functional.gelu(gate)
        ctx.save_for_backward(both, opened)
        return value * opened

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        both, opened = ctx.saved_tensors
        found = torch.empty_like(both)
        (value, gate), (of_value, of_gate) = both.chunk(2, -1), found.chunk(2, -1)
        torch.mul(gradient, opened, out=of_value)
        torch.ops.aten.gelu_backward.grad_input(gradient * value, gate, grad_input=of_gate)
        return found


class GatedGelu(nn.Module):
    """The first layer of a transformer block's feed-forward network, diffusers' GEGLU."""

    def __init__(self, base: Any) -> None:
        super().__init__()
        self.proj = base.proj

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        both = self.proj(x)
        if is_traced():  # which cannot trace results that are parts of a tensor
            value, gate = both.chunk(2, -1)
            return value * functional.gelu(gate)
        return GatedGeluFunction.apply(both)
