"""Applying LoRA files to the weights for the duration of a call or of several, and restoring the weights exactly."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from easyphoto.backends.components import Components
from easyphoto.backends.conditions import LoraCondition
from easyphoto.backends.headers import read_header
from easyphoto.backends.lora_names import ALPHA, DOWN, UP, Targets, split_key, targets
from easyphoto.backends.merged_loras import LoraDelta, MergedLoras
from easyphoto.errors import InputError, MissingCapability
from easyphoto.messages import text
from easyphoto.model_cache import file_key
from easyphoto.storage.files import cause_of
from easyphoto.storage.records import parsed

NATIVE_FACTS = "lora_adapter_metadata"
"""Metadata key of diffusers' own format for the alphas that kohya's format stores as one tensor per layer."""


@contextmanager
def loras_applied(
    components: Components, uses: Sequence[LoraCondition], *, stay: bool = False
) -> Iterator[MergedLoras]:
    """Apply LoRAs, all switched on at first; leaving the context restores every weight bit for bit.

    With `stay` they are left merged for the next call, which may want the same: whoever sets it takes them off at the
    end. After an error, a cancellation, or for lack of memory they are taken off at once. Raises MissingCapability for
    a file that is not a LoRA for this model, before any weight changes.
    """
    merged, stays = components.loras, False
    try:
        merged.choose(tuple((use, file_key(use.path)) for use in uses), lambda: _all_changes(components, uses))
        yield merged
        stays = stay and merged.may_stay
    finally:
        if not stays:
            merged.take_off()


def _all_changes(components: Components, uses: Sequence[LoraCondition]) -> list[list[LoraDelta]]:
    by_name = targets(components)
    return [read_changes(use, by_name) for use in uses]


def read_changes(use: LoraCondition, by_name: Targets) -> list[LoraDelta]:
    """The deltas of a LoRA file. Raises MissingCapability that names keys which match no layer."""
    tensors, facts = _read(use)
    modules: dict[str, dict[str, torch.Tensor]] = defaultdict(dict)
    for key, tensor in tensors.items():
        module, part = split_key(key)
        modules[module][part] = tensor
    strange = [
        f"{module}.{part}"
        for module, parts in modules.items()
        for part in parts
        if module not in by_name or part not in (DOWN, UP, ALPHA) or not _fits(parts, by_name[module])
    ]
    if strange or not modules:
        raise MissingCapability(
            text(
                "{name} is not a LoRA for this model: {count} of its {tensors} keys fit nothing, such as {strange}.",
                name=use.path.name,
                count=len(strange),
                tensors=len(tensors),
                strange=", ".join(strange[:5]) or text("none at all"),
            ),
            advice=text("Use a LoRA that was trained on the same type of model, in the kohya or diffusers format."),
        )
    return [
        _change(by_name[module], parts, use.weight, alpha=facts.get(module.partition(".")[0]))
        for module, parts in modules.items()
    ]


def _read(use: LoraCondition) -> tuple[dict[str, torch.Tensor], dict[str, float]]:
    """The file's tensors, and the alphas that its metadata set for whole networks."""
    from safetensors import SafetensorError, safe_open

    if not use.path.is_file():
        raise MissingCapability(
            text("There is no LoRA {path}.", path=use.path), advice=text("Check the path, or train the person again.")
        )
    try:
        facts = parsed(read_header(use.path).metadata.get(NATIVE_FACTS, "{}").encode())
        with safe_open(use.path, framework="pt") as opened:
            tensors = {key: opened.get_tensor(key) for key in opened.keys()}  # noqa: SIM118
    except (SafetensorError, InputError, OSError, ValueError) as error:
        raise MissingCapability(
            text("{name} cannot be read as safetensors ({cause}).", name=use.path.name, cause=cause_of(error)),
            advice=text("The file may have been cut off."),
        ) from error
    return tensors, _alphas(use, facts)


def _alphas(use: LoraCondition, facts: dict[str, Any]) -> dict[str, float]:
    """The alpha per network from diffusers' metadata; options that would change the delta are refused."""
    strange = [name for name, value in facts.items() if name.endswith(_NOT_UNDERSTOOD) and value]
    if strange:
        raise MissingCapability(
            text(
                "{name} is a kind of LoRA that EasyPhoto cannot read: {strange}.",
                name=use.path.name,
                strange=", ".join(strange),
            ),
            advice=text("Export it in the kohya format."),
        )
    return {name.removesuffix(".lora_alpha"): float(value) for name, value in facts.items() if "lora_alpha" in name}


_NOT_UNDERSTOOD = (".alpha_pattern", ".use_rslora", ".use_dora")


def _fits(parts: dict[str, torch.Tensor], weight: nn.Parameter) -> bool:
    """Whether the factors' product has the weight's shape. In kohya's convolution pairs the first has the layer's
    kernel size, the second is 1×1."""
    if DOWN not in parts or UP not in parts:
        return False
    down, up = parts[DOWN].flatten(1), parts[UP].flatten(1)
    return up.shape[1] == down.shape[0] and (up.shape[0], down.shape[1]) == tuple(weight.flatten(1).shape)


def _change(weight: nn.Parameter, parts: dict[str, torch.Tensor], use_weight: float, alpha: float | None) -> LoraDelta:
    rank = parts[DOWN].shape[0]
    alpha = float(parts[ALPHA]) if ALPHA in parts else float(rank) if alpha is None else alpha
    return LoraDelta(weight, parts[UP], parts[DOWN], use_weight * alpha / rank)
