"""Layers with low-rank adapters, in as few operators as the arithmetic needs.

A layer of a network is replaced by one that holds the same weight and computes

    y = x Wᵀ + b + scale · (x downᵀ) upᵀ

with three operators: the base's product, the product with `down`, and the product with `up`, which is added to the
base's in place with the scale inside. The backward pass adds two operators for the input and one for each factor.
Layers with the same input, such as the queries, keys and values of an attention, are computed as one. On a GPU the
operators' launches, not their arithmetic, bound a step; PEFT's layers need twice as many, and casts besides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from easyphoto.training.adapter_weights import Factors


def is_traced() -> bool:
    """Whether torch.compile is tracing the call; torch before 2.3 cannot be asked, and is not compiled with."""
    asked = getattr(torch.compiler, "is_compiling", None)
    return asked is not None and bool(asked())


class AdaptedProduct(torch.autograd.Function):
    """The equation above. Only x and the factors get gradients: the base is frozen."""

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        scale: float,
        down: torch.Tensor,
        *ups: torch.Tensor,
    ) -> torch.Tensor:
        """(…, outputs) for x (…, inputs) and a `weight` (outputs, inputs); the factors as in `Factors`."""
        rows = x.reshape(-1, x.shape[-1])
        inner = rows.mm(down.t())
        out = rows.mm(weight.t()) if bias is None else torch.addmm(bias, rows, weight.t())
        for up, its_out, its_inner in _parts(ups, out, inner):
            if len(up) == 1:
                its_out[0].addmm_(its_inner[0], up[0].t(), alpha=scale)
            else:
                its_out.baddbmm_(its_inner, up.transpose(1, 2), alpha=scale)
        ctx.save_for_backward(rows, weight, inner, down, *ups)
        ctx.scale = scale
        return out.view(*x.shape[:-1], out.shape[-1])

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        rows, weight, inner, down, *ups = ctx.saved_tensors
        arrived = gradient.reshape(-1, gradient.shape[-1])
        of_inner, of_ups = torch.empty_like(inner), []
        for up, its_gradient, its_inner, its_place in _parts(ups, arrived, inner, of_inner):
            # With beta=0 the first tensor only gives the shape or the place.
            if len(up) == 1:
                its_place[0].addmm_(its_gradient[0], up[0], beta=0, alpha=ctx.scale)
                of_up = torch.addmm(up[0], its_gradient[0].t(), its_inner[0], beta=0, alpha=ctx.scale)[None]
            else:
                its_place.baddbmm_(its_gradient, up, beta=0, alpha=ctx.scale)
                of_up = torch.baddbmm(up, its_gradient.transpose(1, 2), its_inner, beta=0, alpha=ctx.scale)
            of_ups.append(of_up)
        of_x = None
        if ctx.needs_input_grad[0]:
            of_x = arrived.mm(weight).addmm_(of_inner, down).view(*gradient.shape[:-1], weight.shape[1])
        return of_x, None, None, None, of_inner.t().mm(rows), *of_ups


def _parts(ups: Sequence[torch.Tensor], out: torch.Tensor, *inners: torch.Tensor) -> list[tuple[torch.Tensor, ...]]:
    """Each stack of `ups` with the columns that belong to it, of `out` and of the `inners`: (layers, rows, columns)."""
    found, first_out, first_inner = [], 0, 0
    for up in ups:
        count, outputs, rank = up.shape
        its_inners = (_columns(each, first_inner, count, rank) for each in inners)
        found.append((up, _columns(out, first_out, count, outputs), *its_inners))
        first_out, first_inner = first_out + count * outputs, first_inner + count * rank
    return found


def _columns(matrix: torch.Tensor, first: int, count: int, width: int) -> torch.Tensor:
    """(count, rows, width) of a matrix (rows, columns), from column `first` on."""
    return matrix[:, first : first + count * width].unflatten(1, (count, width)).transpose(0, 1)


@dataclass(frozen=True, eq=False)
class AdaptedMatrix:
    """A frozen matrix with its adapters: one layer's, or those of several layers with the same input one below the
    other."""

    weight: torch.Tensor
    """(outputs, inputs)."""
    bias: torch.Tensor | None
    """(outputs,)."""
    factors: Factors

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """(…, outputs) for x (…, inputs); of several layers all their outputs, one behind the other."""
        if is_traced():
            return self._traced(x)
        factors = self.factors
        product = AdaptedProduct.apply(x, self.weight, self.bias, factors.scale, factors.down, *factors.ups)
        return product

    def _traced(self, x: torch.Tensor) -> torch.Tensor:
        """The equation as it is written: torch.compile fuses by itself, and cannot trace writing to reshaped views."""
        inner = iter(functional.linear(x, self.factors.down).split(self.factors.ups[0].shape[2], -1))
        sides = [functional.linear(next(inner), up) for stack in self.factors.ups for up in stack]
        return functional.linear(x, self.weight, self.bias) + torch.cat(sides, -1) * self.factors.scale


class _Adapted:
    _factors: Factors
    _place: int | None

    @property
    def factors(self) -> Factors:
        return self._factors if self._place is None else self._factors.of(self._place)


class AdaptedLinear(_Adapted, nn.Linear):
    """A linear layer with an adapter; its weight and bias are the base layer's own."""

    def __init__(self, base: nn.Linear, factors: Factors, place: int | None = None) -> None:
        """`place` is the layer's place among those that share the factors, None if they are its own."""
        super().__init__(base.in_features, base.out_features, bias=False, device="meta")
        self.weight, self.bias = base.weight, base.bias
        self._factors, self._place = factors, place

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return AdaptedMatrix(self.weight, self.bias, self.factors)(x)

    def of_rows(self, rows: torch.Tensor) -> torch.Tensor:
        return self(rows)


