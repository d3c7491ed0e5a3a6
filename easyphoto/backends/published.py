"""The name under which a LoRA of ours lies in a web UI's LoRA folder: it says whose it is and which bytes it holds.

Web UIs keep a LoRA by its name and do not look again, so a person trained anew needs a new name; and a backend that is
given a file must find out under which name its host knows the same bytes.
"""

from __future__ import annotations

from pathlib import Path

from easyphoto.weights.ledger import sha256_of

PREFIX = "easyphoto-"
OWN_NAME = "lora"
"""Every person's LoRA is called so in the person's folder, and the folder says whose it is."""
_DIGITS = 10


def published_name(lora: Path) -> str:
    """The stem for a host's LoRA folder: `easyphoto-<whose>-<start of its SHA-256>`."""
    return name_for(lora.parent.name if lora.stem == OWN_NAME else lora.stem, lora)


def name_for(whose: str, lora: Path) -> str:
    """The same for a LoRA that lies elsewhere, as an earlier training's does."""
    return f"{PREFIX}{whose}-{sha256_of(lora)[:_DIGITS]}"
