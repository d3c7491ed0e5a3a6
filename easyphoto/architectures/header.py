"""The header of a safetensors file, known before any tensor is read: names, shapes, metadata."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

UNET = "model.diffusion_model."
"""Prefix of the UNet's tensor names in a checkpoint."""
FIRST_CONVOLUTION = f"{UNET}input_blocks.0.0.weight"
WORDS_KEY = ".attn2.to_k.weight"
LORA_DOWN = (".lora_down.weight", ".lora_A.weight", ".lora.down.weight", "_lora.down.weight")
"""Suffixes of a LoRA's down-projection names, in every spelling that is read."""


@dataclass(frozen=True)
class Header:
    """A file's tensor names with their shapes, and its metadata."""

    name: str
    shapes: Mapping[str, tuple[int, ...]]
    metadata: Mapping[str, str] = field(default_factory=dict)

    def has(self, *beginnings: str) -> bool:
        return any(key.startswith(beginnings) for key in self.shapes)

    def size(self, tensor: str, axis: int) -> int | None:
        """Length of a tensor along `axis`; None if there is no such tensor or axis."""
        shape = self.shapes.get(tensor, ())
        return shape[axis] if len(shape) > axis else None

    @property
    def words_width(self) -> int | None:
        """Width of the text embeddings that a checkpoint's UNet attends to."""
        keys = (key for key in self.shapes if key.startswith(UNET) and key.endswith(WORDS_KEY))
        return next((self.shapes[key][-1] for key in keys if self.shapes[key]), None)

    @property
    def lora_words_width(self) -> int | None:
        """Width of the text embeddings that a LoRA's UNet attends to."""
        return next((shape[1] for shape in self._lora_words_keys() if len(shape) >= 2), None)

    def _lora_words_keys(self) -> Iterator[tuple[int, ...]]:
        for key, shape in self.shapes.items():
            if "attn2" in key and "to_k" in key and key.endswith(LORA_DOWN) and not key.startswith("lora_te"):
                yield shape
