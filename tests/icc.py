"""Colour profiles for tests, written byte by byte after ICC.1:2010, and their colours computed without them."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Sequence

import numpy as np

D50 = (0.9642, 1.0, 0.8249)
_D65_XY = (0.3127, 0.3290)
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
# Corners of the triangle of colours: red, green, blue as (x, y).
SRGB = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
DISPLAY_P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
ADOBE_RGB = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
"""g, a, b, c, d of (ax + b) ** g, from d on, and cx before it."""


def gamma(power: float) -> tuple[float, ...]:
    return power, 1.0, 0.0, 0.0, 0.0


def rgb_profile(corners: Sequence[tuple[float, float]], curve: Sequence[float], name: str = "test") -> bytes:
    """A display's: three colours and a curve."""
    columns = matrix_of(corners).T
    tags = {key: _xyz(column) for key, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns, strict=True)}
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), _curve(curve))
    return _profile(b"mntr", b"RGB ", b"XYZ ", tags, name)


def grey_profile(curve: Sequence[float], name: str = "test grey") -> bytes:
    return _profile(b"mntr", b"GRAY", b"XYZ ", {b"kTRC": _curve(curve)}, name)


def cmyk_profile(name: str = "test print") -> bytes:
    """A press whose black is a dark grey; it says what inks look like, not which inks a colour needs."""
    corners = [_ink_lab(*inks) for inks in itertools.product((0, 1), repeat=4)]
    return _profile(b"prtr", b"CMYK", b"Lab ", {b"A2B0": _table(4, corners)}, name)


def scanner_profile(name: str = "test scanner") -> bytes:
    """RGB that knows the way to Lab and not back."""
    corners = [_lab_of_srgb(np.array(rgb, float)) for rgb in itertools.product((0, 1), repeat=3)]
    return _profile(b"scnr", b"RGB ", b"Lab ", {b"A2B0": _table(3, corners)}, name)


def matrix_of(corners: Sequence[tuple[float, float]]) -> np.ndarray:
    """Linear RGB with D65 white to XYZ with D50 white."""
    white = _xyz_of(*_D65_XY)
    primaries = np.stack([_xyz_of(*corner) for corner in corners], axis=1)
    to_xyz = primaries * np.linalg.solve(primaries, white)
    scale = (_BRADFORD @ np.array(D50)) / (_BRADFORD @ white)
    return np.asarray(np.linalg.inv(_BRADFORD) @ np.diag(scale) @ _BRADFORD @ to_xyz)


def lab_of(values: np.ndarray, corners: Sequence[tuple[float, float]], curve: Sequence[float]) -> np.ndarray:
    """CIE L*a*b* (D50) of RGB numbers from 0 to 255, by the formulas and not by a profile."""
    power, scale, offset, slope, start = curve
    encoded = np.asarray(values, np.float64) / 255
    linear = np.where(encoded >= start, np.maximum(scale * encoded + offset, 0) ** power, slope * encoded)
    return _lab_of_xyz(linear @ matrix_of(corners).T)


def _lab_of_xyz(xyz: np.ndarray) -> np.ndarray:
    part = xyz / np.array(D50)
    root = np.where(part > 216 / 24389, np.cbrt(part), (24389 / 27 * part + 16) / 116)
    x, y, z = root[..., 0], root[..., 1], root[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def _lab_of_srgb(part: np.ndarray) -> np.ndarray:
    return lab_of(255 * part, SRGB, SRGB_CURVE)


def _ink_lab(cyan: int, magenta: int, yellow: int, black: int) -> np.ndarray:
    paper = np.array([1.0, 0.98, 0.95])
    lights = np.array([0.3, 0.9, 0.9]) ** cyan * np.array([0.9, 0.3, 0.8]) ** magenta
    return _lab_of_srgb(paper * lights * np.array([1.0, 0.95, 0.3]) ** yellow * 0.2**black)


def _xyz_of(x: float, y: float) -> np.ndarray:
    return np.array([x / y, 1.0, (1 - x - y) / y])


def _fixed(*values: float) -> bytes:
    return b"".join(struct.pack(">i", round(65536 * value)) for value in values)


def _xyz(values: Sequence[float]) -> bytes:
    return b"XYZ \0\0\0\0" + _fixed(*values)


def _curve(curve: Sequence[float]) -> bytes:
    return b"para\0\0\0\0" + struct.pack(">HH", 3, 0) + _fixed(*curve)


def _words(text: str) -> bytes:
    content = text.encode("utf-16-be")
    return b"mluc\0\0\0\0" + struct.pack(">II2s2sII", 1, 12, b"en", b"US", len(content), 28) + content


def _table(inputs: int, corners: Sequence[np.ndarray]) -> bytes:
    """lut8Type with two grid points for each input; the first input changes slowest."""
    steps = bytes(range(256))
    head = struct.pack(">4s4xBBBx", b"mft1", inputs, 3, 2) + _fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    grid = np.rint([[lab[0] * 2.55, lab[1] + 128, lab[2] + 128] for lab in corners]).clip(0, 255).astype(np.uint8)
    return head + steps * inputs + grid.tobytes() + steps * 3


def _profile(kind: bytes, space: bytes, between: bytes, tags: dict[bytes, bytes], name: str) -> bytes:
    tags = {b"desc": _words(name), b"cprt": _words("made by a test"), b"wtpt": _xyz(D50), **tags}
    table, content, place = b"", b"", 128 + 4 + 12 * len(tags)
    for key, value in tags.items():
        value += b"\0" * (-len(value) % 4)
        table += struct.pack(">4sII", key, place + len(content), len(value))
        content += value
    made = struct.pack(">6H", 2026, 1, 1, 0, 0, 0)
    size = place + len(content)
    head = struct.pack(">I4xI4s4s4s12s4s28x", size, 0x04200000, kind, space, between, made, b"acsp")
    head += _fixed(*D50) + b"\0" * 48
    return head + struct.pack(">I", len(tags)) + table + content
