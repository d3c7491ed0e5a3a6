"""Odd pictures from a seed: every format under every name, damaged bytes, claims, things that are no files."""

from __future__ import annotations

import io
import os
import random
import struct
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image

NAMES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".JPG")
MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "HSV", "I", "F", "I;16", "PA", "RGBa")
Maker = Callable[[random.Random, Path], None]


def odd_picture(chance: random.Random, place: Path) -> str:
    """Makes one at `place` with a suffix of a picture; its kind."""
    kind = chance.choices([kind for kind, _, _ in KINDS], [weight for _, weight, _ in KINDS])[0]
    maker = next(maker for name, _, maker in KINDS if name == kind)
    maker(chance, place)
    return kind


def plain(chance: random.Random, side: int = 96) -> Image.Image:
    noise = np.random.default_rng(chance.getrandbits(32)).integers(0, 256, (12, 12, 3)).astype(np.uint8)
    return Image.fromarray(noise).resize((side, side), Image.Resampling.NEAREST)


def valid(chance: random.Random) -> tuple[str, bytes]:
    """A picture in any format that Pillow writes, and any mode that it takes there."""
    Image.init()
    formats = sorted(Image.SAVE)
    while True:
        format = chance.choice(formats)
        stream = io.BytesIO()
        with suppress(Exception):  # not every format takes every mode
            _in_mode(plain(chance), chance.choice(MODES)).save(stream, format)
            return format, stream.getvalue()


def _in_mode(picture: Image.Image, mode: str) -> Image.Image:
    if mode == "LAB":
        return Image.merge("LAB", picture.split())
    if mode == "I;16":
        return Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257)
    return picture.convert("RGBA").convert(mode) if mode in ("RGBa",) else picture.convert(mode)


def usual(chance: random.Random) -> bytes:
    """A picture in a format that we read."""
    stream = io.BytesIO()
    plain(chance).save(stream, chance.choice(("JPEG", "PNG", "WEBP", "BMP", "TIFF", "MPO")))
    return stream.getvalue()


def any_format(chance: random.Random, place: Path) -> None:
    place.write_bytes(valid(chance)[1])


def mutated(chance: random.Random, place: Path) -> None:
    content = bytearray(usual(chance) if chance.random() < 0.6 else valid(chance)[1])
    for _ in range(chance.choice((1, 1, 3, 10, 60))):
        at = chance.randrange(len(content)) if chance.random() < 0.5 else chance.randrange(min(200, len(content)))
        content[at] = chance.choice((0, 255, chance.randrange(256)))
    place.write_bytes(bytes(content))


