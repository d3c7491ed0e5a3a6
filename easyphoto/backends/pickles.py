"""Pickled tensors (.ckpt, .pth, .bin). Pickles may contain code; only tensors are read and nothing is executed."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from easyphoto.errors import InputError
from easyphoto.messages import text

ADVICE = text(
    "Convert it to .safetensors in the web UI (Checkpoint Merger, “No interpolation”), or download it in that format."
)
SAFE_SINCE = (2, 6)
"""In torch before 2.6 a file could execute code despite `weights_only` (CVE-2025-32434)."""


def is_torch_safe() -> bool:
    """Whether this torch reads pickles without executing anything in them."""
    version = tuple(int(part) for part in torch.__version__.split("+")[0].split(".")[:2])
    return version >= SAFE_SINCE


def read_pickle(file: Path) -> dict[str, torch.Tensor]:
    """The tensors by name, memory-mapped: each is read from disk when it is used, unless the file's name is wrong.

    Raises InputError if the file holds anything but tensors and plain values, or has the format of torch before 1.6.
    """
    _require_safe_torch(file)
    if not file.is_file() or not zipfile.is_zipfile(file):
        raise InputError(
            text(
                "{name} is not a checkpoint in the format of torch 1.6 and later, or it is incomplete.", name=file.name
            ),
            advice=ADVICE,
        )
    try:
        content = _loaded(file)
    except (pickle.UnpicklingError, RuntimeError, ValueError, EOFError, KeyError, AttributeError, OSError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(
            text("{name} contains more than tensors and was not opened ({reason}).", name=file.name, reason=reason),
            advice=ADVICE,
        ) from error
    tensors = tensors_of(content)
    if not tensors:
        raise InputError(text("{name} contains no named tensors.", name=file.name), advice=ADVICE)
    return tensors


def _loaded(file: Path) -> Any:
    if file.suffix != ".safetensors":
        return torch.load(file, map_location="cpu", weights_only=True, mmap=True)
    # By that name, torch would hand the file to the safetensors library; without a name it cannot map it.
    with file.open("rb") as stream:
        return torch.load(stream, map_location="cpu", weights_only=True)


def tensors_of(content: Any) -> dict[str, torch.Tensor]:
    """The named tensors; training checkpoints keep them under `state_dict`, beside counters.

    Those of groups get the group's name before theirs, as the same tensors are named in a .safetensors file:
    `{"image_proj": {"latents": …}}` is `image_proj.latents`.
    """
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        content = content["state_dict"]
    return dict(_flat(content, "")) if isinstance(content, dict) else {}


def _flat(group: dict[Any, Any], prefix: str) -> Iterator[tuple[str, torch.Tensor]]:
    for name, value in group.items():
        if isinstance(value, torch.Tensor):
            yield f"{prefix}{name}", value
        elif isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")


def _require_safe_torch(file: Path) -> None:
    if not is_torch_safe():
        raise InputError(
            text(
                "{name} is a pickle, and torch {version} cannot open it safely.",
                name=file.name,
                version=torch.__version__,
            ),
            advice=text("{advice} torch {map} and later can.", advice=ADVICE, map=".".join(map(str, SAFE_SINCE))),
        )
