"""LoRA files in the kohya format, laid on the weights for the time of a call and taken off without a trace."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn

from easyphoto.backends.base import LoraUse
from easyphoto.backends.components import Components
from easyphoto.errors import MissingCapability

DOWN, UP, ALPHA = "lora_down.weight", "lora_up.weight", "alpha"
Targets = dict[str, nn.Parameter]


@dataclass(frozen=True, eq=False)
class Change:
    """What one LoRA adds to one weight: scale × up · down, in the weight's shape."""

    weight: nn.Parameter
    up: torch.Tensor
    down: torch.Tensor
    scale: float

    def delta(self) -> torch.Tensor:
        device = self.weight.device
        product = self.up.to(device).float().flatten(1) @ self.down.to(device).float().flatten(1)
        return self.scale * product.reshape(self.weight.shape)


@contextmanager
def loras_applied(components: Components, uses: Sequence[LoraUse]) -> Iterator[tuple[str, ...]]:
    """The names of the LoRAs that are on meanwhile; afterwards every weight is bit for bit what it was.

    The old weights are kept aside, because subtracting what was added would not give them back exactly.
    Raises MissingCapability for a file that is no LoRA for this model, before any weight is touched.
    """
    targets = kohya_targets(components) if uses else {}
    changes = [change for use in uses for change in read_changes(use, targets)]
    by_weight: dict[nn.Parameter, list[Change]] = defaultdict(list)
    for change in changes:
        if change.scale:
            by_weight[change.weight].append(change)
    kept: list[tuple[nn.Parameter, torch.Tensor]] = []
    try:
        with torch.no_grad():
            for weight, its_changes in by_weight.items():
                kept.append((weight, weight.detach().clone()))
                weight.copy_(weight.float() + sum(change.delta() for change in its_changes))
        yield tuple(use.path.name for use in uses if use.weight)
    finally:
        with torch.no_grad():
            for weight, original in kept:
                weight.copy_(original)


def kohya_targets(components: Components) -> Targets:
    """Every weight a kohya LoRA may change, by the name kohya gives its module."""
    targets = {f"lora_unet_{_joined(name)}": weight for name, weight in _layers(components.unet)}
    for name, weight in _layers(components.text_encoder):
        # transformers 5.6 dropped the level `text_model` from the modules' names; the files keep it.
        flat = _joined(name.removeprefix("text_model."))
        targets[f"lora_te_text_model_{flat}"] = targets[f"lora_te1_text_model_{flat}"] = weight
    return targets


def _layers(network: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """Linear and convolution layers by their name in the bare network, also where live peft adapters wrap them."""
    for name, module in network.named_modules():
        if isinstance(module, nn.Linear | nn.Conv2d) and ".lora_" not in name:
            yield name.removeprefix("base_model.model.").removesuffix(".base_layer"), module.weight


def _joined(name: str) -> str:
    return name.replace(".", "_")


def read_changes(use: LoraUse, targets: Targets) -> list[Change]:
    """What the file changes. Raises MissingCapability naming the keys that fit nothing here."""
    tensors = _read(use)
    modules: dict[str, dict[str, torch.Tensor]] = defaultdict(dict)
    for key, tensor in tensors.items():
        module, _, part = key.partition(".")
        modules[module][part] = tensor
    strange = [
        f"{module}.{part}"
        for module, parts in modules.items()
        for part in parts
        if module not in targets or part not in (DOWN, UP, ALPHA) or not _fits(parts, targets[module])
    ]
    if strange or not modules:
        raise MissingCapability(
            f"{use.path.name} is no LoRA for this model: {len(strange)} of its {len(tensors)} keys fit nothing, "
            f"such as {', '.join(strange[:5]) or 'none at all'}.",
            advice="Take a LoRA in the kohya format that was trained on the same family.",
        )
    return [_change(targets[module], parts, use.weight) for module, parts in modules.items()]


def _read(use: LoraUse) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not use.path.is_file():
        raise MissingCapability(f"There is no LoRA {use.path}.", advice="Check the path, or train the person again.")
    try:
        tensors: dict[str, torch.Tensor] = load_file(use.path)
    except (SafetensorError, OSError, ValueError) as error:
        raise MissingCapability(
            f"{use.path.name} cannot be read as safetensors ({error}).", advice="The file may have been cut off."
        ) from error
    return tensors


def _fits(parts: dict[str, torch.Tensor], weight: nn.Parameter) -> bool:
    if DOWN not in parts or UP not in parts:
        return False
    down, up = parts[DOWN].flatten(1), parts[UP].flatten(1)
    return up.shape[1] == down.shape[0] and (up.shape[0], down.shape[1]) == tuple(weight.flatten(1).shape)


def _change(weight: nn.Parameter, parts: dict[str, torch.Tensor], use_weight: float) -> Change:
    rank = parts[DOWN].shape[0]
    alpha = float(parts[ALPHA]) if ALPHA in parts else float(rank)
    return Change(weight, parts[UP], parts[DOWN], use_weight * alpha / rank)
