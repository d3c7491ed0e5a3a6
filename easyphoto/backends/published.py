"""The name of a published LoRA in a web UI's LoRA folder: it holds the person's id and the start of the file's hash.

Web UIs cache a LoRA by name and do not reload it, so a retrained person needs a new name. A backend that gets a file
must also find the name under which its host lists the same bytes.
"""

from __future__ import annotations

from pathlib import Path

from easyphoto.weights.ledger import sha256_of

PREFIX = "easyphoto-"
OWN_NAME = "lora"
"""The stem of every LoRA in its person's folder; the folder's name is the person's id."""
_DIGITS = 10


def published_name(lora: Path) -> str:
    """The stem in a host's LoRA folder: `easyphoto-<whose>-<start of its SHA-256>`."""
    return name_for(lora.parent.name if lora.stem == OWN_NAME else lora.stem, lora)


def name_for(whose: str, lora: Path) -> str:
    """The same for a LoRA outside its person's folder, such as an earlier training's."""
    return f"{PREFIX}{whose}-{sha256_of(lora)[:_DIGITS]}"
