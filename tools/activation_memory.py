"""How much memory a training step and a picture need beside the weights, counted without any: networks of true size on
torch's "meta" device, where tensors have shapes and no content.

Every storage that comes to life is counted until nobody holds it; the peak is what a device must have free. Attention
is counted as the fused kernels do it, which never hold the square of the tokens. The figures are the `Activations` and
`PictureActivations` of the families in easyphoto/architectures:

    python tools/activation_memory.py sd15 sdxl miniature
"""

from __future__ import annotations

import argparse
import json
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

from easyphoto.architectures.base import Family
from easyphoto.architectures.registry import FAMILIES
from easyphoto.backends.components import encoder_class, quiet_libraries
from easyphoto.backends.prompts import encoded_tokens
from easyphoto.training.adapters import Adapted, add_adapters
from easyphoto.training.budget import checkpoint_networks


class Peak(TorchDispatchMode):
    """Bytes of all storages made while it is on, and the most of them at one time."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.most = 0
        self._seen: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        known = {self._key(each) for each in tree_iter((args, kwargs)) if isinstance(each, torch.Tensor)}
        for each in tree_iter(result):
            if isinstance(each, torch.Tensor) and self._key(each) not in known | self._seen:
                self._count(each.untyped_storage())
        return result

    @staticmethod
    def _key(tensor: torch.Tensor) -> int:
        return int(tensor.untyped_storage()._cdata)

    def _count(self, storage: Any) -> None:
        key, size = int(storage._cdata), storage.nbytes()
        self._seen.add(key)
        self.now += size
        self.most = max(self.most, self.now)
        weakref.finalize(storage, self._forget, key, size)

    def _forget(self, key: int, size: int) -> None:
        self._seen.discard(key)
        self.now -= size


class FusedAttention(torch.autograd.Function):
    """The shapes of a fused attention: what it keeps for the backward pass, and what that gives back."""

    @staticmethod
    def forward(ctx: Any, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        out = torch.empty_like(query)
        ctx.save_for_backward(query, key, value, out, query.new_empty(query.shape[:-1], dtype=torch.float32))
        return out

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        query, key, value, *_ = ctx.saved_tensors
        return torch.empty_like(query), torch.empty_like(key), torch.empty_like(value)


@contextmanager
def fused_attention() -> Iterator[None]:
    """Attention as a GPU computes it: "meta" has no fused kernel."""
    real = functional.scaled_dot_product_attention
    functional.scaled_dot_product_attention = lambda query, key, value, *_, **__: FusedAttention.apply(
        query, key, value
    )
    try:
        yield
    finally:
        functional.scaled_dot_product_attention = real


class Networks:
    """What `add_adapters` wants of components."""

    def __init__(self, family: Family, unet: Any, text_encoders: tuple[Any, ...]) -> None:
        self.family, self.unet = family, unet
        self.text_encoders, self.networks = text_encoders, (unet, *text_encoders)


def open_networks(family: Family, dtype: torch.dtype) -> Networks:
    from diffusers import UNet2DConditionModel
    from transformers import CLIPTextConfig

    folder = family.folder
    with torch.device("meta"):
        unet = UNet2DConditionModel.from_config(json.loads((folder / "unet/config.json").read_text()))
        encoders = tuple(
            encoder_class(said)._from_config(
                CLIPTextConfig(**json.loads((folder / said.part / "config.json").read_text()))
            )
            for said in family.text_encoders
        )
    for encoder in encoders:
        encoder.config._attn_implementation = "sdpa"
    networks = Networks(family, unet, encoders)
    for network in networks.networks:
        network.to(dtype).eval()
    return networks


def step(adapted: Adapted, *, cells: int, batch: int) -> int:
    """Bytes at the peak of one forward and backward."""
    peak = Peak()
    config = adapted.unet.config
    with fused_attention(), peak:
        length = adapted.text_encoders[0].config.max_position_embeddings
        tokens = torch.zeros(batch, length, dtype=torch.long, device="meta")
        words, pooled = encoded_tokens(adapted.said, adapted.text_encoders, [tokens] * len(adapted.text_encoders))
        added = None if pooled is None else {
            "text_embeds": pooled, "time_ids": torch.zeros(batch, 6, device="meta"),
        }  # fmt: skip
        noisy = torch.zeros(batch, config.in_channels, cells, cells, device="meta")
        times = torch.zeros(batch, dtype=torch.long, device="meta")
        guess = adapted.guess(noisy, times, words, added)
        (guess.float() ** 2).mean().backward()
    adapted.weights.clear()
    return peak.most


def count(family: Family, *, dtype: torch.dtype, checkpointing: bool) -> dict[int, int]:
    """Bytes for each latent cell of each picture, by the side of the pictures.

    The difference that two more pictures make: what a step holds whatever the batch, gradients above all, is no part.
    """
    networks = open_networks(family, dtype)
    adapted = add_adapters(networks, rank=family.rank, alpha=family.alpha, seed=0, text_learns=True)
    if checkpointing:
        checkpoint_networks(adapted)
    found = {}
    for cells in (family.resolution // 16, family.resolution // 8):
        two, four = (step(adapted, cells=cells, batch=batch) for batch in (2, 4))
        found[cells * 8] = round((four - two) / 2 / cells**2)
    return found


def count_pictures(family: Family, dtype: torch.dtype) -> dict[str, int]:
    """Bytes for each latent cell that two more rows make in a denoising step, and two more pictures in the autoencoder,
    at the family's resolution or at half of it, whichever is larger."""
    from diffusers import AutoencoderKL, ControlNetModel, UNet2DConditionModel

    with torch.device("meta"):
        unet = UNet2DConditionModel.from_config(json.loads((family.folder / "unet/config.json").read_text()))
        control = ControlNetModel.from_unet(unet, load_weights_from_unet=False)
        vae = AutoencoderKL.from_config(json.loads((family.folder / "vae/config.json").read_text()))
    networks = [network.to(dtype).eval() for network in (unet, control, vae)]
    found: dict[str, list[int]] = {"step": [], "encode": [], "decode": []}
    real = functional.scaled_dot_product_attention
    functional.scaled_dot_product_attention = lambda query, *_, **__: torch.empty_like(query)
    try:
        for cells in (family.resolution // 16, family.resolution // 8):
            for name, seen in found.items():
                two, four = (_peak_of(name, networks, cells, rows, dtype) for rows in (2, 4))
                seen.append(round((four - two) / 2 / cells**2))
    finally:
        functional.scaled_dot_product_attention = real
    return {name: max(seen) for name, seen in found.items()}


@torch.no_grad()
def _peak_of(name: str, networks: list[Any], cells: int, rows: int, dtype: torch.dtype) -> int:
    unet, control, vae = networks

    def empty(*shape: int) -> torch.Tensor:
        return torch.empty(*shape, dtype=dtype, device="meta")

    latents = empty(rows, unet.config.in_channels, cells, cells)
    with Peak() as peak:
        if name == "encode":
            vae.encode(empty(rows, 3, 8 * cells, 8 * cells))
        elif name == "decode":
            vae.decode(latents)
        else:
            words = empty(rows, 77, unet.config.cross_attention_dim)
            pooled = unet.config.projection_class_embeddings_input_dim
            added = pooled and {
                "text_embeds": empty(rows, pooled - 6 * unet.config.addition_time_embed_dim),
                "time_ids": torch.empty(rows, 6, device="meta"),
            }
            told = {"encoder_hidden_states": words, "added_cond_kwargs": added or None, "return_dict": False}
            time = torch.zeros((), dtype=torch.long, device="meta")
            down, middle = control(latents, time, controlnet_cond=empty(rows, 3, 8 * cells, 8 * cells), **told)
            unet(latents, time, down_block_additional_residuals=down, mid_block_additional_residual=middle, **told)
    return peak.most


def main() -> None:
    parser = argparse.ArgumentParser(description="Count the memory of a step and of pictures on networks of true size.")
    parser.add_argument("families", nargs="+", choices=sorted(FAMILIES))
    for name in parser.parse_args().families:
        for dtype in (torch.float32, torch.bfloat16):
            for checkpointing in (False, True):
                with quiet_libraries():
                    found = count(FAMILIES[name], dtype=dtype, checkpointing=checkpointing)
                how = "checkpointing" if checkpointing else "plain"
                print(name, "step", str(dtype).removeprefix("torch."), how, found)
        for dtype in (torch.float32, torch.float16):
            with quiet_libraries():
                print(name, "pictures", str(dtype).removeprefix("torch."), count_pictures(FAMILIES[name], dtype))


if __name__ == "__main__":
    main()