def cut(chance: random.Random, place: Path) -> None:
    content = usual(chance) if chance.random() < 0.6 else valid(chance)[1]
    length = chance.choice((0, 1, 2, 4, 8, 12, 20, 33, len(content) // 2, len(content) - 1))
    place.write_bytes(content[:length] + bytes(chance.choice((0, 0, 30))))


def spliced(chance: random.Random, place: Path) -> None:
    """The head of one, the rest of another."""
    one, other = valid(chance)[1], usual(chance)
    place.write_bytes(one[: chance.randrange(4, 64)] + other[chance.randrange(64) :])


def claiming(chance: random.Random, place: Path) -> None:
    """A header that claims many pixels and brings few."""
    width, height = chance.choice(
        ((65535, 65535), (12000, 12000), (2**31 - 1, 2**31 - 1), (1, 2**31 - 1), (0, 7), (150_000_000, 1))
    )
    what = chance.choice(("png", "bmp", "jpeg", "gif", "tiff", "webp"))
    if what == "png":
        place.write_bytes(png_of(width, height, chance.choice((0, 2, 3, 4, 6)), chance.choice((1, 8, 16)), b"\0" * 100))
    elif what == "bmp":
        head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, chance.choice((1, 8, 24, 32)), 0, 0, 1, 1, 0, 0)
        place.write_bytes(b"BM" + struct.pack("<IHHI", 200, 0, 0, 54) + head + bytes(100))
    elif what == "jpeg":
        content = bytearray(saved(plain(chance), "JPEG"))
        at = content.find(b"\xff\xc0") + 5
        content[at : at + 4] = struct.pack(">HH", min(height, 65535), min(width, 65535))
        place.write_bytes(bytes(content))
    elif what == "gif":
        place.write_bytes(
            b"GIF89a" + struct.pack("<HH", min(width, 65535), min(height, 65535)) + bytes([0x80, 0, 0]) + bytes(60)
        )
    elif what == "tiff":
        content = bytearray(saved(plain(chance), "TIFF"))
        for tag in (256, 257):
            at = content.find(struct.pack("<H", tag), 8)
            content[at + 2 : at + 12] = struct.pack("<HII", 4, 1, (width if tag == 256 else height) & 0xFFFFFFFF)
        place.write_bytes(bytes(content))
    else:
        content = bytearray(saved(plain(chance), "WEBP", lossless=True))
        place.write_bytes(bytes(content[:21] + b"\xff\xff\xff\xff" + content[25:]))


def heavy(chance: random.Random, place: Path) -> None:
    """Small files of many pixels and channels, which are what they claim."""
    width, height = chance.choice(((9000, 12000), (12000, 12000), (30000, 4900), (149_000, 1000)))
    colour, channels = chance.choice(((0, 1), (2, 3), (4, 2), (6, 4)))
    bits = chance.choice((8, 16))
    row = b"\0" + bytes(width * channels * bits // 8)
    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    place.write_bytes(png_of(width, height, colour, bits, data, is_packed=True))


def camera(chance: random.Random, place: Path) -> None:
    """What large cameras deliver, 108 million pixels: it must be read."""
    noise = np.random.default_rng(chance.getrandbits(32)).integers(0, 256, (90, 120, 3)).astype(np.uint8)
    Image.fromarray(noise).resize((12000, 9000), Image.Resampling.NEAREST).save(place, "JPEG", quality=85)


def png_of(
    width: int, height: int, colour: int, bits: int, data: bytes, *, is_packed: bool = False, more: bytes = b""
) -> bytes:
    head = struct.pack(">IIBBBBB", width & 0xFFFFFFFF, height & 0xFFFFFFFF, bits, colour, 0, 0, 0)
    packed = data if is_packed else zlib.compress(data)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + more + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def saved(picture: Image.Image, format: str, **words: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, format, **words)
    return stream.getvalue()


def odd_chunks(chance: random.Random, place: Path) -> None:
    """Notes, profiles and times that are too long, packed bombs, or nonsense."""
    bomb = zlib.compress(bytes(chance.choice((100, 300_000_000))), 9)
    extra = chance.choice(
        (
            chunk(b"iCCP", b"x\0\0" + bomb),
            chunk(b"zTXt", b"k\0\0" + bomb),
            chunk(b"iTXt", b"k\0\1\0\0\0" + bomb),
            chunk(b"tEXt", b"k" * 70_000),
            chunk(b"gAMA", b""),
            chunk(b"pHYs", bytes(3)),
            chunk(b"tRNS", bytes(999)),
            chunk(b"acTL", struct.pack(">II", 2**31, 0)),
            chunk(b"eXIf", os.urandom(0) + bytes(range(256)) * 4),
            chunk(b"PLTE", bytes(7)),
        )
    )
    picture = np.asarray(plain(chance))
    data = b"".join(b"\0" + row.tobytes() for row in picture)
    place.write_bytes(png_of(picture.shape[1], picture.shape[0], 2, 8, data, more=extra * chance.choice((1, 1, 50))))


def odd_notes(chance: random.Random, place: Path) -> None:
    """EXIF and profiles that are odd."""
    notes = bytearray(_exif(chance))
    for _ in range(chance.choice((0, 4, 30))):
        notes[chance.randrange(6, len(notes))] = chance.randrange(256)
    profile = chance.choice((b"", b"x" * 10, bytes(chance.randrange(256) for _ in range(400)), bytes(60_000)))
    format = chance.choice(("JPEG", "PNG", "WEBP", "TIFF"))
    with suppress(Exception):
        plain(chance).save(place, format, exif=bytes(notes)[:64_000], icc_profile=profile)
    if not place.exists():
        plain(chance).save(place, format, icc_profile=profile)


def _exif(chance: random.Random) -> bytes:
    while True:
        exif = Image.Exif()
        with suppress(Exception):  # not every value can be written
            exif[0x0112] = chance.choice((0, 6, 9, 65535, "6", (6, 6), b"\xff"))
            exif[0x9286] = chance.choice(("a" * 60_000, b"\0" * 60_000))
            return exif.tobytes()


def frames(chance: random.Random, place: Path) -> None:
    pictures = [plain(chance, chance.choice((1, 64, 96))) for _ in range(chance.choice((2, 40)))]
    pictures[0].save(
        place, chance.choice(("TIFF", "GIF", "PNG", "WEBP", "MPO")), save_all=True, append_images=pictures[1:]
    )


def floats(chance: random.Random, place: Path) -> None:
    values = np.full((64, 64), chance.choice((0.5, np.nan, np.inf, -1, 1e30)), np.float32)
    Image.fromarray(values).save(place, "TIFF")


def words(chance: random.Random, place: Path) -> None:
    """Bytes of what is no picture of ours."""
    place.write_bytes(
        chance.choice(
            (
                b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 90 90\n%%EndComments\nshowpage\n%%EOF\n",
                b"\xc5\xd0\xd3\xc6"
                + struct.pack("<IIIIII", 30, 90, 0, 0, 0, 0)
                + b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
                b"qoif"
                + struct.pack(">IIBB", 90, 90, chance.choice((3, 4, 9)), 0)
                + bytes(chance.choice((0, 30, 4000))),
                b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 90, 90, 8, 3) + bytes(chance.choice((12, 900))),
                b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf" + bytes(chance.choice((0, 200))),
                b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(60),
                b"\xff\x4f\xff\x51" + bytes(80),
                b"II*\0" + struct.pack("<I", 8) + b"\xff\xff" + bytes(90),
                b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
                b"%PDF-1.4\n",
                b"<html>",
                b'/* XPM */\nstatic char *x[] = {\n"90 90 1 1",\n',
                b"#define x_width 90\n#define x_height 90\nstatic char x_bits[] = {\n",
                b"\xd7\xcd\xc6\x9a" + bytes(90),
                b"SIMPLE  =                    T" + b" " * 2800,
                b"\x89HDF\r\n\x1a\n" + bytes(90),
                b"P6\n90 90 255\n",
                b"P5 9 9 65536\n" + bytes(90),
                b"\0" * 5000,
                b"DDS " + bytes(124),
                b"icns" + struct.pack(">I", 90) + b"ic09" + bytes(82),
                b"\0\0\1\0\1\0" + bytes(40),
                b"BLP2" + bytes(200),
                b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
                b"FLIF" + bytes(40),
                b"RIFF\xff\xff\xff\xffWEBPVP8X" + bytes(40),
                b"GIMP\0\0\0\x1c" + bytes(40),
            )
        )
    )


def no_file(chance: random.Random, place: Path) -> None:
    """Pipes, devices, folders, links."""
    outside = place.parent.parent / "secret.png"
    what = chance.choice(("pipe", "zero", "full", "tty", "folder", "dangling", "circle", "secret", "proc"))
    targets = {"zero": "/dev/zero", "full": "/dev/full", "tty": "/dev/tty", "dangling": "nowhere", "circle": place.name}
    if what == "pipe":
        os.mkfifo(place)
    elif what == "folder":
        place.mkdir()
    else:
        place.symlink_to(targets.get(what) or (outside if what == "secret" else "/proc/self/mem"))


KINDS: tuple[tuple[str, float, Maker], ...] = (
    ("any format", 20, any_format), ("mutated", 22, mutated), ("cut", 12, cut), ("spliced", 8, spliced),
    ("claiming", 8, claiming), ("heavy", 2, heavy), ("108 megapixels", 0.5, camera), ("chunks", 6, odd_chunks),
    ("notes", 6, odd_notes), ("frames", 3, frames), ("floats", 2, floats), ("words", 8, words), ("no file", 5, no_file),
)  # fmt: skip
