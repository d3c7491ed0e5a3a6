"""The networks of face conditions, borrowed from the cache, and what they make of a person: tokens.

An adapter's projection and layers are kept in main memory: they run once per picture, and the tokens of a person once
per person. Only the picture encoder, which is larger than both, runs on the device.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from easyphoto.backends.adapter_files import AdapterKind
from easyphoto.backends.base import Control
from easyphoto.backends.controls import ActiveControl
from easyphoto.backends.face_attention import AttendedFace, require_layers
from easyphoto.backends.face_condition import (
    FACEID,
    FACEID_PLUS,
    INSTANTID,
    IP_ADAPTER,
    IP_ADAPTER_FULL,
    FaceCondition,
    FaceInputs,
)
from easyphoto.backends.face_tokens import AdapterLayers, FaceProjection, FaceTokens, load_layers, load_projection
from easyphoto.backends.networks import Networks
from easyphoto.backends.picture_encoder import PictureStates, load_picture_encoder
from easyphoto.errors import InputError, MissingCapability, WeightsMissing
from easyphoto.messages import text
from easyphoto.model_cache import bytes_of_networks, file_key

KINDS = {
    IP_ADAPTER: (AdapterKind.PLUS,),
    IP_ADAPTER_FULL: (AdapterKind.FULL,),
    FACEID: (AdapterKind.FACEID, AdapterKind.FACEID_PORTRAIT),
    FACEID_PLUS: (AdapterKind.FACEID_PLUS,),
    INSTANTID: (AdapterKind.INSTANTID,),
}
"""Kind of a condition → kinds of files that are applied as it says."""
CPU = torch.device("cpu")


def attended(networks: Networks, column: Sequence[FaceCondition]) -> AttendedFace:
    """One face condition of a batch of pictures, as the UNet's layers attend to it.

    Raises WeightsMissing, InputError or MissingCapability for files or faces that do not fit.
    """
    first, file = column[0], column[0].models.adapter
    _require_files(first)
    made = [_tokens(networks, each) for each in column]
    # In rows like the words of a `Denoiser`.
    rows = [each.negative for each in made] if networks.has_negatives else []
    tokens = torch.cat([*rows, *(each.positive for each in made)]).to(networks.device, networks.dtype)
    layers = _layers(networks, file)
    require_layers(networks.components.unet, layers.weights, file.name)
    return AttendedFace(layers.weights, tokens, first.weight, masks_of(column))


def identity_net(networks: Networks, column: Sequence[FaceCondition], face: AttendedFace) -> ActiveControl:
    """The ControlNet of a face condition (InstantID's IdentityNet): it is shown the five points of the face and the
    face's tokens in place of the prompt's words. Raises MissingCapability or InputError if either is missing.
    """
    first, place = column[0], column[0].models.control
    if place is None:
        raise MissingCapability(
            text("{name} has a ControlNet weight but no ControlNet.", name=first.name),
            advice=text("Name its file, or leave the weight at 0."),
        )
    images = [each.control_image for each in column if each.control_image is not None]
    if len(images) < len(column):
        raise InputError(
            text("The ControlNet {name} needs a picture of the five points of the face.", name=place.name),
            advice=text("Draw it at the request's size, or leave the weight at 0."),
        )
    controls = [Control(first.kind, image, first.control_weight, first.start, first.end) for image in images]
    masks = None if face.masks is None else face.masks.to(networks.device)
    return replace(networks.controls.activated(place, controls), words=face.tokens, masks=masks)


def masks_of(column: Sequence[FaceCondition]) -> torch.Tensor | None:
    """float32 (batch, height, width); None if the faces act everywhere."""
    masks = [each.mask for each in column if each.mask is not None]
    return torch.from_numpy(np.stack(masks)).float() if masks else None


def _require_files(condition: FaceCondition) -> None:
    for file in condition.files:
        if not file.exists():
            raise WeightsMissing(
                text("{path} is missing, and {name} needs it.", path=file, name=condition.name),
                advice=text("Download the files of this method: `easyphoto weights list` names them."),
            )


def _tokens(networks: Networks, condition: FaceCondition) -> FaceTokens:
    """A person's tokens, float32 in main memory. They are made once and go with the person."""
    face = condition.face
    files = replace(condition.models, control=None).files
    return networks.models.get(
        ("face", condition.kind, networks.words_width, tuple(map(file_key, files)), _seen(face)),
        lambda: _made(networks, condition),
        size=lambda made: made.positive.nbytes + made.negative.nbytes,
        owners=[] if face.owner is None else [face.owner],
    )


def _seen(face: FaceInputs) -> Hashable:
    """What tells two faces apart, as a digest: a key should not hold anybody's face."""
    digest = hashlib.sha256(b"" if face.vector is None else np.ascontiguousarray(face.vector, np.float32).tobytes())
    for square in face.squares:
        digest.update(f"{square.size}".encode() + square.convert("RGB").tobytes())
    return face.embedder, len(face.squares), digest.hexdigest()


def _made(networks: Networks, condition: FaceCondition) -> FaceTokens:
    projection, face = _projection(networks, condition), condition.face
    layout = projection.layout
    layout.require_words(networks.words_width)
    if layout.kind not in KINDS[condition.kind]:
        raise InputError(
            text(
                "{name} is a {kind} file and cannot be used as {asked!r}.",
                name=layout.name,
                kind=layout.kind.label,
                asked=condition.kind,
            ),
            advice=text("Use the file that `easyphoto weights list` names for this method."),
        )
    if face.vector is not None and face.embedder is not None and layout.vector_width is not None:
        layout.require_vectors(face.embedder, face.vector.shape[-1])
    pictures = _states(networks, condition) if layout.picture_width is not None else None
    return projection.tokens(vectors=face.vector, pictures=pictures)


def _projection(networks: Networks, condition: FaceCondition) -> FaceProjection:
    file, store = condition.models.adapter, networks.store
    digest = store.hash_of(file) if store is not None and condition.kind == FACEID_PLUS else ""
    return networks.models.borrow(
        ("face projection", file_key(file), digest),
        lambda: load_projection(file, dtype=torch.float32, device=CPU, sha256=digest),
        size=lambda projection: bytes_of_networks((projection.network,)),
    )


def _layers(networks: Networks, file: Path) -> AdapterLayers:
    return networks.models.borrow(
        ("face layers", file_key(file), str(networks.dtype)),
        lambda: load_layers(file, dtype=networks.dtype, device=CPU),
        size=lambda layers: layers.bytes,
    )


def _states(networks: Networks, condition: FaceCondition) -> PictureStates:
    """What the picture encoder sees of the face. It is shared and not borrowed, so that the cache may drop it at once:
    the person's tokens are kept."""
    file, squares = condition.models.encoder, condition.face.squares
    if file is None:
        raise WeightsMissing(
            text("{name} needs an image encoder, and none was given.", name=condition.name),
            advice=text("Download it: easyphoto weights get clip-vit-h"),
            weights=("clip-vit-h",),
        )
    if not squares:
        raise InputError(
            text("{name} needs pictures of a face, and none was given.", name=condition.name),
            advice=text("Give it aligned pictures of the face."),
        )
    encoder = networks.models.get(
        ("picture encoder", file_key(file), str(networks.dtype), str(networks.device)),
        lambda: load_picture_encoder(file, dtype=networks.dtype, device=networks.device),
        size=lambda loaded: bytes_of_networks((loaded.network,)),
    )
    return encoder.states(squares)
