"""Applying faces to the UNet's cross-attention for the duration of a call.

A face is a handful of tokens beside the prompt's. Every cross-attention layer asks them the question it asks the words,
through keys and values of its own, and adds the answer:

    IP-Adapter   A(q, k, v) + w · A(q, K t, V t)

PuLID (Guo et al., 2024) first takes away from the face's answer what lies along the words' answer. The tokens stay the
same over all steps, so their keys and values are computed once per picture.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import torch
from torch.nn import functional

from easyphoto.errors import MissingCapability
from easyphoto.messages import text

Layers = Mapping[int, tuple[torch.Tensor, torch.Tensor]]
"""Number of an attention layer in `unet.attn_processors` → its key and value matrices for the tokens, each (width of
the layer, width of a token)."""
IDENTITY_TOKENS = 5
"""The first tokens of PuLID's encoder, which come from the face's vector; the others come from its picture."""


class Along(str, Enum):
    """What becomes of the part of the face's answer that lies along the words' answer."""

    KEPT = "kept"
    TAKEN_AWAY = "v1"
    """PuLID's first form."""
    ATTENDED = "v2"
    """PuLID's second form: it stays as far as the layer attends to the identity tokens."""


@dataclass(frozen=True, eq=False)
class AttendedFace:
    """One face condition of a batch of pictures. Each picture has its own tokens."""

    layers: Layers
    tokens: torch.Tensor
    """(rows, count, width), in rows like the words of a `Denoiser`: the negative prompts' first if there are any."""
    weight: float = 1.0
    masks: torch.Tensor | None = None
    """float32 (batch, height, width) in 0..1, of the pictures' size: where the face acts; None: everywhere."""
    along: Along = Along.KEPT
    sink: int = 0
    """Number of zero tokens behind the tokens: a place to attend to that answers nothing, so it thins the face."""
    _grids: dict[int, torch.Tensor] = field(default_factory=dict, init=False, repr=False)

    def mask_of(self, cells: int, like: torch.Tensor) -> torch.Tensor | None:
        """The masks for a layer of that many cells, (rows, cells, 1) in the dtype and on the device of `like`."""
        if self.masks is None:
            return None
        if cells not in self._grids:
            grid = grid_of(self.masks.shape[-2:], cells)
            # As in diffusers' IPAdapterMaskProcessor, which however guesses the grid and fails on the smallest ones.
            small = functional.interpolate(self.masks[:, None], size=grid, mode="bicubic").flatten(1)
            self._grids[cells] = small.repeat(len(self.tokens) // len(small), 1)[..., None].to(like)
        return self._grids[cells]


def grid_of(size: Sequence[int], cells: int) -> tuple[int, int]:
    """Height and width of the layer that has `cells` cells, for pictures of `size` (height, width) in pixels.

    Every level of the networks halves the sides and rounds up, as a convolution of stride 2 does.
    """
    height, width = size
    while height * width > cells:
        height, width = -(-height // 2), -(-width // 2)
    return height, width


class AppliedFaces:
    """Faces that can be switched on and off; at first all are on."""

    def __init__(self, numbers: Collection[int]) -> None:
        self.on: frozenset[int] = frozenset(numbers)

    def switch(self, on: Collection[int]) -> None:
        """Switch on the faces with these numbers and switch off the others."""
        self.on = frozenset(on)


@contextmanager
def faces_applied(unet: Any, faces: Mapping[int, AttendedFace]) -> Iterator[AppliedFaces]:
    """Apply faces, which are switched by their numbers; leaving the context puts the UNet's own attention processors
    back. The faces' layers must be the UNet's, see `require_layers`; one context at a time.
    """
    applied = AppliedFaces(faces)
    plain = dict(unet.attn_processors)
    own = {}
    for number, name in cross_attentions(unet).items():
        attention = unet.get_submodule(name.removesuffix(PROCESSOR))
        own[name] = FaceAttention(plain[name], _layer_faces(faces, number, attention), applied)
    # Copies: the method empties the mapping it is given.
    unet.set_attn_processor({**plain, **own})
    try:
        yield applied
    finally:
        unet.set_attn_processor(dict(plain))


PROCESSOR = ".processor"


def cross_attentions(unet: Any) -> dict[int, str]:
    """Number → name of the processors of the layers that attend to words.

    The number is the position in `unet.attn_processors` (down, up, middle), by which adapters name their tensors.
    """
    return {number: name for number, name in enumerate(unet.attn_processors) if name.endswith(f".attn2{PROCESSOR}")}


def require_layers(unet: Any, layers: Layers, name: str) -> None:
    """Raise MissingCapability if the layers of the adapter called `name` are not those of the UNet's family."""
    wanted = {}
    for number, place in cross_attentions(unet).items():
        attention = unet.get_submodule(place.removesuffix(PROCESSOR))
        wanted[number] = (attention.inner_dim, attention.cross_attention_dim)
    strange = [
        number
        for number in sorted(wanted.keys() | layers.keys())
        if number not in layers or any(tuple(each.shape) != wanted.get(number) for each in layers[number])
    ]
    if strange:
        raise MissingCapability(
            text(
                "{name} is not an adapter for this model: {count} of its layers do not fit, such as number {number}.",
                name=name,
                count=len(strange),
                number=strange[0],
            ),
            advice=text("Use the adapter that was made for this type of model."),
        )


@dataclass(frozen=True, eq=False)
class LayerFace:
    """What one layer holds of a face: the keys and values of its tokens, (rows, heads, count, width of a head)."""

    face: AttendedFace
    keys: torch.Tensor
    values: torch.Tensor

    def added(self, query: torch.Tensor, words: torch.Tensor) -> torch.Tensor:
        """What the face adds to the words' answer (rows, cells, width of the layer), in its dtype."""
        face = self.face
        answer = _joined(functional.scaled_dot_product_attention(query, self.keys, self.values))
        if face.along is not Along.KEPT:
            answer = self._turned(answer.float(), query, words.float())
        mask = face.mask_of(answer.shape[1], answer)
        return (face.weight * (answer if mask is None else mask * answer)).to(words.dtype)

    def _turned(self, answer: torch.Tensor, query: torch.Tensor, words: torch.Tensor) -> torch.Tensor:
        """The answer without its part along the words', or with as much of it as the identity tokens are attended to.

        The part is taken over all cells, in each channel by itself.
        """
        along = (words * answer).sum(-2, keepdim=True) / (words * words).sum(-2, keepdim=True) * words
        if self.face.along is Along.TAKEN_AWAY:
            return answer - along
        # Without the factor 1/√width, as in PuLID's own code, whose weights were trained with it.
        shares = (query.float() @ self.keys.float().transpose(-2, -1)).softmax(-1).mean(1)
        return answer + (shares[..., :IDENTITY_TOKENS].sum(-1, keepdim=True) - 1) * along


class FaceAttention:
    """An attention processor in diffusers' sense, in place of the `plain` one of a cross-attention layer."""

    def __init__(self, plain: Any, faces: Mapping[int, LayerFace], applied: AppliedFaces) -> None:
        self._plain, self._faces, self._applied = plain, faces, applied

    def __call__(
        self,
        attn: Any,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        *more: Any,
        **others: Any,
    ) -> torch.Tensor:
        on = self._applied.on
        acting = [each for number, each in self._faces.items() if number in on and each.face.weight]
        if not acting:
            answer: torch.Tensor = self._plain(
                attn, hidden_states, encoder_hidden_states, attention_mask, *more, **others
            )
            return answer
        # What the plain processor does for such a layer, up to its last matrix: there are no masks over words here,
        # and a transformer block's attention has no norms of its own.
        query = _headed(attn.to_q(hidden_states), attn.heads)
        keys = _headed(attn.to_k(encoder_hidden_states), attn.heads)
        values = _headed(attn.to_v(encoder_hidden_states), attn.heads)
        words = _joined(functional.scaled_dot_product_attention(query, keys, values))
        total = words
        for face in acting:
            total = total + face.added(query, words)
        projected: torch.Tensor = attn.to_out[1](attn.to_out[0](total))
        return projected


def _layer_faces(faces: Mapping[int, AttendedFace], layer: int, attention: Any) -> dict[int, LayerFace]:
    made = {}
    for number, face in faces.items():
        tokens = functional.pad(face.tokens, (0, 0, 0, face.sink))
        # The matrices stay where they are: on a GPU they would take the memory of a third of the UNet.
        keys, values = (
            _headed(functional.linear(tokens, matrix.to(tokens)), attention.heads) for matrix in face.layers[layer]
        )
        made[number] = LayerFace(face, keys, values)
    return made


def _headed(states: torch.Tensor, heads: int) -> torch.Tensor:
    """(rows, places, width) → (rows, heads, places, width of a head)."""
    return states.unflatten(-1, (heads, -1)).transpose(1, 2)


def _joined(states: torch.Tensor) -> torch.Tensor:
    """The opposite of `_headed`."""
    return states.transpose(1, 2).flatten(2)
