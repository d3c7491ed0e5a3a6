"""Of which family a LoRA file is, told by its header: what it says of itself, else the widths of its tensors."""

from __future__ import annotations

from pathlib import Path

from easyphoto.architectures.base import Family
from easyphoto.architectures.miniature import MINIATURE
from easyphoto.architectures.registry import FAMILIES
from easyphoto.architectures.sd15 import SD15
from easyphoto.architectures.sdxl import SDXL
from easyphoto.backends.headers import Header, read_header
from easyphoto.errors import InputError

_WIDTHS = {768: SD15, 2048: SDXL}
"""Of the encoded words that attention looks at."""
_DOWN = (".lora_down.weight", ".lora_A.weight", ".lora.down.weight", "_lora.down.weight")
_FACTORS = (*_DOWN, ".lora_up.weight", ".lora_B.weight", ".lora.up.weight", "_lora.up.weight")
_TAKE = "Take a LoRA of a person for SD 1.5 or SDXL (.safetensors)."


def family_of_lora(file: Path) -> Family:
    """Raises InputError for what is no LoRA of a family that is known here, and says what it is."""
    header = read_header(file)
    if not any(key.endswith(_FACTORS) for key in header.shapes):
        raise InputError(f"{file.name} is no LoRA.", advice=_TAKE)
    if header.metadata.get("ep_lora_version") == "scene":
        raise InputError(f"{file.name} is the LoRA of a scene, not of a person.", advice=_TAKE)
    # Ours says so itself, and its words are as wide as nobody else's.
    if header.metadata.get("ss_base_model_version") == MINIATURE.kohya_version:
        return MINIATURE
    width = _words_width(header)
    if width in _WIDTHS:
        return _WIDTHS[width]
    told = header.metadata.get("modelspec.architecture", "")
    by_name = next((family for family in FAMILIES.values() if family.architecture == told), None)
    if width is None and by_name is not None:
        return by_name
    words = "of unknown shape" if width is None else f"for a model whose words are {width} wide"
    raise InputError(f"{file.name} is a LoRA {words}.", advice=_TAKE)


def _words_width(header: Header) -> int | None:
    """How wide the words are that the UNet's cross-attention reads."""
    for key, shape in header.shapes.items():
        is_key_of_words = "attn2" in key and ("to_k" in key) and key.endswith(_DOWN)
        if is_key_of_words and len(shape) >= 2 and not key.startswith("lora_te"):
            return shape[1]
    return None