class AdaptedPointwise(_Adapted, nn.Conv2d):
    """A 1×1 convolution with an adapter, computed as a product over the channels."""

    def __init__(self, base: nn.Conv2d, factors: Factors, place: int | None = None) -> None:
        """`place` is the layer's place among those that share the factors, None if they are its own."""
        super().__init__(base.in_channels, base.out_channels, kernel_size=1, bias=False, device="meta")
        self.weight, self.bias = base.weight, base.bias
        self._factors, self._place = factors, place

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.of_rows(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)

    def of_rows(self, rows: torch.Tensor) -> torch.Tensor:
        """(…, outputs) for (…, inputs): the channels last."""
        return AdaptedMatrix(self.weight.flatten(1), self.bias, self.factors)(rows)


class JoinedRows(nn.Module):
    """Parameters one below the other, as one tensor whose parts they are.

    So they are not in memory twice, and what changes them in place, such as a merged LoRA, changes both. Where a
    network was moved to another device and back, they are joined anew.
    """

    whole: torch.Tensor

    def __init__(self, parameters: Sequence[nn.Parameter]) -> None:
        super().__init__()
        # A tuple, so that the parameters stay those of their layers alone.
        self._parameters_joined = tuple(parameters)
        self.register_buffer("whole", torch.empty(0), persistent=False)
        self._join()

    def forward(self) -> torch.Tensor:
        first = self._parameters_joined[0]
        if not is_traced() and first.data_ptr() != self.whole.data_ptr():
            self._join()
        return self.whole

    def _join(self) -> None:
        with torch.no_grad():
            self.whole = torch.cat(self._parameters_joined)
        parts = self.whole.split([len(each) for each in self._parameters_joined])
        for parameter, part in zip(self._parameters_joined, parts, strict=True):
            parameter.data = part


class JoinedLayers(nn.Module):
    """Linear layers with the same input, computed as one."""

    def __init__(self, layers: Sequence[nn.Linear], factors: Factors) -> None:
        super().__init__()
        biases = [each.bias for each in layers if each.bias is not None]
        self.weight = JoinedRows([each.weight for each in layers])
        self.bias = JoinedRows(biases) if biases else None
        self._factors = factors

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Each layer's (…, outputs) for x (…, inputs)."""
        matrix = AdaptedMatrix(self.weight(), None if self.bias is None else self.bias(), self._factors)
        return matrix(x).split(self._factors.outputs, -1)
