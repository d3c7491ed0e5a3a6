"""A write succeeds whole or leaves what was there."""

import errno
import os

import pytest

from easyphoto.errors import DiskFailure, InputError
from easyphoto.files import atomic_path, read_json, write_bytes, write_json, write_text


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
def test_a_new_file_has_the_rights_any_new_file_has(tmp_path):
    plain = tmp_path / "plain"
    plain.write_bytes(b"")
    write_bytes(tmp_path / "ours", b"")

    assert (tmp_path / "ours").stat().st_mode == plain.stat().st_mode


def test_a_record_carries_its_formats_number(tmp_path):
    write_json(tmp_path / "a.json", {"name": "Anna"})

    assert read_json(tmp_path / "a.json") == {"format": 1, "name": "Anna"}


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"3", b'{"format": 9}', b"\xff\xfe"], ids=repr)
def test_a_record_that_is_none_is_named(tmp_path, content):
    (tmp_path / "a.json").write_bytes(content)

    with pytest.raises(InputError, match=r"a\.json"):
        read_json(tmp_path / "a.json")
