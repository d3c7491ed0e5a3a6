"""What passes through: a folder that takes another one's place, whole or not at all."""

import os
from pathlib import Path

import pytest

from easyphoto.storage.scratch import swap_folder


def folder_of(path: Path, word: str) -> Path:
    path.mkdir(parents=True)
    (path / "word").write_text(word)
    return path


def word_in(path: Path) -> str | None:
    return (path / "word").read_text() if path.is_dir() else None


def test_a_new_folder_takes_the_old_ones_place_and_the_old_one_is_kept(tmp_path):
    new, place = folder_of(tmp_path / "new", "new"), folder_of(tmp_path / "place", "old")

    swap_folder(new, place, tmp_path / "aside" / "old")

    assert [word_in(path) for path in (new, place, tmp_path / "aside" / "old")] == [None, "new", "old"]


def test_where_nothing_lies_the_new_folder_is_put_down(tmp_path):
    new = folder_of(tmp_path / "new", "new")

    swap_folder(new, tmp_path / "there" / "place", None)

    assert [word_in(path) for path in (new, tmp_path / "there" / "place")] == [None, "new"]


def test_a_new_folder_that_cannot_be_moved_leaves_all_as_it_was(tmp_path, monkeypatch):
    new, place = folder_of(tmp_path / "new", "new"), folder_of(tmp_path / "place", "old")
    rename = os.rename

    def refuse_the_new(source, target):
        if source == new:
            raise PermissionError(13, "open in another program")
        rename(source, target)

    monkeypatch.setattr(os, "rename", refuse_the_new)
    with pytest.raises(PermissionError):
        swap_folder(new, place, tmp_path / "aside" / "old")

    assert [word_in(path) for path in (new, place, tmp_path / "aside" / "old")] == ["new", "old", None]
