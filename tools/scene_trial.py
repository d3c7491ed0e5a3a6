"""A room and a cup are learned on the miniature: are pictures with the room's LoRA nearer to it, and is the cup there?

    python tools/scene_trial.py [--workspace DIR] [--drawings 10] [--out DIR] [--steps N]

Eight pictures of one room (walls, window and books stay; camera, light and people change) are learned with the
product's own command, `--kind scene`, and eight of one cup with `--kind object`; a workspace that is given keeps them.

- Room: so many drawings from the same words and seeds, with the LoRA at its usual weight and without. Near is measured
  by colours: one minus what two histograms of CIE Lab colours share (6 levels, 8 × 8 colours), the mean over four more
  pictures of the room, from other sides and with other people, which the training never saw.
- Cup: placed into three templates through a painted mask, and once more with its LoRA at weight 0. Near is the mean
  CIE76 difference of the masked pixels from the cup's own colour, the less the nearer; whether it is a cup is for the
  eye.

Writes two sheets into --out. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
from PIL import Image, ImageDraw
from word_trials.drawing import Drawer, open_drawer
from word_trials.people import judging_templates
from word_trials.rooms import PICTURES, SIDE, RoomMeasure, cup_picture, room_measure, room_picture

from easyphoto.app import EasyPhoto
from easyphoto.bench.looks import sheet
from easyphoto.bench.persons import write_jpegs
from easyphoto.commands.base import NullContext
from easyphoto.commands.place import PlaceObject
from easyphoto.commands.train import TrainPerson
from easyphoto.images.pictures import as_array, as_picture, read_picture, write_picture
from easyphoto.images.srgb import as_lab
from easyphoto.settings.placing import PlacingSettings
from easyphoto.settings.training import TrainSettings
from easyphoto.workspace.folders import Workspace
from easyphoto.workspace.person_record import OBJECT, SCENE

ROOM, CUP = "teal-room", "red-cup"
WORDS = ("room background", "room background, calm", "landscape background", "city background", "smiling")
"""Words of the drawings, in turns: the room is not asked for in all of them, its LoRA is."""


TEMPLATES = 3
BODY = ((0.58, 0.60), (0.84, 0.60), (0.80, 0.93), (0.62, 0.93))
HANDLE = ((0.83, 0.68), (0.91, 0.70), (0.91, 0.80), (0.82, 0.83))
BRUSH = 0.05
"""The cup as it was painted over the lower right of a picture, and the brush: as shares of the picture."""


@dataclass(frozen=True, eq=False)
class Pair:
    """The same words and seed with the LoRA and without."""

    with_lora: Image.Image
    without: Image.Image
    near: float
    far: float

    @property
    def nearer(self) -> bool:
        return self.near < self.far


def main() -> None:
    asked = parsed()
    with tempfile.TemporaryDirectory() as temporary:
        app = EasyPhoto(Workspace(asked.workspace or Path(temporary) / "workspace"))
        folder = asked.out or app.workspace.root / "trial"
        folder.mkdir(parents=True, exist_ok=True)
        learned(app, ROOM, SCENE, [room_picture(number) for number in range(PICTURES)], folder, asked.steps)
        learned(app, CUP, OBJECT, [cup_picture(number) for number in range(PICTURES)], folder, asked.steps)
        drawer = open_drawer(app)
        with closing(drawer.backend):
            pairs = room_pairs(drawer, room_measure(), asked.drawings)
        write_picture(folder / "room.png", room_sheet(pairs))
        with app.at_hand() as leased:
            cups = cup_pairs(leased, folder)
        write_picture(folder / "cup.png", cup_sheet(cups))
        outcome = {"room": tally(pairs), "cup": tally(cups)}
    print(f"Sheets: {folder}")
    for line in lines(outcome):
        print(line)
    print(json.dumps(outcome))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workspace", type=Path, help="keeps what was learned")
    parser.add_argument("--drawings", type=int, default=10)
    parser.add_argument("--out", type=Path, help="for the sheets; usual: a folder of the workspace")
    parser.add_argument("--steps", type=int, help="of each training; usual: what the product takes")
    return parser.parse_args()


def learned(
    app: EasyPhoto, name: str, kind: str, pictures: Sequence[np.ndarray], folder: Path, steps: int | None
) -> None:
    """Learn the room or the cup with the product's command, unless the workspace has it."""
    if any(person.id == name for person in app.workspace.list_persons()):
        return
    photos = write_jpegs(pictures, folder / "photos" / name)
    TrainPerson(name, photos, concept=kind, settings=TrainSettings(steps=steps)).run(app, NullContext())


