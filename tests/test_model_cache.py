"""The cache of models: what is kept, for whom, and what makes it go."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from easyphoto.model_cache import ModelCache, file_key


class Network:
    def __init__(self, name: str, size: int = 10) -> None:
        self.name, self.size = name, size


def size_of(network: Network) -> int:
    return network.size


def borrow(cache: ModelCache, name: str, size: int = 10) -> Network:
    with cache.lease() as lease:
        return lease.borrow(name, lambda: Network(name, size), size=size_of)


def test_a_second_job_finds_what_the_first_one_loaded():
    cache = ModelCache(100)

    first, second = borrow(cache, "unet"), borrow(cache, "unet")

    assert first is second
    assert (cache.loads, cache.bytes) == (1, 10)


def test_two_jobs_at_once_never_hold_the_same_network():
    cache = ModelCache(100)

    with cache.lease() as one, cache.lease() as other:
        first = one.borrow("unet", lambda: Network("unet"), size=size_of)
        second = other.borrow("unet", lambda: Network("unet"), size=size_of)
        assert first is not second
        assert one.borrow("unet", lambda: Network("again"), size=size_of) is first

    assert cache.loads == 2
    assert cache.bytes == 10, "one of two equal networks is kept"


def test_what_was_not_used_for_longest_goes_where_the_limit_is_exceeded():
    cache = ModelCache(25)
    for name in ("a", "b", "a", "c"):
        borrow(cache, name)

    assert cache.bytes == 20
    assert cache.loads == 3
    borrow(cache, "a")
    assert cache.loads == 3
    borrow(cache, "b")
    assert cache.loads == 4


def test_what_is_larger_than_the_limit_is_not_kept_and_drives_nothing_out():
    cache = ModelCache(25)
    borrow(cache, "small")

    borrow(cache, "large", 30)

    assert cache.bytes == 10
    borrow(cache, "small")
    assert cache.loads == 2


def test_a_network_that_grew_while_it_was_lent_counts_as_it_is_now():
    cache = ModelCache(100)
    network = borrow(cache, "unet")
    network.size = 60

    borrow(cache, "unet")

    assert cache.bytes == 60


def test_after_clearing_nothing_that_is_lent_comes_back():
    cache = ModelCache(100)

    with cache.lease() as lease:
        lease.borrow("unet", lambda: Network("unet"), size=size_of)
        cache.clear()

    assert cache.bytes == 0


def test_what_failed_is_not_given_back():
    cache = ModelCache(100)

    with cache.lease() as lease:
        lease.borrow("unet", lambda: Network("unet"), size=size_of)
        lease.forget("unet")

    assert cache.bytes == 0


def test_a_loader_that_fails_leaves_nothing_behind():
    cache = ModelCache(100)

    def fail() -> Network:
        raise OSError("the file is gone")

    with cache.lease() as lease:
        with pytest.raises(OSError, match="the file is gone"):
            lease.borrow("unet", fail, size=size_of)
        assert lease.borrow("unet", lambda: Network("unet"), size=size_of).name == "unet"


def test_what_is_kept_gives_way_to_what_does_not_fit_beside_it():
    cache, tries = ModelCache(100), []

    def load() -> Network:
        tries.append(cache.bytes)
        if cache.bytes:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return Network("large", 60)

    borrow(cache, "small")
    with cache.lease() as lease:
        assert lease.borrow("large", load, size=size_of).name == "large"

    assert tries == [10, 0]
    assert (cache.bytes, cache.loads) == (60, 2)


def test_what_does_not_fit_alone_either_fails_at_once():
    tries = []

    def load() -> Network:
        tries.append(1)
        raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")

    with ModelCache(100).lease() as lease, pytest.raises(RuntimeError, match="out of memory"):
        lease.borrow("large", load, size=size_of)

    assert len(tries) == 1


def test_the_machines_limit_is_asked_again_once_torch_is_there(monkeypatch: pytest.MonkeyPatch):
    memory = [100]
    monkeypatch.setattr("easyphoto.model_cache.memory_for_models", lambda: memory[0])
    cache = ModelCache()
    borrow(cache, "a", 40)

    memory[0] = 50
    borrow(cache, "b", 40)

    assert cache.bytes == 40


def test_a_deleted_persons_vectors_go_and_do_not_come_back():
    cache = ModelCache(100)
    cache.get(("vectors", "anna"), lambda: [1.0], size=len, owners=(Path("anna"),))
    cache.get(("vectors", "ben"), lambda: [2.0], size=len, owners=(Path("ben"),))

    def make() -> list[float]:
        cache.discard(Path("carl"))
        return [3.0]

    cache.discard(Path("anna"))
    cache.get(("vectors", "carl"), make, size=len, owners=(Path("carl"),))

    assert cache.bytes == 1
    assert cache.get(("vectors", "ben"), lambda: [0.0], size=len) == [2.0]
    assert cache.get(("vectors", "anna"), lambda: [0.0], size=len) == [0.0]


def test_what_was_made_from_a_folder_that_another_process_deleted_goes_with_the_next_hour(tmp_path: Path):
    cache = ModelCache(100)
    for name in ("anna", "ben"):
        (tmp_path / name).mkdir()
        cache.get(name, lambda: [1.0], size=len, owners=(tmp_path / name,))
    (tmp_path / "anna").rmdir()

    cache.expire(3600)

    assert cache.bytes == 1
    assert cache.get("ben", lambda: [0.0], size=len) == [1.0]


def test_a_network_that_is_lent_while_somebody_is_deleted_comes_back():
    cache = ModelCache(100)

    with cache.lease() as lease:
        lease.borrow("unet", lambda: Network("unet"), size=size_of)
        cache.discard(Path("anna"))

    assert cache.bytes == 10


def test_what_nobody_used_for_an_hour_goes(monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr("easyphoto.model_cache.time.monotonic", lambda: clock[0])
    cache = ModelCache(100)
    borrow(cache, "old")
    clock[0] += 3000
    borrow(cache, "new")
    clock[0] += 1000

    cache.expire(3600)

    assert cache.bytes == 10
    borrow(cache, "new")
    assert cache.loads == 2


def test_threads_that_borrow_at_once_hold_one_each():
    cache = ModelCache(1000)
    held, clash = set(), []

    def work() -> None:
        for _ in range(200):
            with cache.lease() as lease:
                network = lease.borrow("unet", lambda: Network("unet"), size=size_of)
                if id(network) in held:
                    clash.append(network)
                held.add(id(network))
                held.discard(id(network))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert clash == []
    assert cache.bytes == 10


def test_a_file_that_is_written_anew_has_another_key(tmp_path: Path):
    folder = tmp_path / "unet"
    folder.mkdir()
    file = folder / "weights.safetensors"
    file.write_bytes(b"one")
    of_file, of_folder = file_key(file), file_key(folder)
    assert file_key(file) == of_file

    file.write_bytes(b"two")
    os.utime(file, ns=(0, of_file[0][3] + 1))

    assert file_key(file) != of_file
    assert file_key(folder) != of_folder
