"""Which of two copies is the better one, and that nothing is said about it that is not so."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from easyphoto.preprocess.precedence import Copy, FileFacts, better_because, file_facts


def copy(
    number: int,
    *,
    sharpness: float = 0.6,
    width: float = 200.0,
    extent: float = 9.0,
    quality: int | None = None,
    taken: str | None = None,
    few: bool = False,
) -> Copy:
    return Copy(sharpness, width, extent, FileFacts(quality, taken, few), number)


MORNING, NOON = "2024:05:01 08:00:00", "2024:05:01 12:00:00"


@pytest.mark.parametrize(
    ("better", "worse", "because"),
    [
        (copy(1, width=220.1), copy(0), "shows the face larger"),
        (copy(1, width=400, sharpness=0.5), copy(0, sharpness=0.64), "shows the face larger"),
        (copy(1, sharpness=0.7), copy(0, sharpness=0.5, width=300, quality=99), "is sharper"),
        (copy(1, quality=90), copy(0, quality=60), "is less compressed"),
        (copy(1, extent=9.0), copy(0, extent=4.5), "shows more around the face"),
        (copy(1, taken=MORNING), copy(0), "still has the date on which it was taken"),
        (copy(1, taken=MORNING), copy(0, taken=NOON), "was taken earlier"),
        (copy(0), copy(1), "comes first"),
        (copy(1), copy(0, width=250, sharpness=0.9, quality=100, few=True), "has all its colours"),
        (copy(1, width=301, few=True), copy(0), "shows the face larger"),
        # Differences that mean nothing: the order counts.
        (copy(0, sharpness=0.5), copy(1, sharpness=0.64), "comes first"),
        (copy(0, width=200), copy(1, width=215), "comes first"),
        (copy(0, quality=86), copy(1, quality=99), "comes first"),
        (copy(0, quality=None), copy(1, quality=10), "comes first"),
    ],
)
def test_the_better_copy_is_said_with_its_reason(better: Copy, worse: Copy, because: str) -> None:
    assert better_because(better, worse) == because
    assert better_because(worse, better) is None


@pytest.mark.parametrize("quality", [20, 50, 75, 92])
def test_the_quality_of_a_jpeg_is_read_from_its_table(tmp_path: Path, quality: int) -> None:
    Image.new("RGB", (32, 32), "red").save(tmp_path / "a.jpg", quality=quality)

    assert file_facts(tmp_path / "a.jpg") == FileFacts(quality, None)


def test_what_loses_nothing_has_the_highest_quality_and_what_does_not_say_none(tmp_path: Path) -> None:
    for name in ("a.png", "a.bmp", "a.tif", "a.webp"):
        Image.new("RGB", (32, 32), "red").save(tmp_path / name)

    assert [file_facts(tmp_path / name).quality for name in ("a.png", "a.bmp", "a.tif", "a.webp")] == [
        100,
        100,
        100,
        None,
    ]


@pytest.mark.parametrize(("written", "read"), [(MORNING, MORNING), (f"{MORNING}.60", MORNING), ("yesterday", None)])
def test_the_camera_says_when_a_photo_was_taken(tmp_path: Path, written: str, read: str | None) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = written
    Image.new("RGB", (32, 32), "red").save(tmp_path / "a.jpg", exif=exif, quality=75)

    assert file_facts(tmp_path / "a.jpg") == FileFacts(75, read)


def test_a_file_that_says_nothing_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8\xff")

    assert file_facts(tmp_path / "a.jpg") == FileFacts()
    assert file_facts(tmp_path / "absent.jpg") == FileFacts()


@pytest.mark.parametrize(("mode", "few"), [("1", True), ("P", True), ("L", True), ("RGB", False), ("RGBA", False)])
def test_greys_and_palettes_have_few_colours(tmp_path: Path, mode: str, few: bool) -> None:
    Image.new(mode, (32, 32)).save(tmp_path / "a.png")

    assert file_facts(tmp_path / "a.png").has_few_colours is few
