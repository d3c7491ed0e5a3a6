"""Finds the family of a LoRA file from its header: by its metadata, else by the widths of its tensors."""

from __future__ import annotations

from pathlib import Path

from easyphoto.architectures.base import Family
from easyphoto.architectures.header import LORA_DOWN, Header
from easyphoto.architectures.registry import FAMILIES
from easyphoto.backends.headers import read_header
from easyphoto.errors import InputError
from easyphoto.messages import text

_FACTORS = (*LORA_DOWN, ".lora_up.weight", ".lora_B.weight", ".lora.up.weight", "_lora.up.weight")
_TAKE = text("Use a LoRA for {names_of_files} (.safetensors).", names_of_files=FAMILIES.names_of_files("or"))


def family_of_lora(file: Path) -> Family:
    """The family of a LoRA file. Raises InputError for anything else, and says what the file is."""
    return family_of_header(read_header(file), file.name)


def family_of_header(header: Header, name: str) -> Family:
    """The same from the header of the file `name`."""
    if not any(key.endswith(_FACTORS) for key in header.shapes):
        raise InputError(text("{name} is not a LoRA.", name=name), advice=_TAKE)
    family = FAMILIES.of_lora(header)
    if family is not None:
        return family
    width = header.lora_words_width
    words = text("of an unknown kind") if width is None else text("for a model of text width {width}", width=width)
    raise InputError(text("{name} is a LoRA {words}.", name=name, words=words), advice=_TAKE)
