"""Photos come as they lie: in folders and sub-folders, ZIP files, or one by one; nothing is left out in silence."""

from __future__ import annotations

import io
import os
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from PIL import Image

from easyphoto.errors import BadPicture, InputError, TooFewPhotos
from easyphoto.messages import Text
from easyphoto.persons import photo_sources
from easyphoto.persons.photo_sources import found_photos, photo_files

MOVIE = b"\0\0\0\x14ftypqt  "


def jpeg(colour: str = "red") -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (32, 32), colour).save(stream, "JPEG")
    return stream.getvalue()


def filled(folder: Path, files: Mapping[str, bytes]) -> Path:
    for name, content in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    return folder


def found(tmp_path: Path, *named: Path) -> tuple[list[str], tuple[Text, ...]]:
    """Paths from the folder `tmp_path`, or within a ZIP file, and the notes."""
    scratch = tmp_path / "scratch"
    scratch.mkdir(exist_ok=True)
    with found_photos(named, scratch) as photos:
        assert all(photo.exists() or photo.is_symlink() for photo in photos.photos)
        below = [photo.relative_to(scratch if scratch in photo.parents else tmp_path) for photo in photos.photos]
        names = [str(Path(*path.parts[3:])) if scratch in photo.parents else str(path)
                 for path, photo in zip(below, photos.photos, strict=True)]  # fmt: skip
    assert not any(scratch.iterdir()) if scratch.exists() else True
    return names, photos.notes


def test_a_folder_gives_its_photos_and_then_everything_else(tmp_path: Path) -> None:
    filled(tmp_path / "a", {"2.JPG": jpeg(), "1": jpeg(), "3.jpg": b"", "clip.mov": MOVIE, "n.md": b"hi"})
    (tmp_path / "a" / "folder.jpg").mkdir()

    names, notes = found(tmp_path, tmp_path / "a")

    assert names == ["a/1", "a/2.JPG", "a/3.jpg", "a/folder.jpg", "a/clip.mov", "a/n.md"]
    assert notes == ()


@pytest.mark.parametrize(
    "litter", ["._1.jpg", ".DS_Store", ".hidden.jpg", "Thumbs.db", "desktop.ini", "__MACOSX/1.jpg", "@eaDir/1.jpg"]
)
def test_what_systems_leave_is_passed_over(tmp_path: Path, litter: str) -> None:
    filled(tmp_path / "a", {"1.jpg": jpeg(), litter: jpeg()})

    assert found(tmp_path, tmp_path / "a") == (["a/1.jpg"], ())


def test_many_other_files_are_counted(tmp_path: Path) -> None:
    filled(tmp_path / "a", {"1.jpg": jpeg(), **{f"{number:02d}.log": b"x" for number in range(21)}})

    names, notes = found(tmp_path, tmp_path / "a")

    assert names == ["a/1.jpg"]
    assert notes[0].startswith("21 other files there are no pictures that are read: 00.log, 01.log")
    assert notes[0].endswith("09.log … (+11).")


def test_where_a_folder_has_no_photos_its_sub_folders_are_read(tmp_path: Path) -> None:
    filled(tmp_path / "a", {"x/1.jpg": jpeg(), "y/deep/2.jpg": jpeg(), "empty/n.txt": b"n", "n.txt": b"n"})

    names, notes = found(tmp_path, tmp_path / "a")

    assert names == ["a/x/1.jpg", "a/y/deep/2.jpg", "a/n.txt", "a/empty/n.txt"]
    assert [note.code for note in notes] == ["photos-of-folders"]
    assert "taken together: x (1), y (1)." in notes[0]


def test_where_it_has_photos_those_of_sub_folders_are_said(tmp_path: Path) -> None:
    filled(tmp_path / "a", {"1.jpg": jpeg(), "x/2.jpg": jpeg(), "x/3.jpg": jpeg(), "empty/n.txt": b""})

    names, notes = found(tmp_path, tmp_path / "a")

    assert names == ["a/1.jpg"]
    assert notes == ("The photos in these sub-folders were not read: x (2). To use them, give the sub-folder.",)


def test_links_that_lead_in_circles_are_followed_once(tmp_path: Path) -> None:
    filled(tmp_path / "a", {"x/1.jpg": jpeg()})
    (tmp_path / "a" / "x" / "up").symlink_to(tmp_path / "a")
    (tmp_path / "a" / "self").symlink_to("self")

    assert found(tmp_path, tmp_path / "a")[0] == ["a/x/1.jpg", "a/self"]


