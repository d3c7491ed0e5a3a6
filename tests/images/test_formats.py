"""Pictures are read by their content, whatever their names; what is not read is named, and trusted in nothing."""

from __future__ import annotations

import contextlib
import io
import itertools
import struct
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image, features

from easyphoto.errors import BadPicture
from easyphoto.images.decoding import upright_size
from easyphoto.images.formats import FORMATS, SUFFIXES
from easyphoto.images.opening import readable_format
from easyphoto.images.originals import read_original
from easyphoto.images.pictures import read_picture
from tests.icc import DISPLAY_P3, SRGB_CURVE, rgb_profile

needs_avif = pytest.mark.skipif(not features.check("avif"), reason="Pillow before 11.3 writes no AVIF")


def smooth(width: int = 160, height: int = 120) -> Image.Image:
    """A picture of soft colours, all of its corners different, that every lossy format keeps well."""
    rows, columns = np.mgrid[:height, :width]
    parts = [columns * 200 / width + 20, rows * 200 / height + 20, (rows + columns) * 150 / (width + height) + 50]
    return Image.fromarray(np.stack(parts, -1).astype(np.uint8))


def written(picture: Image.Image, format: str, **options: object) -> bytes:
    stream = io.BytesIO()
    if format == "HEIF":
        heif = pillow_heif.from_bytes(picture.mode, picture.size, picture.tobytes())
        heif[0].info.update({key: options.pop(key) for key in ("exif", "icc_profile") if key in options})
        heif.save(stream, **{"quality": 95, **options})
    else:
        picture.save(stream, format, **options)
    return stream.getvalue()


def difference(one: Image.Image, other: Image.Image) -> float:
    assert one.size == other.size
    return float(np.abs(np.asarray(one, np.float32) - np.asarray(other.convert("RGB"), np.float32)).mean())


P3 = rgb_profile(DISPLAY_P3, SRGB_CURVE, "Display P3")
KINDS = [
    ("HEIC", ".heic", "HEIF"), pytest.param("AVIF", ".avif", "AVIF", marks=needs_avif), ("GIF", ".gif", "GIF"),
    ("JPEG", ".jpg", "MPO"), ("JPEG", ".jpg", "JPEG"), ("WebP", ".webp", "WEBP"), ("PNG", ".png", "PNG"),
    ("TIFF", ".tif", "TIFF"), ("BMP", ".bmp", "BMP"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "suffix", "pillow"), KINDS)
@pytest.mark.parametrize("called", ["a.jpg", "a.HEIC", "a", "a.txt"])
def test_a_picture_is_read_by_its_content_whatever_its_name(
    tmp_path: Path, name: str, suffix: str, pillow: str, called: str
) -> None:
    content = written(smooth(), pillow)
    (tmp_path / called).write_bytes(content)

    assert difference(read_picture(tmp_path / called), smooth()) < 8
    assert upright_size(tmp_path / called) == (160, 120)
    assert readable_format(content, called).name == name
    assert readable_format(content, called).suffixes[0] == suffix


def test_every_suffix_belongs_to_one_format() -> None:
    assert len(SUFFIXES) == len(set(SUFFIXES))
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in SUFFIXES)
    assert {".jpg", ".jfif", ".mpo", ".png", ".webp", ".heic", ".heif", ".avif", ".tif", ".bmp", ".gif"} <= {*SUFFIXES}


UNDO = {
    1: [], 2: [Image.Transpose.FLIP_LEFT_RIGHT], 3: [Image.Transpose.ROTATE_180], 4: [Image.Transpose.FLIP_TOP_BOTTOM],
    5: [Image.Transpose.TRANSPOSE], 6: [Image.Transpose.ROTATE_90], 7: [Image.Transpose.TRANSVERSE],
    8: [Image.Transpose.ROTATE_270],
}  # fmt: skip


@pytest.mark.parametrize("format", ["HEIF", pytest.param("AVIF", marks=needs_avif)])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_heic_and_avif_stand_upright_by_their_own_turn(tmp_path: Path, format: str, orientation: int) -> None:
    """The encoders write the tag as a property of the picture (irot, imir), which readers follow alone."""
    stored = smooth()
    for step in UNDO[orientation]:
        stored = stored.transpose(step)
    exif = Image.Exif()
    exif[0x0112] = orientation
    (tmp_path / "a").write_bytes(written(stored, format, exif=exif.tobytes()))

    assert upright_size(tmp_path / "a") == (160, 120)
    assert difference(read_picture(tmp_path / "a"), smooth()) < 8
    assert difference(read_picture(tmp_path / "a", longest=80), smooth().resize((80, 60))) < 8


