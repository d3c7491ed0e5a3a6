"""The persons of the likeness bench, drawn and unseen by every network of this project, and their templates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from easyphoto.drawings.identity import DrawnIdentity, sample_identity
from easyphoto.drawings.renderer import Drawing, draw
from easyphoto.drawings.scene import Framing, Scene, sample_scene
from easyphoto.images.pictures import as_picture
from easyphoto.storage.files import atomic_path, make_folder

# Identities 1,000,000 to 1,399,999 belong to the benches (the last hundred thousand are truth.py's strangers), those
# from 8,500,000 on to the trial of words. No network was trained on any of them.
FIRST_PERSON = 1_000_000
FIRST_STRANGER = 1_100_000
FIRST_JUDGING_STRANGER = 1_200_000
TRAINING_PHOTOS = 10
HELD_OUT_PHOTOS = 6
TEMPLATES = 2
PICTURE_SIZE = 512


@dataclass(frozen=True, eq=False)
class BenchPerson:
    """One person of the bench."""

    seed: int
    identity: DrawnIdentity
    photos: tuple[Drawing, ...]
    held_out: tuple[Drawing, ...]
    """Never shown to the training, only to the judge."""
    templates: tuple[Drawing, ...]
    """Pictures of strangers with this person's skin and hair colour."""


def draw_member(index: int) -> BenchPerson:
    seed = FIRST_PERSON + index
    identity = sample_identity(seed)
    album = [photo_of(identity, number) for number in range(TRAINING_PHOTOS + HELD_OUT_PHOTOS)]
    strangers = [
        replace(sample_identity(FIRST_STRANGER + index * TEMPLATES + number), skin=identity.skin, hair=identity.hair)
        for number in range(TEMPLATES)
    ]
    return BenchPerson(
        seed=seed,
        identity=identity,
        photos=tuple(album[:TRAINING_PHOTOS]),
        held_out=tuple(album[TRAINING_PHOTOS:]),
        templates=tuple(photo_of(stranger, 0) for stranger in strangers),
    )


def photo_of(identity: DrawnIdentity, number: int) -> Drawing:
    """Draw the identity's photo of that number; every third one is a close-up."""
    return draw(identity, scene_of(identity, number), PICTURE_SIZE)


def scene_of(identity: DrawnIdentity, number: int) -> Scene:
    """Return the scene of the identity's photo of that number."""
    framing: Framing = "close" if number % 3 == 2 else "portrait"
    return sample_scene(identity.seed * 100 + number, identity, framing=framing, photo_index=number)


def judging_templates(member: BenchPerson, count: int) -> list[Drawing]:
    """Draw pictures of more strangers, for comparing checkpoints on templates that nothing else uses."""
    first = FIRST_JUDGING_STRANGER + (member.seed - FIRST_PERSON) * count
    return [photo_of(sample_identity(first + number), 0) for number in range(count)]


def write_photos(member: BenchPerson, folder: Path) -> tuple[Path, ...]:
    """Write the training photos as JPEG files, like a camera."""
    return write_jpegs([drawing.image for drawing in member.photos], folder)


def write_jpegs(pictures: Sequence[np.ndarray], folder: Path) -> tuple[Path, ...]:
    """Write pictures, (height, width, 3) uint8 RGB, as numbered JPEG files."""
    make_folder(folder)
    paths = []
    for number, picture in enumerate(pictures):
        path = folder / f"{number:02d}.jpg"
        with atomic_path(path) as temporary:
            as_picture(picture).save(temporary, format="JPEG", quality=92)
        paths.append(path)
    return tuple(paths)
