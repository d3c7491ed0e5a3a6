"""A workspace is moved whole or not at all: after every kill all of it is in one place, and the next start goes on."""

import errno
import os
import shutil
from pathlib import Path

import pytest

from easyphoto.errors import DiskFailure, MovedWorkspace, NewerWorkspace, RunBusy
from easyphoto.storage.files import WRITING
from easyphoto.storage.locks import file_lock
from easyphoto.workspace import moving
from easyphoto.workspace.folders import WORKSPACE_FILE
from easyphoto.workspace.moving import Journal, is_workspace, move_workspace, read_journal
from easyphoto.workspace.upgrades import open_workspace
from tests.killing import killed_at
from tests.workspace.test_upgrades import of_before, write


def content_of(root: Path) -> dict[str, bytes]:
    """What is somebody's: no marks, no locks, nothing half-written."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.is_symlink() and not path.name.endswith(".lock")
        if path.name != WORKSPACE_FILE and not path.name.startswith(WRITING)
    }


@pytest.fixture
def other_disk(monkeypatch):
    """Renaming from one folder to another fails as between two disks."""
    real = os.rename

    def rename(source, target, **words):
        if Path(source).parent != Path(target).parent:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        return real(source, target, **words)

    monkeypatch.setattr(os, "rename", rename)


@pytest.fixture(params=["one disk", "two disks"])
def disks(request):
    if request.param == "two disks":
        request.getfixturevalue("other_disk")
    return request.param


def places(tmp_path: Path) -> tuple[Path, Path, Path]:
    return tmp_path / "journal.json", of_before(tmp_path / "webui" / "easyphoto"), tmp_path / "home" / "place"


def test_everything_is_at_the_new_place_afterwards_and_nothing_at_the_old_one(tmp_path, disks):
    journal, source, place = places(tmp_path)
    old = write(source / "uploads" / "old.png")
    os.utime(old, (1_000_000_000, 1_000_000_000))
    (source / "env" / "python").symlink_to("/usr/bin/python3")
    before = content_of(source)

    assert move_workspace(journal, source, place) is None

    assert content_of(place) == before
    assert not source.exists()
    assert read_journal(journal) == Journal(str(place))
    # By their times old uploads are told from new ones, and the environment's programs run.
    assert (place / "uploads" / "old.png").stat().st_mtime == 1_000_000_000
    assert os.readlink(place / "env" / "python") == "/usr/bin/python3"
    assert os.access(place / "env" / "bin" / "tool", os.X_OK)
    assert [path.name for path in place.parent.iterdir()] == ["place"]
    assert place.parent.stat().st_mode & 0o077 == 0 or os.name == "nt"
    assert open_workspace(place).root == place


def test_killed_anywhere_all_of_it_is_in_one_place_and_the_next_start_goes_on(tmp_path, disks):
    number, stride = 1, 1 if disks == "one disk" else 5  # some 200 operations, each of them a copy in seconds
    while True:
        number += stride
        journal, source, place = places(tmp_path / str(number))
        before = content_of(source)
        was_killed = killed_at(number, lambda of=(journal, source, place): move_workspace(*of))

        whole = [root for root in (source, place) if root.is_dir() and content_of(root) == before]
        assert whole, f"nowhere whole after operation {number}"
        move_workspace(journal, source, place)
        assert content_of(place) == before
        assert not source.exists()
        assert [path.name for path in place.parent.iterdir()] == ["place"]
        assert open_workspace(place).root == place
        if not was_killed:
            break
    assert number > (10 if disks == "one disk" else 60)


def test_who_opens_the_old_place_meanwhile_is_told_where_to_look(tmp_path, other_disk, monkeypatch):
    journal, source, place = places(tmp_path)
    heard = []

    def copying(*_):
        with pytest.raises(MovedWorkspace) as told:
            open_workspace(source)
        heard.append(str(told.value.args[0]))
        raise OSError(errno.EIO, "a bad sector")

    monkeypatch.setattr(moving, "_copy_whole", copying)
    with pytest.raises(DiskFailure, match="a bad sector"):
        move_workspace(journal, source, place)

    assert heard == [f"{source} was moved to {place}."]
    assert open_workspace(source).root == source


@pytest.mark.parametrize("lock", ["jobs/.owner-ab.lock", "runs/20250101T000000Z-anna/run.lock", "env.lock"])
def test_nothing_is_moved_while_somebody_works_there(tmp_path, lock):
    journal, source, place = places(tmp_path)
    with file_lock(source / lock):
        before = content_of(source)
        with pytest.raises(RunBusy):
            move_workspace(journal, source, place)
        assert content_of(source) == before
        assert not place.exists()
        assert open_workspace(source).root == source
    move_workspace(journal, source, place)
    assert is_workspace(place)


def test_a_disk_without_room_is_named_and_leaves_all_as_it_was(tmp_path, other_disk, monkeypatch):
    journal, source, place = places(tmp_path)
    before = content_of(source)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 9, 1))

    with pytest.raises(DiskFailure, match=r"could not be moved .*: .* GB are needed, 0\.0 GB are free"):
        move_workspace(journal, source, place)

    assert content_of(source) == before
    assert not list(tmp_path.glob("home/*"))


def test_a_copy_that_reads_back_otherwise_is_not_taken(tmp_path, other_disk, monkeypatch):
    journal, source, place = places(tmp_path)
    before, real = content_of(source), moving.open_regular

    def damaged(path):
        if path.name == "1.jpg" and "home" in path.parts:
            path.write_bytes(b"a fade")
        return real(path)

    monkeypatch.setattr(moving, "open_regular", damaged)
    with pytest.raises(DiskFailure, match=r"1\.jpg is another file than the original"):
        move_workspace(journal, source, place)

    assert content_of(source) == before
    assert not place.exists()


def test_an_old_folder_that_cannot_be_removed_is_named_and_tried_again(tmp_path, other_disk, monkeypatch):
    journal, source, place = places(tmp_path)
    before = content_of(source)
    with monkeypatch.context() as held:
        held.setattr(shutil, "rmtree", lambda *_, **__: None)
        assert move_workspace(journal, source, place) == source

    assert content_of(place) == before
    assert move_workspace(journal, source, place) is None
    assert not source.exists()


def test_the_old_one_stays_while_the_new_ones_disk_is_away(tmp_path, other_disk, monkeypatch):
    journal, source, place = places(tmp_path)
    with monkeypatch.context() as held:
        held.setattr(shutil, "rmtree", lambda *_, **__: None)
        move_workspace(journal, source, place)
    before = content_of(source)
    place.rename(place.with_name("away"))

    with pytest.raises(DiskFailure, match="Is its disk connected"):
        move_workspace(journal, source, place)

    assert content_of(source) == before


def test_a_later_one_is_not_moved(tmp_path):
    journal, source, place = places(tmp_path)
    write(source / "workspace.json", '{"format": 3}')

    with pytest.raises(NewerWorkspace):
        move_workspace(journal, source, place)

    assert (journal.exists(), place.exists()) == (False, False)


def test_empty_folders_are_nobodys_workspace(tmp_path):
    (tmp_path / "persons").mkdir()
    (tmp_path / "other").mkdir()
    write(tmp_path / "other" / "file")

    assert not is_workspace(tmp_path)
    write(tmp_path / "persons" / "anna" / "person.json")
    assert is_workspace(tmp_path)
