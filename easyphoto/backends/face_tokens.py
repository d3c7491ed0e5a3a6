"""The projections of identity adapters: from a face's vectors and pictures to the tokens that stand beside the words.

The modules are diffusers' public ones; they are filled under the names in which adapters are published.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from easyphoto.backends.adapter_files import (
    LAYERS,
    PROJECTION,
    AdapterKind,
    AdapterLayout,
    adds_plain_tokens,
    layout_of,
)
from easyphoto.backends.components import quiet_libraries
from easyphoto.backends.ldm_names import Place
from easyphoto.backends.picture_encoder import PictureStates
from easyphoto.backends.tensor_files import Places, filled, header_in, open_tensors, without_memory
from easyphoto.errors import InputError, WeightsMissing
from easyphoto.geometry import unit
from easyphoto.messages import text

_HEAD = 64
"""Width of an attention head of every published resampler."""
_PERCEIVER = "perceiver_resampler."
_BLOCK = re.compile(r"layers\.(\d+)\.(.+)")
_BLOCK_PARTS = {
    "ln0": "0.norm1",
    "ln1": "0.norm2",
    "attn.to_q": "0.to_q",
    "attn.to_out.0": "0.to_out",
    "ff.0": "1.0",
    "ff.1.net.0.proj": "1.1",
    "ff.1.net.2": "1.3",
}
_FEED_FORWARD = {"ff.net.0.proj": "proj.0", "ff.net.2": "proj.2", "proj.net.0.proj": "proj.0", "proj.net.2": "proj.2"}


@dataclass(frozen=True, eq=False)
class FaceTokens:
    """Tokens of a face, each (1, tokens, words width)."""

    positive: torch.Tensor
    negative: torch.Tensor
    """Those of no face, for the unconditional half; the same whatever the face is."""


@dataclass(frozen=True, eq=False)
class FaceProjection:
    """An adapter's projection, in memory."""

    layout: AdapterLayout
    network: Any
    adds_plain: bool = True
    """For FaceID-Plus: whether the file is its second version, which adds the vector's own tokens."""

    def to(self, device: torch.device) -> None:
        self.network.to(device)

    @torch.no_grad()
    def tokens(
        self, *, vectors: np.ndarray | None = None, pictures: PictureStates | None = None, shortcut: float = 1.0
    ) -> FaceTokens:
        """The tokens of one person, in the dtype and on the device of the projection.

        `vectors` are (photos, width), raw as their embedder gives them: what is to be of unit length is made so here.
        `shortcut` weighs what FaceID-Plus's second version adds from the pictures.

        Several photos are one face: of vectors the mean is projected (of the unit ones, at unit length again, where the
        adapter takes unit vectors), because tokens of a mean are again tokens of a face; pictures are projected one by
        one and the tokens averaged, because hidden states of two photos do not stand for the same places. FaceID-Plus
        does both: the mean vector asks each picture.

        Raises InputError where the adapter needs what is not given, or of another width.
        """
        layout, like = self.layout, next(self.network.parameters())
        face = self._face(vectors).to(like) if layout.vector_width is not None else None
        states = self._states(pictures) if layout.picture_width is not None else None
        photos = states.photos.to(like) if states is not None else None
        blank = states.blank.to(like) if states is not None else None
        nobody = torch.zeros_like(face) if face is not None else None
        return FaceTokens(self._projected(face, photos, shortcut), self._projected(nobody, blank, shortcut))

    def _face(self, vectors: np.ndarray | None) -> torch.Tensor:
        """(1, width) float32, the one vector that stands for all photos."""
        width = self.layout.vector_width
        given = None if vectors is None else np.atleast_2d(np.asarray(vectors, np.float32))
        if given is None or given.size == 0 or given.shape[1] != width:
            shape = text("none") if given is None or given.size == 0 else str(given.shape[1])
            raise InputError(
                text(
                    "{name} needs {wanted} numbers for a face, and got {given}.",
                    name=self.layout.name,
                    wanted=width,
                    given=shape,
                ),
                advice=text("Check the files of the adapter and of face recognition: easyphoto weights check"),
            )
        mean = unit(np.mean([unit(each) for each in given], axis=0)) if self._takes_unit else given.mean(axis=0)
        return torch.from_numpy(np.ascontiguousarray(mean[None]))

    @property
    def _takes_unit(self) -> bool:
        return self.layout.kind.takes_unit_vectors

    def _states(self, pictures: PictureStates | None) -> PictureStates:
        width = self.layout.picture_width
        if pictures is None or len(pictures.photos) == 0 or pictures.photos.shape[-1] != width:
            given = text("none") if pictures is None or len(pictures.photos) == 0 else str(pictures.photos.shape[-1])
            raise InputError(
                text(
                    "{name} needs an image encoder of width {wanted}, and got one of {given}.",
                    name=self.layout.name,
                    wanted=width,
                    given=given,
                ),
                advice=text("It needs CLIP ViT-H/14: easyphoto weights get clip-vit-h"),
            )
        return pictures

    def _projected(self, face: torch.Tensor | None, photos: torch.Tensor | None, shortcut: float) -> torch.Tensor:
        """(1, tokens, words width)."""
        if self.layout.kind is AdapterKind.FACEID_PLUS:
            return self._with_pictures(face, photos, shortcut)
        if face is None:
            return _mean(self.network(photos))
        # InstantID's resampler takes the vector as a sequence of one.
        seen: torch.Tensor = self.network(face[:, None] if self.layout.kind is AdapterKind.INSTANTID else face)
        return seen

    def _with_pictures(self, face: Any, photos: Any, shortcut: float) -> torch.Tensor:
        # diffusers' module takes the pictures and the shortcut as attributes.
        network = self.network
        network.shortcut, network.shortcut_scale, network.clip_embeds = self.adds_plain, shortcut, photos[None]
        try:
            return _mean(network(face.expand(len(photos), -1)))
        finally:
            network.clip_embeds = None


