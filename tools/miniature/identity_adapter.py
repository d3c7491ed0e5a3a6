"""The identity adapter in training: FaceID's projection and attention on the frozen UNet, and the LoRA beside them.

The LoRA lies on the weights (a parametrization), as whoever applies the file merges it: a pass costs what it cost.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from faces_configs import FACES
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional
from torch.nn.utils import parametrize

from easyphoto.backends.adapter_files import EMBEDDER_NOTE
from easyphoto.training.lora import safetensors_bytes

DIMENSIONS = 128  # of the drawings' embedder
TOKENS = 4
HIDDEN = 512
RANK = 16
RIDGE = 0.1  # of the mean square of an output layer's directions, against those that it hardly has
KOHYA_PREFIX = "lora_unet_"
FIRST_WEIGHT = "image_proj.proj.0.weight"
NOTES = {EMBEDDER_NOTE: str(json.loads((FACES / "embedder.json").read_text("utf-8"))["id"])}
"""Metadata: published adapters take vectors of another embedder."""
ADAPTER_FILE, LORA_FILE = "faceid.safetensors", "faceid_lora.safetensors"


class TokenProjection(nn.Module):
    """A unit vector to tokens. Its entries are about 1/√128 and are scaled to deviation 1 first."""

    def __init__(self, context: int) -> None:
        super().__init__()
        self.proj = nn.Sequential(nn.Linear(DIMENSIONS, HIDDEN), nn.GELU(), nn.Linear(HIDDEN, TOKENS * context))
        self.norm = nn.LayerNorm(context)

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        """(N, 128) to (N, 4, context)."""
        tokens: torch.Tensor = self.proj(vectors * math.sqrt(DIMENSIONS))
        return self.norm(tokens.view(len(vectors), TOKENS, -1))


class TokenAttention(nn.Module):
    """A cross-attention's processor: attention to the words plus attention to the person's tokens."""

    def __init__(self, attention: Any) -> None:
        super().__init__()
        inner, context = attention.to_k.weight.shape
        self.to_k_ip = nn.Linear(context, inner, bias=False)
        self.to_v_ip = nn.Linear(context, inner, bias=False)
        with torch.no_grad():
            self.to_k_ip.weight.copy_(attention.to_k.weight)
            self.to_v_ip.weight.zero_()
        self.tokens: torch.Tensor | None = None

    def forward(
        self, attention: Any, hidden_states: torch.Tensor, encoder_hidden_states: torch.Tensor, **_: Any
    ) -> torch.Tensor:
        query = _heads(attention, attention.to_q(hidden_states))
        words = (_heads(attention, layer(encoder_hidden_states)) for layer in (attention.to_k, attention.to_v))
        found = functional.scaled_dot_product_attention(query, *words)
        if self.tokens is not None:
            face = (_heads(attention, layer(self.tokens)) for layer in (self.to_k_ip, self.to_v_ip))
            found = found + functional.scaled_dot_product_attention(query, *face)
        found = found.transpose(1, 2).flatten(2)
        mapped: torch.Tensor = attention.to_out[1](attention.to_out[0](found))
        return mapped


def _heads(attention: Any, states: torch.Tensor) -> torch.Tensor:
    return states.unflatten(2, (attention.heads, -1)).transpose(1, 2)


class LowRank(nn.Module):
    """What is added to a weight: up · down, in kohya's shapes (a convolution's `up` is 1 × 1)."""

    def __init__(self, weight: torch.Tensor) -> None:
        super().__init__()
        self.down = nn.Parameter(torch.empty(RANK, *weight.shape[1:]))
        self.up = nn.Parameter(torch.zeros(weight.shape[0], RANK, *(1,) * (weight.ndim - 2)))
        nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))
        self.acts = True

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        return weight + (self.up.flatten(1) @ self.down.flatten(1)).view_as(weight) if self.acts else weight


class FaceAttention(nn.Module):
    """The part of FaceID's file `faceid.safetensors`, installed in a UNet."""

    def __init__(self, unet: UNet2DConditionModel) -> None:
        super().__init__()
        self.image_proj = TokenProjection(unet.config.cross_attention_dim)
        self.ip_adapter = nn.ModuleDict()
        for number, name in enumerate(unet.attn_processors):
            place = name.removesuffix(".processor")
            if place.endswith("attn2"):
                attention = unet.get_submodule(place)
                self.ip_adapter[str(number)] = attention.processor = TokenAttention(attention)

    def show(self, vectors: torch.Tensor | None) -> None:
        """Whose face the next passes attend to: (N, 128), a zero vector for nobody's; None for no tokens at all."""
        tokens = None if vectors is None else self.image_proj(vectors)
        for attention in self.ip_adapter.values():
            attention.tokens = tokens


