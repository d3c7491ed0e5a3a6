"""A write succeeds whole or leaves what was there."""

import errno
import os
from pathlib import Path

import pytest

from easyphoto.errors import DiskFailure, InputError, NotAFile, OutsideFolder
from easyphoto.storage import files
from easyphoto.storage.files import (
    atomic_path,
    inside,
    make_private_folder,
    matching,
    open_regular,
    write_bytes,
    write_text,
)


def leftovers(folder):
    return [path.name for path in folder.iterdir() if path.name.startswith(".writing-")]


def test_a_text_is_written_and_replaces_the_old_one(tmp_path):
    target = tmp_path / "new" / "note.txt"
    write_text(target, "old")
    write_text(target, "new ✓")

    assert target.read_text("utf-8") == "new ✓"
    assert leftovers(target.parent) == []


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EACCES], ids=["disk full", "input/output", "rights"])
@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failing_disk_leaves_the_old_file(tmp_path, monkeypatch, code, step):
    target = tmp_path / "note.txt"
    write_text(target, "old")

    def fails(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, step, fails)
    with pytest.raises(DiskFailure, match=r"note\.txt") as caught:
        write_text(target, "new")

    assert caught.value.exit_code == 5
    assert target.read_text("utf-8") == "old"
    assert leftovers(tmp_path) == []


def test_a_writer_that_fails_half_way_leaves_the_old_file(tmp_path):
    target = tmp_path / "note.txt"
    write_text(target, "old")

    def half_then_fail():
        with atomic_path(target) as temporary:
            temporary.write_text("ha")
            raise ValueError("the writer's own error")

    with pytest.raises(ValueError, match="own error"):
        half_then_fail()

    assert target.read_text("utf-8") == "old"
    assert leftovers(tmp_path) == []


def test_the_temporary_file_keeps_the_suffix(tmp_path):
    with atomic_path(tmp_path / "picture.png") as temporary:
        assert temporary.suffix == ".png"


@pytest.mark.skipif(os.name == "nt", reason="POSIX rights")
@pytest.mark.parametrize(("folder", "file"), [(0o700, 0o600), (0o750, 0o640)], ids=["private", "for a group"])
def test_a_new_file_is_as_private_as_its_folder(tmp_path, folder, file):
    place = tmp_path / "place"
    place.mkdir()
    place.chmod(folder)
    write_bytes(place / "below" / "ours", b"")

    assert (place / "below").stat().st_mode & 0o777 == folder
    assert (place / "below" / "ours").stat().st_mode & 0o777 == file


@pytest.mark.skipif(os.name == "nt", reason="POSIX rights")
def test_the_process_mask_is_never_touched(tmp_path, monkeypatch):
    def touched(_):
        raise AssertionError("a process's umask belongs to all its threads")

    monkeypatch.setattr(os, "umask", touched)
    write_bytes(tmp_path / "ours", b"")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="POSIX kinds of files")
def test_only_files_are_opened_and_only_files_are_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name, words in (("pipe", "a pipe"), ("folder", "a folder")):
        with pytest.raises(NotAFile, match=words):
            open_regular(tmp_path / name)
        with pytest.raises(NotAFile, match=words):
            write_bytes(tmp_path / name, b"new")
    with pytest.raises(NotAFile, match="a device"):
        open_regular(Path("/dev/zero"))
    with pytest.raises(NotAFile, match="a device"):
        write_bytes(Path("/dev/full"), b"new")


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="links")
def test_a_link_stays_a_link_when_its_file_is_replaced(tmp_path):
    write_bytes(tmp_path / "there", b"old")
    (tmp_path / "link").symlink_to(tmp_path / "there")
    write_bytes(tmp_path / "link", b"new")

    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "there").read_bytes() == b"new"


def test_a_source_that_is_missing_is_no_full_disk(tmp_path):
    with pytest.raises(InputError, match=r"photo\.jpg cannot be read"), atomic_path(tmp_path / "a.zip"):
        (tmp_path / "elsewhere" / "photo.jpg").read_bytes()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("step", ["open", "mkdir"])
