"""Real processes: two at once, and one that is killed in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.weights.shelf import Shelf, gives, safetensors_bytes, stalls_after

ROOT = Path(__file__).resolve().parents[2]
ID, FILE = "hyper-sd15-8step", "lora/Hyper-SD15-8steps-lora.safetensors"
ADDRESS = "/ByteDance/Hyper-SD/resolve/main/Hyper-SD15-8steps-lora.safetensors"
CONTENT = safetensors_bytes(3_000_000)


def get(workspace: Path, shelf: Shelf) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "easyphoto", "weights", "get", ID, "--workspace", str(workspace)]
    environment = {name: value for name, value in os.environ.items() if name != "EASYPHOTO_WEIGHTS_MIRROR"}
    return subprocess.Popen(
        command, cwd=ROOT, env={**environment, "HF_ENDPOINT": shelf.url},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_two_processes_at_once_fetch_once(tmp_path: Path, shelf: Shelf) -> None:
    shelf.serve(ADDRESS, gives(CONTENT, slowly=0.6))

    both = [get(tmp_path, shelf) for _ in range(2)]
    said = [process.communicate(timeout=60) for process in both]

    assert [process.returncode for process in both] == [0, 0], said
    assert [out for out, _ in said] == [f"{ID}  {tmp_path / 'weights' / FILE}\n"] * 2
    assert (tmp_path / "weights" / FILE).read_bytes() == CONTENT
    assert [path for path, _ in shelf.asked] == [ADDRESS]


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_a_killed_download_leaves_only_its_part_and_goes_on(tmp_path: Path, shelf: Shelf) -> None:
    shelf.serve(ADDRESS, stalls_after(2_000_000, CONTENT), gives(CONTENT))
    final, part = tmp_path / "weights" / FILE, tmp_path / "weights" / f"{FILE}.part"

    first = get(tmp_path, shelf)
    try:
        until = time.monotonic() + 30
        while not (part.is_file() and part.stat().st_size >= 1_000_000) and time.monotonic() < until:
            time.sleep(0.02)
    finally:
        first.send_signal(signal.SIGKILL)
        first.communicate()

    begun = part.stat().st_size
    assert begun >= 1_000_000
    assert not final.exists()

    second = get(tmp_path, shelf)
    said = second.communicate(timeout=60)

    assert second.returncode == 0, said
    assert final.read_bytes() == CONTENT
    assert not part.exists()
    assert shelf.ranges() == [None, f"bytes={begun}-"]
    assert shelf.asked[1][1]["if-range"] == '"one"'
