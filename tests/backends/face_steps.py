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
from tests.tiny_family import POOLED_WIDTH, WIDTH, make_unet, make_unet_xl


def make_unet_15() -> Any:
    """As `make_unet`, with SD 1.5's four levels, the deepest of which attends to no words."""
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        sample_size=16,
        in_channels=4,
        out_channels=4,
        block_out_channels=(32, 64, 64, 64),
        down_block_types=(*("CrossAttnDownBlock2D",) * 3, "DownBlock2D"),
        up_block_types=("UpBlock2D", *("CrossAttnUpBlock2D",) * 3),
        layers_per_block=1,
        cross_attention_dim=WIDTH,
        attention_head_dim=4,
        norm_num_groups=8,
    )


UNETS: Mapping[str, Callable[[], Any]] = MappingProxyType(
    {"miniature": make_unet, "sd15": make_unet_15, "sdxl": make_unet_xl}
)
COUNT = 7
"""Tokens of a face. More than PuLID's five identity tokens, so that those count."""
ROWS, HEIGHT, BREADTH = 4, 16, 24
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
        times = torch.tensor([[128.0, 192, 0, 0, 128, 192]]).repeat(ROWS, 1)
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
    return tuple(round(float(each), 6) for each in prediction.flatten()[::773])


GOLDEN: Mapping[str, tuple[float, ...]] = MappingProxyType(
    {
        "ip-adapter miniature": (0.04327, -0.158202, -0.130902, -0.090707, 0.284461, -0.594003, 0.399778, 0.537509),
        "instantid miniature": (0.04327, -0.158202, -0.130902, -0.090707, 0.284461, -0.594003, 0.399778, 0.537509),
        "pulid off miniature": (0.04327, -0.158202, -0.130902, -0.090707, 0.284461, -0.594003, 0.399778, 0.537509),
        "pulid v1 miniature": (0.181855, 0.113912, -0.182741, -0.053072, 0.133091, -0.086964, 0.285238, 0.442235),
        "pulid v2 miniature": (0.114209, -0.072382, -0.153784, -0.093358, 0.113507, -0.186835, 0.384699, 0.515176),
        "ip-adapter sd15": (0.216677, 0.089678, 0.042352, 0.514819, -0.29508, 0.343574, 0.200429, 1.027026),
        "instantid sd15": (0.216677, 0.089678, 0.042352, 0.514819, -0.29508, 0.343574, 0.200429, 1.027026),
        "pulid off sd15": (0.216677, 0.089678, 0.042352, 0.514819, -0.29508, 0.343574, 0.200429, 1.027026),
        "pulid v1 sd15": (0.292625, 0.306718, -0.289162, 0.827549, -0.184689, 0.44813, -0.01719, 0.709791),
        "pulid v2 sd15": (0.213392, 0.178299, -0.036195, 0.776323, -0.242754, 0.438674, 0.096787, 0.924436),
        "ip-adapter sdxl": (-0.412133, 0.190766, -0.199095, 0.127975, 0.253194, 0.946716, -0.133012, 1.369519),
        "instantid sdxl": (-0.412133, 0.190766, -0.199095, 0.127975, 0.253194, 0.946716, -0.133012, 1.369519),
        "pulid off sdxl": (-0.412133, 0.190766, -0.199095, 0.127975, 0.253194, 0.946716, -0.133012, 1.369519),
        "pulid v1 sdxl": (-0.228796, 0.756297, -0.22236, -0.1191, 0.444279, 0.824788, -0.385715, 1.217597),
        "pulid v2 sdxl": (-0.47662, 0.50777, -0.22018, 0.379151, 0.360277, 1.279256, -0.167746, 1.348052),
    }
)
"""Authors, form and UNet → what `told` says of their step."""
