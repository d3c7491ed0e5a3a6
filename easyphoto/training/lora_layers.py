"""Layers with low-rank adapters, in as few operators as the arithmetic needs.

A layer of a network is replaced by one that holds the same weight and computes

    y = x Wᵀ + b + scale · (x downᵀ) upᵀ

with three operators: the base's product, the product with `down`, and the product with `up`, which is added to the
base's in place with the scale inside. The backward pass adds two operators for the input and one for each factor. On a
GPU the operators' launches, not their arithmetic, bound a step; PEFT's layers need twice as many, and casts besides.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from easyphoto.training.adapter_weights import Factors


class AdaptedProduct(torch.autograd.Function):
    """The equation above for x (…, inputs). Only x and the factors get gradients: the base is frozen."""

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        down: torch.Tensor,
        up: torch.Tensor,
        scale: float,
    ) -> torch.Tensor:
        """(…, outputs) for a `weight` (outputs, inputs)."""
        rows = x.reshape(-1, x.shape[-1])
        inner = rows.mm(down.t())
        out = rows.mm(weight.t()) if bias is None else torch.addmm(bias, rows, weight.t())
        out.addmm_(inner, up.t(), alpha=scale)
        ctx.save_for_backward(rows, weight, down, up, inner)
        ctx.scale = scale
        return out.view(*x.shape[:-1], out.shape[-1])

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:  # type: ignore[override]
        rows, weight, down, up, inner = ctx.saved_tensors
        arrived = gradient.reshape(-1, gradient.shape[-1])
        # With beta=0 the first tensor only gives the shape.
        of_inner = torch.addmm(inner, arrived, up, beta=0, alpha=ctx.scale)
        of_x = None
        if ctx.needs_input_grad[0]:
            of_x = arrived.mm(weight).addmm_(of_inner, down).view(*gradient.shape[:-1], weight.shape[1])
        of_up = torch.addmm(up, arrived.t(), inner, beta=0, alpha=ctx.scale)
        return of_x, None, None, of_inner.t().mm(rows), of_up, None


class AdaptedPictureProduct(torch.autograd.Function):
    """The same for a picture x (pictures, inputs, cells), whose channels are apart in memory."""

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor,
        down: torch.Tensor,
        up: torch.Tensor,
        scale: float,
    ) -> torch.Tensor:
        """(pictures, outputs, cells) for a `weight` (outputs, inputs)."""
        out = torch.baddbmm(bias[:, None], _each(weight, x), x)
        inner = torch.bmm(_each(down, x), x)
        out.baddbmm_(_each(up, x), inner, alpha=scale)
        ctx.save_for_backward(x, weight, down, up, inner)
        ctx.scale = scale
        return out

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:  # type: ignore[override]
        x, weight, down, up, inner = ctx.saved_tensors
        of_inner = torch.baddbmm(inner, _each(up.t(), x), gradient, beta=0, alpha=ctx.scale)
        of_x = None
        if ctx.needs_input_grad[0]:
            of_x = torch.bmm(_each(weight.t(), x), gradient).baddbmm_(_each(down.t(), x), of_inner)
        of_down = torch.bmm(of_inner, x.transpose(1, 2)).sum(0)
        of_up = torch.baddbmm(up, gradient, inner.transpose(1, 2), beta=0, alpha=ctx.scale).sum(0)
        return of_x, None, None, of_down, of_up, None


def _each(matrix: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """The matrix for every picture of x, without a copy."""
    return matrix.expand(len(x), *matrix.shape)


class AdaptedLinear(nn.Linear):
    """A linear layer with an adapter; its weight and bias are the base layer's own."""

    def __init__(self, base: nn.Linear, factors: Factors) -> None:
        super().__init__(base.in_features, base.out_features, bias=False, device="meta")
        self.weight, self.bias = base.weight, base.bias
        self.factors = factors

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        down, up, scale = self.factors.down, self.factors.up, self.factors.scale
        return AdaptedProduct.apply(x, self.weight, self.bias, down, up, scale)  # type: ignore[no-any-return]


class AdaptedPointwise(nn.Conv2d):
    """A 1×1 convolution with an adapter, computed as a product."""

    def __init__(self, base: nn.Conv2d, factors: Factors) -> None:
        super().__init__(base.in_channels, base.out_channels, kernel_size=1, bias=False, device="meta")
        self.weight, self.bias = base.weight, base.bias
        self.factors = factors

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        down, up, scale = self.factors.down, self.factors.up, self.factors.scale
        out = AdaptedPictureProduct.apply(x.flatten(2), self.weight.flatten(1), self.bias, down, up, scale)
        return out.unflatten(2, x.shape[2:])  # type: ignore[no-any-return]
