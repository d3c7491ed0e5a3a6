"""Pictures come in safely and go out whole; soft edges end where they should."""

import io
import struct
import tracemalloc
import zlib
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from easyphoto.errors import BadPicture
from easyphoto.geometry import Box, Size
from easyphoto.images.decoding import decoded, header_of
from easyphoto.images.masks import dilated, feathered
from easyphoto.images.pictures import (
    DigitalSource,
    as_array,
    as_picture,
    blended,
    pasted_back,
    picture_files,
    picture_record,
    read_at_least,
    read_picture,
    resized,
    resized_mask,
    warped,
    write_picture,
)

COLOURS = {"top left": (255, 0, 0), "top right": (0, 255, 0), "bottom left": (0, 0, 255), "bottom right": (255, 255, 0)}


def quarters() -> Image.Image:
    picture = np.zeros((40, 60, 3), np.uint8)
    picture[:20, :30], picture[:20, 30:] = COLOURS["top left"], COLOURS["top right"]
    picture[20:, :30], picture[20:, 30:] = COLOURS["bottom left"], COLOURS["bottom right"]
    return Image.fromarray(picture)


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_stands_upright_whatever_its_exif_tag_says(tmp_path, orientation, suffix):
    undo = {
        2: [Image.Transpose.FLIP_LEFT_RIGHT], 3: [Image.Transpose.ROTATE_180], 4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.TRANSPOSE], 6: [Image.Transpose.ROTATE_90], 7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_270],
    }  # fmt: skip
    stored = quarters()
    for step in undo.get(orientation, []):
        stored = stored.transpose(step)
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / f"a.{suffix}", exif=exif)

    picture = read_picture(tmp_path / f"a.{suffix}")

    assert picture.size == (60, 40)
    assert picture.tobytes() == quarters().tobytes()


def claiming(width: int, height: int) -> bytes:
    """A tiny PNG that says it is huge."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(50_000, 50_000), (20_000, 20_000), (2**31 - 1, 1000)])
def test_a_picture_that_claims_too_much_is_refused_before_it_is_decoded(tmp_path, size):
    (tmp_path / "bomb.png").write_bytes(claiming(*size))

    with pytest.raises(BadPicture) as caught:
        read_picture(tmp_path / "bomb.png")

    assert caught.value.exit_code == 2


def truncated_jpeg() -> bytes:
    stream = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (200, 200, 3), np.uint8)
    Image.fromarray(noise).save(stream, format="JPEG")
    return stream.getvalue()[: len(stream.getvalue()) // 2]


@pytest.mark.parametrize(
    "content", [b"", b"dear diary", truncated_jpeg(), b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0"],
    ids=["empty", "text", "cut off", "png head", "jpeg head"],
)  # fmt: skip
def test_what_is_no_picture_is_named(tmp_path, content):
    (tmp_path / "a.jpg").write_bytes(content)

    with pytest.raises(BadPicture, match=r"a\.jpg"):
        read_picture(tmp_path / "a.jpg")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(BadPicture, match="does not exist"):
        read_picture(tmp_path / "none.jpg")


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16"])
def test_every_mode_becomes_rgb(tmp_path, mode):
    source = Image.new(mode, (5, 4))
    suffix = "tif" if mode == "CMYK" else "png"
    source.save(tmp_path / f"a.{suffix}")

    assert read_picture(tmp_path / f"a.{suffix}").mode == "RGB"


def test_what_is_transparent_becomes_white(tmp_path):
    Image.new("RGBA", (1, 1), (255, 0, 0, 0)).save(tmp_path / "a.png")

    assert read_picture(tmp_path / "a.png").getpixel((0, 0)) == (255, 255, 255)


def test_a_large_photo_is_reduced_while_it_is_read(tmp_path):
    Image.new("RGB", (1200, 900), "red").save(tmp_path / "a.jpg")

    assert read_picture(tmp_path / "a.jpg", longest=300).size == (300, 225)


def test_a_record_travels_in_the_png(tmp_path):
    write_picture(tmp_path / "a.png", quarters(), {"seed": 3, "name": "Änne"})

    assert picture_record(tmp_path / "a.png") == {"seed": 3, "name": "Änne"}
    with Image.open(tmp_path / "a.png") as opened:
        assert opened.info["Comment"] == "made with AI"
        assert opened.convert("RGB").tobytes() == quarters().tobytes()


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (DigitalSource.COMPOSITE, "compositeWithTrainedAlgorithmicMedia"),
        (DigitalSource.DRAWN, "trainedAlgorithmicMedia"),
    ],
)
def test_other_programs_read_from_the_png_that_ai_made_it(tmp_path, source, said):
    """By IPTC's term in XMP, as another reader than ours finds it."""
    write_picture(tmp_path / "a.png", quarters(), {"seed": 3}, source=source)

    with Image.open(tmp_path / "a.png") as opened:
        packet = ElementTree.fromstring(opened.info["XML:com.adobe.xmp"])
        assert opened.convert("RGB").tobytes() == quarters().tobytes()
    (about,) = packet.iter("{http://www.w3.org/1999/02/22-rdf-syntax-ns#}Description")
    term = about.attrib["{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType"]
    assert term == f"http://cv.iptc.org/newscodes/digitalsourcetype/{said}"
    assert about.attrib["{http://ns.adobe.com/xap/1.0/}CreatorTool"].startswith("EasyPhoto ")
    assert picture_record(tmp_path / "a.png") == {"seed": 3}