@dataclass(frozen=True, eq=False)
class AdapterLayers:
    """An adapter's keys and values, in memory."""

    layout: AdapterLayout
    weights: Mapping[int, tuple[torch.Tensor, torch.Tensor]]
    """Layer number (see `AdapterLayout.layers`) → weights of `to_k_ip` and `to_v_ip`, each (inner, words width)."""

    @property
    def bytes(self) -> int:
        return sum(each.numel() * each.element_size() for pair in self.weights.values() for each in pair)


def load_projection(file: Path, *, dtype: torch.dtype, device: torch.device, sha256: str = "") -> FaceProjection:
    """The projection of an adapter's file; `sha256` tells the versions of FaceID-Plus apart, see `adds_plain_tokens`.

    Raises InputError that says what the file is instead, WeightsMissing for missing tensors.
    """
    with quiet_libraries(), open_tensors(file) as tensors:
        layout = layout_of(header_in(file, tensors))
        shapes = {name.removeprefix(PROJECTION): tensors[name].shape for name in tensors if name.startswith(PROJECTION)}
        network = filled(
            without_memory(lambda: _built(layout, shapes)),
            tensors,
            _places(layout.kind),
            what=text("The projection in {name}", name=file.name),
            dtype=dtype,
            device=device,
        )
    return FaceProjection(layout, network, adds_plain_tokens(file.name, sha256))


def load_layers(file: Path, *, dtype: torch.dtype, device: torch.device) -> AdapterLayers:
    """Keys and values of an adapter's file. Raises InputError, WeightsMissing as `load_projection`."""
    with open_tensors(file) as tensors:
        layout = layout_of(header_in(file, tensors))
        return AdapterLayers(
            layout,
            {
                number: (
                    _layer(tensors, f"{number}.to_k_ip.weight", file.name).to(device, dtype, copy=True),
                    _layer(tensors, f"{number}.to_v_ip.weight", file.name).to(device, dtype, copy=True),
                )
                for number in layout.layers
            },
        )


def _layer(tensors: Mapping[str, torch.Tensor], name: str, file: str) -> torch.Tensor:
    try:
        return tensors[LAYERS + name]
    except KeyError:
        raise WeightsMissing(
            text("The tensor {name} is missing in {file}.", file=file, name=LAYERS + name),
            advice=text("It may be of another kind or pruned too far: use the full file."),
        ) from None


def _mean(tokens: torch.Tensor) -> torch.Tensor:
    """(photos, tokens, width) to (1, tokens, width), averaged in float32."""
    return tokens.float().mean(dim=0, keepdim=True).to(tokens.dtype)


def _built(layout: AdapterLayout, shapes: Mapping[str, torch.Size]) -> Any:
    from diffusers.models import embeddings

    words = layout.words_width
    match layout.kind:
        case AdapterKind.FULL:
            return embeddings.IPAdapterFullImageProjection(layout.picture_width, words)
        case AdapterKind.FACEID | AdapterKind.FACEID_PORTRAIT:
            return embeddings.IPAdapterFaceIDImageProjection(
                layout.vector_width, words, mult=_ratio(shapes), num_tokens=layout.tokens
            )
        case AdapterKind.FACEID_PLUS:
            return embeddings.IPAdapterFaceIDPlusImageProjection(
                embed_dims=words,
                output_dims=words,
                hidden_dims=layout.picture_width,
                id_embeddings_dim=layout.vector_width,
                depth=_depth(shapes, _PERCEIVER),
                heads=_heads(shapes, _PERCEIVER),
                num_tokens=layout.tokens,
                ffproj_ratio=_ratio(shapes),
            )
        case AdapterKind.PLUS | AdapterKind.INSTANTID:
            return embeddings.IPAdapterPlusImageProjection(
                embed_dims=layout.picture_width or layout.vector_width,
                output_dims=words,
                hidden_dims=shapes["latents"][2],
                depth=_depth(shapes, ""),
                heads=_heads(shapes, ""),
                num_queries=layout.tokens,
            )


def _ratio(shapes: Mapping[str, torch.Size]) -> int:
    inner, width = shapes["proj.0.weight"]
    return inner // width


def _depth(shapes: Mapping[str, torch.Size], prefix: str) -> int:
    return sum(re.fullmatch(rf"{re.escape(prefix)}layers\.\d+\.0\.to_q\.weight", name) is not None for name in shapes)


def _heads(shapes: Mapping[str, torch.Size], prefix: str) -> int:
    return shapes.get(f"{prefix}layers.0.0.to_q.weight", (_HEAD,))[0] // _HEAD


def _places(kind: AdapterKind) -> Places:
    """The published names of the tensors of diffusers' modules. Keys and values of a resampler are one tensor."""
    resampler = PROJECTION + (_PERCEIVER if kind is AdapterKind.FACEID_PLUS else "")

    def places(key: str) -> tuple[Place, ...]:
        module, _, end = key.rpartition(".")
        if match := _BLOCK.fullmatch(module):
            block, part = f"{resampler}layers.{match[1]}", match[2]
            if part in ("attn.to_k", "attn.to_v"):
                return (Place(f"{block}.0.to_kv.{end}", half=int(part == "attn.to_v")),)
            return (Place(f"{block}.{_BLOCK_PARTS[part]}.{end}"),)
        if module in _FEED_FORWARD:
            return (Place(f"{PROJECTION}{_FEED_FORWARD[module]}.{end}"),)
        if module == "norm":
            return (Place(f"{PROJECTION}{'proj.3' if kind is AdapterKind.FULL else 'norm'}.{end}"),)
        return (Place(resampler + key),)

    return places
