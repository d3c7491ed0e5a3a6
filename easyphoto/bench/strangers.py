"""Calibrates the embedder's cosine similarities on photographs of your own: one sub-folder for each person.

    easyphoto bench strangers --photos DIR

Every photo of a person is compared with every photo of every other person. The cosine that one pair of strangers in a
hundred reaches becomes the limit below which two photos count as different persons. It is stored with the quantiles in
the weights folder, and is used from then on instead of the published values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from pathlib import Path

import numpy as np

from easyphoto.app import EasyPhoto
from easyphoto.errors import BadPicture, InputError
from easyphoto.faces.engine import FaceEngine, LikenessScale
from easyphoto.faces.likeness_scale import measured_scale, scale_file, write_scale
from easyphoto.faces.photo_opening import open_photo_engine
from easyphoto.faces.score import cosine, largest_face_embedding
from easyphoto.images.pictures import picture_files, read_picture
from easyphoto.messages import phase, text
from easyphoto.progress import Progress


@dataclass(frozen=True, eq=False)
class StrangerPhoto:
    """The face of one photo."""

    person: str
    photo: str
    vector: np.ndarray
    """The face's embedding, a float32 unit vector."""

    @property
    def name(self) -> str:
        return f"{self.person}/{self.photo}"


def run(app: EasyPhoto, photos: Path, *, progress: Progress, say: Callable[[str], None]) -> LikenessScale:
    """Measure, store and print. Raises InputError without an embedder, or with too few photos to compare."""
    engine = open_photo_engine(app.store, progress, app.options.faces)
    if engine.embedder is None:
        raise InputError(
            text("There is no face recognition for photographs."),
            advice=text("Run: easyphoto weights get auraface (or sface, small)"),
        )
    faces, notes = look_at_persons(engine, photos, progress)
    for note in notes:
        say(f"Note: {note}")
    strangers = list(pairs_of(faces, same=False))
    persons = len({face.person for face in faces})
    source = f"{len(strangers)} pairs of {persons} persons in {photos.name}"
    scale = measured_scale(engine.embedder, [cosine(one.vector, other.vector) for one, other in strangers], source)
    target = scale_file(app.store.root, engine.embedder)
    used = next(weight for weight in engine.weights if weight.id == engine.embedder)
    write_scale(target, scale, pairs=len(strangers), sha256=used.sha256)
    for line in report(scale, strangers, list(pairs_of(faces, same=True))):
        say(line)
    say(str(target))
    return scale


def look_at_persons(engine: FaceEngine, folder: Path, progress: Progress) -> tuple[list[StrangerPhoto], list[str]]:
    """Return the largest face of every photo in every sub-folder, and a note for each photo without one."""
    if not folder.is_dir():
        raise InputError(
            text("{folder} is not a folder.", folder=folder),
            advice=text("Give a folder with one sub-folder for each person."),
        )
    files = [
        (person.name, photo)
        for person in sorted(path for path in folder.iterdir() if path.is_dir())
        for photo in picture_files(person)
    ]
    faces, notes = list[StrangerPhoto](), list[str]()
    for index, (person, photo) in enumerate(files):
        progress.check()
        progress.step(index, len(files), f"looking at {person}/{photo.name}")
        try:
            vector = largest_face_embedding(engine, read_picture(photo))
        except BadPicture as error:
            notes.append(str(error))
            continue
        if vector is None:
            notes.append(f"No face was found on {person}/{photo.name}.")
        else:
            faces.append(StrangerPhoto(person, photo.name, vector))
    progress.step(len(files), len(files), phase("compare", "comparing the photos"))
    return faces, notes


def pairs_of(faces: Sequence[StrangerPhoto], *, same: bool) -> Iterator[tuple[StrangerPhoto, StrangerPhoto]]:
    """Yield all pairs of photos of one person (`same`), or of two persons."""
    persons: dict[str, list[StrangerPhoto]] = {}
    for face in faces:
        persons.setdefault(face.person, []).append(face)
    if same:
        for photos in persons.values():
            yield from combinations(photos, 2)
    else:
        for one, other in combinations(persons.values(), 2):
            yield from product(one, other)


def report(
    scale: LikenessScale,
    strangers: Sequence[tuple[StrangerPhoto, StrangerPhoto]],
    same: Sequence[tuple[StrangerPhoto, StrangerPhoto]],
) -> Iterator[str]:
    """Yield the result in lines."""
    middle, nearest = scale.strangers[len(scale.strangers) // 2], scale.strangers[-1]
    yield f"{scale.source}: median {middle:.3f}, the nearest pair {nearest:.3f}."
    yield f"Two photos count as one person from {scale.same_person_limit:.3f}: 1 % of strangers reach it."
    one, other = max(strangers, key=lambda pair: cosine(pair[0].vector, pair[1].vector))
    yield f"See that {one.name} and {other.name}, the nearest pair, show two persons."
    if same:
        missed = sum(cosine(one.vector, other.vector) < scale.same_person_limit for one, other in same)
        yield f"Of {len(same)} pairs of one person {missed} lie below it."