@pytest.mark.parametrize("format", ["HEIF", pytest.param("AVIF", marks=needs_avif)])
def test_the_colour_profile_of_heic_and_avif_is_followed(tmp_path: Path, format: str) -> None:
    """Display P3's (200, 60, 60) is (218, 42, 52) in sRGB."""
    picture = Image.new("RGB", (64, 64), (200, 60, 60))
    (tmp_path / "a").write_bytes(written(picture, format, icc_profile=P3))

    assert np.abs(np.asarray(read_picture(tmp_path / "a"))[32, 32] - np.array([218, 42, 52])).max() <= 4
    original = read_original(tmp_path / "a")
    assert original.profile is not None
    assert np.abs(np.asarray(original.own)[32, 32] - np.array([200.0, 60, 60])).max() <= 4


def test_ten_bits_of_heic_become_eight_with_a_note(tmp_path: Path) -> None:
    numbers = (np.asarray(smooth()).astype(np.uint16)) * 257
    pillow_heif.from_bytes("RGB;16", (160, 120), numbers.tobytes()).save(tmp_path / "a.heic", quality=95)

    original = read_original(tmp_path / "a.heic")

    assert difference(original.picture, smooth()) < 8
    assert "The template has 10 bits for each colour; the result has 8." in original.notes


@pytest.mark.parametrize("format", ["HEIF", pytest.param("AVIF", marks=needs_avif)])
def test_a_transparent_heic_or_avif_lies_on_white(tmp_path: Path, format: str) -> None:
    picture = Image.new("RGBA", (64, 64), (200, 60, 60, 0))
    (tmp_path / "a").write_bytes(written(picture, format))

    assert min(read_picture(tmp_path / "a").getpixel((32, 32))) >= 252


def test_the_thumbnail_of_a_heic_is_never_taken_for_the_picture(tmp_path: Path) -> None:
    """Editors that change the picture leave old thumbnails."""
    pillow_heif.from_pillow(smooth(640, 480)).save(tmp_path / "a.heic", thumbnails=[320], quality=95)

    assert difference(read_picture(tmp_path / "a.heic", longest=320), smooth(640, 480).resize((320, 240))) < 8


@pytest.mark.parametrize(
    ("format", "module", "said"),
    [
        ("HEIF", "pillow_heif", r"It is HEIC, and pillow-heif, which reads that, is not installed\."),
        pytest.param("AVIF", "PIL.AvifImagePlugin", r"It is AVIF, which this version", marks=needs_avif),
    ],
)
def test_without_its_reader_a_file_is_named_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: str, module: str, said: str
) -> None:
    (tmp_path / "a.jpg").write_bytes(written(smooth(), format))
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setitem(sys.modules, "pillow_heif", None)

    with pytest.raises(BadPicture, match=said) as caught:
        read_picture(tmp_path / "a.jpg")

    assert caught.value.advice.startswith("Install ")
    assert caught.value.message == f"a.jpg cannot be read as a picture. {caught.value.why}"


