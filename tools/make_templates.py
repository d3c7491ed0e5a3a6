"""Draws templates/*.png and templates/templates.json from the seeds below; the same bits on the same versions.

Run it with the environment's Python from the repository's root: python tools/make_templates.py
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from easyphoto.drawings.identity import sample_identity
from easyphoto.drawings.renderer import draw, draw_group
from easyphoto.drawings.scene import Scene, sample_scene
from easyphoto.images.pictures import as_picture, write_picture
from easyphoto.storage.records import write_json
from easyphoto.workspace.shipped import templates_folder

SIDE = 640
# Identities from 2,000,000: the networks were trained and measured on others.


@dataclass(frozen=True)
class Plan:
    """One template: who, where, and what it is for."""

    file: str
    title: str
    identities: tuple[int, ...]
    style: str
    background: str
    scene_seed: int
    validates: bool


PLANS = (
    Plan("01-lights.png", "Evening lights", (2_000_011,), "paint", "lights", 11, validates=False),
    Plan("02-landscape.png", "In the hills", (2_000_023,), "paint", "landscape", 23, validates=False),
    Plan("03-room.png", "At home", (2_000_035,), "ink", "room", 35, validates=False),
    Plan("04-two.png", "Two friends", (2_000_041, 2_000_042), "paint", "city", 41, validates=False),
    Plan("05-plain.png", "Studio", (2_000_053,), "paint", "plain", 53, validates=True),
    Plan("06-stripes.png", "Stripes", (2_000_061,), "ink", "stripes", 61, validates=True),
    Plan("07-gradient.png", "Gradient", (2_000_074,), "paint", "gradient", 74, validates=True),
    Plan("08-city.png", "City", (2_000_082,), "ink", "city", 82, validates=True),
)


def main() -> None:
    folder = templates_folder()
    entries = []
    for plan in PLANS:
        write_picture(folder / plan.file, as_picture(drawn(plan)))
        entries.append(
            {
                "file": plan.file,
                "title": plan.title,
                "author": "the EasyPhoto authors (drawn by easyphoto.drawings)",
                "licence": "CC0-1.0",
                "faces": len(plan.identities),
                "validates": plan.validates,
                "seeds": {"identities": list(plan.identities), "scene": plan.scene_seed},
            }
        )
        print(folder / plan.file)
    write_json(folder / "templates.json", {"templates": entries})


def drawn(plan: Plan) -> np.ndarray:
    people = [(sample_identity(seed), scene_of(plan, seed)) for seed in plan.identities]
    if len(people) == 1:
        return draw(*people[0], SIDE).image
    return draw_group(people, plan.scene_seed, 960, SIDE).image


def scene_of(plan: Plan, seed: int) -> Scene:
    """A calm portrait, nearly from the front: what a template should be."""
    scene = sample_scene(plan.scene_seed, sample_identity(seed), style=plan.style, framing="portrait")
    return replace(
        scene,
        background=plan.background,
        face_width=min(max(scene.face_width, 0.30), 0.38),
        cx=0.5 + 0.5 * (scene.cx - 0.5),
        cy=0.48,
        roll=0.4 * scene.roll,
        yaw=0.5 * scene.yaw,
        eye_close=0.0,
        brightness=1.0,
        blur=0.0,
        noise=0.0,
    )


if __name__ == "__main__":
    main()
