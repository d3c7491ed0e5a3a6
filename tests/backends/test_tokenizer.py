"""CLIP's tokenizer from its table of merges."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from easyphoto.architectures.sd15 import SD15
from easyphoto.architectures.sdxl import SDXL
from easyphoto.backends.tokenizer import find_merges, open_tokenizers, read_merges, vocabulary_of
from easyphoto.errors import WeightsMissing
from easyphoto.weights.places import default_mirrors
from easyphoto.weights.store import WeightStore
from tests.backends.merges import table, write_merges


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, ...]:
    folder = tmp_path_factory.mktemp("merges")
    write_merges(folder)
    return open_tokenizers(SDXL, None, beside=folder)


def test_the_vocabulary_has_bytes_ends_merges_and_two_marks(tmp_path: Path):
    vocabulary = vocabulary_of(read_merges(write_merges(tmp_path)))

    assert len(vocabulary) == 49_408
    assert [vocabulary[token] for token in ("!", "a", "!</w>", "a</w>")] == [0, 64, 256, 320]
    assert [vocabulary[token] for token in ("of</w>", "<|startoftext|>", "<|endoftext|>")] == [539, 49406, 49407]


def test_the_first_pads_with_the_end_and_the_second_with_zero(tokenizers: tuple[Any, ...]):
    first, second = (tokenizer("a", padding="max_length").input_ids for tokenizer in tokenizers)

    assert first == [49406, 320, *[49407] * 75]
    assert second == [49406, 320, 49407, *[0] * 74]


def test_words_are_lowered_and_too_many_are_cut(tokenizers: tuple[Any, ...]):
    tokenizer = tokenizers[0]

    assert tokenizer("A  Photo").input_ids == tokenizer("a photo").input_ids == [49406, 320, 1125, 49407]
    assert len(tokenizer("a " * 100, truncation=True).input_ids) == 77


def test_the_real_table_gives_the_numbers_clip_was_trained_on():
    found = WeightStore(Path("nowhere"), default_mirrors()).find("clip-merges")
    if found is None:
        pytest.skip("CLIP's merges are in no folder that EASYPHOTO_WEIGHTS_MIRROR names")

    (tokenizer,) = open_tokenizers(SD15, WeightStore(Path("nowhere"), default_mirrors()), beside=Path())

    text = "a photo of an astronaut riding a horse"
    assert tokenizer(text).input_ids == [49406, 320, 1125, 539, 550, 18376, 6765, 320, 4558, 49407]
    assert tokenizer("easyphoto_face, easyphoto, 1person").input_ids[0] == 49406


@pytest.mark.parametrize("name", ["merges.txt", "tokenizer/merges.txt"])
def test_an_unpacked_table_beside_the_checkpoint_serves_too(tmp_path: Path, name: str):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(gzip.decompress(table()))

    assert find_merges(None, tmp_path) == tmp_path / name
    assert len(read_merges(tmp_path / name)) == 48_894


def test_the_table_in_the_hubs_cache_serves_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(
        "huggingface_hub.try_to_load_from_cache",
        lambda repository, name: str(tmp_path / "cached") if "openai" in repository else None,
    )
    (tmp_path / "cached").write_bytes(b"")

    assert find_merges(None, tmp_path / "empty") == tmp_path / "cached"


def test_without_a_table_it_is_said_where_to_put_one(tmp_path: Path):
    with pytest.raises(WeightsMissing, match=r"clip_merges\.txt\.gz.*weights get clip-merges"):
        open_tokenizers(SDXL, None, beside=tmp_path)


@pytest.mark.parametrize(
    "content", [table()[:1000], gzip.compress(b"a b\nc d", mtime=0), gzip.compress(b"a b c", mtime=0), b"no gzip"]
)
def test_a_broken_table_is_refused(tmp_path: Path, content: bytes):
    (tmp_path / "clip_merges.txt.gz").write_bytes(content)

    with pytest.raises(WeightsMissing, match="Download it again"):
        read_merges(tmp_path / "clip_merges.txt.gz")
