"""Photos are told apart by name, also across folders; captions beside them are read."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from easyphoto.architectures.miniature import MINIATURE
from easyphoto.errors import BadReference
from easyphoto.preprocess.captions import caption_beside
from easyphoto.preprocess.check import check_photos
from easyphoto.preprocess.dataset import prepare_dataset
from easyphoto.preprocess.names import photo_names
from easyphoto.preprocess.reference import wanted_photo
from easyphoto.progress import NullProgress
from easyphoto.settings.training import PreprocessSettings
from easyphoto.storage.files import MOST_NAME_BYTES, readable_name
from tests.preprocess.marked import MarkedEngine, photo


def test_photos_of_several_folders_keep_names_of_their_own() -> None:
    paths = [Path("a/1.jpg"), Path("b/1.jpg"), Path("b/2.jpg"), Path("c/B/1.JPG"), Path("b-1.jpg")]

    assert photo_names(paths) == ("a-1.jpg", "b-1.jpg", "2.jpg", "B-1-2.JPG", "b-1-3.jpg")


@pytest.mark.parametrize("name", [b"latin\xe9.jpg", b"\xe9" * 120 + b".jpg", ("张" * 80 + ".jpg").encode(), b"x" * 255])
def test_every_name_can_be_that_of_a_copy(name: bytes) -> None:
    made = readable_name(Path(os.fsdecode(name)))

    assert len(made.encode()) < MOST_NAME_BYTES - 50
    assert made.endswith(".jpg") or name == b"x" * 255


def test_the_reference_is_found_by_its_own_name_its_files_and_its_path(tmp_path: Path) -> None:
    photos = [tmp_path / "a" / "1.jpg", tmp_path / "b" / "1.jpg", tmp_path / "b" / "2.jpg"]

    assert wanted_photo(photos, "b-1.jpg") == "b-1.jpg"
    assert wanted_photo(photos, "2.jpg") == "2.jpg"
    assert wanted_photo(photos, str(tmp_path / "b" / "1.jpg")) == "b-1.jpg"
    with pytest.raises(BadReference):
        wanted_photo(photos, "3.jpg")


def test_a_check_of_two_folders_tells_their_photos_apart(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    photos = [photo(tmp_path / folder, "1.png", seed=seed) for seed, folder in enumerate(("a", "b"))]

    made = check_photos(photos, MarkedEngine(), MINIATURE, PreprocessSettings(), NullProgress())

    assert [verdict.photo for verdict in made.verdicts] == ["a-1.png", "b-1.png"]


@pytest.mark.parametrize(
    ("file", "content", "read"),
    [
        ("1.txt", b"anna, on a beach\nmore", "anna, on a beach"),
        ("1.caption", b"\n  anna  \t smiling ", "anna smiling"),
        ("1.png.txt", "\ufeffanna\x07 张伟".encode(), "anna 张伟"),
        # What Windows calls Unicode; other encodings say nothing of themselves, and are no captions.
        ("1.txt", "anna in einem Café".encode("utf-16"), "anna in einem Café"),
        ("1.txt", b"caf\xe9", None),
        ("1.txt", "张伟在海边".encode("gb18030"), None),
        ("1.txt", ("a " * 1999 + "a张伟").encode(), "a " * 1999 + "a"),
        ("1.txt", b"", None),
        ("2.txt", b"other", None),
    ],
)
def test_a_caption_is_the_first_line_of_the_file_beside(tmp_path: Path, file: str, content: bytes, read: str) -> None:
    (tmp_path / file).write_bytes(content)

    assert caption_beside(tmp_path / "1.png") == read


def test_a_photo_with_the_longest_name_has_no_caption(tmp_path: Path) -> None:
    assert caption_beside(tmp_path / ("x" * 251 + ".jpg")) is None


def test_a_pipe_is_no_caption_and_a_large_file_is_not_read_whole(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "1.txt")
    (tmp_path / "2.txt").write_bytes(b"a " * 1_000_000)

    assert caption_beside(tmp_path / "1.png") is None
    assert len(str(caption_beside(tmp_path / "2.png"))) < 4000


@pytest.mark.parametrize("uses", [True, False])
def test_captions_beside_photos_follow_the_trigger_words(tmp_path: Path, uses: bool) -> None:
    photos = [photo(tmp_path, f"{seed}.png", seed=seed, blur=seed * 0.4) for seed in range(3)]
    (tmp_path / "0.txt").write_text("on a beach")
    (tmp_path / "1.txt").write_text("easyphoto_face, easyphoto, 1person, in a forest")
    settings = PreprocessSettings(caption_files=uses)
    made = check_photos(photos, MarkedEngine(), MINIATURE, settings, NullProgress())

    dataset = prepare_dataset(made, MarkedEngine(), MINIATURE, settings, tmp_path / "dataset", NullProgress())

    trigger = "easyphoto_face, easyphoto, 1person"
    wanted = [f"{trigger}, on a beach", f"{trigger}, in a forest", trigger] if uses else [trigger] * 3
    assert [entry.caption for entry in dataset.entries] == wanted
    lines = (tmp_path / "dataset" / "metadata.jsonl").read_text().splitlines()
    assert [json.loads(line)["text"] for line in lines] == wanted
    assert ("2 of 3 captions come from text files beside the photos." in dataset.notes) == uses
