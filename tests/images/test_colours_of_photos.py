"""Photos are read into sRGB, whatever their files hold; what is broken beside the pixels costs no photo."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from easyphoto.errors import BadPicture
from easyphoto.images.decoding import decoded, upright_size
from easyphoto.images.pictures import picture_record, read_picture, read_with_notes, write_picture
from tests import icc

P3 = icc.rgb_profile(icc.DISPLAY_P3, icc.SRGB_CURVE, "Display P3")
ADOBE_CURVE = icc.gamma(2.19921875)
ADOBE = icc.rgb_profile(icc.ADOBE_RGB, ADOBE_CURVE, "Adobe RGB")


def muted(seed: int = 0) -> np.ndarray:
    """Colours that sRGB has as well, in any profile."""
    grey = np.random.default_rng(seed).integers(60, 190, (40, 50, 1))
    return (grey + np.random.default_rng(seed + 1).integers(-20, 21, (40, 50, 3))).astype(np.uint8)


def noise(seed: int = 0, size: tuple[int, int] = (40, 50)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*size, 3)).astype(np.uint8)


@pytest.mark.parametrize(
    ("profile", "corners", "curve"),
    [(P3, icc.DISPLAY_P3, icc.SRGB_CURVE), (ADOBE, icc.ADOBE_RGB, ADOBE_CURVE)],
    ids=["Display P3", "Adobe RGB"],
)
def test_a_photo_shows_the_colours_of_its_profile(tmp_path: Path, profile, corners, curve) -> None:
    Image.fromarray(muted()).save(tmp_path / "a.png", icc_profile=profile)

    read = np.asarray(read_picture(tmp_path / "a.png"))

    wanted = icc.lab_of(muted(), corners, curve)
    off = np.linalg.norm(icc.lab_of(read, icc.SRGB, icc.SRGB_CURVE) - wanted, axis=-1)
    dropped = np.linalg.norm(icc.lab_of(muted(), icc.SRGB, icc.SRGB_CURVE) - wanted, axis=-1)
    assert off.max() < 1.5
    assert dropped.max() > 2.0


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_an_srgb_photo_stays_byte_by_byte(tmp_path: Path, mode: str) -> None:
    profile = icc.rgb_profile(icc.SRGB, icc.SRGB_CURVE) if mode == "RGB" else icc.grey_profile(icc.SRGB_CURVE)
    picture = Image.fromarray(noise()).convert(mode)
    picture.save(tmp_path / "a.png", icc_profile=profile)

    assert read_picture(tmp_path / "a.png").tobytes() == picture.convert("RGB").tobytes()


def test_a_linear_grey_becomes_the_grey_that_is_meant(tmp_path: Path) -> None:
    Image.new("L", (4, 4), 128).save(tmp_path / "a.png", icc_profile=icc.grey_profile(icc.gamma(1.0)))

    assert read_picture(tmp_path / "a.png").getpixel((0, 0)) == (188, 188, 188)


def test_the_blackest_ink_is_not_black(tmp_path: Path) -> None:
    for suffix in ("jpg", "tif"):
        inks = Image.new("CMYK", (64, 64), (0, 0, 0, 255))
        inks.paste((0, 0, 0, 0), (0, 0, 32, 64))
        inks.save(
            tmp_path / f"a.{suffix}", icc_profile=icc.cmyk_profile(), **({"quality": 95} if suffix == "jpg" else {})
        )

        for longest in (None, 16):
            picture = read_picture(tmp_path / f"a.{suffix}", longest=longest)
            left, right = picture.getpixel((1, 5)), picture.getpixel((picture.width - 2, 5))

            assert left == pytest.approx((255, 255, 255), abs=2)
            assert right == pytest.approx((50, 50, 49), abs=2)


@pytest.mark.parametrize(
    ("profile", "why"),
    [
        (b"no profile at all", "it is broken"),
        (P3[:300], "it is broken"),
        (icc.cmyk_profile(), "it is for CMYK pictures"),
        (icc.grey_profile(icc.gamma(2.2)), "it is for greyscale pictures"),
    ],
    ids=["junk", "cut off", "CMYK", "grey"],
)
def test_a_profile_that_says_nothing_is_ignored_and_said(tmp_path: Path, profile: bytes, why: str) -> None:
    Image.fromarray(noise()).save(tmp_path / "a.png", icc_profile=profile)

    picture, notes = read_with_notes(tmp_path / "a.png")

    assert picture.tobytes() == noise().tobytes()
    assert len(notes) == 1
    assert notes[0].startswith(f"its colour profile was ignored, because {why}")


def with_profile_chunk(png: bytes, content: bytes) -> bytes:
    chunk = struct.pack(">I", len(content)) + b"iCCP" + content + struct.pack(">I", zlib.crc32(b"iCCP" + content))
    return png[:33] + chunk + png[33:]


@pytest.mark.parametrize(
    "content",
    [b"name\0\0not zlib", b"name\0\x07other packing", b"", b"name\0\0" + zlib.compress(bytes(3_000_000))],
    ids=["not packed", "packed otherwise", "empty", "three megabytes"],
)
def test_a_profile_that_cannot_be_unpacked_costs_no_photo(tmp_path: Path, content: bytes) -> None:
    Image.fromarray(noise()).save(tmp_path / "plain.png")
    (tmp_path / "a.png").write_bytes(with_profile_chunk((tmp_path / "plain.png").read_bytes(), content))

    assert read_picture(tmp_path / "a.png").tobytes() == noise().tobytes()
    assert upright_size(tmp_path / "a.png") == (50, 40)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_greys_of_16_bits_are_scaled_and_not_clipped(tmp_path: Path, suffix: str) -> None:
    Image.fromarray((np.arange(256, dtype=np.uint16) * 257)[None]).save(tmp_path / f"a.{suffix}")

    assert np.asarray(read_picture(tmp_path / f"a.{suffix}"))[0].tolist() == [[step] * 3 for step in range(256)]


def test_dark_greys_of_16_bits_stay_dark(tmp_path: Path) -> None:
    Image.fromarray(np.full((4, 4), 200, np.uint16)).save(tmp_path / "a.png")

    assert read_picture(tmp_path / "a.png").getpixel((0, 0)) == (1, 1, 1)


@pytest.mark.parametrize(("highest", "seen"), [(255, 127), (65535, 127), (2**31 - 1, 127)])
def test_greys_of_32_bits_are_scaled_by_what_holds_them(tmp_path: Path, highest: int, seen: int) -> None:
    Image.fromarray(np.array([[0, highest // 2, highest]], np.int32)).save(tmp_path / "a.tif")

    assert [pixel[0] for pixel in np.asarray(read_picture(tmp_path / "a.tif"))[0]] == [0, seen, 255]


def test_floating_point_greys_from_0_to_1_are_read_and_others_refused_by_name(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0.0, 0.5, 1.0]], np.float32)).save(tmp_path / "a.tif")
    Image.fromarray(np.array([[0.0, 900.0, np.nan]], np.float32)).save(tmp_path / "b.tif")

    assert [pixel[0] for pixel in np.asarray(read_picture(tmp_path / "a.tif"))[0]] == [0, 128, 255]
    with pytest.raises(BadPicture, match=r"b\.tif contains floating point numbers"):
        read_picture(tmp_path / "b.tif")


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_colours_of_16_bits_become_8(tmp_path: Path, suffix: str) -> None:
    deep = np.random.default_rng(3).integers(0, 65536, (40, 50, 3)).astype(np.uint16)
    cv2.imwrite(str(tmp_path / f"a.{suffix}"), deep[..., ::-1])

    read = np.asarray(read_picture(tmp_path / f"a.{suffix}")).astype(float)

    assert np.abs(read - deep / 257).max() <= 1
    with decoded(tmp_path / f"a.{suffix}") as held:
        assert held.bits == 16


@pytest.mark.parametrize("orientation", [0, 9, 65535])
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_an_orientation_that_does_not_exist_means_nothing(tmp_path: Path, suffix: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(noise()).save(tmp_path / f"plain.{suffix}")
    Image.fromarray(noise()).save(tmp_path / f"a.{suffix}", exif=exif)

    assert read_picture(tmp_path / f"a.{suffix}").tobytes() == read_picture(tmp_path / f"plain.{suffix}").tobytes()
    assert upright_size(tmp_path / f"a.{suffix}") == (50, 40)


@pytest.mark.parametrize("orientation", range(10))
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
def test_the_size_from_the_header_is_the_size_of_the_picture(tmp_path: Path, suffix: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(noise()).save(tmp_path / f"a.{suffix}", exif=exif)

    wanted = (40, 50) if orientation in (5, 6, 7, 8) else (50, 40)
    assert upright_size(tmp_path / f"a.{suffix}") == read_picture(tmp_path / f"a.{suffix}").size == wanted


@pytest.mark.parametrize("tags", [b"Exif\0\0neither II nor MM", b"Exif\0\0MM\0*\0\0\0\x08\0\x05\x01", b"Exif\0\0"])
def test_broken_tags_cost_no_photo(tmp_path: Path, tags: bytes) -> None:
    Image.fromarray(noise()).save(tmp_path / "a.jpg", exif=tags)

    assert read_picture(tmp_path / "a.jpg").size == upright_size(tmp_path / "a.jpg") == (50, 40)


def test_nothing_of_the_file_but_its_picture_goes_along(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010E] = "at home, Elm Street 1"
    Image.fromarray(noise()).save(tmp_path / "a.jpg", exif=exif, icc_profile=P3)

    write_picture(tmp_path / "b.png", read_picture(tmp_path / "a.jpg").crop((0, 0, 8, 8)))

    content = (tmp_path / "b.png").read_bytes()
    assert b"iCCP" not in content
    assert b"Elm" not in content


def test_a_profile_is_embedded_where_it_is_given(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png", Image.fromarray(noise()), {"seed": 1}, profile=P3)

    with Image.open(tmp_path / "a.png") as opened:
        assert opened.info["icc_profile"] == P3
        assert opened.convert("RGB").tobytes() == noise().tobytes()


def test_a_record_is_read_beside_a_profile_of_megabytes(tmp_path: Path) -> None:
    large = P3 + np.random.default_rng(0).bytes(2_000_000)
    write_picture(tmp_path / "a.png", Image.fromarray(noise()), {"seed": 1}, profile=large)

    assert picture_record(tmp_path / "a.png") == {"seed": 1}


def test_palettes_and_one_bit_are_what_they_stand_for(tmp_path: Path) -> None:
    table = Image.new("P", (2, 1))
    table.putpalette([250, 10, 20, 30, 240, 50])
    table.putdata([0, 1])
    table.save(tmp_path / "p.png")
    table.save(tmp_path / "t.png", transparency=1)
    table.save(tmp_path / "g.bmp")
    Image.fromarray(np.array([[True, False]])).save(tmp_path / "b.png")

    assert np.asarray(read_picture(tmp_path / "p.png")).tolist() == [[[250, 10, 20], [30, 240, 50]]]
    assert np.asarray(read_picture(tmp_path / "t.png")).tolist() == [[[250, 10, 20], [255, 255, 255]]]
    assert np.asarray(read_picture(tmp_path / "g.bmp")).tolist() == [[[250, 10, 20], [30, 240, 50]]]
    assert np.asarray(read_picture(tmp_path / "b.png")).tolist() == [[[255] * 3, [0] * 3]]


def test_a_grey_that_is_named_transparent_is_white(tmp_path: Path) -> None:
    deep = Image.new("I", (3, 1))
    deep.putdata([0, 30_000, 65_535])
    deep.save(tmp_path / "a.png", transparency=30_000)
    Image.fromarray(np.array([[0, 30, 200]], np.uint8)).save(tmp_path / "b.png", transparency=30)

    assert np.asarray(read_picture(tmp_path / "a.png"))[0, :, 0].tolist() == [0, 255, 255]
    assert np.asarray(read_picture(tmp_path / "b.png"))[0, :, 0].tolist() == [0, 255, 200]


def test_a_lab_picture_is_read(tmp_path: Path) -> None:
    lab = cv2.cvtColor(muted(), cv2.COLOR_RGB2LAB)
    lab[..., 1:] ^= 128  # TIFF's a and b have a sign
    Image.frombytes("LAB", (50, 40), lab.tobytes()).save(tmp_path / "a.tif")

    read = np.asarray(read_picture(tmp_path / "a.tif"))

    off = icc.lab_of(read, icc.SRGB, icc.SRGB_CURVE) - icc.lab_of(muted(), icc.SRGB, icc.SRGB_CURVE)
    assert np.linalg.norm(off, axis=-1).max() < 3
