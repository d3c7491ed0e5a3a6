"""Reading ahead is a wish to the system: it changes no result, and ends with its block."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from easyphoto.backends import read_ahead as module
from easyphoto.backends.read_ahead import STEP, read_ahead

pytestmark = pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="this system takes no such wishes")


def test_every_file_is_asked_for_in_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    files = [tmp_path / "a", tmp_path / "b"]
    for file in files:
        with file.open("wb") as stream:
            stream.truncate(2 * STEP + 1)
    asked: list[tuple[int, int]] = []
    done = threading.Event()

    def advise(_descriptor: int, start: int, length: int, _advice: int) -> None:
        asked.append((start, length))
        if len(asked) == 6:
            done.set()

    monkeypatch.setattr(module.os, "posix_fadvise", advise)
    with read_ahead(files):
        assert done.wait(10)

    assert asked == [(0, STEP), (STEP, STEP), (2 * STEP, STEP)] * 2


def test_nothing_more_is_asked_for_when_the_block_has_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = tmp_path / "large"
    with file.open("wb") as stream:
        stream.truncate(1000 * STEP)
    begun, asked = threading.Event(), []

    def advise(_descriptor: int, start: int, _length: int, _advice: int) -> None:
        asked.append(start)
        begun.set()
        threading.Event().wait(0.01)

    monkeypatch.setattr(module.os, "posix_fadvise", advise)
    with read_ahead([file]):
        assert begun.wait(10)

    assert len(asked) < 1000
    assert not [each for each in threading.enumerate() if each.name == "easyphoto-read-ahead"]


def test_what_is_missing_or_no_file_is_left_to_who_reads_it(tmp_path: Path):
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")

    with read_ahead([tmp_path / "none", tmp_path / "pipe", tmp_path]):
        pass
