"""What this machine can do: its speed on a fixed benchmark, its memory, and how its out-of-memory errors read."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

# Two cores of the machine that this project's figures come from: half of the 0.15 s of CPU time that one thread takes
# there, because that machine was never idle enough to measure two threads.
REFERENCE_SECONDS = 0.08
ROUNDS = 5
# The parameters of glibc's mallopt (malloc.h). Larger blocks than 32 MiB are always fetched and given back.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
_MOST_FREE = 512 << 20
_NO_MEMORY = ("not enough memory", "allocate memory", "out of memory", "bad allocation")


@dataclass(frozen=True)
class Speed:
    """Seconds for a fixed piece of work: the best and the median of ROUNDS rounds."""

    best: float
    median: float
    threads: int

    def words(self) -> str:
        noise = "" if self.median < 1.3 * self.best else " The machine is busy: its rounds differ."
        return (
            f"{self.best:.2f} s for a fixed piece of work on {self.threads} threads "
            f"({self.best / REFERENCE_SECONDS:.1f} × the reference machine's {REFERENCE_SECONDS:.2f} s).{noise}"
        )


def measure_speed() -> Speed:
    """Time convolutions and matrix products of the sizes the miniature uses."""
    import torch

    image, kernel = torch.ones(4, 64, 64, 64), torch.ones(64, 64, 3, 3)
    matrix = torch.ones(768, 768)
    seconds = []
    with torch.inference_mode():
        for _ in range(ROUNDS):
            began = time.perf_counter()
            for _ in range(6):
                torch.nn.functional.conv2d(image, kernel, padding=1)
                matrix @ matrix
            seconds.append(time.perf_counter() - began)
    return Speed(min(seconds), sorted(seconds)[ROUNDS // 2], torch.get_num_threads())


def peak_memory_mb() -> int | None:
    """Peak resident size of this process plus that of its largest child, in MiB; None where the system does not tell.

    This is an upper bound of what both held at the same time.
    """
    try:
        import resource
    except ImportError:  # Windows
        return None
    both = sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return both // (1024 * 1024 if sys.platform == "darwin" else 1024)


def memory_for_models() -> int:
    """Bytes that loaded models may occupy between jobs: half of the GPU's memory where torch computes there, else a
    quarter of the system's; 1 GiB where the system does not tell. A running job needs memory on top of this."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        return int(torch.cuda.get_device_properties(0).total_memory) // 2
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 4
    except (AttributeError, OSError, ValueError):  # Windows
        return 1 << 30


def reuse_freed_memory() -> None:
    """Let glibc keep what this process frees, up to `_MOST_FREE`, for its next allocations; elsewhere do nothing.

    Arrays of a few megabytes are made and freed all the time, and by default each is fetched from the system and given
    back, page by page: a quarter of a portrait's CPU seconds at 2,000 pixels. Settings in the environment count.
    """
    if any(name.startswith(("MALLOC_", "GLIBC_TUNABLES")) for name in os.environ):
        return
    change = _of_glibc("mallopt")
    if change is not None:
        for parameter, size in ((_MMAP_THRESHOLD, 32 << 20), (_TRIM_THRESHOLD, _MOST_FREE), (_TOP_PAD, 64 << 20)):
            change(parameter, size)


def return_freed_memory() -> None:
    """Give what this process has freed back to the system, where glibc keeps it."""
    trim = _of_glibc("malloc_trim")
    if trim is not None:
        trim(0)


def _of_glibc(name: str) -> Callable[..., int] | None:
    """A function of glibc; None on other systems, and with another library that lacks it."""
    if sys.platform != "linux":
        return None
    import ctypes

    try:
        found: Callable[..., int] = getattr(ctypes.CDLL(None), name)
    except (AttributeError, OSError):
        return None
    return found


def processes_ended_for_memory() -> int:
    """Number of processes the system has killed for lack of memory since boot; 0 if unknown (only Linux tells)."""
    try:
        with open("/proc/vmstat", encoding="ascii") as lines:
            return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)
    except (OSError, ValueError, IndexError):
        return 0


def machine_words() -> str:
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def ran_out_of_memory(error: BaseException) -> bool:
    """Whether the error means out of memory. torch, onnxruntime and Python word it differently, and half of these
    errors have no class of their own."""
    return isinstance(error, MemoryError) or any(sign in str(error).lower() for sign in _NO_MEMORY)