def test_kohyas_folders_are_understood(tmp_path: Path) -> None:
    """Layout: img/REPEATS_words, reg for pictures of others, log and model."""
    filled(
        tmp_path / "k",
        {"img/20_anna woman/1.jpg": jpeg(), "img/20_anna woman/1.txt": b"anna", "img/20_anna woman/1.npz": b"x",
         "reg/1_woman/9.jpg": jpeg(), "log/x": b"x"},
    )  # fmt: skip

    names, notes = found(tmp_path, tmp_path / "k")
    inside, said = found(tmp_path, tmp_path / "k" / "img" / "20_anna woman")

    assert names == ["k/img/20_anna woman/1.jpg"]
    assert [note.code for note in notes] == [
        "photos-of-folders", "folders-not-read", "captions-beside", "not-read-beside",
    ]  # fmt: skip
    assert inside == names
    assert said[0].startswith("20_anna woman (1): the number of repeats in front is not used")
    assert said[1:] == notes[2:]


def test_single_files_folders_and_patterns_go_together_and_nothing_twice(tmp_path: Path) -> None:
    filled(tmp_path, {"a/1.jpg": jpeg(), "a/2.jpg": jpeg(), "b/3.jpg": jpeg(), "b/clip.mov": MOVIE})
    (tmp_path / "none").mkdir()

    named = tmp_path / "a" / "2.jpg", tmp_path / "a", tmp_path / "b" / "*", tmp_path / "none"

    assert found(tmp_path, *named)[0] == ["a/2.jpg", "a/1.jpg", "b/3.jpg", "b/clip.mov", "none"]


def test_a_single_file_that_is_no_picture_is_said_at_once(tmp_path: Path) -> None:
    filled(tmp_path, {"clip.mov": MOVIE})

    with pytest.raises(BadPicture, match=r"clip\.mov cannot be read as a picture\. It is a video\."):
        found(tmp_path, tmp_path / "clip.mov")


@pytest.mark.parametrize("name", ["nowhere", "no*where", "x" * 5000, "a\0b"])
def test_what_does_not_exist_is_said(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="does not exist"):
        found(tmp_path, tmp_path / name)


def test_a_folder_without_photos_says_what_lies_there(tmp_path: Path) -> None:
    filled(tmp_path / "a", {"clip.mov": MOVIE})

    with pytest.raises(TooFewPhotos, match=r"There are no photos in .*a\. clip\.mov cannot be read.* It is a video"):
        photo_files(tmp_path / "a")


def test_a_folder_that_may_not_be_read_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(tmp_path / "a", {"1.jpg": jpeg()})

    def refuses(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuses)

    with pytest.raises(InputError, match=r"a cannot be read: Permission denied"):
        photo_files(tmp_path / "a")


def test_a_folder_of_everything_is_not_searched_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photo_sources, "MOST_ENTRIES", 5)
    filled(tmp_path / "a", {f"{number}/x": b"" for number in range(9)})

    with pytest.raises(InputError, match="contains too much"):
        photo_files(tmp_path / "a")