def boxes(content: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """The file with all four bytes after each `ispe` changed: the size that it claims."""
    parts = content.split(b"ispe")
    return b"ispe".join([parts[0], *(part[:4] + change(part[4:12]) + part[12:] for part in parts[1:])])


@pytest.mark.parametrize("format", ["HEIF", pytest.param("AVIF", marks=needs_avif)])
def test_a_heic_or_avif_that_claims_too_many_pixels_is_refused_before_it_is_decoded(
    tmp_path: Path, format: str
) -> None:
    huge = boxes(written(smooth(), format), lambda size: struct.pack(">II", 15_000, 15_000))
    (tmp_path / "a").write_bytes(huge)
    tracemalloc.start()
    try:
        with pytest.raises(BadPicture):
            read_picture(tmp_path / "a")
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert most < 20_000_000


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content


def test_a_heic_whose_items_all_name_the_same_bytes_is_refused_before_they_are_read(tmp_path: Path) -> None:
    """A thousand notes of the same megabyte."""
    entries = b"".join(struct.pack(">HHHII", item, 0, 1, 8, 1_000_000) for item in range(1, 1001))
    iloc = box(b"iloc", b"\0\0\0\0" + b"\x44\x00" + struct.pack(">H", 1000) + entries)
    content = box(b"ftyp", b"heic\0\0\0\0mif1heic") + box(b"meta", b"\0\0\0\0" + iloc) + box(b"mdat", bytes(1_000_000))
    (tmp_path / "a.heic").write_bytes(content)

    with pytest.raises(BadPicture, match=r"it holds 1002 MB of something else beside its picture"):
        read_picture(tmp_path / "a.heic")


@needs_avif
def test_an_avif_with_an_exif_block_that_grows_a_thousandfold_is_read_without_it(tmp_path: Path) -> None:
    """3000 tags of the same 100,000 bytes; Pillow would copy each."""
    tags = b"".join(struct.pack("<HHII", 1000 + tag, 7, 100_000, 8) for tag in range(3000))
    block = b"II*\0" + struct.pack("<IH", 8, 3000) + tags + bytes(100_004)
    (tmp_path / "a.avif").write_bytes(written(smooth(), "AVIF", exif=block))
    tracemalloc.start()
    try:
        picture = read_picture(tmp_path / "a.avif")
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert picture.size == (160, 120)
    assert most < 20_000_000


@pytest.mark.parametrize("format", ["HEIF", "GIF", pytest.param("AVIF", marks=needs_avif)])
def test_whatever_is_cut_off_or_damaged_is_an_error_of_the_picture(tmp_path: Path, format: str) -> None:
    content = written(smooth(), format)
    rng = np.random.default_rng(3)
    damaged = bytearray(content)
    for place in rng.integers(12, len(content), 40):
        damaged[place] ^= 255
    for number, piece in enumerate([content[: len(content) * part // 8] for part in range(1, 8)] + [bytes(damaged)]):
        path = tmp_path / f"{number}.jpg"
        path.write_bytes(piece)
        with contextlib.suppress(BadPicture):  # and nothing else
            assert read_picture(path).size == (160, 120)


@pytest.mark.parametrize("format", ["HEIF", "WEBP", pytest.param("AVIF", marks=needs_avif)])
def test_a_file_that_is_cut_off_is_said_to_be(tmp_path: Path, format: str) -> None:
    (tmp_path / "a.jpg").write_bytes(written(smooth(), format)[:-50])

    with pytest.raises(BadPicture, match="image file is truncated"):
        read_picture(tmp_path / "a.jpg")


def test_a_link_in_a_circle_is_missing_and_a_file_without_rights_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    with pytest.raises(BadPicture, match=r"loop\.jpg does not exist"):
        read_picture(tmp_path / "loop.jpg")

    def refused(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("easyphoto.images.opening.open_regular", refused)
    with pytest.raises(BadPicture, match="Its permissions forbid it"):
        read_picture(tmp_path / "a.jpg")


def test_a_gif_with_a_comment_in_a_million_pieces_is_refused_at_once(tmp_path: Path) -> None:
    """Pillow joins them one by one, in the square of their number of steps."""
    content = written(smooth(), "GIF")
    start = 13 + (3 << (content[10] & 7) + 1 if content[10] & 128 else 0)
    (tmp_path / "a.gif").write_bytes(content[:start] + b"!\xfe" + b"\x01x" * 1_000_000 + b"\0" + content[start:])

    with pytest.raises(BadPicture, match="it is in too many pieces"):
        read_picture(tmp_path / "a.gif")


JPEGS = {
    "ordinary": {}, "progressive": {"progressive": True}, "restarting": {"restart_marker_rows": 1},
    "fine": {"subsampling": 0, "quality": 95}, "grey": {}, "for print": {},
}  # fmt: skip
MODES = {"grey": "L", "for print": "CMYK"}


def photo_like(mode: str) -> Image.Image:
    noise = np.random.default_rng(0).integers(0, 255, (30, 40, 3), np.uint8)
    return Image.fromarray(noise).resize((400, 300)).convert(mode)


@pytest.mark.parametrize("kind", JPEGS)
@pytest.mark.parametrize("lost", [1, 2])
def test_a_jpeg_that_lacks_only_its_end_marker_is_whole(tmp_path: Path, kind: str, lost: int) -> None:
    content = written(photo_like(MODES.get(kind, "RGB")), "JPEG", **JPEGS[kind])
    (tmp_path / "whole.jpg").write_bytes(content)
    (tmp_path / "a.jpg").write_bytes(content[:-lost])

    for longest in (None, 100):
        whole, made = (read_picture(tmp_path / name, longest=longest) for name in ("whole.jpg", "a.jpg"))
        assert made.tobytes() == whole.tobytes()


@pytest.mark.parametrize("kind", JPEGS)
@pytest.mark.parametrize("lost", [20, 200, 2000])
def test_a_jpeg_that_lacks_a_part_of_its_picture_is_not(tmp_path: Path, kind: str, lost: int) -> None:
    content = written(photo_like(MODES.get(kind, "RGB")), "JPEG", **JPEGS[kind])
    (tmp_path / "a.jpg").write_bytes(content[:-lost])

    with pytest.raises(BadPicture, match=r"a\.jpg cannot be read as a picture \(image file is truncated"):
        read_picture(tmp_path / "a.jpg")


def test_what_follows_a_jpeg_does_not_hide_its_end(tmp_path: Path) -> None:
    content = written(photo_like("RGB"), "JPEG")
    (tmp_path / "a.jpg").write_bytes(content + bytes(3_000_000))
    (tmp_path / "b.jpg").write_bytes(content)

    assert read_picture(tmp_path / "a.jpg").tobytes() == read_picture(tmp_path / "b.jpg").tobytes()


NOT_READ = {
    "clip.mov": (b"\0\0\0\x14ftypqt  \0\0\0\0", "It is a video."),
    "clip.mp4": (b"\0\0\0\x18ftypmp42\0\0\0\0", "It is a video."),
    "clip.jpg": (b"\x1aE\xdf\xa3" + bytes(40), "It is a video."),
    "a.jp2": (b"\0\0\0\x0cjP  \r\n\x87\n", "Its format is not among those that EasyPhoto reads."),
    "a.jxl": (b"\xff\x0a" + bytes(40), "Its format is not among those that EasyPhoto reads."),
    "a.ico": (b"\0\0\x01\0" + bytes(40), "Its format is not among those that EasyPhoto reads."),
    "a.psd": (b"8BPS\0\x01" + bytes(40), "It is an image editor's file with layers."),
    "a.pdf": (b"%PDF-1.7\n" + bytes(40), "It is a document."),
    "a.svg": (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/"/>', "It is a vector drawing."),
    "a.dng": (b"II*\0" + bytes(40), "It is a camera's raw file, without a finished picture."),
    "a.tga": (b"\0\0\x02\0\0" + bytes(40), "Its format is not among those that EasyPhoto reads."),
    "a.zip": (b"PK\x03\x04" + bytes(40), "It is an archive."),
    "page.jpg": (b"\n <!DOCTYPE html><title>403</title>", "It is a web page."),
    "lfs.jpg": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
                "It is only a pointer to the picture, which lies in Git LFS."),
    "diary.jpg": ("Liebes Tagebuch, heute schöner Tag".encode(), "It is a text."),
    "a.jpg": (b"", "It is empty."),
}  # fmt: skip


@pytest.mark.parametrize("name", NOT_READ)
def test_what_is_not_read_is_said_to_be_what_it_is(tmp_path: Path, name: str) -> None:
    content, why = NOT_READ[name]
    (tmp_path / name).write_bytes(content)

    with pytest.raises(BadPicture) as caught:
        read_picture(tmp_path / name)

    assert caught.value.message == f"{name} cannot be read as a picture. {why}"
    assert caught.value.why == why
    assert caught.value.advice


def test_what_is_of_no_known_kind_hears_what_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"\x80\x81\x82\x83" * 100)

    with pytest.raises(BadPicture, match="it is no JPEG, PNG, WebP, HEIC, AVIF, TIFF, BMP or GIF"):
        read_picture(tmp_path / "a.jpg")


def test_no_two_formats_begin_alike() -> None:
    kinds = ["HEIF", "GIF", "MPO", "JPEG", "WEBP", "PNG", "TIFF", "BMP", *(["AVIF"] if features.check("avif") else [])]

    for content, (one, other) in itertools.product(
        [written(smooth(), kind) for kind in kinds], itertools.combinations(FORMATS, 2)
    ):
        assert not (one.begins(content[:64]) and other.begins(content[:64]))
