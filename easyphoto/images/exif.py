"""Reads orientation and date from EXIF, and nothing else.

Pillow copies every value of a block to return one, and thousands of entries may refer to the same bytes: a block of one
megabyte becomes gigabytes.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from typing import Any

_ORIENTATION = 0x0112
_CAMERA, _TAKEN = 0x8769, 0x9003
_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
_TEXT = 2
_NUMBERS = {1: "B", 3: "H", 4: "I"}
_LONGEST_TEXT = 100
_DATE = re.compile(r"\d{4}:\d\d:\d\d \d\d:\d\d:\d\d")
# Orientation in XMP; some editors write only that.
_TURNED = re.compile(rb'tiff:Orientation(?:="|>)([1-8])')


def orientation_in(info: Mapping[str | tuple[int, int], Any]) -> int:
    """Orientation, 1..8, from Pillow's `info` of a file; 1 where it is missing or invalid."""
    value = _value(_block(info), _ORIENTATION)
    if value is None:
        found = _TURNED.search(_as_bytes(info.get("xmp") or info.get("XML:com.adobe.xmp")))
        value = int(found[1]) if found else 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def taken_in(info: Mapping[str | tuple[int, int], Any]) -> str | None:
    """The camera's date and time, sortable as text; None where it is missing."""
    value = _value(_block(info), _TAKEN, below=_CAMERA)
    date = _DATE.match(value) if isinstance(value, str) else None
    return date.group() if date else None


def _block(info: Mapping[str | tuple[int, int], Any]) -> bytes:
    block = _as_bytes(info.get("exif"))
    # Older programs write EXIF into a PNG as three lines followed by hexadecimal digits.
    if not block and isinstance(text := info.get("Raw profile type exif"), str):
        try:
            block = bytes.fromhex("".join(text.split("\n")[3:]))
        except ValueError:
            return b""
    return block.removeprefix(b"Exif\0\0")


def _as_bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else value.encode("utf-8", "replace") if isinstance(value, str) else b""


def _value(block: bytes, tag: int, *, below: int | None = None) -> int | str | None:
    """A tag's number or text, in the table to which the tag `below` points; None where it is missing."""
    order = _ORDERS.get(block[:4])
    if order is None:
        return None
    try:
        (table,) = struct.unpack_from(f"{order}I", block, 4)
        if below is not None:
            table = _entry(block, order, table, below)
        return _entry(block, order, table, tag) if isinstance(table, int) else None
    except struct.error:
        return None


def _entry(block: bytes, order: str, table: int, tag: int) -> int | str | None:
    (count,) = struct.unpack_from(f"{order}H", block, table)
    for place in range(table + 2, table + 2 + 12 * count, 12):
        found, kind, length = struct.unpack_from(f"{order}HHI", block, place)
        if found != tag:
            continue
        if kind in _NUMBERS:
            return int(struct.unpack_from(f"{order}{_NUMBERS[kind]}", block, place + 8)[0])
        if kind == _TEXT and length > 4:
            (start,) = struct.unpack_from(f"{order}I", block, place + 8)
            return block[start : start + min(length, _LONGEST_TEXT)].split(b"\0")[0].decode("latin-1")
        return None
    return None
