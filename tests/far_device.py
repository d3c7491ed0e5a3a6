"""A GPU that is not there: tensors that say they lie on another device, and a count of how often the processor waits.

Their numbers lie in main memory, so that what is computed is right. A GPU works behind the processor's back; the
processor waits where it reads a tensor's value (`.item()`, `.cpu()`, `if tensor`), and where it uploads without
`non_blocking`.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter, tree_map

from tests.graphs import HOST_READS

# "meta" because torch built without CUDA refuses the word before anybody is asked.
FAR, NEAR = torch.device("meta"), torch.device("cpu")
COPY, CONVERT = torch.ops.aten.copy_.default, torch.ops.aten._to_copy.default


class FarTensor(torch.Tensor):
    """A tensor on the device that is not there; `near` holds its numbers."""

    near: torch.Tensor

    @staticmethod
    def __new__(cls, near: torch.Tensor) -> FarTensor:
        made = torch.Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls, near.shape, strides=near.stride(), storage_offset=near.storage_offset(), dtype=near.dtype, device=FAR
        )
        made.near = near
        return made  # type: ignore[no-any-return]

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise RuntimeError(f"{func} outside of FarDevice")


class FarDevice(TorchDispatchMode):
    """While it is on, `FAR` is a device that computes."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: Counter[str] = Counter()
        """How often the processor waited: by operator, or as `upload` or `download`."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        is_far = any(isinstance(each, FarTensor) for each in tree_iter((args, kwargs)))
        asked = torch.device(kwargs["device"]) if kwargs.get("device") is not None else None
        if func in (COPY, CONVERT):
            self._count_copy(func, args, kwargs)
        elif is_far and func in HOST_READS:
            self.waits[func.overloadpacket.__name__] += 1
        elif is_far:
            _refuse_mixture(func, (args, kwargs))
        if asked is not None:
            kwargs["device"] = NEAR
        made = func(*tree_map(_near, args), **tree_map(_near, kwargs))
        if func.overloadpacket.__name__.endswith("_"):
            return args[0]
        goes_far = is_far if asked is None else asked.type == FAR.type
        return tree_map(lambda each: FarTensor(each) if isinstance(each, torch.Tensor) and goes_far else each, made)

    def _count_copy(self, func: Any, args: Any, kwargs: dict[str, Any]) -> None:
        target = args[0].device if func is COPY or kwargs.get("device") is None else torch.device(kwargs["device"])
        source = args[1] if func is COPY else args[0]
        to_far = target.type == FAR.type
        patient = kwargs.get("non_blocking") or (func is COPY and len(args) > 2 and args[2])
        if isinstance(source, FarTensor) and not to_far:
            self.waits["download"] += 1
        elif not isinstance(source, FarTensor) and to_far and not patient:
            self.waits["upload"] += 1


def far(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor on the device that is not there."""
    return FarTensor(tensor.clone())


def _near(value: Any) -> Any:
    return value.near if isinstance(value, FarTensor) else value


def _refuse_mixture(func: Any, values: Any) -> None:
    """As a GPU does: of tensors in main memory it takes single numbers only."""
    for each in tree_iter(values):
        if isinstance(each, torch.Tensor) and not isinstance(each, FarTensor) and each.dim():
            raise RuntimeError(f"{func}: expected all tensors to be on the same device")
