"""What a process frees is at hand for its next arrays, where glibc manages memory."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CODE = """
import resource, sys
import numpy as np
from easyphoto.machine import reuse_freed_memory, return_freed_memory

def faults(): return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def resident(): return int(open('/proc/self/statm').read().split()[1])

if 'reuse' in sys.argv: reuse_freed_memory()
np.ones(10 << 20, np.uint8)
before = faults()
for _ in range(40): np.ones(10 << 20, np.uint8), np.ones(11 << 20, np.uint8)
after, held = faults(), resident()
many = [np.ones(10 << 20, np.uint8) for _ in range(10)]
del many
held = resident()
return_freed_memory()
print(after - before, held - resident())
"""


def measured(*arguments: str, **variables: str) -> tuple[int, int]:
    """Page faults of arrays that come and go, and pages that were given back in the end."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    done = subprocess.run(
        [sys.executable, "-c", CODE, *arguments],
        capture_output=True, text=True, cwd=ROOT, check=True, env={**clean, "PYTHONPATH": str(ROOT), **variables},
    )  # fmt: skip
    first, second = done.stdout.split()
    return int(first), int(second)


@pytest.mark.skipif(not Path("/proc/self/statm").is_file(), reason="Linux counts pages")
def test_arrays_that_come_and_go_are_fetched_from_the_system_once_unless_the_environment_says_otherwise():
    faults, returned = measured("reuse")
    each_time, _ = measured("reuse", MALLOC_MMAP_THRESHOLD_="1048576")

    assert 10 * faults < each_time
    # A hundred megabytes, at four kilobytes a page.
    assert returned > 20_000


def test_elsewhere_nothing_happens(monkeypatch: pytest.MonkeyPatch):
    from easyphoto import machine

    monkeypatch.setattr(sys, "platform", "win32")

    machine.reuse_freed_memory()
    machine.return_freed_memory()
