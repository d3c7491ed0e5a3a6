"""Odd ZIP files from a seed: changes of a real export, and of a folder of the extension of 2023."""

from __future__ import annotations

import io
import json
import random
import stat
import struct
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from trials.odd_pictures import odd_picture
from trials.odd_values import odd_record

Files = list[tuple[str, bytes]]
Maker = Callable[[random.Random, Files], "Odd"]


@dataclass(frozen=True)
class Odd:
    files: Files
    links: frozenset[str] = frozenset()
    packing: int = zipfile.ZIP_STORED
    change: Callable[[bytes], bytes] = field(default=lambda content: content)
    """Of the whole archive."""


ONE_NUMBER = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
"""A tensor in the header of a LoRA."""


def odd_archive(chance: random.Random, source: Path, place: Path) -> str:
    kind = chance.choices([kind for kind, _, _ in KINDS], [weight for _, weight, _ in KINDS])[0]
    maker = next(maker for name, _, maker in KINDS if name == kind)
    with zipfile.ZipFile(source) as opened:
        files = [(name, opened.read(name)) for name in opened.namelist()]
    said = ""
    if kind == "record":
        said, odd = _record(chance, files)
    else:
        odd = maker(chance, files)
    place.write_bytes(odd.change(packed(odd)))
    return f"{kind} {said}".strip()


def packed(odd: Odd) -> bytes:
    stream = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(stream, "w", odd.packing, compresslevel=9) as archive:
        warnings.simplefilter("ignore")
        for name, content in odd.files:
            entry = zipfile.ZipInfo(name, (2024, 1, 1, 0, 0, 0))
            entry.compress_type = odd.packing
            entry.external_attr = (stat.S_IFLNK | 0o777 if name in odd.links else 0o600) << 16
            archive.writestr(entry, content)
    return stream.getvalue()


def changed_bytes(chance: random.Random, files: Files) -> Odd:
    seed, count, in_directory = chance.getrandbits(32), chance.choice((1, 2, 8, 100)), chance.random() < 0.5

    def change(content: bytes) -> bytes:
        other, made = random.Random(seed), bytearray(content)
        first = content.find(b"PK\x01\x02") if in_directory else 0
        for _ in range(count):
            made[other.randrange(first, len(made))] = other.randrange(256)
        return bytes(made)

    return Odd(files, change=change, packing=chance.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)))


def cut(chance: random.Random, files: Files) -> Odd:
    share = chance.random()
    return Odd(files, change=lambda content: content[: int(len(content) * share)])


def renamed(chance: random.Random, files: Files) -> Odd:
    name = chance.choice(
        (
            "../evil.png",
            "/tmp/evil.png",
            "dora/../../evil.png",
            "dora\\photos\\x.png",
            "dora/photos/con.png",
            "dora/photos/aux",
            "C:/x.png",
            "dora//x.png",
            "dora/photos/" + "n" * 300 + ".png",
            "dora/photos/é\u0301.png",
            "dora/JOB.JSON",
            "dora/PERSON.JSON",
            "dora/photos/.png",
            "dora/photos/x.png.",
            "dora/photos/x.png\0.exe",
            "dora/photos/a\nb.png",
            "dora/photos/\u202egnp.exe",
            "dora",
            "dora/",
            "./dora/person.json",
            "x/person.json",
            "dora/photos/x/y.png",
            "dora/photos/~.png",
            "dora/lora.safetensors/x.png",
            "dora/dataset/.old-dataset/x.png",
            "dora/run.json",
            "dora/portrait.exe",
            "",
        )
    )
    at = chance.randrange(len(files))
    return Odd([(name if number == at else old, content) for number, (old, content) in enumerate(files)])


def added(chance: random.Random, files: Files) -> Odd:
    """More than there should be: twice the same, in another case, litter, many."""
    what = chance.choice(("twice", "case", "litter", "many", "another person", "nested", "deep"))
    name, content = chance.choice(files)
    more: dict[str, Files] = {
        "twice": [(name, b"other")],
        "case": [(name.upper().replace("DORA/", "dora/"), content)],
        "litter": [("__MACOSX/._x", b"x"), ("dora/.DS_Store", b"x")],
        "many": [(f"dora/photos/{number}.png", b"") for number in range(chance.choice((1999, 2500, 60_000)))],
        "nested": [("dora/photos/x.png", packed(Odd(files)))],
        "another person": [(old.replace("dora/", "eva/"), each) for old, each in files],
        "deep": [("dora/photos" + "/d" * 400 + "/x.png", b"")],
    }
    return Odd([*files, *more[what]])


def missing(chance: random.Random, files: Files) -> Odd:
    gone = chance.sample(range(len(files)), chance.choice((1, 1, 3)))
    return Odd([each for number, each in enumerate(files) if number not in gone])


def links(chance: random.Random, files: Files) -> Odd:
    name = chance.choice(files)[0]
    target = chance.choice((b"../../secret.png", b"/etc/passwd", b"person.json"))
    return Odd([(old, target if old == name else content) for old, content in files], frozenset({name}))


