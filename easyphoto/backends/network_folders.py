"""One network of a folder in the diffusers layout: its configuration and its tensors, in one file or in several."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn

from easyphoto.backends.folders import weight_files
from easyphoto.backends.ldm_names import Place, old_autoencoder_name
from easyphoto.backends.tensor_files import POSITIONS, filled, open_tensors, without_memory
from easyphoto.errors import EasyPhotoError, InputError, WeightsMissing
from easyphoto.messages import text
from easyphoto.storage.files import cause_of

TEXT_LEVEL = "text_model."


def load_network(kind: type, folder: Path, *, dtype: torch.dtype, device: torch.device) -> nn.Module:
    """Load one network, frozen and in evaluation mode. `kind` is a diffusers or transformers class.

    Raises WeightsMissing if the folder cannot be loaded or lacks weights.
    """
    return network_filling(kind, folder, dtype=dtype, device=device)()


def network_filling(kind: type, folder: Path, *, dtype: torch.dtype, device: torch.device) -> Callable[[], nn.Module]:
    """Build the network without memory. What is returned fills it; both raise as `load_network`.

    Networks are built one after the other, because transformers replaces torch's functions meanwhile; they may be
    filled side by side.
    """
    with _named(folder):
        network = without_memory(lambda: _built(kind, folder))

    def fill() -> nn.Module:
        with _named(folder), open_folder(folder) as tensors:
            _require_all(network, tensors, folder)
            what = text("The network in {folder}", folder=folder)
            whole: nn.Module = filled(network, tensors, _places, what=what, dtype=dtype, device=device, is_shared=True)
        return whole

    return fill


@contextmanager
def open_folder(folder: Path) -> Iterator[Mapping[str, torch.Tensor]]:
    """The tensors of all its files by name. Raises OSError, InputError."""
    with ExitStack() as stack:
        yield ChainMap(*(stack.enter_context(open_tensors(file)) for file in weight_files(folder)))  # type: ignore[arg-type]


@contextmanager
def _named(folder: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, SafetensorError, InputError) as error:
        cause = error.message if isinstance(error, EasyPhotoError) else cause_of(error)
        raise WeightsMissing(
            text("{folder} cannot be loaded: {cause}", folder=folder, cause=cause),
            advice=text("Download the folder again; it may be incomplete."),
        ) from error


def _built(kind: Any, folder: Path) -> Any:
    if hasattr(kind, "from_config"):
        return kind.from_config(kind.load_config(folder, local_files_only=True))
    return kind(kind.config_class.from_pretrained(folder, local_files_only=True))


def _places(key: str) -> tuple[Place, ...]:
    """Under its own name, or as another version wrote it: transformers 5.6 dropped the level `text_model`, diffusers
    0.15 renamed the autoencoder's attention."""
    names = (key, key.removeprefix(TEXT_LEVEL), TEXT_LEVEL + key, old_autoencoder_name(key))
    return tuple(Place(name) for name in dict.fromkeys(names))


def _require_all(network: nn.Module, tensors: Mapping[str, torch.Tensor], folder: Path) -> None:
    names = set(tensors)
    missing = [key for key in network.state_dict() if names.isdisjoint(place.name for place in _places(key))]
    missing = sorted(key for key in missing if not key.endswith(POSITIONS))
    if missing:
        raise WeightsMissing(
            text("Weights are missing in {folder}: {missing}.", folder=folder, missing=", ".join(missing[:5])),
            advice=text("Download the folder again."),
        )