def test_a_picture_that_nothing_painted_says_nothing_of_ai(tmp_path):
    write_picture(tmp_path / "a.png", quarters())

    with Image.open(tmp_path / "a.png") as opened:
        assert set(opened.info) == {"Software"}


def test_only_pictures_are_listed_by_name(tmp_path):
    for name in ("b.JPG", "a.png", "notes.txt", ".hidden"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "folder.jpg").mkdir()

    assert [path.name for path in picture_files(tmp_path)] == ["a.png", "b.JPG"]


@pytest.mark.parametrize("width", [0, 1, 4, 12.5])
def test_a_feathered_edge_ends_within_its_width(width):
    mask = np.zeros((64, 64), np.float32)
    mask[24:40, 24:40] = 1

    edge = feathered(mask, width)

    rows, columns = np.mgrid[:64, :64]
    away = np.hypot(
        np.maximum(0, np.maximum(24 - rows, rows - 39)), np.maximum(0, np.maximum(24 - columns, columns - 39))
    )
    assert (edge[mask == 1] == 1).all()
    assert (edge[away > width] == 0).all()
    assert width < 1 or (edge[(away > 0) & (away < width)] > 0).all()
    assert edge.min() == 0
    assert edge.max() == 1


def test_an_empty_mask_has_no_edge():
    assert not feathered(np.zeros((8, 8), np.float32), 3).any()


def test_where_the_edge_is_zero_every_byte_stays():
    rng = np.random.default_rng(1)
    picture = rng.integers(0, 256, (50, 60, 3)).astype(np.uint8)
    crop = rng.integers(0, 256, (20, 20, 3)).astype(np.uint8)
    alpha = np.zeros((20, 20), np.float32)
    alpha[5:10, 5:10] = 1

    result = pasted_back(picture, crop, Box(10, 15, 30, 35), alpha)

    changed = (result != picture).any(-1)
    assert (result[20:25, 15:20] == crop[5:10, 5:10]).all()
    changed[20:25, 15:20] = False
    assert not changed.any()


def test_half_and_half_is_the_mean():
    base, over = np.full((1, 1, 3), 100, np.uint8), np.full((1, 1, 3), 201, np.uint8)

    assert blended(base, over, np.full((1, 1), 0.5, np.float32)).tolist() == [[[150, 150, 150]]]


def test_a_mask_at_the_edge_does_not_shrink_from_there():
    mask = np.zeros((10, 10), np.float32)
    mask[:, :5] = 1

    assert dilated(mask, -2)[5].tolist() == [1, 1, 1, 0, 0, 0, 0, 0, 0, 0]
    assert dilated(mask, 2)[5].tolist() == [1, 1, 1, 1, 1, 1, 1, 0, 0, 0]
    assert dilated(mask, 0.4) is mask


def test_sizes():
    assert resized(quarters(), Size(30, 20)).size == (30, 20)
    assert resized(quarters(), Size(60, 40)).tobytes() == quarters().tobytes()
    assert resized_mask(np.ones((4, 4), np.float32), Size(9, 7)).shape == (7, 9)
    assert Size.of(as_array(quarters())) == Size.of(quarters()) == Size(60, 40)
    assert as_picture(as_array(quarters())).tobytes() == quarters().tobytes()


