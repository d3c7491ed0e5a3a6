"""Identity adapters with random weights in the published layouts, narrow enough for tests.

Names and shapes are those of the published files; `tools/identity_golden.py` loads the same states into the original
implementations, which refuse a name or shape that is not theirs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

Shapes = dict[str, tuple[int, ...]]
HEAD = 64
PICTURE = 1280
"""Width of ViT-H's hidden states; readers tell kinds by it, so it is never reduced."""


def resampler(width: int, taken: int, words: int, *, heads: int = 1, depth: int = 4, queries: int = 16) -> Shapes:
    """IP-Adapter Plus (`taken` 1280) and InstantID (512)."""
    return {"latents": (1, queries, width), **_perceiver("", width, taken, words, heads=heads, depth=depth)}


def full(words: int, *, taken: int = PICTURE) -> Shapes:
    return {
        "proj.0.weight": (taken, taken), "proj.0.bias": (taken,),
        "proj.2.weight": (words, taken), "proj.2.bias": (words,),
        "proj.3.weight": (words,), "proj.3.bias": (words,),
    }  # fmt: skip


def faceid(words: int, *, vector: int = 512, tokens: int = 4) -> Shapes:
    return {
        "proj.0.weight": (2 * vector, vector), "proj.0.bias": (2 * vector,),
        "proj.2.weight": (tokens * words, 2 * vector), "proj.2.bias": (tokens * words,),
        "norm.weight": (words,), "norm.bias": (words,),
    }  # fmt: skip


def faceid_plus(words: int, *, vector: int = 512, taken: int = PICTURE) -> Shapes:
    return {
        **faceid(words, vector=vector),
        **_perceiver("perceiver_resampler.", words, taken, words, heads=max(1, words // HEAD)),
    }


def layers(unet: Any, *, rank: int = 0) -> Shapes:
    """Keys and values for each cross-attention of a UNet, and with a rank FaceID's LoRA for all attention layers."""
    found: Shapes = {}
    modules = dict(unet.named_modules())
    for number, name in enumerate(unet.attn_processors):
        module = modules[name.removesuffix(".processor")]
        if ".attn2." in name:
            for part in ("to_k", "to_v"):
                found[f"{number}.{part}_ip.weight"] = tuple(getattr(module, part).weight.shape)
        if rank:
            linears = {"to_q": module.to_q, "to_k": module.to_k, "to_v": module.to_v, "to_out": module.to_out[0]}
            for part, linear in linears.items():
                found[f"{number}.{part}_lora.down.weight"] = (rank, linear.in_features)
                found[f"{number}.{part}_lora.up.weight"] = (linear.out_features, rank)
    return found


def one_layer(words: int, *, number: int = 1, inner: int = 8) -> Shapes:
    return {f"{number}.to_k_ip.weight": (inner, words), f"{number}.to_v_ip.weight": (inner, words)}


def adapter(projection: Shapes, attention: Shapes) -> Shapes:
    """The flat names of a .safetensors file."""
    return dict(_prefixed("image_proj.", projection)) | dict(_prefixed("ip_adapter.", attention))


def numbers(shapes: Mapping[str, tuple[int, ...]], seed: int, *, deviation: float = 0.15) -> dict[str, np.ndarray]:
    """float32 arrays of these shapes; the legacy generator's numbers are the same in every version of numpy."""
    random = np.random.RandomState(seed)
    drawn = {name: random.standard_normal(shapes[name]) * deviation for name in sorted(shapes)}
    return {name: array.astype(np.float32) for name, array in drawn.items()}


def tensors(shapes: Mapping[str, tuple[int, ...]], seed: int, *, deviation: float = 0.15) -> dict[str, Any]:
    import torch

    return {name: torch.from_numpy(array) for name, array in numbers(shapes, seed, deviation=deviation).items()}


def _prefixed(prefix: str, shapes: Shapes) -> Iterator[tuple[str, tuple[int, ...]]]:
    return ((prefix + name, shape) for name, shape in shapes.items())


def _perceiver(prefix: str, width: int, taken: int, words: int, *, heads: int, depth: int = 4) -> Shapes:
    found: Shapes = {
        "proj_in.weight": (width, taken), "proj_in.bias": (width,), "proj_out.weight": (words, width),
        "proj_out.bias": (words,), "norm_out.weight": (words,), "norm_out.bias": (words,),
    }  # fmt: skip
    inner = heads * HEAD
    for block in range(depth):
        attention, feed = f"layers.{block}.0", f"layers.{block}.1"
        found |= {f"{attention}.{norm}.{end}": (width,) for norm in ("norm1", "norm2") for end in ("weight", "bias")}
        found |= {
            f"{attention}.to_q.weight": (inner, width), f"{attention}.to_kv.weight": (2 * inner, width),
            f"{attention}.to_out.weight": (width, inner), f"{feed}.0.weight": (width,), f"{feed}.0.bias": (width,),
            f"{feed}.1.weight": (4 * width, width), f"{feed}.3.weight": (width, 4 * width),
        }  # fmt: skip
    return dict(_prefixed(prefix, found))