def bomb(chance: random.Random, files: Files) -> Odd:
    name = chance.choice(
        (
            "dora/photos/x.png",
            "dora/person.json",
            "dora/lora.safetensors",
            "dora/dataset/dataset.json",
            "dora/dataset/metadata.jsonl",
        )
    )
    content = bytes(chance.choice((20 << 20, 300 << 20)))
    kept = [each for each in files if each[0] != name]
    return Odd(
        [*kept, (name, content)], packing=chance.choice((zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
    )


def lying(chance: random.Random, files: Files) -> Odd:
    """Sizes, offsets, flags and kinds of packing in the list of files that are not true; overlaps among them."""
    field_at, value = chance.choice(
        (
            (24, 2**32 - 1),
            (20, 2**32 - 1),
            (24, 1),
            (42, 0),
            (42, 2**31),
            (8, 1),
            (8, 0x2001),
            (10, 14),
            (10, 99),
            (38, 0xFFFFFFFF),
            (24, 4 << 20),
        )
    )
    seed = chance.getrandbits(32)

    def change(content: bytes) -> bytes:
        made, other = bytearray(content), random.Random(seed)
        starts = [at for at in range(len(content) - 46) if content[at : at + 4] == b"PK\x01\x02"]
        for at in starts if other.random() < 0.4 else [other.choice(starts)]:
            size = 2 if field_at in (8, 10) else 4
            made[at + field_at : at + field_at + size] = value.to_bytes(4, "little")[:size]
        return bytes(made)

    return Odd(files, change=change, packing=chance.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)))


def lora(chance: random.Random, files: Files) -> Odd:
    """Headers of the LoRA that claim, repeat, or are something else."""
    content = dict(files)["dora/lora.safetensors"]
    made = chance.choice(
        (
            struct.pack("<Q", 99_000_000) + b"{" + b" " * 98_999_998 + b"}",
            struct.pack("<Q", 99_000_000) + b"{}",
            struct.pack("<Q", 2**63) + b"{}",
            b"",
            b"\x80\x04.",
            b"PK\3\4",
            header(dict.fromkeys(map(str, range(chance.choice((300_000, 1_200_000)))), ONE_NUMBER)),
            header({"a": {"dtype": "F32", "shape": [2**62, 2**62], "data_offsets": [0, 4]}}),
            header({"a": 1}),
            header({"__metadata__": {"x": 1}}),
            header({"__metadata__": "x"}),
            header({"a_attn2_to_k.lora_down.weight": {"dtype": 3, "shape": "x"}}),
            content[:50],
            content + bytes(9),
            struct.pack("<Q", 200_000) + b"[" * 200_000,
            struct.pack("<Q", 30) + b'{"a": NaN, "b": 1e400, "c": 1}',
            struct.pack("<Q", 20) + b'{"\\ud800": {"a": 1} }',
        )
    )
    return Odd([(name, made if name.endswith("lora.safetensors") else each) for name, each in files])


def header(content: dict[str, object]) -> bytes:
    text = json.dumps(content).encode()
    return struct.pack("<Q", len(text)) + text + bytes(16)


def pictures(chance: random.Random, files: Files) -> Odd:
    """One of the pictures is odd."""
    import tempfile

    name = chance.choice([name for name, _ in files if name.endswith(".png")])
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "a" / "b" / "x.png"
        place.parent.mkdir(parents=True)
        while not place.is_file() or place.is_symlink():
            if place.is_symlink() or place.exists():
                place.rmdir() if place.is_dir() and not place.is_symlink() else place.unlink()
            odd_picture(chance, place)
        return Odd([(old, place.read_bytes() if old == name else content) for old, content in files])


def around(chance: random.Random, files: Files) -> Odd:
    """Something before, after, or in place of it."""
    what = chance.choice(("before", "comment", "zip64", "empty", "tar", "words", "twice"))
    changes: dict[str, Callable[[bytes], bytes]] = {
        "before": lambda content: b"#!/bin/sh\n" * 50 + content,
        "comment": lambda content: content[:-2] + b"\xff\xff" + b"c" * 65535,
        "empty": lambda _: packed(Odd([])),
        "zip64": lambda content: content[:-22] + b"PK\x06\x06" + bytes(52) + b"PK\x06\x07" + bytes(16) + content[-22:],
        "tar": lambda _: bytes(10240),
        "words": lambda _: b"no archive",
        "twice": lambda content: content + content,
    }
    return Odd(files, change=changes[what])


def encodings(chance: random.Random, files: Files) -> Odd:
    name = chance.choice(
        ("dora/photos/ä.png", "dora/photos/写真.png", "dora/photos/\U0001f600.png", "döra/person.json")
    )
    flag = chance.random() < 0.5

    def change(content: bytes) -> bytes:
        """The mark for UTF-8 taken away, or bytes that are none."""
        made = content.replace(name.encode(), b"\xff" * len(name.encode())) if flag else content
        return made.replace(b"\x00\x08\x00\x00", b"\x00\x00\x00\x00")

    return Odd([*files, (name, files[-1][1])], change=change)


def _record(chance: random.Random, files: Files) -> tuple[str, Odd]:
    name = chance.choice(
        ("dora/person.json",) * 3 + ("dora/dataset/dataset.json",) * 2 + ("dora/dataset/metadata.jsonl",)
    )
    said, content = odd_record(chance, dict(files)[name])
    return f"{name} {said}", replace(Odd(files), files=[(old, content if old == name else each) for old, each in files])


KINDS: tuple[tuple[str, float, Maker], ...] = (
    ("bytes", 14, changed_bytes),
    ("cut", 4, cut),
    ("renamed", 12, renamed),
    ("added", 8, added),
    ("missing", 5, missing),
    ("links", 3, links),
    ("bomb", 4, bomb),
    ("lying", 12, lying),
    ("lora", 10, lora),
    ("picture", 8, pictures),
    ("around", 4, around),
    ("encodings", 4, encodings),
    ("record", 22, cut),
)
