"""How a device computes a training: in which number format, and so that the same seed gives the same bytes."""

from __future__ import annotations

import re
from collections.abc import Callable

import torch

from easyphoto.errors import InputError
from easyphoto.messages import text
from easyphoto.settings.training import TrainSettings


def precision(settings: TrainSettings, device: str) -> torch.dtype:
    """The dtype of the base model's weights and computation. Raises InputError if the device does not support it."""
    has_bf16 = device == "cpu" or torch.cuda.is_bf16_supported()  # also if emulated: slow, but explicitly requested
    match settings.precision:
        case "fp32":
            return torch.float32
        case "bf16" if has_bf16:
            return torch.bfloat16
        case "fp16" if device != "cpu":
            return torch.float16
        case "auto":
            # bfloat16 has float32's range, so no gradient underflows; older GPUs lack it and train in float32.
            return torch.bfloat16 if device != "cpu" and computes_bf16() else torch.float32
    raise InputError(
        text("This device ({device}) cannot train in {precision}.", precision=settings.precision, device=device),
        advice=text("Choose auto, or fp32."),
    )


def computes_bf16() -> bool:
    """Whether the GPU computes bfloat16 natively; torch also says yes if it emulates it, which is slower than float32.

    AMD's Vega and RDNA 1 and 2 lack it, but torch says yes for all AMD GPUs.
    """
    if torch.version.hip:
        kind = str(getattr(torch.cuda.get_device_properties(0), "gcnArchName", ""))
        return torch.cuda.is_bf16_supported() and re.match(r"gfx(90[0-6]|10)", kind) is None
    try:
        return torch.cuda.is_bf16_supported(including_emulation=False)
    except TypeError:  # torch before 2.5
        return torch.cuda.is_bf16_supported() and torch.cuda.get_device_capability()[0] >= 8


class RepeatableWork:
    """Runs work by kernels whose sums do not depend on the order of their threads, where `prepare_device` asked for it.

    Where torch is only asked to warn, attention's backward pass is not among them. Where it insists, it refuses an
    operator that has no such kernel (in torch 2.1 attention's backward pass); the work is then run as it can be.
    """

    def __init__(self) -> None:
        self._insists = True

    def __call__(self, work: Callable[[], None]) -> None:
        if not (self._insists and torch.are_deterministic_algorithms_enabled()):
            work()
            return
        only_warned = torch.is_deterministic_algorithms_warn_only_enabled()
        torch.use_deterministic_algorithms(True)
        try:
            work()
        except RuntimeError as error:
            if "deterministic" not in str(error):
                raise
            self._insists = False
        finally:
            torch.use_deterministic_algorithms(True, warn_only=only_warned)
        if not self._insists:
            work()


def prepare_device() -> None:
    """Set this process's arithmetic on a GPU; it is the worker's alone, so no other program's changes.

    float32 products are computed in TF32 where the GPU has it, several times as fast: it has 10 bits of mantissa where
    bfloat16 has 7. Kernels whose sums depend on the order of their threads are replaced where others exist; otherwise
    the same seed would not give the same LoRA (see `RepeatableWork`). Nothing is chosen by timing, for the same reason.
    """
    if not torch.cuda.is_available():
        return
    torch.use_deterministic_algorithms(True, warn_only=True)
    # torch from 2.2 on then also fills new memory, which only shows errors and costs a launch each.
    deterministic = getattr(torch.utils, "deterministic", None)
    if deterministic is not None:
        deterministic.fill_uninitialized_memory = False
    torch.backends.cudnn.benchmark = False
    if not torch.version.hip and torch.cuda.get_device_capability()[0] >= 8:
        torch.set_float32_matmul_precision("high")
        torch.backends.cudnn.allow_tf32 = True
