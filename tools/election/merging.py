"""Merging LoRAs: the weighted sum of their products, reduced to their rank."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from easyphoto.training.adapters import Adapted
from easyphoto.training.lora import State, kohya_layers, read_lora


def module_names(state: Mapping[str, torch.Tensor]) -> list[str]:
    """Sorted kohya names of the modules in a state."""
    return sorted(key.removesuffix(".lora_down.weight") for key in state if key.endswith(".lora_down.weight"))


def product(state: Mapping[str, torch.Tensor], module: str) -> torch.Tensor:
    """ΔW = up · down · alpha / rank, float64 (outputs, inputs × kernel area)."""
    up, down = _factors(state, module)
    return up @ down


def _factors(state: Mapping[str, torch.Tensor], module: str) -> tuple[torch.Tensor, torch.Tensor]:
    down = state[f"{module}.lora_down.weight"].double().flatten(1)
    up = state[f"{module}.lora_up.weight"].double().flatten(1)
    return up * (float(state[f"{module}.alpha"]) / down.shape[0]), down


def merge_products(
    states: Sequence[Mapping[str, torch.Tensor] | Path], weights: Sequence[float], rank: int
) -> tuple[State, float]:
    """The weighted sum of the LoRAs' ΔW, reduced to `rank`, and the share in 0..1 of its energy (squared norm) that is
    lost.

    Averaging the factors would not average the products: (Σ up)(Σ down) has cross terms. The product of the stacked
    factors is the exact sum; two QR decompositions and one SVD of the small core give its best approximation of that
    rank.
    """
    loaded = [read_lora(state)[0] if isinstance(state, Path) else state for state in states]
    merged: State = {}
    energy = lost = 0.0
    for module in module_names(loaded[0]):
        factors = [_factors(state, module) for state in loaded]
        ups = torch.cat([up * weight for (up, _), weight in zip(factors, weights, strict=True)], 1)
        downs = torch.cat([down for _, down in factors], 0)
        left, left_core = torch.linalg.qr(ups)
        right, right_core = torch.linalg.qr(downs.T)
        u, strength, vt = torch.linalg.svd(left_core @ right_core.T, full_matrices=False)
        energy += float((strength**2).sum())
        lost += float((strength[rank:] ** 2).sum())
        _store(merged, loaded[0], module, left @ u[:, :rank], strength[:rank], vt[:rank] @ right.T, rank=rank)
    return merged, lost / energy if energy > 0 else 0.0


def _store(
    merged: State,
    like: Mapping[str, torch.Tensor],
    module: str,
    left: torch.Tensor,
    strength: torch.Tensor,
    right: torch.Tensor,
    *,
    rank: int,
) -> None:
    """Store one module's factors in the file's shapes and dtype, for `rank` and with the original alpha."""
    down, up = like[f"{module}.lora_down.weight"], like[f"{module}.lora_up.weight"]
    alpha = like[f"{module}.alpha"].float()
    root = (strength * rank / float(alpha)).sqrt()
    new_down = torch.zeros(rank, right.shape[1], dtype=torch.float64)
    new_up = torch.zeros(left.shape[0], rank, dtype=torch.float64)
    new_down[: len(root)] = root[:, None] * right
    new_up[:, : len(root)] = left * root
    merged[f"{module}.lora_down.weight"] = new_down.reshape(rank, *down.shape[1:]).to(down.dtype)
    merged[f"{module}.lora_up.weight"] = new_up.reshape(up.shape[0], rank, *up.shape[2:]).to(up.dtype)
    merged[f"{module}.alpha"] = alpha.clone()


def load_into_adapters(state: Mapping[str, torch.Tensor], adapted: Adapted) -> None:
    """Copy a kohya state of the same rank and alpha into the live adapters."""
    for key, layer in kohya_layers(adapted):
        for name, factor in zip(("lora_down", "lora_up"), layer.names, strict=True):
            adapted.weights.values[factor].copy_(state[f"{key}.{name}.weight"])
    adapted.weights.refresh()
