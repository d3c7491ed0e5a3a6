"""Records with one thing wrong: a value of another kind, a path that leads out, bytes that are no JSON."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

DEEP = 100_000
RAW = {
    "not finite": "NaN",
    "infinite": "-Infinity",
    "10^400": "1e400",
    "long number": "9" * 5000,
    "half a character": '"\\ud800"',
    "deep list": "[" * DEEP + "]" * DEEP,
    "deep object": '{"a":' * 3000 + "1" + "}" * 3000,
    "twice": '1, "format": 1',
}
"""Written as they stand, because no writer makes them."""
VALUES: dict[str, Any] = {
    "nothing": None,
    "true": True,
    "number": 7,
    "negative": -(2**70),
    "fraction": 0.5,
    "text": "x",
    "empty text": "",
    "list": [],
    "object": {},
    "list of lists": [[[]]],
    "list of numbers": [1, 2],
    "list of nothing": [None],
    "object of objects": {"a": {"b": {}}},
    "long text": "y" * 300_000,
    "absolute": "/etc/passwd",
    "above": "../../../secret.png",
    "secret": "<secret>",
    "secret list": ["<secret>"],
    "beside": "../secret.png",
    "two above": "../../secret.png",
    "here": ".",
    "parent": "..",
    "nul": "a\0b",
    "control": "\x1b[2J\x07",
    "line ends": "a\nb\r",
    "markup": "<script>alert(1)</script>",
    "right to left": "\u202egnp.exe",
    "device": "/dev/zero",
    "windows": "C:\\Windows\\win.ini",
    "many": list(range(50_000)),
    "absolute list": ["/etc/passwd"],
    "list above": ["../../secret.png"],
}


def odd_record(chance: random.Random, record: bytes) -> tuple[str, bytes]:
    """What is wrong, and the bytes. `record` may have one JSON in each line."""
    if chance.random() < 0.25:
        return _odd_bytes(chance, record)
    *before, line = record.splitlines() if b"\n{" in record.strip() else [record]
    content = json.loads(line)
    places = list(_places(content))
    path = chance.choice(places)
    if chance.random() < 0.1:
        return f"no {'.'.join(map(str, path))}", b"\n".join([*before, json.dumps(_without(content, path)).encode()])
    if chance.random() < 0.3:
        name = chance.choice(list(RAW))
        text = json.dumps(_with(content, path, "<raw>"), ensure_ascii=False).replace('"<raw>"', RAW[name], 1)
    else:
        name = chance.choice(list(VALUES))
        text = json.dumps(_with(content, path, VALUES[name]))
    return f"{name} at {'.'.join(map(str, path))}", b"\n".join([*before, text.encode("utf-8", "surrogatepass")])


def _odd_bytes(chance: random.Random, record: bytes) -> tuple[str, bytes]:
    name = chance.choice(
        (
            "empty",
            "cut",
            "not UTF-8",
            "UTF-16",
            "mark",
            "zeros",
            "list",
            "number",
            "text",
            "flipped",
            "large",
            "format 2",
            "no format",
        )
    )
    flipped = bytearray(record)
    for _ in range(5):
        flipped[chance.randrange(len(flipped))] ^= 1 << chance.randrange(8)
    made = {
        "empty": b"",
        "cut": record[: chance.randrange(len(record))],
        "not UTF-8": record.replace(b"a", b"\xff\xfe", 3),
        "mark": b"\xef\xbb\xbf" + record,
        "UTF-16": record.decode().encode("utf-16"),
        "zeros": bytes(len(record)),
        "list": b"[]",
        "number": b"1",
        "text": b'"x"',
        "flipped": bytes(flipped),
        "large": record.rstrip()[:-1] + b', "more": "' + b"z" * (40 << 20) + b'"}',
        "format 2": record.replace(b'"format": 1', b'"format": 2'),
        "no format": record.replace(b'"format": 1', b'"formal": 1'),
    }
    return name, made[name]


def _places(content: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    parts = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in parts:
        yield (*path, key)
        yield from _places(value, (*path, key))


def _with(content: Any, path: tuple[Any, ...], value: Any) -> Any:
    made = copy.deepcopy(content)
    _above(made, path)[path[-1]] = value
    return made


def _without(content: Any, path: tuple[Any, ...]) -> Any:
    made = copy.deepcopy(content)
    del _above(made, path)[path[-1]]
    return made


def _above(content: Any, path: tuple[Any, ...]) -> Any:
    for key in path[:-1]:
        content = content[key]
    return content