def packed(target: Path, files: Mapping[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(target, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return target


def test_a_zip_is_read_as_the_folder_that_it_is(tmp_path: Path) -> None:
    files = {"anna/1.jpg": jpeg(), "anna/1.txt": b"anna", "anna/clip.mov": b"x", "anna/more.zip": b"x",
             "__MACOSX/anna/._1.jpg": b"x", "anna/.DS_Store": b"x", "anna/Thumbs.db": b"x"}  # fmt: skip

    names, notes = found(tmp_path, packed(tmp_path / "photos.ZIP", files))

    assert names == ["anna/1.jpg"]
    assert notes[0] == ("Left in photos.ZIP, because they are no pictures that are read: anna/clip.mov, anna/more.zip.")
    assert [note.code for note in notes[1:]] == ["photos-of-folders", "captions-beside"]


def test_names_that_other_systems_write_are_made_harmless(tmp_path: Path) -> None:
    files = {"at 10:30.jpg": jpeg(), "con.jpg": jpeg(), "x\\y\\1.jpg": jpeg(), "new\nline.jpg": jpeg(), "A.jpg": jpeg(),
             "a.jpg": jpeg(), "👩\u200d🚀.jpg": jpeg(), "dot.": jpeg(), "z" * 240 + ".jpg": jpeg()}  # fmt: skip

    names, _ = found(tmp_path, packed(tmp_path / "x.zip", files))

    assert sorted(name for name in names if not name.startswith("z")) == sorted(
        ["at 10%3A30.jpg", "_con.jpg", "new%0Aline.jpg", "A.jpg", "a-2.jpg", "👩\u200d🚀.jpg", "dot%2E"]
    )
    assert len([name for name in names if name.startswith("zzz")]) == 1


@pytest.mark.parametrize(("code", "name"), [("utf-8", "张伟.jpg"), ("gb2312", "张伟.jpg"), ("cp437", "café.jpg")])
def test_a_zip_without_a_word_on_its_names_script_is_understood(tmp_path: Path, code: str, name: str) -> None:
    """Chinese Windows writes names in its code page; the standard says CP437."""
    source = packed(tmp_path / "x.zip", {"AAAA.jpg": jpeg()})
    raw = name.encode(code)
    source.write_bytes(_renamed(source.read_bytes(), b"AAAA.jpg", raw))

    assert found(tmp_path, source)[0] == [name]


def _renamed(content: bytes, old: bytes, new: bytes) -> bytes:
    """The archive with another name in its two headers, whatever its length."""
    moved, gap = content, len(new) - len(old)
    local, central = content.index(b"PK\x03\x04"), content.index(b"PK\x01\x02")
    ends = content.index(b"PK\x05\x06")
    head = bytearray(content[local:central].replace(old, new, 1))
    struct.pack_into("<H", head, 26, len(new))
    entry = bytearray(content[central:ends].replace(old, new, 1))
    struct.pack_into("<H", entry, 28, len(new))
    tail = bytearray(content[ends:])
    struct.pack_into("<II", tail, 12, len(entry), central + gap)
    moved = bytes(head + entry + tail)
    return moved


@pytest.mark.parametrize("name", ["../1.jpg", "/1.jpg", "a/../../1.jpg"])
def test_a_zip_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="points outside of it") as caught:
        found(tmp_path, packed(tmp_path / "x.zip", {name: jpeg()}))

    assert "easyphoto persons export" not in caught.value.advice
    assert [path.name for path in tmp_path.iterdir()] != ["1.jpg"]


def test_a_zip_with_a_password_or_an_exported_person_says_what_to_do(tmp_path: Path) -> None:
    locked = packed(tmp_path / "x.zip", {"1.jpg": jpeg()})
    content = bytearray(locked.read_bytes())
    content[content.index(b"PK\x03\x04") + 6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    locked.write_bytes(content)

    with pytest.raises(InputError, match="locked with a password"):
        found(tmp_path, locked)
    with pytest.raises(InputError, match="holds an exported person"):
        found(tmp_path, packed(tmp_path / "anna.zip", {"anna/person.json": b"{}", "anna/photos/1.jpg": jpeg()}))


def test_a_zip_in_a_zip_is_named_and_not_the_folder_it_was_unpacked_to(tmp_path: Path) -> None:
    inner = packed(tmp_path / "inner.zip", {"1.jpg": jpeg()})
    archive = packed(tmp_path / "nested.zip", {"inner.zip": inner.read_bytes()})

    with pytest.raises(TooFewPhotos) as refused, found_photos([archive], tmp_path / "scratch"):
        pass

    assert refused.value.message == (
        f"There are no photos in {archive}. Left in nested.zip, because they are no pictures that are read: inner.zip."
    )


def test_a_zip_without_photos_or_that_is_broken_is_said(tmp_path: Path) -> None:
    with pytest.raises(TooFewPhotos, match="There are no photos"):
        found(tmp_path, packed(tmp_path / "x.zip", {"clip.mov": b"x"}))
    source = packed(tmp_path / "y.zip", {"1.jpg": jpeg()}, compression=zipfile.ZIP_DEFLATED)
    content = bytearray(source.read_bytes())
    content[60:90] = bytes(30)
    source.write_bytes(content)
    with pytest.raises(InputError, match=r"y\.zip cannot be unpacked"):
        found(tmp_path, source)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_a_name_that_is_no_text_is_a_file_like_others(tmp_path: Path) -> None:
    filled(tmp_path / "a", {os.fsdecode(b"latin\xe9.jpg"): jpeg(), os.fsdecode(b"latin\xe9.txt"): b"anna"})

    names, notes = found(tmp_path, tmp_path / "a")

    assert names == [os.fsdecode(b"a/latin\xe9.jpg")]
    assert [note.code for note in notes] == ["captions-beside"]