def room_pairs(drawer: Drawer, measure: RoomMeasure, count: int) -> list[Pair]:
    """The same words, also those that call the room, and seeds: with its LoRA and without."""
    called, pairs = drawer.called(ROOM), []
    for number in range(count):
        words = WORDS[number % len(WORDS)]
        with_lora, without = (
            drawer.drawn("", words, number, scenes=scenes) for scenes in (called, replace(called, conditions=()))
        )
        near, far = (measure.distance(as_array(picture)) for picture in (with_lora, without))
        pairs.append(Pair(with_lora, without, near, far))
    return pairs


def room_sheet(pairs: Sequence[Pair]) -> Image.Image:
    """The learned pictures, then the drawings without the LoRA and with it."""
    own = [as_picture(room_picture(number)) for number in range(PICTURES)]
    blank = Image.new("RGB", (8, 8), "white")
    rows = [own, [pair.without for pair in pairs], [pair.with_lora for pair in pairs]]
    most = max(map(len, rows))
    titles = ["pictures of the room; below: without its LoRA, and with it", *[""] * (most - 1)]
    return sheet(titles, [[*row, *[blank] * (most - len(row))] for row in rows], side=192, enlarged=True)


def cup_pairs(app: EasyPhoto, folder: Path) -> list[Pair]:
    """The cup in each template with its LoRA and with none, at the same mask and seed."""
    red, pairs = as_lab(cup_picture(0)[SIDE // 2, SIDE // 2][None, None])[0, 0], []
    for template in judging_templates(TEMPLATES):
        size = read_picture(template).size
        mask = painted_mask(size)
        file = folder / f"mask-{template.stem}.png"
        write_picture(file, mask)
        there = np.asarray(mask) > 0
        made, far = [], []
        for weight in (PlacingSettings().lora_weight, 0.0):
            command = PlaceObject(CUP, template, mask=file, settings=PlacingSettings(lora_weight=weight))
            picture = read_picture(command.run(app, NullContext()).pictures[0])
            made.append(picture)
            far.append(float(np.linalg.norm(as_lab(as_array(picture))[there] - red, axis=1).mean()))
        pairs.append(Pair(made[0], made[1], far[0], far[1]))
    return pairs


def painted_mask(size: tuple[int, int]) -> Image.Image:
    """A cup painted roughly, as by hand: along its body, filled, and around its handle."""
    mask = Image.new("L", size)
    pen, brush = ImageDraw.Draw(mask), round(BRUSH * min(size))
    body, handle = ([(x * size[0], y * size[1]) for x, y in line] for line in (BODY, HANDLE))
    pen.polygon(body, 255)
    pen.line([*body, body[0]], 255, brush, joint="curve")
    pen.line(handle, 255, brush, joint="curve")
    return mask


def cup_sheet(pairs: Sequence[Pair]) -> Image.Image:
    own = [as_picture(cup_picture(number)) for number in range(len(pairs))]
    titles = ["the cup", "without its LoRA", "with it"]
    rows = [[cup, pair.without, pair.with_lora] for cup, pair in zip(own, pairs, strict=True)]
    return sheet(titles, rows, side=384, enlarged=True)


def tally(pairs: Sequence[Pair]) -> dict[str, Any]:
    return {
        "nearer": sum(pair.nearer for pair in pairs),
        "of": len(pairs),
        "with": round(float(np.mean([pair.near for pair in pairs])), 4),
        "without": round(float(np.mean([pair.far for pair in pairs])), 4),
    }


def lines(outcome: dict[str, Any]) -> list[str]:
    return [
        f"{name}: nearer in {found['nearer']} of {found['of']}, {found['with']} with the LoRA, "
        f"{found['without']} without"
        for name, found in outcome.items()
    ]


if __name__ == "__main__":
    main()
