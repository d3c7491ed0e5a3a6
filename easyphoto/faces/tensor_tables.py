"""Reading state dicts from PyTorch files without executing code in the file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from easyphoto.errors import EnvironmentFailure, WeightsMissing, first_line
from easyphoto.messages import text

if TYPE_CHECKING:
    from torch import Tensor

NORM = ("weight", "bias", "running_mean", "running_var")
"""The tensors of a batch norm layer."""
_COUNTER = "num_batches_tracked"


def read_tensors(file: Path, shapes: Mapping[str, tuple[int, ...]], *, what: str, advice: str) -> dict[str, Tensor]:
    """The file's tensors by key, as float32 on the CPU, without training counters and wrapper prefixes.

    Raises EnvironmentFailure without torch, WeightsMissing when the file cannot be read or its tensors are not exactly
    `shapes`.
    """
    try:
        import torch
    except ImportError as error:
        raise EnvironmentFailure(
            text("{name} needs torch, which is not installed.", name=file.name), advice=advice
        ) from error
    try:
        loaded: Any = torch.load(file, map_location="cpu", weights_only=True)
        loaded = loaded.get("state_dict", loaded)
        named = {key.removeprefix("module."): value for key, value in loaded.items() if not key.endswith(_COUNTER)}
        found = {key: tuple(value.shape) for key, value in named.items()}
    except Exception as error:  # torch, pickle and zipfile raise many kinds of errors for a broken file
        raise WeightsMissing(
            text(
                "{file} cannot be read by torch as a table of tensors ({kind}: {reason}).",
                file=file,
                kind=type(error).__name__,
                reason=first_line(error),
            ),
            advice=text("Delete it, so that it is downloaded again."),
        ) from error
    wrong = sorted(key for key in shapes.keys() | found.keys() if shapes.get(key) != found.get(key))
    if wrong:
        raise WeightsMissing(
            text(
                "{name} is not a {what}: {count} of its tensors do not fit, first {first}.",
                name=file.name,
                what=what,
                count=len(wrong),
                first=wrong[0],
            ),
            advice=advice,
        )
    return {key: value.to(torch.float32) for key, value in named.items()}


def norm_shapes(name: str, width: int) -> dict[str, tuple[int, ...]]:
    """Shapes of the tensors of a batch norm layer with `width` channels, by key."""
    return {f"{name}.{part}": (width,) for part in NORM}
