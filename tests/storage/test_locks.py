"""One process at a time: by the system's own locks, on Windows as elsewhere."""

import errno
import os
import sys
import threading
from types import SimpleNamespace

import pytest

from easyphoto.errors import DiskFailure, RunBusy
from easyphoto.storage.files import make_private_folder
from easyphoto.storage.locks import file_lock, words_of


class WindowsLocks(SimpleNamespace):
    """`msvcrt`: who locks a byte keeps others from reading and writing that byte."""

    LK_NBLCK = 2

    def __init__(self):
        super().__init__(held=[], at=[])

    def locking(self, handle, mode, count):
        byte = (os.fstat(handle).st_ino, os.lseek(handle, 0, os.SEEK_CUR))
        if byte in self.held:
            raise PermissionError(13, "Permission denied")
        self.held.append(byte)
        self.at.append(byte[1])


@pytest.fixture(params=["fcntl", "msvcrt"])
def system(request, monkeypatch):
    if request.param == "msvcrt":
        windows = WindowsLocks()
        monkeypatch.setitem(sys.modules, "fcntl", None)
        monkeypatch.setitem(sys.modules, "msvcrt", windows)
        return windows
    pytest.importorskip("fcntl")
    return None


def test_the_second_is_told_who_works_there(tmp_path, system):
    place = tmp_path / "run" / "run.lock"
    with (
        file_lock(place),
        pytest.raises(RunBusy, match=rf"Another process \(process {os.getpid()}\) is using run"),
        file_lock(place),
    ):
        pass
    if system is not None:
        # Beyond the number of the process, which others must be able to read.
        assert set(system.at) == {4096}


def test_who_tries_in_vain_leaves_what_the_holder_said(tmp_path, system):
    place = tmp_path / "run.lock"
    with file_lock(place, said="anna"):
        with pytest.raises(RunBusy), file_lock(place, said="ben"):
            pass
        assert words_of(place) == "anna"


def test_a_disk_without_locks_is_named(tmp_path, monkeypatch):
    fcntl = pytest.importorskip("fcntl")

    def refuse(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with (
        pytest.raises(DiskFailure, match=r"run\.lock cannot be locked: No locks available"),
        file_lock(tmp_path / "run.lock"),
    ):
        pass


def test_who_waits_gets_it_when_it_is_free(tmp_path):
    pytest.importorskip("fcntl")
    place, free = tmp_path / "run.lock", threading.Event()

    def hold(held):
        with file_lock(place):
            held.set()
            free.wait(10)

    held = threading.Event()
    thread = threading.Thread(target=hold, args=(held,))
    thread.start()
    held.wait(10)
    threading.Timer(0.3, free.set).start()

    with file_lock(place, wait=30):
        assert free.is_set()
    thread.join()


@pytest.mark.skipif(os.name == "nt", reason="POSIX rights")
def test_a_lock_is_as_private_as_its_folder(tmp_path):
    make_private_folder(tmp_path / "workspace")
    with file_lock(tmp_path / "workspace" / "jobs" / ".owner-ab.lock"):
        made = [tmp_path / "workspace" / "jobs", tmp_path / "workspace" / "jobs" / ".owner-ab.lock"]
        assert [path.stat().st_mode & 0o777 for path in made] == [0o700, 0o600]


def test_a_lock_below_a_file_is_named(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with (
        pytest.raises(DiskFailure, match=r"run\.lock cannot be made"),
        file_lock(tmp_path / "file" / "run.lock"),
    ):
        pass
