"""Whatever a record holds, reading it ends in typed values or in BadRecord."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

import pytest

from easyphoto.errors import BadRecord
from easyphoto.storage import records
from easyphoto.storage.records import name_stamp, read_json, typed, utc_now, write_json


def test_a_record_carries_its_formats_number(tmp_path):
    write_json(tmp_path / "a.json", {"name": "Anna"})

    assert read_json(tmp_path / "a.json") == {"format": 1, "name": "Anna"}


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"3", b'{"format": 9}', b"\xff\xfe"], ids=repr)
def test_a_record_that_is_none_is_named(tmp_path, content):
    (tmp_path / "a.json").write_bytes(content)

    with pytest.raises(BadRecord, match=r"a\.json"):
        read_json(tmp_path / "a.json")


DAMAGED = {
    "a number without end": b'{"format": 1, "cosine": 1' + b"0" * 400 + b"}",
    "a float without end": b'{"format": 1, "cosine": 1e999}',
    "no number": b'{"format": 1, "cosine": NaN}',
    "infinity": b'{"format": 1, "cosine": -Infinity}',
    "half a character": b'{"format": 1, "name": "\\ud800"}',
    "deep": b'{"format": 1, "a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "not so deep": b'{"format": 1, "a": ' + b"[" * 100 + b"]" * 100 + b"}",
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_what_could_not_be_handed_on_is_refused(tmp_path, content):
    (tmp_path / "a.json").write_bytes(content)

    with pytest.raises(BadRecord, match=r"a\.json"):
        read_json(tmp_path / "a.json")


def test_what_could_not_be_read_back_is_not_written(tmp_path):
    write_json(tmp_path / "a.json", {"name": "Anna"})
    for value in (float("nan"), float("inf"), "\ud800"):
        with pytest.raises(BadRecord):
            write_json(tmp_path / "a.json", {"name": value})
    assert read_json(tmp_path / "a.json")["name"] == "Anna"


class Kind(Enum):
    ONE = "one"


@dataclass(frozen=True)
class Part:
    name: str


@dataclass(frozen=True)
class Whole:
    name: str
    count: int = 0
    share: float | None = None
    names: tuple[str, ...] = ()
    size: tuple[int, int] = (0, 0)
    kind: Kind = Kind.ONE
    part: Part = Part("")
    words: Mapping[str, str] = field(default_factory=dict)
    anything: Any = None


def test_values_come_as_the_types_that_the_class_says():
    content = {
        "name": "a", "count": 2, "share": 1, "names": ["x"], "size": [1, 2], "kind": "one", "part": {"name": "p"},
        "words": {"a": "b"}, "anything": [1], "from a later version": True,
    }  # fmt: skip

    assert typed(Whole, content, "x") == Whole("a", 2, 1.0, ("x",), (1, 2), Kind.ONE, Part("p"), {"a": "b"}, [1])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", 1), ("name", None), ("count", "2"), ("count", True), ("count", 1.5), ("share", "1"), ("share", True),
        ("names", "x"), ("names", [1]), ("size", [1]), ("kind", "two"), ("part", []), ("part", {}), ("words", {"a": 1}),
        ("words", []),
    ],
)  # fmt: skip
def test_a_value_of_another_type_is_named(field, value):
    with pytest.raises(BadRecord, match="x is damaged"):
        typed(Whole, {"name": "a", field: value}, "x")


@pytest.mark.parametrize("content", [None, [], "text", {}], ids=repr)
def test_what_is_no_record_at_all_is_named(content):
    with pytest.raises(BadRecord, match="x is damaged"):
        typed(Whole, content, "x")


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        @staticmethod
        def now(zone):
            return datetime(2026, 1, 31, 12, 5, 9, 87_654, tzinfo=zone)

    monkeypatch.setattr(records, "datetime", Clock)


def test_records_say_the_time_in_utc(clock):
    assert utc_now() == "2026-01-31T12:05:09Z"
    assert utc_now(milliseconds=True) == "2026-01-31T12:05:09.087Z"


def test_names_that_begin_with_the_time_sort_by_it(clock):
    assert name_stamp() == "20260131T120509Z"
    assert name_stamp(microseconds=True) == "20260131T120509087654Z"
