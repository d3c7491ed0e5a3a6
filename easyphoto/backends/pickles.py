"""Old checkpoints (.ckpt, .pth): pickles, which may hold programs. Only tensors are taken out, nothing is run."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch

from easyphoto.errors import InputError
from easyphoto.messages import text

ADVICE = text(
    "Convert it to .safetensors in the web UI (Checkpoint Merger, “No interpolation”), or take it in that format."
)
SAFE_SINCE = (2, 6)
"""torch before 2.6 could be made to run a program in spite of `weights_only` (CVE-2025-32434)."""


def read_pickle(file: Path) -> dict[str, torch.Tensor]:
    """The tensors by name, read from disk only when they are used.

    Raises InputError for a file that holds anything but tensors and plain values, and for the format before torch 1.6.
    """
    _require_safe_torch(file)
    if not file.is_file() or not zipfile.is_zipfile(file):
        raise InputError(
            text("{name} is no checkpoint as torch writes it since 1.6, or was cut off.", name=file.name), advice=ADVICE
        )
    try:
        content = torch.load(file, map_location="cpu", weights_only=True, mmap=True)
    except (pickle.UnpicklingError, RuntimeError, ValueError, EOFError, KeyError, AttributeError, OSError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(
            text("{name} holds more than tensors and was not opened ({reason}).", name=file.name, reason=reason),
            advice=ADVICE,
        ) from error
    tensors = _tensors_of(content)
    if not tensors:
        raise InputError(text("{name} holds no named tensors.", name=file.name), advice=ADVICE)
    return tensors


def _tensors_of(content: Any) -> dict[str, torch.Tensor]:
    """Training checkpoints keep them one level below, beside counters that nobody needs here."""
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        content = content["state_dict"]
    items = content.items() if isinstance(content, dict) else ()
    return {str(name): tensor for name, tensor in items if isinstance(tensor, torch.Tensor)}


def _require_safe_torch(file: Path) -> None:
    version = tuple(int(part) for part in torch.__version__.split("+")[0].split(".")[:2])
    if version < SAFE_SINCE:
        raise InputError(
            text(
                "{name} is a pickle, and torch {version} cannot open it safely.",
                name=file.name,
                version=torch.__version__,
            ),
            advice=text("{advice} torch {map} and later can.", advice=ADVICE, map=".".join(map(str, SAFE_SINCE))),
        )
