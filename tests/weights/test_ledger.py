"""A large file is hashed once, and again when it changes; many processes write one record."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from easyphoto.weights import ledger as ledger_module
from easyphoto.weights.ledger import Ledger
from tests.weights.shelf import sha256

LARGE = b"a" * (1 << 20)


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that were read."""
    read: list[str] = []
    genuine = ledger_module.sha256_of

    def counting(file: Path, progress: object = None) -> str:
        read.append(file.name)
        return genuine(file)

    monkeypatch.setattr(ledger_module, "sha256_of", counting)
    return read


def test_a_large_file_is_read_once_and_again_when_it_changes(tmp_path: Path, hashed: list[str]) -> None:
    ledger, file = Ledger(tmp_path / "hashes.json"), tmp_path / "net"
    file.write_bytes(LARGE)

    assert ledger.hash_of(file) == Ledger(ledger.file).hash_of(file) == sha256(LARGE)
    assert hashed == ["net"]

    file.write_bytes(b"b" + LARGE[1:])
    os.utime(file, ns=(0, 1))
    assert ledger.hash_of(file) == sha256(b"b" + LARGE[1:])
    file.write_bytes(LARGE + b"c")
    os.utime(file, ns=(0, 1))
    assert ledger.hash_of(file) == sha256(LARGE + b"c")
    assert hashed == ["net"] * 3


def test_a_link_and_its_target_are_one_file(tmp_path: Path, hashed: list[str]) -> None:
    ledger, file, link = Ledger(tmp_path / "hashes.json"), tmp_path / "net", tmp_path / "link"
    file.write_bytes(LARGE)
    link.symlink_to(file)

    assert ledger.hash_of(file) == ledger.hash_of(link)
    assert hashed == ["net"]


def test_what_no_longer_exists_is_forgotten(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "hashes.json")
    for name in ("one", "two"):
        (tmp_path / name).write_bytes(LARGE)
        ledger.hash_of(tmp_path / name)
    (tmp_path / "one").unlink()

    ledger.rehash(tmp_path / "two", ledger_module.NullProgress())

    assert list(json.loads(ledger.file.read_text())["hashes"]) == [str(tmp_path / "two")]


def test_many_at_once_lose_nothing(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "hashes.json")

    with ThreadPoolExecutor(8) as pool:
        first = list(pool.map(lambda n: ledger.trust(f"id/{n}", f"{n}", "a test"), range(24)))

    assert all(first)
    assert [ledger.trusted(f"id/{n}") for n in range(24)] == [str(n) for n in range(24)]


def test_of_two_that_trust_at_once_one_is_first(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "hashes.json")

    with ThreadPoolExecutor(4) as pool:
        accepted = list(pool.map(lambda n: ledger.trust("id", f"{n}", "a test"), range(4)))

    assert sorted(accepted) == [False, False, False, True]
    assert ledger.trust("id", str(accepted.index(True)), "again")
    assert ledger.trust("id", "new", "accepted", anew=True)
    assert ledger.trusted("id") == "new"


def test_a_record_that_cannot_be_written_costs_only_time(tmp_path: Path) -> None:
    (tmp_path / "root").write_text("a file where the folder should be")
    file = tmp_path / "net"
    file.write_bytes(LARGE)

    assert Ledger(tmp_path / "root" / "hashes.json").hash_of(file) == sha256(LARGE)
