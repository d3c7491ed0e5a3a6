"""A table of merges in CLIP's format and size, invented but for the few merges that the known text needs."""

from __future__ import annotations

import gzip
from functools import cache
from itertools import product
from pathlib import Path

from easyphoto.backends.tokenizer import MERGES_COUNT, byte_letters

# Ranks are CLIP's token numbers less the 512 single letters.
NEEDED = {
    0: "p h", 1: "o t", 2: "ph ot", 3: "a s", 4: "t r", 5: "o n", 6: "a u", 7: "as tr", 8: "on au", 9: "astr onau",
    10: "o r", 11: "h or", 12: "s e</w>", 13: "r i", 14: "d i", 15: "n g</w>", 16: "ri di",
    27: "o f</w>", 38: "a n</w>", 613: "phot o</w>", 4046: "hor se</w>", 6253: "ridi ng</w>", 17864: "astronau t</w>",
}  # fmt: skip


@cache
def table() -> bytes:
    rare = byte_letters()[94:]
    invented = (f"{first} {second}{end}" for end in ("", "</w>") for first, second in product(rare, rare))
    lines = [NEEDED.get(rank) or next(invented) for rank in range(MERGES_COUNT)]
    return gzip.compress("\n".join(["#version: 0.2", *lines, ""]).encode(), mtime=0)


def write_merges(folder: Path) -> Path:
    file = folder / "clip_merges.txt.gz"
    file.write_bytes(table())
    return file
