"""Building CLIP's tokenizer from its merges: they determine the vocabulary, so one file of 208 KB is enough."""

from __future__ import annotations

import gzip
import inspect
import io
import json
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from easyphoto.architectures.base import Family
from easyphoto.errors import EnvironmentFailure, InputError, WeightsMissing
from easyphoto.messages import text
from easyphoto.storage.files import cause_of, read_regular
from easyphoto.weights.store import WeightStore

MERGES_ID = "clip-merges"
MERGES_COUNT = 48_894
_MOST_BYTES = 16 << 20
"""Limit in bytes of the merges file; the uncompressed one has half a megabyte."""
START, END = "<|startoftext|>", "<|endoftext|>"
LENGTH = 77
KNOWN_TEXT = "a photo of an astronaut riding a horse"
KNOWN_TOKENS = [49406, 320, 1125, 539, 550, 18376, 6765, 320, 4558, 49407]
HUB_NAMES = ("openai/clip-vit-large-patch14", "stable-diffusion-v1-5/stable-diffusion-v1-5")
"""Repositories whose copy in the Hugging Face cache holds the merges."""


def open_tokenizers(family: Family, store: WeightStore | None, *, beside: Path) -> tuple[Any, ...]:
    """One tokenizer per text encoder. They share a vocabulary; CLIP's pads with the end token, OpenCLIP's with token 0.

    The merges are looked for in the store, in the folder `beside`, and in the Hugging Face cache. Raises
    WeightsMissing.
    """
    file = find_merges(store, beside)
    if file is None:
        raise WeightsMissing(
            text("The tokenizer of {label} (clip_merges.txt.gz) is missing.", label=family.label),
            advice=text(
                "Download it with `easyphoto weights get {merges_id}`, or put merges.txt beside the checkpoint.",
                merges_id=MERGES_ID,
            ),
            weights=(MERGES_ID,),
        )
    merges = read_merges(file)
    return tuple(make_tokenizer(merges, pad=encoder.pad) for encoder in family.text_encoders)


def find_merges(store: WeightStore | None, beside: Path) -> Path | None:
    """The file of merges, or None."""
    found = store.find(MERGES_ID) if store is not None else None
    if found is not None:
        return found
    near = (beside / name for name in ("clip_merges.txt.gz", "merges.txt", "tokenizer/merges.txt"))
    return next((path for path in (*near, *_in_hub_cache()) if path.is_file()), None)


def _in_hub_cache() -> Iterator[Path]:
    from huggingface_hub import try_to_load_from_cache

    for repository in HUB_NAMES:
        for name in ("merges.txt", "tokenizer/merges.txt"):
            path = try_to_load_from_cache(repository, name)
            if isinstance(path, str):
                yield Path(path)


def read_merges(file: Path) -> tuple[tuple[str, str], ...]:
    """Pairs of tokens in order of their rank. Raises WeightsMissing if the file is unreadable or incomplete."""
    try:
        content = read_regular(file, _MOST_BYTES)
        if file.suffix == ".gz":
            content = gzip.GzipFile(fileobj=io.BytesIO(content)).read(_MOST_BYTES)
        lines = [line for line in content.decode("utf-8").split("\n") if line and not line.startswith("#version")]
        pairs = tuple((first, second) for first, second in (line.split(" ") for line in lines))
    except (OSError, EOFError, ValueError, InputError, zlib.error) as error:
        raise WeightsMissing(
            text("{source} cannot be read: {cause}.", source=file, cause=cause_of(error)),
            advice=text("Download it again."),
        ) from error
    if len(pairs) != MERGES_COUNT:
        raise WeightsMissing(
            text(
                "{file} has {count} merges; CLIP has {merges_count}.",
                file=file,
                count=len(pairs),
                merges_count=MERGES_COUNT,
            ),
            advice=text("Download it again."),
        )
    return pairs


def vocabulary_of(merges: Sequence[tuple[str, str]]) -> dict[str, int]:
    """Token → id: 256 bytes, the same at the end of a word, the merged tokens, and the start and end tokens."""
    letters = byte_letters()
    joined = (first + second for first, second in merges)
    tokens = [*letters, *(letter + "</w>" for letter in letters), *joined, START, END]
    return {token: number for number, token in enumerate(tokens)}


def byte_letters() -> list[str]:
    """A printable character for each byte, in CLIP's order: printable bytes stand for themselves and come first."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    return [chr(byte) for byte in printable] + [chr(256 + number) for number in range(256 - len(printable))]


def make_tokenizer(merges: Sequence[tuple[str, str]], *, pad: str) -> Any:
    """transformers' fast CLIP tokenizer, built so that versions 4.46 and 5.x both give CLIP's ids.

    Raises EnvironmentFailure if KNOWN_TEXT does not become KNOWN_TOKENS.
    """
    from transformers import CLIPTokenizerFast

    marks = {"bos_token": START, "eos_token": END, "unk_token": END, "pad_token": pad, "model_max_length": LENGTH}
    if "vocab" in inspect.signature(CLIPTokenizerFast.__init__).parameters:
        tokenizer = CLIPTokenizerFast(vocab=vocabulary_of(merges), merges=list(merges), **marks)
    else:  # before transformers 5 it reads files, and silently accepts unknown arguments
        with tempfile.TemporaryDirectory() as folder:
            tokenizer = CLIPTokenizerFast(**_written(Path(folder), merges), **marks)
    if tokenizer(KNOWN_TEXT).input_ids != KNOWN_TOKENS:
        raise EnvironmentFailure(
            text("This version of transformers does not read CLIP's tokenizer as it should."),
            advice=text("Use a version named in constraints.txt."),
        )
    return tokenizer


def _written(folder: Path, merges: Sequence[tuple[str, str]]) -> dict[str, str]:
    vocabulary, table = folder / "vocab.json", folder / "merges.txt"
    vocabulary.write_text(json.dumps(vocabulary_of(merges)), "utf-8")
    table.write_text("\n".join(["#version: 0.2", *(f"{first} {second}" for first, second in merges), ""]), "utf-8")
    return {"vocab_file": str(vocabulary), "merges_file": str(table)}
