"""The condition of a train-free identity adapter: a face as extra tokens that the cross-attention reads.

IP-Adapter (Ye et al., 2023), its FaceID kinds and InstantID (Wang et al., 2024) differ in what they see of a face and
in the file that makes tokens of it; a backend applies them all in one way.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

IP_ADAPTER, IP_ADAPTER_FULL = "ip-adapter", "ip-adapter-full"
FACEID, FACEID_PLUS, INSTANTID = "faceid", "faceid-plus", "instantid"
FACE_KINDS = (IP_ADAPTER, IP_ADAPTER_FULL, FACEID, FACEID_PLUS, INSTANTID)
SQUARE_SIDE = 224
"""Side in pixels of the face squares, which is that of the picture encoders' input."""


@dataclass(frozen=True, eq=False)
class FaceModels:
    """The files that an adapter works with."""

    adapter: Path
    encoder: Path | None = None
    """The CLIP image encoder of the kinds that see pictures."""
    control: Path | None = None
    """InstantID's ControlNet (IdentityNet), which sees the face's tokens in place of the prompt."""

    @property
    def files(self) -> tuple[Path, ...]:
        return tuple(file for file in (self.adapter, self.encoder, self.control) if file is not None)


@dataclass(frozen=True, eq=False)
class FaceInputs:
    """What an adapter sees of a person."""

    vector: np.ndarray | None = None
    """(N,) float32 embedding of the person's faces, combined as the adapter wants it: unit length or raw."""
    embedder: str | None = None
    """Id of the embedder that the vector comes from."""
    squares: tuple[Image.Image, ...] = ()
    """Aligned faces, RGB, `SQUARE_SIDE` pixels wide and high; the tokens of several are averaged."""
    owner: Path | None = None
    """The person's folder: tokens kept in memory are forgotten with it."""


@dataclass(frozen=True, eq=False)
class FaceCondition:
    """A person's face, applied to the UNet's cross-attention."""

    kind: str
    """One of `FACE_KINDS`."""
    models: FaceModels
    face: FaceInputs
    weight: float = 1.0
    start: float = 0.0
    end: float = 1.0
    control_weight: float = 0.0
    """Weight of the ControlNet among the models."""
    control_image: Image.Image | None = None
    """RGB, of the request's size: the five points of the face to be painted (`guides`, kind `instantid`)."""
    mask: np.ndarray | None = None
    """(height, width) float32 in 0..1 of the request's size: where the face acts; None: everywhere."""

    @property
    def name(self) -> str:
        return self.models.adapter.name

    @property
    def files(self) -> tuple[Path, ...]:
        """Without a ControlNet of weight 0."""
        return self.models.files if self.control_weight else replace(self.models, control=None).files

    @property
    def batch_key(self) -> Hashable:
        """All but the face, the control image and the mask, which each picture of a batch has of its own."""
        span = self.weight, self.start, self.end, self.control_weight
        return self.kind, self.models.files, span, self.mask is None