def places_of(width: int, height: int) -> np.ndarray:
    """An array that holds, at every pixel, its own column and row."""
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    return np.stack([columns, rows, np.zeros_like(rows)], axis=-1)


@pytest.mark.parametrize(
    ("scale", "left", "top"), [(0.0203, 11000.0, 300.0), (0.3, 11900.0, 20.0), (0.9, 5000.0, 100.0), (3.0, 7.0, 9.0)]
)
def test_a_warp_of_a_wide_picture_shows_every_pixel_from_its_place(scale: float, left: float, top: float) -> None:
    picture = places_of(12_000, 900)
    matrix = np.array([[scale, 0, -scale * left], [0, scale, -scale * top]])

    laid = warped(picture, matrix, (24, 20))

    assert laid[6, 8, :2] == pytest.approx([left + 8 / scale, top + 6 / scale], abs=0.05 / scale)


def test_a_warp_takes_from_a_picture_wider_than_opencv_warps() -> None:
    picture = np.zeros((40, 33_000, 3), np.uint8)
    picture[:, 32_500:] = 200

    laid = warped(picture, np.array([[1.0, 0, -32_490], [0, 1.0, 0]]), (20, 20))

    assert (laid[:, :10] == 0).all()
    assert (laid[:, 10:] == 200).all()


def test_beyond_the_picture_its_edge_goes_on_or_what_was_asked_for() -> None:
    picture = np.full((30, 30), 90, np.uint8)
    far = np.array([[1.0, 0, 500], [0, 1.0, 500]])

    assert (warped(picture, far, (20, 20)) == 90).all()
    assert (warped(picture, far, (20, 20), outside=7) == 7).all()


def test_a_warp_of_a_large_picture_costs_its_own_part_only() -> None:
    picture = np.zeros((4000, 6000, 3), np.uint8)
    half = np.array([[0.5, 0, -1000], [0, 0.5, -800]])
    tracemalloc.start()
    try:
        warped(picture, half, (112, 112))
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    # The whole picture at half its size has 18 million bytes.
    assert most < 2_000_000


@pytest.mark.parametrize("radius", [30, -30])
def test_a_mask_is_grown_and_shrunk_by_large_radii_as_by_small_ones(radius: int) -> None:
    mask = np.zeros((240, 240), np.float32)
    mask[60:180, 0:150] = 1

    made, small = dilated(mask, radius), dilated(mask[2::5, 2::5], radius / 5)

    assert set(np.unique(made)) == {0.0, 1.0}
    assert np.abs(made[2::5, 2::5] - small).mean() < 0.02


@pytest.mark.parametrize("size", [(4000, 1000), (1000, 4000), (4000, 3000)])
def test_a_large_jpeg_is_decoded_at_a_fraction_whichever_side_is_longer(tmp_path: Path, size: tuple[int, int]) -> None:
    Image.new("RGB", size, "red").save(tmp_path / "large.jpg")

    with decoded(tmp_path / "large.jpg", longest=1600) as held:
        assert held.raw.size == (size[0] // 2, size[1] // 2)


@pytest.mark.parametrize(("name", "long"), [("a.jpg", 2000), ("a.png", 2000), ("b.jpg", 1500)])
def test_a_picture_for_measuring_has_at_least_the_side_asked_for(tmp_path: Path, name: str, long: int) -> None:
    large = Image.new("RGB", (4000, 3000) if name.startswith("a") else (1500, 900), (200, 20, 40))
    large.save(tmp_path / name)

    made, notes = read_at_least(tmp_path / name, 1600)

    assert (max(made.size), notes) == (long, ())
    assert np.abs(np.asarray(made).astype(int) - (200, 20, 40)).max() <= 3


def test_a_header_says_how_much_memory_the_whole_picture_takes(tmp_path: Path) -> None:
    Image.new("RGB", (400, 300), "red").save(tmp_path / "a.jpg", exif=sideways())

    header = header_of(tmp_path / "a.jpg")

    assert header.size == (300, 400)
    # Four bytes for each pixel as it is decoded, and four for what is made of it.
    assert 8 * 400 * 300 <= header.memory < 9 * 400 * 300


def sideways() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif
