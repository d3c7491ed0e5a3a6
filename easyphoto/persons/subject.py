"""A person as a `Subject` of the pipeline: what is measured on their pictures, and what makes networks paint them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from easyphoto.architectures.base import Family
from easyphoto.architectures.registry import family_named
from easyphoto.errors import InputError
from easyphoto.faces.engine import Face, FaceEngine, Likeness
from easyphoto.faces.outline import Outline, common_outline, outline_of
from easyphoto.faces.score import largest_face_embedding, likeness
from easyphoto.faces.skin_tone import SkinTone, common_tone, skin_level, skin_of
from easyphoto.images.pictures import as_array, read_picture
from easyphoto.inference.identities.base import KnownFace, PersonMaterial
from easyphoto.inference.identities.registry import prepared_identities
from easyphoto.inference.subject import AnalysedFace, Subject, analysed
from easyphoto.messages import text
from easyphoto.model_cache import Lease, file_key, no_models
from easyphoto.persons.identity_vectors import IdentityVectors
from easyphoto.persons.scenes import check_face
from easyphoto.preprocess.dataset import Dataset, read_dataset
from easyphoto.progress import NullProgress, Progress
from easyphoto.settings.inference import InferenceSettings
from easyphoto.weights.store import WeightStore
from easyphoto.workspace.folders import Workspace
from easyphoto.workspace.person_record import Person


@dataclass(frozen=True, eq=False)
class MeasuredPerson:
    """What a face engine measures on a person's pictures; it stays valid until they are trained again."""

    faces: tuple[KnownFace, ...]
    """Faces of the training pictures."""
    vectors: tuple[np.ndarray, ...]
    """Embeddings of these faces: float32 unit vectors; empty without an embedder."""
    outline: Outline | None
    skin: SkinTone | None
    reference: Image.Image
    portrait: Image.Image | None
    analysed: tuple[AnalysedFace, ...]
    """Faces of reference and portrait."""

    @property
    def bytes(self) -> int:
        """Approximate memory of pictures, part maps and embeddings."""
        pictures = [picture for picture, _, _ in self.faces] + [face.picture for face in self.analysed]
        labels = [labels for _, _, labels in self.faces] + [face.labels for face in self.analysed]
        sizes = (picture.width * picture.height * len(picture.getbands()) for picture in pictures)
        return sum(sizes) + sum(array.nbytes for array in (*labels, *self.vectors))


def subject_from(
    workspace: Workspace,
    person: Person,
    engine: FaceEngine,
    *,
    settings: InferenceSettings | None = None,
    store: WeightStore | None = None,
    progress: Progress | None = None,
    models: Lease | None = None,
    family: Family | None = None,
    kinds: tuple[str, ...] | None = None,
) -> Subject:
    """The person as the pipeline needs them. Raises InputError where nothing is known of their face, WrongKind for a
    scene or an object.

    Callers that paint pass `settings`, `store` and `progress`, the `family` that paints and the `kinds` of condition
    that it can apply: the settings choose the identity engines, which may download files, and raise where none can
    paint the person. `models` caches earlier measurements.
    """
    check_face(person)
    if not person.is_ready or person.reference is None:
        raise not_trained(person)
    folder = workspace.person_folder(person.id)
    files = [folder / name for name in ("dataset", person.reference, person.portrait) if name]
    measured = (models or no_models()).get(
        ("person", person.id, tuple(map(file_key, files)), engine.id, engine.embedder, engine.weights),
        lambda: measured_person(folder, person, engine),
        size=lambda made: made.bytes,
        owners=(folder,),
    )
    progress, models = progress or NullProgress(), models or no_models()
    material = PersonMaterial(person, folder, measured.faces, settings=settings or InferenceSettings(), kinds=kinds)
    if store is not None:
        vectors = IdentityVectors(folder, measured.faces, store, progress, models)
        material = replace(material, vectors_by=vectors, store=store, progress=progress)
    prepared = prepared_identities(material, family or family_named(person.family))
    return Subject(
        name=person.name,
        reference=measured.reference,
        portrait=measured.portrait,
        identities=prepared.identities,
        words=person.words,
        notes=prepared.notes,
        embeddings=measured.vectors,
        outline=measured.outline,
        skin=measured.skin,
        known=measured.analysed,
    )


def measured_person(folder: Path, person: Person, engine: FaceEngine) -> MeasuredPerson:
    faces = known_faces(read_dataset(folder / "dataset"), engine)
    outlines = [outline_of(labels, face) for picture, face, labels in faces if engine.outlines_at(picture, face)]
    levels = (skin_level(as_array(picture), skin_of(labels), face) for picture, face, labels in faces)
    reference = read_picture(folder / str(person.reference))
    portrait = read_picture(folder / person.portrait) if person.portrait else None
    seen = (analysed(picture, engine) for picture in (reference, portrait) if picture is not None)
    return MeasuredPerson(
        faces=tuple(faces),
        vectors=embeddings_of(faces, engine),
        outline=common_outline(outlines),
        skin=common_tone([level for level in levels if level is not None]),
        reference=reference,
        portrait=portrait,
        analysed=tuple(face for face in seen if face is not None),
    )


def not_trained(person: Person) -> InputError:
    advice = text("Train them first (easyphoto train {id} --photos DIR).", id=person.id)
    return InputError(text("{name!r} is not trained yet.", name=person.id), advice=advice)


def known_faces(dataset: Dataset, engine: FaceEngine) -> list[KnownFace]:
    """The largest face of every training picture on which a face is found."""
    pictures = [read_picture(entry.image) for entry in dataset.entries]
    found = [(picture, faces[0]) for picture in pictures if (faces := engine.detect(picture))]
    return [(picture, face, engine.parse(picture, face)) for picture, face in found]


def embeddings_of(faces: Sequence[KnownFace], engine: FaceEngine) -> tuple[np.ndarray, ...]:
    """One embedding for each face, a float32 unit vector; empty without an embedder."""
    found = (engine.embed(picture, face) for picture, face, _ in faces)
    return tuple(vector for vector in found if vector is not None)


def judged(
    engine: FaceEngine,
    picture: Image.Image,
    references: Sequence[np.ndarray],
    *,
    faces: Sequence[Face] | None = None,
) -> Likeness | None:
    """How like the person the largest face is; None without a face or an embedder.

    `references`: embeddings of the person's photos, float32 unit vectors. `faces` are the picture's, if it was searched
    before.
    """
    vector = largest_face_embedding(engine, picture, faces) if references else None
    return likeness(engine, vector, references) if vector is not None else None
