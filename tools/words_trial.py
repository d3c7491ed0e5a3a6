"""Pictures drawn from words on the miniature: is there a usable face, is it the person's, and do the words act?

    python tools/words_trial.py [--workspace DIR] [--persons 5] [--drawings 4] [--out DIR] [--table]

Drawn persons whom nothing else in the project has seen are trained (a workspace that is given keeps them for the next
run). Then, through the product's own commands:

- each gets so many portraits without a template, from words. Usable is a picture that is finished, with a face on it,
  within the tries that the command has; likeness is the judge's cosine, whose networks train nothing, beside as many
  portraits of the same persons on shipped templates, with a 95 % interval over persons.
- the drawing alone is repeated with the person's LoRA, from the same seed, with the words and without. Backgrounds and
  clothes are compared with the colour asked for (tools/word_trials/colours.py); by chance half of them get nearer.
  Colours and places are told apart.

`--table` repeats the second part over CFG scales, steps, LoRA weights and sizes. Writes a sheet of all pictures into
--out. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
from word_trials.colours import Change, changes, colour_wishes, mean_colours, place_wishes, regions, tally
from word_trials.drawing import USUAL, Drawer, arms, open_drawer
from word_trials.people import FreshPerson, fresh_people, judging_templates, likeness

from easyphoto.app import EasyPhoto
from easyphoto.bench.judge import Judge, open_judge
from easyphoto.bench.likeness import bootstrap
from easyphoto.bench.looks import sheet
from easyphoto.cli.output import bar
from easyphoto.commands.base import NullContext
from easyphoto.commands.photograph import PhotographPersons
from easyphoto.errors import EasyPhotoError
from easyphoto.images.pictures import as_array, as_picture, picture_record, read_picture, write_picture
from easyphoto.settings.drawing import DrawingSettings
from easyphoto.settings.inference import InferenceSettings
from easyphoto.workspace.folders import Workspace

SEED_STEP = 1000
"""Between two drawings, so that their tries are never the same."""
CFGS, STEPS, WEIGHTS, SIZES = (1.5, 3.0, 7.0, 10.0), (15, 60), (0.0, 0.5, 0.9), ("128x128", "160x160")


@dataclass(frozen=True, eq=False)
class Portrait:
    """One portrait from words: what came of it, and how like the person it is."""

    words: str
    drawn: Path | None
    file: Path | None
    cosine: float | None
    tries: int
    said: str = ""

    @property
    def is_usable(self) -> bool:
        return self.cosine is not None


def main() -> None:
    asked = parsed()
    with tempfile.TemporaryDirectory() as temporary:
        app = EasyPhoto(Workspace(asked.workspace or Path(temporary) / "workspace"))
        folder, judge = asked.out or app.workspace.root / "trial", open_judge()
        with bar() as progress:
            people = fresh_people(app, judge, asked.persons, progress)
        drawer = open_drawer(app)
        with closing(drawer.backend):
            if asked.table:
                for line in table(drawer, people, asked.drawings):
                    print(line, flush=True)
                return
            acting = acted(drawer, people, asked.drawings, USUAL)
        with app.at_hand() as leased:
            outcome = photographed(leased, judge, drawer, people, asked.drawings, folder)
    outcome["words"] = {name: tally(found) for name, found in acting.items()}
    for line in lines(outcome):
        print(line)
    print(json.dumps(outcome))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workspace", type=Path, help="keeps the trained persons")
    parser.add_argument("--persons", type=int, default=5)
    parser.add_argument("--drawings", type=int, default=4, help="of each person")
    parser.add_argument("--out", type=Path, help="for the sheet; usual: a folder of the workspace")
    parser.add_argument("--table", action="store_true", help="how CFG scale, steps, LoRA weight and size change it")
    return parser.parse_args()


def photographed(
    app: EasyPhoto, judge: Judge, drawer: Drawer, people: Sequence[FreshPerson], count: int, folder: Path
) -> dict[str, Any]:
    """Portraits from words and on templates; writes the sheet."""
    wishes = itertools.cycle([*place_wishes(), *colour_wishes()])
    rows, found, on_templates = [], [], []
    seeds = itertools.count(0, SEED_STEP)
    for person in people:
        made = [_from_words(app, judge, drawer, person, next(wishes).words, next(seeds)) for _ in range(count)]
        compared = [_on_template(app, judge, drawer, person, template) for template in judging_templates(count)]
        rows.append([as_picture(person.member.photos[0].image), *_pictures(made)])
        found.append(made)
        on_templates.append(compared)
    titles = ["a photo", *(title for number in range(count) for title in (f"drawn {number + 1}", "portrait"))]
    folder.mkdir(parents=True, exist_ok=True)
    write_picture(folder / "words.png", sheet(titles, rows, side=192, enlarged=True))
    print(f"Sheet: {folder / 'words.png'}")
    return summary(found, on_templates)


def _from_words(app: EasyPhoto, judge: Judge, drawer: Drawer, person: FreshPerson, words: str, number: int) -> Portrait:
    settings = InferenceSettings(prompt=words, seed=SEED_STEP * number)
    try:
        result = PhotographPersons((person.name,), (), settings=settings).run(app, NullContext())
    except EasyPhotoError as error:
        return Portrait(words, None, None, None, 0, f"{type(error).__name__}: {error}")
    drawn, best = result.made[0].template, result.made[0].best
    tries = 1 + len((picture_record(drawn) or {})["drawn"]["failed"])
    return Portrait(words, drawn, best.file, likeness(judge, drawer.engine, best.file, person), tries)


def _on_template(app: EasyPhoto, judge: Judge, drawer: Drawer, person: FreshPerson, template: Path) -> float | None:
    result = PhotographPersons((person.name,), (template,)).run(app, NullContext())
    return likeness(judge, drawer.engine, result.pictures[0], person)


def _pictures(made: Sequence[Portrait]) -> Iterator[Any]:
    blank = as_picture(np.full((128, 128, 3), 255, np.uint8))
    for each in made:
        for file in (each.drawn, each.file):
            yield read_picture(file) if file is not None else blank


def summary(made: Sequence[Sequence[Portrait]], on_templates: Sequence[Sequence[float | None]]) -> dict[str, Any]:
    """Return what both ways came to; one row for each person."""
    every = [one for row in made for one in row]
    differences = [
        _mean([one.cosine for one in row]) - _mean(others) for row, others in zip(made, on_templates, strict=True)
    ]
    between = bootstrap([value for value in differences if not np.isnan(value)])
    return {
        "pictures": len(every),
        "usable": sum(one.is_usable for one in every),
        "tries": [one.tries for one in every],
        "errors": sorted({one.said for one in every if one.said}),
        "likeness": {
            "from words": round(_mean([one.cosine for one in every]), 4),
            "on templates": round(_mean([value for row in on_templates for value in row]), 4),
            "difference": [round(value, 4) for value in (between.mean, between.low, between.high)],
        },
    }


def _mean(values: Sequence[float | None]) -> float:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else float("nan")


def acted(drawer: Drawer, people: Sequence[FreshPerson], count: int, arm: DrawingSettings) -> dict[str, list[Change]]:
    """Draw with the words and without, from the same seeds: colours first, then places."""
    names = [person.name for person in people for _ in range(count)]
    sittings = [(name, SEED_STEP * number) for number, name in enumerate(names)]
    plain = [_colours(drawer, name, "", seed, arm) for name, seed in sittings]
    found: dict[str, list[Change]] = {}
    for kind, wishes in (("colours", colour_wishes()), ("places", place_wishes())):
        found[kind] = [
            change
            for (name, seed), without, wish in zip(sittings, plain, itertools.cycle(wishes), strict=False)
            for change in changes(wish, _colours(drawer, name, wish.words, seed, arm), without)
        ]
    return found


def _colours(drawer: Drawer, name: str, words: str, seed: int, arm: DrawingSettings) -> dict[str, np.ndarray]:
    """Mean colours of the drawing's regions; empty where the engine finds no face."""
    picture = drawer.drawn(name, words, seed, arm)
    faces = drawer.engine.detect(picture)
    if not faces:
        return {}
    return mean_colours(as_array(picture), regions(drawer.engine.parse(picture, faces[0]), faces[0]))


