"""Drawn persons whom nothing else in the project has seen, and how like them a picture is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from easyphoto.app import EasyPhoto
from easyphoto.bench.judge import Judge
from easyphoto.bench.likeness import person_name, train_everybody
from easyphoto.bench.persons import BenchPerson, draw_member
from easyphoto.faces.engine import FaceEngine
from easyphoto.images.pictures import as_array, read_picture
from easyphoto.progress import Progress
from easyphoto.workspace.shipped import shipped_templates

FIRST_INDEX = 7_500_000
"""Identities from 8,500,000 on. Networks, benches, templates and tests have seen none of them."""


@dataclass(frozen=True, eq=False)
class FreshPerson:
    """A trained person, and what the judge knows of them."""

    name: str
    member: BenchPerson
    vector: np.ndarray
    """(N,) float32 of unit length: the judge's mean over photos that the training never saw."""


def fresh_people(app: EasyPhoto, judge: Judge, count: int, progress: Progress) -> list[FreshPerson]:
    """Draw them, and train those who are not trained yet."""
    members = range(FIRST_INDEX, FIRST_INDEX + count)
    train_everybody(app, members, progress)
    people = []
    for index in members:
        member = draw_member(index)
        faces = [(drawing.image, drawing.faces[0].points) for drawing in member.held_out]
        people.append(FreshPerson(person_name(index), member, judge.mean_embedding(faces)))
    return people


def likeness(judge: Judge, engine: FaceEngine, file: Path, person: FreshPerson) -> float | None:
    """Return the judge's cosine of the picture's largest face to the person; None if the engine finds no face."""
    picture = read_picture(file)
    faces = engine.detect(picture)
    return float(judge.embedding(as_array(picture), faces[0].points) @ person.vector) if faces else None


def judging_templates(count: int) -> Sequence[Path]:
    """Shipped templates with one face on which no checkpoint was chosen, in turns."""
    able = [each.file for each in shipped_templates() if each.faces == 1 and not each.validates]
    return [able[number % len(able)] for number in range(count)]
