"""What came in place of a file is named while it is downloaded, and such a file in a folder is no weight file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from easyphoto.errors import ChecksumMismatch
from easyphoto.progress import NullProgress
from easyphoto.weights.catalog import WeightFile
from easyphoto.weights.contents import begins_like_safetensors, mistaken
from easyphoto.weights.soundness import is_sound
from easyphoto.weights.store import WeightStore
from tests.weights.shelf import Shelf, safetensors_bytes, says

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:6ce0161689b3853a\nsize 722601104\n"

Catalogue = Callable[..., WeightFile]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\n<!DOCTYPE html><html>", "a web page came instead of the file"),
        (POINTER, "a Git LFS pointer, which only stands for the file (722.6 MB) came instead of the file"),
    ],
)
def test_what_a_server_sends_instead_is_named(
    content: bytes, said: str, shelf: Shelf, catalogue: Catalogue, store: WeightStore
) -> None:
    catalogue(shelf.serve("/net", says(200, content, content_type="application/octet-stream")))

    with pytest.raises(ChecksumMismatch, match=said.replace("(", r"\(").replace(")", r"\)")):
        store.require("net", NullProgress())


def test_a_pointer_that_lies_where_the_file_belongs_is_named(catalogue: Catalogue, store: WeightStore) -> None:
    catalogue(sha256="0" * 64)
    (store.root / "folder").mkdir(parents=True)
    (store.root / "folder" / "net.dat").write_bytes(POINTER)

    with pytest.raises(ChecksumMismatch) as refused:
        store.require("net", NullProgress())

    assert str(refused.value) == (
        f"{store.root}/folder/net.dat is a Git LFS pointer, which only stands for the file (722.6 MB). Nothing was "
        "changed. Move it away and run the same command again."
    )


@pytest.mark.parametrize("suffix", [".safetensors", ".pth", ".onnx", ".txt", ".gz"])
@pytest.mark.parametrize("content", [b"", POINTER, b"<html>"])
def test_no_kind_of_file_is_sound_if_it_is_a_pointer_or_a_page(tmp_path: Path, suffix: str, content: bytes) -> None:
    (tmp_path / f"net{suffix}").write_bytes(content)

    assert not is_sound(tmp_path / f"net{suffix}", suffix)


def test_a_model_is_not_mistaken_for_anything() -> None:
    whole = safetensors_bytes(100)

    assert begins_like_safetensors(whole)
    assert mistaken(whole) is None
    assert mistaken(b"\x80\x02}q\x00." + bytes(600)) is None
    assert mistaken(b"PK\x03\x04" + bytes(600)) is None
    # A header whose length begins with the letters of another format's.
    assert mistaken(int.from_bytes(b"PK\x03\x00\0\0\0\0", "little").to_bytes(8, "little") + b'{"a":') is None
