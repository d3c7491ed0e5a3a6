"""Opening files of named tensors lazily, and filling networks from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from easyphoto.architectures.header import Header
from easyphoto.backends.file_formats import FileFormat, format_of
from easyphoto.backends.headers import header_from, read_header
from easyphoto.backends.ldm_names import Place
from easyphoto.errors import InputError, WeightsMissing
from easyphoto.messages import text
from easyphoto.storage.files import cause_of

POSITIONS = "position_ids"
"""The numbers 0, 1, 2 …, which CLIP's networks make themselves. Before transformers 4.31 they are a part of the
weights, which files of later versions lack."""
MOST_MAPPED = 256 << 20
"""Bytes read from one mapping of a file before the next: what was read counts as this process's memory until its
mapping goes, and would double that of a network."""
Places = Callable[[str], tuple[Place, ...]]
"""Name of a network's tensor → its possible places in a file; the first one present is used."""


class SafeTensors(Mapping[str, torch.Tensor]):
    """A .safetensors file as a mapping; a tensor is read when it is accessed."""

    def __init__(self, file: Path, header: Header) -> None:
        """Raises SafetensorError, OSError."""
        self.header = header
        self._file, self._read = file, 0
        self._opened = self._mapped()
        self._names = dict.fromkeys(self._opened.keys())

    def __getitem__(self, name: str) -> torch.Tensor:
        if name not in self._names:
            raise KeyError(name)
        tensor: torch.Tensor = self._opened.get_tensor(name)
        self._read += tensor.numel() * tensor.element_size()
        if self._read > MOST_MAPPED:
            self._opened, self._read = self._mapped(), 0
        return tensor

    def close(self) -> None:
        """Let go of the file; tensors that were not copied keep it open."""
        self._opened = None

    def _mapped(self) -> Any:
        from safetensors import safe_open

        return safe_open(self._file, framework="pt")

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
    from safetensors import SafetensorError

    header = read_header(file)  # its errors for a broken file are clearer than the library's
    try:
        tensors = SafeTensors(file, header)
    except (SafetensorError, OSError) as error:
        raise InputError(
            text("{name} cannot be opened: {cause}.", name=file.name, cause=cause_of(error)),
            advice=text("Fetch the file again."),
        ) from error
    try:
        yield tensors
    finally:
        tensors.close()


def header_in(file: Path, tensors: Mapping[str, torch.Tensor]) -> Header:
    """The header of a file that `open_tensors` has open: a pickle is not unpickled again for it."""
    return tensors.header if isinstance(tensors, SafeTensors) else header_from(file.name, tensors)


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
    is_shared: bool = False,
) -> Any:
    """Fill a network from `without_memory` with the file's tensors; it is frozen and in evaluation mode.

    Several networks may be filled at once, from one file too. With `is_shared`, tensors that have the dtype and stay in
    main memory remain mapped from the file. Raises WeightsMissing for tensors the file lacks, InputError for tensors of
    another shape; `what` names the network and the file in both errors.
    """
    empty = network.state_dict()
    names = {key: places(key) for key in empty}
    found = {key: _found(tensors, names[key]) for key in empty}
    missing = [names[key][0].name for key, place in found.items() if place is None and not key.endswith(POSITIONS)]
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
    state = {
        key: _placed(_shaped(tensors[place.name], place, empty[key].shape, what=what), dtype, device, is_shared)
        for key, place in found.items()
        if place is not None
    }
    network.load_state_dict(state, strict=False, assign=True)
    _count_positions(network, device)
    _refuse_unfilled(network, what)
    return network.eval().requires_grad_(False)


def _placed(tensor: torch.Tensor, dtype: torch.dtype, device: torch.device, is_shared: bool) -> torch.Tensor:
    """The tensor of a file on the device, in the dtype if it holds fractions. Copied unless `is_shared`: a tensor that
    is still mapped from the file changes or vanishes with it."""
    dtype = dtype if tensor.is_floating_point() else tensor.dtype
    if device.type == "cuda":
        # The device converts faster than the processor; other devices lack some of the dtypes of files.
        return tensor.to(device).to(dtype).contiguous()
    return tensor.to(device=device, dtype=dtype, copy=not is_shared).contiguous()


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
    """Fill CLIP's `position_ids`, a buffer that hardly any file holds."""
    for module in network.modules():
        for name, buffer in module.named_buffers(recurse=False):
            if name == POSITIONS and buffer.is_meta:
                numbers = torch.arange(buffer.shape[-1], device=device).expand(buffer.shape)
                module.register_buffer(name, numbers, persistent=False)


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