class IdentityAdapter(FaceAttention):
    """Everything that is trained, installed in a UNet whose own weights stay as they are."""

    def __init__(self, unet: UNet2DConditionModel) -> None:
        super().__init__(unet.requires_grad_(False))
        self.lora = nn.ModuleDict()
        for name, layer in adapted_layers(unet):
            addition = LowRank(layer.weight)
            parametrize.register_parametrization(layer, "weight", addition)
            self.lora[KOHYA_PREFIX + name.replace(".", "_")] = addition

    @contextmanager
    def without_lora(self) -> Iterator[None]:
        self._switch(False)
        try:
            yield
        finally:
            self._switch(True)

    def _switch(self, acts: bool) -> None:
        for addition in self.lora.values():
            addition.acts = acts


def adapted_layers(unet: UNet2DConditionModel) -> list[tuple[str, Any]]:
    """The projections of every attention, as in FaceID's own LoRA."""
    projections = (".to_q", ".to_k", ".to_v", ".to_out.0")
    return [(name, module) for name, module in unet.named_modules() if name.endswith(projections)]


def adapter_tensors(adapter: IdentityAdapter) -> dict[str, torch.Tensor]:
    """FaceID's names; the scale of the input is folded into the first weight, so readers need not know of it."""
    state = {name: value for name, value in adapter.state_dict().items() if not name.startswith("lora.")}
    state[FIRST_WEIGHT] = state[FIRST_WEIGHT] * math.sqrt(DIMENSIONS)
    return {name: value.detach().half() for name, value in state.items()}


def read_attention(folder: Path, unet: UNet2DConditionModel, weight: float = 1.0) -> FaceAttention:
    """The shipped adapter in a UNet, for measuring; its LoRA is applied by the product."""
    state = {name: value.float() for name, value in load_file(folder / ADAPTER_FILE).items()}
    state[FIRST_WEIGHT] /= math.sqrt(DIMENSIONS)
    scaled = {name: value * weight if "to_v_ip" in name else value for name, value in state.items()}
    attention = FaceAttention(unet)
    attention.load_state_dict(scaled)
    return attention.requires_grad_(False)


def take_adapter(adapter: IdentityAdapter, unet: UNet2DConditionModel, family: Path) -> None:
    """Begin where a family's adapter is, for a UNet whose cross-attention began anew since.

    The tokens are taken, the keys are the UNet's own, the values are turned so that its output layers add what the old
    ones added (exactly where all heads attend alike). The LoRA is taken where the layers only went on.
    """
    older = UNet2DConditionModel.from_pretrained(family / "unet", torch_dtype=torch.float32)
    attention = read_attention(family / "identity", older)
    adapter.image_proj.load_state_dict(attention.image_proj.state_dict())
    was, now = dict(older.named_modules()), dict(unet.named_modules())
    with torch.no_grad():
        for name in (name for name in was if name.endswith("attn2")):
            out, processor = now[name].to_out[0].weight, now[name].processor
            wanted = was[name].to_out[0].weight @ was[name].processor.to_v_ip.weight
            ridge = RIDGE * torch.trace(out.T @ out) / len(out) * torch.eye(len(out))
            processor.to_v_ip.weight.copy_(torch.linalg.solve(out.T @ out + ridge, out.T @ wanted))
        for name, value in load_file(family / "identity" / LORA_FILE).items():
            layer, _, part = name.partition(".lora_")
            if layer in adapter.lora and "_attn2_" not in layer and part:
                getattr(adapter.lora[layer], part.removesuffix(".weight")).copy_(value.float())


def lora_tensors(adapter: IdentityAdapter) -> dict[str, torch.Tensor]:
    """Kohya's names; alpha is the rank, so the file counts 1 at weight 1."""
    state: dict[str, torch.Tensor] = {}
    for name, addition in adapter.lora.items():
        state[f"{name}.lora_down.weight"] = addition.down.detach().half()
        state[f"{name}.lora_up.weight"] = addition.up.detach().half()
        state[f"{name}.alpha"] = torch.tensor(float(RANK))
    return state


def write_adapter(folder: Path, adapter: IdentityAdapter) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, tensors in ((ADAPTER_FILE, adapter_tensors(adapter)), (LORA_FILE, lora_tensors(adapter))):
        (folder / name).write_bytes(safetensors_bytes(tensors, NOTES))