def table(drawer: Drawer, people: Sequence[FreshPerson], count: int) -> Iterator[str]:
    """Yield one line for each arm: from the usual one, one thing is changed at a time."""
    yield f"{'arm':24s} {'background':>18s} {'clothes':>18s} {'places':>18s}    nearer of all, gained (CIE76)"
    for name, arm in arms(drawing_cfg=CFGS, drawing_steps=STEPS, drawing_lora_weight=WEIGHTS, size=SIZES):
        found = acted(drawer, people, count, arm)
        colours, places = tally(found["colours"]), tally(found["places"])
        columns = (colours.get("background"), colours.get("clothes"), places.get("background"))
        yield f"{name:24s} " + " ".join(f"{_told(each):>18s}" for each in columns)


def _told(found: dict[str, float] | None) -> str:
    return f"{found['nearer']:2} of {found['of']:2} {found['gained']:+6.2f}" if found else "–"


def lines(outcome: dict[str, Any]) -> Iterator[str]:
    between = outcome["likeness"]["difference"]
    yield f"usable: {outcome['usable']} of {outcome['pictures']} (tries: {outcome['tries']})"
    yield (
        f"likeness by the judge: {outcome['likeness']['from words']:.3f} from words, "
        f"{outcome['likeness']['on templates']:.3f} on templates; "
        f"difference {between[0]:+.3f} [{between[1]:+.3f}, {between[2]:+.3f}]"
    )
    for name, found in outcome["words"].items():
        for region, told in found.items():
            yield f"{name}, {region}: nearer in {_told(told)} (CIE76 on average)"


if __name__ == "__main__":
    main()
