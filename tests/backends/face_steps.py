"""One denoising step of a small UNet with faces, whose inputs and weights hang on nothing but names and seeds.

`tools/attention_golden.py` takes the same step with the code of the papers' authors; the numbers it prints are
`GOLDEN`.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import torch

from easyphoto.backends.face_attention import Layers, cross_attentions
from tests.tiny_family import POOLED_WIDTH, make_unet, make_unet_xl

UNETS: Mapping[str, Callable[[], Any]] = MappingProxyType({"sd15": make_unet, "sdxl": make_unet_xl})
COUNT = 7
"""Tokens of a face. More than PuLID's five identity tokens, so that those count."""
ROWS, HEIGHT, BREADTH = 4, 8, 12
"""Rows of a batch of two pictures, the negative prompts' first, and the sides of their latents."""
WEIGHT = 0.8


def random(*shape: int, seed: int, scale: float = 1.0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * scale


@torch.no_grad()
def small_unet(name: str) -> Any:
    """Filled by the names of its tensors: no version of a library decides on its weights."""
    unet = UNETS[name]().eval().requires_grad_(False)
    for key, tensor in unet.named_parameters():
        values = random(*tensor.shape, seed=zlib.crc32(key.encode()))
        is_matrix = tensor.ndim > 1
        tensor.copy_(values / tensor[0].numel() ** 0.5 if is_matrix else key.endswith("weight") + 0.1 * values)
    return unet


def layers_of(unet: Any, seed: int = 1) -> Layers:
    """Keys and values for every cross-attention layer."""
    layers = {}
    for number, name in cross_attentions(unet).items():
        attention = unet.get_submodule(name.removesuffix(".processor"))
        shape = attention.inner_dim, attention.cross_attention_dim
        keys, values = (random(*shape, seed=seed + 100 * number + each, scale=0.3) for each in (0, 1))
        layers[number] = keys, values
    return layers


def tokens_of(unet: Any, seed: int = 7, rows: int = ROWS) -> torch.Tensor:
    return random(rows, COUNT, unet.config.cross_attention_dim, seed=seed)


def words_of(unet: Any) -> torch.Tensor:
    return random(ROWS, 9, unet.config.cross_attention_dim, seed=11)


@torch.no_grad()
def step(
    unet: Any, *, words: torch.Tensor | None = None, added: Mapping[str, Any] | None = None, **attention: Any
) -> torch.Tensor:
    """The prediction for two pictures that do not resemble each other. `attention` is passed to the processors."""
    more = dict(added or {})
    if unet.config.addition_embed_type:
        times = torch.tensor([[96.0, 64, 0, 0, 96, 64]]).repeat(ROWS, 1)
        more |= {"text_embeds": random(ROWS, POOLED_WIDTH, seed=12), "time_ids": times}
    answer: torch.Tensor = unet(
        random(ROWS, 4, HEIGHT, BREADTH, seed=10),
        torch.tensor(501),
        encoder_hidden_states=words_of(unet) if words is None else words,
        added_cond_kwargs=more or None,
        cross_attention_kwargs=attention or None,
        return_dict=False,
    )[0]
    return answer


def told(prediction: torch.Tensor) -> tuple[float, ...]:
    """Eight numbers of a prediction, from every row and channel."""
    return tuple(round(float(each), 6) for each in prediction.flatten()[::197])


GOLDEN: Mapping[str, tuple[float, ...]] = MappingProxyType(
    {
        "ip-adapter sd15": (-0.157902, 0.10395, 0.011963, -0.295101, 0.924365, -0.947447, 0.727087, 1.311416),
        "instantid sd15": (-0.157902, 0.10395, 0.011963, -0.295101, 0.924365, -0.947447, 0.727087, 1.311416),
        "pulid off sd15": (-0.157902, 0.10395, 0.011963, -0.295101, 0.924365, -0.947447, 0.727087, 1.311416),
        "pulid v1 sd15": (-0.119084, 0.093534, 0.196261, 0.129136, 0.92529, -0.37554, 0.933626, 1.22732),
        "pulid v2 sd15": (-0.140478, 0.044487, 0.070316, -0.093222, 0.835321, -0.716554, 0.837718, 1.20977),
        "ip-adapter sdxl": (-0.058117, 0.177505, 0.093728, 0.226057, 0.119433, -0.056445, -0.623773, 0.035266),
        "instantid sdxl": (-0.058117, 0.177505, 0.093728, 0.226057, 0.119433, -0.056445, -0.623773, 0.035266),
        "pulid off sdxl": (-0.058117, 0.177505, 0.093728, 0.226057, 0.119433, -0.056445, -0.623773, 0.035266),
        "pulid v1 sdxl": (-0.248435, 0.408273, 0.126092, -0.094877, 0.326921, 0.823241, -0.992127, 0.400592),
        "pulid v2 sdxl": (-0.00816, 0.366558, 0.173921, 0.063944, -0.059478, 0.045064, -0.691438, 0.183967),
    }
)
"""Authors, form and UNet → what `told` says of their step."""
