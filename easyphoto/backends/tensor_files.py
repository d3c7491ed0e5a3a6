"""Opening files of named tensors lazily, and filling networks from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from easyphoto.backends.file_formats import FileFormat, format_of
from easyphoto.backends.headers import read_header
from easyphoto.backends.ldm_names import Place
from easyphoto.errors import InputError, WeightsMissing
from easyphoto.messages import text
from easyphoto.storage.files import cause_of

Places = Callable[[str], tuple[Place, ...]]
"""Name of a network's tensor → its possible places in a file; the first one present is used."""


class SafeTensors(Mapping[str, torch.Tensor]):
    """A .safetensors file as a mapping; a tensor is read when it is accessed."""

    def __init__(self, opened: Any) -> None:
        self._opened = opened
        self._names = dict.fromkeys(opened.keys())

    def __getitem__(self, name: str) -> torch.Tensor:
        if name not in self._names:
            raise KeyError(name)
        tensor: torch.Tensor = self._opened.get_tensor(name)
        return tensor

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


@contextmanager
def open_tensors(file: Path) -> Iterator[Mapping[str, torch.Tensor]]:
    """The file's tensors by name. Raises InputError if the file is broken, truncated or not a tensor file."""
    if format_of(file) is FileFormat.PICKLE:
        from easyphoto.backends.pickles import read_pickle

        yield read_pickle(file)
        return
    from safetensors import SafetensorError, safe_open

    read_header(file)  # its errors for a broken file are clearer than the library's
    try:
        opening = safe_open(file, framework="pt")
    except (SafetensorError, OSError) as error:
        raise InputError(
            text("{name} cannot be opened: {cause}.", name=file.name, cause=cause_of(error)),
            advice=text("Fetch the file again."),
        ) from error
    with opening as opened:
        yield SafeTensors(opened)


def without_memory(build: Callable[[], Any]) -> Any:
    """Run `build` on the meta device: the network's parameters take no memory and no initialisation until they are
    filled.
    """
    with torch.device("meta"):
        return build()


def filled(
    network: Any,
    tensors: Mapping[str, torch.Tensor],
    places: Places,
    *,
    what: str,
    dtype: torch.dtype,
    device: torch.device,
) -> Any:
    """Fill a network from `without_memory` with the file's tensors; it is frozen and in evaluation mode.

    Raises WeightsMissing for tensors the file lacks, InputError for tensors of another shape; `what` names the network
    and the file in both errors.
    """
    found = {key: _found(tensors, places(key)) for key in network.state_dict()}
    missing = [places(key)[0].name for key, place in found.items() if place is None]
    if missing:
        raise WeightsMissing(
            text(
                "{what} lacks {count} of {found} tensors, such as {missing}.",
                what=what,
                count=len(missing),
                found=len(found),
                missing=", ".join(missing[:3]),
            ),
            advice=text("It may be of another kind or pruned too far: use the full file."),
        )
    state = {}
    for key, like in network.state_dict().items():
        place = found[key]
        assert place is not None
        # Always copied: a tensor still mapped from the file would change or vanish with it.
        tensor = _shaped(tensors[place.name], place, like.shape, what=what)
        state[key] = tensor.to(device=device, dtype=dtype, copy=True).contiguous()
    network.load_state_dict(state, strict=True, assign=True)
    _count_positions(network, device)
    _refuse_unfilled(network, what)
    return network.eval().requires_grad_(False)


def _found(tensors: Mapping[str, torch.Tensor], places: tuple[Place, ...]) -> Place | None:
    return next((place for place in places if place.name in tensors), None)


def _shaped(tensor: torch.Tensor, place: Place, shape: torch.Size, *, what: str) -> torch.Tensor:
    """The place's part of the tensor, reshaped; a 1×1 convolution and a linear layer hold the same numbers."""
    if place.third is not None:
        tensor = tensor.chunk(3)[place.third]
    if place.half is not None:
        tensor = tensor.chunk(2)[place.half]
    if place.is_transposed:
        tensor = tensor.T
    if tensor.shape != shape and _without_ones(tensor.shape) != _without_ones(shape):
        raise InputError(
            text(
                "{what}: {name} has the shape {shape} instead of {expected}.",
                what=what,
                name=place.name,
                shape=tuple(tensor.shape),
                expected=tuple(shape),
            ),
            advice=text("It is made for another kind of model."),
        )
    return tensor.reshape(shape)


def _without_ones(shape: torch.Size) -> list[int]:
    return [side for side in shape if side != 1]


def _count_positions(network: nn.Module, device: torch.device) -> None:
    """Fill CLIP's `position_ids`, a buffer that no file holds."""
    for module in network.modules():
        for name, buffer in module.named_buffers(recurse=False):
            if name == "position_ids" and buffer.is_meta:
                module.register_buffer(name, torch.arange(buffer.shape[-1], device=device)[None], persistent=False)


def _refuse_unfilled(network: nn.Module, what: str) -> None:
    tensors = (*network.named_parameters(), *network.named_buffers())
    empty = [name for name, tensor in tensors if tensor.is_meta]
    if empty:
        raise WeightsMissing(
            text(
                "{what} left {count} tensors without values, such as {empty}.",
                what=what,
                count=len(empty),
                empty=", ".join(empty[:3]),
            ),
            advice=text(
                "This version of diffusers or transformers builds it differently. Use a version named in "
                "constraints.txt."
            ),
        )