def test_a_disk_that_is_full_at_the_first_step_is_named_too(tmp_path, monkeypatch, step):
    def fails(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, step, fails)
    with pytest.raises(DiskFailure, match="No space left on device"):
        write_text(tmp_path / "new" / "note.txt", "words")


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../other/a.png", "a/../../b", "", ".", "a\0b", "link/a.png"], ids=repr
)
def test_a_path_of_a_record_stays_inside_its_folder(tmp_path, name):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "link").symlink_to(tmp_path)
    with pytest.raises(OutsideFolder):
        inside(tmp_path / "own", name)


def test_a_path_inside_is_given_as_it_is(tmp_path):
    assert inside(tmp_path, "photos/a.png") == tmp_path / "photos" / "a.png"


@pytest.mark.parametrize("times", [1, 2])
def test_a_file_that_somebody_has_open_is_waited_for(tmp_path, monkeypatch, times):
    """Windows replaces no file that is open; a virus scanner has it for a moment."""
    target, real, refused = tmp_path / "note.txt", os.replace, []
    write_text(target, "old")

    def replace(source, place):
        if len(refused) < times:
            refused.append(place)
            raise PermissionError(13, "Permission denied", str(source), None, str(place))
        real(source, place)

    monkeypatch.setattr(os, "replace", replace)
    write_text(target, "new")

    assert target.read_text("utf-8") == "new"
    assert len(refused) == times
    assert leftovers(tmp_path) == []


def test_who_keeps_a_file_open_is_asked_to_close_it(tmp_path, monkeypatch):
    def replace(source, place):
        raise PermissionError(13, "Permission denied", str(source), None, str(place))

    monkeypatch.setattr(os, "replace", replace)
    monkeypatch.setattr(files, "SECONDS_TO_LET_GO", 0.1)
    with pytest.raises(DiskFailure, match=r"could not be written: Permission denied.*close whatever has the file"):
        write_text(tmp_path / "note.txt", "new")
    assert leftovers(tmp_path) == []


@pytest.mark.skipif(os.name == "nt", reason="POSIX rights")
def test_a_folder_that_says_read_only_as_windows_ones_do_makes_no_file_that_its_owner_cannot_change(tmp_path):
    place = tmp_path / "place"
    place.mkdir()
    place.chmod(0o555)
    try:
        handle = files.private_opener(str(place / "ours"), os.O_CREAT | os.O_WRONLY)
    except PermissionError:
        pytest.skip("only a superuser writes there")
    os.close(handle)

    assert (place / "ours").stat().st_mode & 0o777 == 0o644


@pytest.mark.skipif(os.name == "nt", reason="POSIX rights")
@pytest.mark.parametrize("mode", ["ab", "wb", "xb", "ab+"])
def test_a_file_that_is_opened_to_be_written_is_as_private_as_its_folder(tmp_path, mode):
    make_private_folder(tmp_path / "place")

    with open(tmp_path / "place" / "log", mode, opener=files.private_opener) as stream:
        stream.write(b"a face")

    assert (tmp_path / "place" / "log").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "place" / "log").read_bytes() == b"a face"


def test_of_a_folder_that_goes_while_it_is_listed_nothing_is_found(tmp_path, monkeypatch):
    def scanned(path):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))

    assert matching(tmp_path / "missing", "*") == ()
    monkeypatch.setattr(os, "scandir", scanned)
    monkeypatch.setattr(os, "listdir", scanned)
    assert matching(tmp_path, "*.json") == ()


def test_a_temporary_file_that_cannot_be_made_is_a_failure_of_the_disk(tmp_path, monkeypatch):
    def refuse(path, flags):
        raise PermissionError(errno.EACCES, "Permission denied", path)

    monkeypatch.setattr(files, "private_opener", refuse)

    with pytest.raises(DiskFailure, match=r"a\.txt could not be written: Permission denied"):
        write_text(tmp_path / "a.txt", "whole")
