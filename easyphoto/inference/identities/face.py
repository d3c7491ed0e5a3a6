"""A person as what a train-free adapter sees of their photos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from easyphoto.architectures.base import Family, IdentityModels, IdentityWeights
from easyphoto.backends.conditions import Condition, LoraCondition
from easyphoto.backends.face_condition import SQUARE_SIDE, FaceCondition, FaceInputs, FaceModels
from easyphoto.backends.guides import draw_guide
from easyphoto.errors import NoFaceFound
from easyphoto.faces.crop import ARCFACE_POINTS, CropRecipe
from easyphoto.faces.engine import FACE_PARTS, Part, part_mask
from easyphoto.geometry import similarity, unit
from easyphoto.images.pictures import as_picture, warped
from easyphoto.inference.identities.base import (
    FacePlace,
    IdentityEngine,
    KnownFace,
    PersonMaterial,
    SquareForm,
    VectorForm,
    shipped_file,
)
from easyphoto.messages import text
from easyphoto.settings.inference import InferenceSettings


@dataclass(frozen=True, eq=False)
class AdapterIdentity:
    """A person's face, as an engine's adapter takes it, with the files it needs."""

    row: IdentityEngine
    models: FaceModels
    lora: Path | None
    face: FaceInputs
    weights: tuple[IdentityWeights, IdentityWeights]
    """Start values of the first and the second pass."""

    @property
    def engine(self) -> str:
        return self.row.id

    @property
    def most_cfg(self) -> float | None:
        return self.row.most_cfg

    def conditions(self, settings: InferenceSettings, place: FacePlace) -> tuple[Condition, ...]:
        weights = self._weights(settings, second=place.is_second)
        if weights.adapter == 0:
            return ()
        control = None
        if self.models.control is not None and weights.control:
            control = draw_guide(self.engine, Image.new("RGB", (place.size.width, place.size.height)), place.points)
        face = FaceCondition(
            self.engine, self.models, self.face, weights.adapter, settings.identity_start, settings.identity_end,
            weights.control if control is not None else 0.0, control,
        )  # fmt: skip
        # In all steps whatever the span: a web UI's LoRAs, which are tags of the prompt, cannot be timed.
        return (face, LoraCondition(self.lora, weights.lora)) if self.lora is not None and weights.lora else (face,)

    def record(self, settings: InferenceSettings) -> Mapping[str, Any]:
        first, second = (self._weights(settings, second=second) for second in (False, True))
        files = (*self.models.files, *(() if self.lora is None else (self.lora,)))
        return {
            "files": [file.name for file in files],
            "embedder": self.face.embedder,
            "weights": [first.adapter, second.adapter],
            "start": settings.identity_start,
            "end": settings.identity_end,
        }

    def _weights(self, settings: InferenceSettings, *, second: bool) -> IdentityWeights:
        """The start values, or the weight of the settings for both passes; what was trained beside the adapter follows,
        so that at 0 nothing of it is left."""
        start, wanted = self.weights[second], settings.identity_weight
        if wanted is None:
            return start
        share = min(1.0, wanted / start.adapter)
        return IdentityWeights(wanted, start.lora * share, start.control * share)


def adapter_identity(
    engine: IdentityEngine, material: PersonMaterial, family: Family, declared: IdentityModels
) -> AdapterIdentity:
    """The identity, its files fetched where needed.

    Raises NoFaceFound for a person without a usable face, LicenceRefused, WeightsMissing.
    """
    if not material.faces:
        raise NoFaceFound(
            text("No face was found on the photos of {name}.", name=material.person.name),
            advice=text("Add them again with photos that show their face."),
        )
    files = {id: _file(id, material, family) for id in declared.files}
    models = FaceModels(files[declared.adapter], _one(files, declared.encoder), _one(files, declared.control))
    vector = None
    if engine.vector is not None and declared.embedder is not None:
        vector = combined(material.vectors_by(declared.embedder), engine.vector)
    form, seen = engine.squares, material.faces[: engine.most_photos]
    squares = () if form is None else tuple(face_square(known, form) for known in seen)
    face = FaceInputs(vector, declared.embedder, squares, material.folder)
    weights = declared.alone if material.lora is None else declared.beside
    return AdapterIdentity(engine, models, _one(files, declared.lora), face, weights)


def _one(files: Mapping[str, Path], id: str | None) -> Path | None:
    return None if id is None else files[id]


def _file(id: str, material: PersonMaterial, family: Family) -> Path:
    if family.ships:
        return shipped_file(family, id)
    assert material.store is not None, "nothing is painted without a store"
    return material.store.require(id, material.progress)


def combined(vectors: Sequence[np.ndarray], form: VectorForm) -> np.ndarray:
    """One (N,) float32 vector of a person's (N,) embeddings, which are as the network gave them."""
    if form is VectorForm.UNIT:
        return unit(np.mean([unit(vector) for vector in vectors], axis=0)).astype(np.float32)
    return np.mean(vectors, axis=0).astype(np.float32)


def face_square(known: KnownFace, form: SquareForm) -> Image.Image:
    """The face as an RGB square of `SQUARE_SIDE`, for a picture encoder."""
    picture, face, labels = known
    aligned = CropRecipe().square(picture, face, SQUARE_SIDE)
    if form is SquareForm.CUT_OUT:
        points = np.asarray(ARCFACE_POINTS) * (SQUARE_SIDE / CropRecipe().side)
        shown = part_mask(labels, (*FACE_PARTS, Part.EARS, Part.HAIR))
        alpha = warped(shown, similarity(face.points, points), (SQUARE_SIDE, SQUARE_SIDE), outside=0)[..., None]
        aligned = np.rint(aligned * alpha + 255.0 * (1 - alpha)).astype(np.uint8)
    return as_picture(aligned)
