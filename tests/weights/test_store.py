"""Finding, verifying, trusting and refusing weight files."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from easyphoto.errors import ChecksumMismatch, DiskFailure, InputError, LicenceRefused, WeightsMissing
from easyphoto.progress import NullProgress
from easyphoto.weights.catalog import CATALOG, Commercial, LicenceSet, UsedWeight, Variant, WeightFile
from easyphoto.weights.places import default_mirrors
from easyphoto.weights.store import WeightStore
from tests.weights.shelf import Shelf, Visit, gives, safetensors_bytes, says, sha256

CONTENT = b"weights " * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
TENSORS, OTHER_TENSORS = safetensors_bytes(5000), safetensors_bytes(5000, fill=8)

Catalogue = Callable[..., WeightFile]


def put(folder: Path, name: str, content: bytes = CONTENT) -> Path:
    target = folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    return target


def test_the_root_comes_before_the_mirrors_and_a_broken_file_is_passed_over(
    tmp_path: Path, catalogue: Catalogue
) -> None:
    catalogue(sha256=SHA256, bytes=len(CONTENT))
    root, mirror = tmp_path / "root", tmp_path / "mirror"
    mirrored = put(mirror, "net.dat")
    put(root, "folder/net.dat", b"broken")
    store = WeightStore(root, (mirror,))

    assert store.find("net") == mirrored
    assert store.find("net") == store.require("net", NullProgress())
    put(root, "folder/net.dat")
    assert store.find("net") == root / "folder/net.dat"


def test_a_mirror_may_keep_the_catalogues_folders_and_a_host_its_own(tmp_path: Path, catalogue: Catalogue) -> None:
    catalogue(sha256=SHA256, other_names=("Network.DAT",))
    mirrored, hosted = put(tmp_path / "mirror", "folder/net.dat"), put(tmp_path / "host", "sorted/mine/NETWORK.dat")

    assert WeightStore(tmp_path / "root", (tmp_path / "mirror",)).find("net") == mirrored
    assert WeightStore(tmp_path / "root", also=(tmp_path / "host",)).find("net") == hosted
    assert WeightStore(tmp_path / "root").find("net") is None


def test_a_variant_is_taken_where_the_file_itself_is_not_at_hand(tmp_path: Path, catalogue: Catalogue) -> None:
    catalogue(sha256=SHA256, variants=(Variant("net_full.dat", sha256=sha256(b"full")),))
    host = tmp_path / "host"
    full = put(host, "net_full.dat", b"full")
    store = WeightStore(tmp_path / "root", also=(host,))

    assert store.find("net") == full
    assert store.used("net") == UsedWeight("net", "net_full.dat", "MIT", sha256(b"full"))
    assert store.find("net") == full
    itself = put(host, "net.dat")
    assert store.find("net") == itself


def test_a_variant_is_fetched_where_no_source_gives_the_file_itself(
    shelf: Shelf, catalogue: Catalogue, store: WeightStore
) -> None:
    url = shelf.serve("/net.txt", gives(b"unpacked"))
    catalogue(sha256=SHA256, variants=(Variant("net.txt", sha256=sha256(b"unpacked"), sources=(url,)),))

    assert store.require("net", NullProgress()) == store.root / "folder" / "net.txt"


def test_a_users_file_is_never_overwritten(shelf: Shelf, catalogue: Catalogue, store: WeightStore) -> None:
    catalogue(shelf.serve("/net", gives(CONTENT)), sha256=SHA256)
    mine = put(store.root, "folder/net.dat", b"my own")

    with pytest.raises(ChecksumMismatch) as caught:
        store.require("net", NullProgress())

    assert mine.read_bytes() == b"my own"
    assert str(mine) in str(caught.value)
    assert "easyphoto weights trust net" in caught.value.advice
    assert shelf.asked == []


def test_a_users_file_is_used_once_they_said_so(catalogue: Catalogue, store: WeightStore) -> None:
    catalogue(sha256=SHA256, bytes=len(CONTENT))
    mine = put(store.root, "folder/net.dat", b"my own")

    assert store.trust("net") == mine
    assert store.find("net") == mine
    assert store.used("net").sha256 == sha256(b"my own")
    mine.write_bytes(b"changed")
    assert store.find("net") is None


@pytest.mark.parametrize("mine", [CONTENT, b"my own"])
def test_a_file_that_a_user_puts_there_during_the_download_stays(
    mine: bytes, shelf: Shelf, catalogue: Catalogue, store: WeightStore
) -> None:
    target = store.root / "folder" / "net.dat"

    def while_it_comes(visit: Visit) -> None:
        put(store.root, "folder/net.dat", mine)
        gives(CONTENT)(visit)

    catalogue(shelf.serve("/net", while_it_comes), sha256=SHA256)

    if mine == CONTENT:
        assert store.require("net", NullProgress()) == target
    else:
        with pytest.raises(ChecksumMismatch, match=sha256(mine)):
            store.require("net", NullProgress())
    assert target.read_bytes() == mine


def test_what_a_user_accepted_may_have_another_length_than_the_catalogues(
    shelf: Shelf, catalogue: Catalogue, store: WeightStore
) -> None:
    catalogue(shelf.serve("/net", gives(b"my own")), sha256=SHA256, bytes=len(CONTENT))
    mine = put(store.root, "folder/net.dat", b"my own")
    store.trust("net")
    mine.unlink()

    assert store.require("net", NullProgress()).read_bytes() == b"my own"


def test_a_file_of_another_row_is_not_accepted_under_this_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """antelopev2 and AuraFace call their files alike; accepting must not change a licence."""
    store = WeightStore(tmp_path)
    place = put(tmp_path, CATALOG["antelopev2"].path, b"some network")
    known = replace(CATALOG["antelopev2"], sha256=sha256(b"some network"))
    monkeypatch.setattr("easyphoto.weights.store.CATALOG", {**CATALOG, "antelopev2": known})

    assert store.trust("auraface") is None
    assert store.trust("antelopev2") == place
    assert store.find("auraface") is None


def test_a_fetched_file_is_not_read_again(
    shelf: Shelf, catalogue: Catalogue, store: WeightStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = b"x" * (2 << 20)
    catalogue(shelf.serve("/net", gives(large)), sha256=sha256(large))
    place = store.require("net", NullProgress())
    monkeypatch.setattr("easyphoto.weights.ledger.sha256_of", lambda *_: pytest.fail("it was read"))

    assert store.find("net") == place


def test_the_first_file_seen_is_trusted_and_recorded(shelf: Shelf, catalogue: Catalogue, store: WeightStore) -> None:
    url = shelf.serve("/net", gives(TENSORS))
    catalogue(url, path="folder/net.safetensors")

    store.require("net", NullProgress())

    record = json.loads((store.root / "hashes.json").read_text())
    assert record["format"] == 1
    assert record["trusted"]["net/net.safetensors"]["sha256"] == sha256(TENSORS)
    assert record["trusted"]["net/net.safetensors"]["source"] == url
    assert record["trusted"]["net/net.safetensors"]["date"].startswith("20")


def test_a_later_file_with_other_content_is_refused_until_it_is_accepted(
    shelf: Shelf, catalogue: Catalogue, store: WeightStore
) -> None:
    catalogue(shelf.serve("/net", gives(TENSORS), gives(OTHER_TENSORS)), path="folder/net.safetensors")
    first = store.require("net", NullProgress())
    first.unlink()

    with pytest.raises(ChecksumMismatch) as caught:
        store.require("net", NullProgress())

    assert "easyphoto weights trust net" in caught.value.advice
    assert not first.exists()
    assert store.trust("net") is None
    assert store.require("net", NullProgress()).read_bytes() == OTHER_TENSORS


def test_another_file_in_the_place_of_a_trusted_one_raises(catalogue: Catalogue, store: WeightStore) -> None:
    catalogue(path="folder/net.safetensors")
    place = put(store.root, "folder/net.safetensors", TENSORS)
    assert store.find("net") == place

    place.write_bytes(OTHER_TENSORS)

    assert store.find("net") is None
    with pytest.raises(ChecksumMismatch, match=sha256(OTHER_TENSORS)):
        store.require("net", NullProgress())
    assert place.read_bytes() == OTHER_TENSORS


def test_the_beginning_of_a_hash_must_fit_and_the_rest_is_recorded(catalogue: Catalogue, store: WeightStore) -> None:
    catalogue(path="folder/net.safetensors", sha256=sha256(TENSORS)[:8])
    place = put(store.root, "folder/net.safetensors", OTHER_TENSORS)
    assert store.find("net") is None

    place.write_bytes(TENSORS)

    assert store.find("net") == place
    assert store.ledger.trusted("net/net.safetensors") == sha256(TENSORS)


UNSOUND = {
    "a web page": b"<html>Log in</html>",
    "nothing": b"",
    "half a file": TENSORS[:-1],
    "a longer file": TENSORS + b"!",
    "a wrong header": (5).to_bytes(8, "little") + b"{oops",
    "a header without end": (10**12).to_bytes(8, "little") + b"{}",
}


@pytest.mark.parametrize("case", UNSOUND)
def test_what_is_no_whole_file_is_never_trusted(case: str, catalogue: Catalogue, store: WeightStore) -> None:
    catalogue(path="folder/net.safetensors")
    put(store.root, "folder/net.safetensors", UNSOUND[case])

    assert store.find("net") is None
    assert store.ledger.trusted("net/net.safetensors") is None


def test_a_server_that_lies_about_the_length_is_found_out_without_any_hash(
    shelf: Shelf, catalogue: Catalogue, store: WeightStore
) -> None:
    catalogue(shelf.serve("/net", says(200, TENSORS, content_length=2000)), path="folder/net.safetensors")

    with pytest.raises(ChecksumMismatch, match=r"not a complete \.safetensors file"):
        store.require("net", NullProgress())

    assert [file.name for file in (store.root / "folder").iterdir()] == []


def test_a_refused_file_is_not_found_and_the_error_names_licence_and_alternative(
    catalogue: Catalogue, store: WeightStore
) -> None:
    catalogue(sha256=SHA256, commercial=Commercial.UNKNOWN, licence="not stated", alternative="yunet")
    place = put(store.root, "folder/net.dat")

    assert not store.allows("net")
    assert store.find("net") is None
    with pytest.raises(LicenceRefused) as caught:
        store.require("net", NullProgress())

    assert "not stated" in str(caught.value)
    assert "Use yunet instead" in caught.value.advice
    research = replace(store, licences=LicenceSet.RESEARCH)
    assert research.allows("net")
    assert research.require("net", NullProgress()) == place


@pytest.mark.parametrize("id", CATALOG)
def test_commercial_safe_hands_out_no_file_whose_licence_forbids_it(id: str, tmp_path: Path) -> None:
    """Every file lies there, accepted; still only those with commercial use are handed out."""
    store, file = WeightStore(tmp_path), CATALOG[id]
    put(tmp_path, file.path, b"a file that was accepted")
    assert store.trust(id) == tmp_path / file.path

    if file.commercial is Commercial.YES:
        assert store.require(id, NullProgress()) == tmp_path / file.path
        return
    assert store.find(id) is None
    with pytest.raises(LicenceRefused, match=id):
        store.require(id, NullProgress())
    with pytest.raises(WeightsMissing):
        store.used(id)
    assert file.alternative is None or store.allows(file.alternative)


def test_a_refused_file_under_a_free_one_s_name_is_not_trusted_on_first_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from easyphoto.weights import store as store_module

    refused = replace(CATALOG["inswapper-128"], sha256=hashlib.sha256(TENSORS).hexdigest(), bytes=len(TENSORS))
    monkeypatch.setattr(store_module, "CATALOG", {**CATALOG, refused.id: refused})
    put(tmp_path, CATALOG["hyper-sd15-8step"].path, TENSORS)
    store = WeightStore(tmp_path)

    assert store.find("hyper-sd15-8step") is None
    assert store.trust("hyper-sd15-8step") is None


def test_a_file_of_the_hubs_cache_is_used_where_it_lies(
    tmp_path: Path, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("huggingface_hub")
    from easyphoto.weights.catalog import HubFile

    catalogue(HubFile("owner/name", "sub/net.bin"), sha256=SHA256)
    cached = put(tmp_path / "hub" / "models--owner--name", "snapshots/abc/sub/net.bin")
    put(tmp_path / "hub" / "models--owner--name", "refs/main", b"abc")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))

    assert WeightStore(tmp_path / "root").find("net") == cached


@pytest.mark.parametrize(
    "layout",
    ["models/owner/na___me", "hub/owner/na___me", "hub/models/owner/na___me", "models/owner--na.me/snapshots/master"],
)
def test_a_file_of_modelscopes_cache_is_used_where_it_lies(
    layout: str, tmp_path: Path, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    from easyphoto.weights.catalog import ModelScopeFile

    catalogue(ModelScopeFile("owner/na.me", "net.bin"), sha256=SHA256)
    cached = put(tmp_path / "scope", f"{layout}/net.bin")
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path / "scope"))

    assert WeightStore(tmp_path / "root").find("net") == cached


def test_modelscopes_own_client_is_asked_for_layouts_that_are_not_known_here(
    tmp_path: Path, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    from easyphoto.weights.catalog import ModelScopeFile

    catalogue(ModelScopeFile("owner/name", "net.bin"), sha256=SHA256)
    cached = put(tmp_path / "scope", "models/owner--name/snapshots/v1/net.bin")
    asked: list[Any] = []

    class HubApi:
        def download_file(self, *words: str, **more: Any) -> Path:
            asked.append((words, more))
            return cached

    class HubError(Exception):
        pass

    monkeypatch.setitem(sys.modules, "modelscope_hub", SimpleNamespace(HubApi=HubApi))
    monkeypatch.setitem(sys.modules, "modelscope_hub.errors", SimpleNamespace(HubError=HubError))
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path / "scope"))

    assert WeightStore(tmp_path / "root").find("net") == cached
    words = ("owner/name", "model", "net.bin")
    assert asked == [(words, {"cache_dir": tmp_path / "scope", "local_files_only": True})]


def test_checking_reads_again_and_says_what_is_damaged(catalogue: Catalogue, store: WeightStore) -> None:
    content = b"x" * (2 << 20)
    catalogue(sha256=sha256(content))
    place = put(store.root, "folder/net.dat", content)
    assert store.find("net") == place
    said = place.stat()

    # As a failing disk does it: the bytes change, and nothing else.
    place.write_bytes(b"y" + content[1:])
    os.utime(place, ns=(said.st_atime_ns, said.st_mtime_ns))
    assert store.find("net") == place
    (finding,) = store.check(NullProgress())

    assert (finding.place, finding.fits) == (place, False)
    assert store.find("net") is None


def test_a_record_that_cannot_be_read_is_an_error_and_not_a_fresh_start(
    catalogue: Catalogue, store: WeightStore
) -> None:
    catalogue(sha256=SHA256)
    put(store.root, "folder/net.dat")
    put(store.root, "hashes.json", b"{")

    with pytest.raises(InputError, match=r"hashes\.json"):
        store.find("net")


@pytest.mark.skipif(os.name == "nt", reason="needs a folder that is a file")
def test_trust_that_cannot_be_recorded_is_an_error(tmp_path: Path, catalogue: Catalogue) -> None:
    catalogue(path="folder/net.safetensors")
    put(tmp_path / "mirror", "net.safetensors", TENSORS)
    (tmp_path / "root").write_text("a file where the folder should be")

    with pytest.raises(DiskFailure):
        WeightStore(tmp_path / "root", (tmp_path / "mirror",)).find("net")


def test_looking_for_a_small_known_file_writes_nothing(tmp_path: Path, catalogue: Catalogue) -> None:
    catalogue(sha256=SHA256)
    put(tmp_path / "mirror", "net.dat")

    assert WeightStore(tmp_path / "root", (tmp_path / "mirror",)).find("net") is not None
    assert not (tmp_path / "root").exists()


def test_mirrors_are_named_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EASYPHOTO_WEIGHTS_MIRROR", os.pathsep.join(("/one", "/two")))
    assert default_mirrors() == (Path("/one"), Path("/two"))

    monkeypatch.delenv("EASYPHOTO_WEIGHTS_MIRROR")
    assert default_mirrors() == ()


def test_an_unknown_id_names_the_known_ones() -> None:
    with pytest.raises(InputError, match="yunet"):
        WeightStore(Path("nowhere")).find("nothing")
