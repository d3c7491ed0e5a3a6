"""Does the result look right? Compares it with the truth, which the renderer draws: the person in the template's scene.

    easyphoto bench looks --persons 10

Ten persons, each on two templates of strangers with the same skin and hair and on two with others, after every step of
the product's own pipeline. Each person has one JSON file and one contact sheet, so that an interrupted bench continues
where it stopped. The last line is one JSON object (see `summary`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from easyphoto.app import EasyPhoto
from easyphoto.bench.judge import Judge, open_judge
from easyphoto.bench.likeness import bootstrap, leave_one_out, other_pictures_of, person_name, train_everybody
from easyphoto.bench.persons import BenchPerson, draw_member
from easyphoto.bench.rehearsal import Rehearsal, open_rehearsal
from easyphoto.bench.truth import Pair, detail, outline_distance, pairs_of, rim
from easyphoto.errors import InputError
from easyphoto.faces.engine import FaceEngine
from easyphoto.geometry import Box, Size
from easyphoto.images.pictures import as_array, as_picture, built_in_font, pasted_back, resized, write_picture
from easyphoto.inference.finish import face_at
from easyphoto.inference.plan import plan_crop
from easyphoto.messages import text
from easyphoto.progress import Progress
from easyphoto.settings.inference import InferenceSettings
from easyphoto.storage.records import read_json, write_json

ARMS = ("template", "warp", "ground", "start", "first pass", "fused", "unrestored", "full", "truth")
"""In order: the template (the baseline for pasting inside its outline), the fusion alone on it, the template prepared
for painting, the fusion on that, the picture after the first pass, fused again, the finished result without and with
the restoration of its face (which is how the settings come), and the truth.
"""


@dataclass(frozen=True)
class LooksComparison:
    """Comparison of one picture; lengths are in face widths."""

    person: float
    """Cosine similarity to the person's held-out photos, measured at the template's five points."""
    own_points: float | None
    """The same at the points that the engine finds; None if it finds no face."""
    stranger: float
    """Cosine similarity to other pictures of the template's stranger."""
    reference: float
    """Cosine similarity to the photo that was fused in."""
    rim: float
    outline: float
    detail: float


def run(app: EasyPhoto, *, persons: int, first: int, progress: Progress, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure what is missing, print the table, then the summary as one JSON line."""
    if persons < 1:
        raise InputError(
            text("The bench cannot run with {persons} persons.", persons=persons), advice=text("Give at least 1.")
        )
    folder, judge = app.workspace.root / "bench" / "looks", open_judge()
    members = range(first, first + persons)
    train_everybody(app, members, progress)
    for number, index in enumerate(members):
        progress.check()
        name = person_name(index)
        if not (folder / f"{name}.json").exists():
            write_json(folder / f"{name}.json", measure_person(app, judge, folder, name, draw_member(index), progress))
        progress.step(number + 1, persons, "judged")
    records = [read_json(folder / f"{person_name(index)}.json") for index in members]
    for line in (*table(records), *changes_by_restoration(records)):
        say(line)
    say(f"Sheets: {folder / 'sheets'}")
    outcome = summary(records)
    say(json.dumps(outcome))
    return outcome


def measure_person(
    app: EasyPhoto, judge: Judge, folder: Path, name: str, member: BenchPerson, progress: Progress
) -> dict[str, Any]:
    """Measure every arm on every template of one person; the contact sheet is written to `sheets/`."""
    rehearsal = open_rehearsal(app, name, name)
    faces = [(drawing.image, drawing.faces[0].points) for drawing in member.held_out]
    eye = Eye(judge, judge.mean_embedding(faces), reference_of(judge, rehearsal), rehearsal.tools.engine)
    rows, pairs = [], []
    for pair in pairs_of(member):
        arms = perform(rehearsal, pair, progress)
        looks = {arm: asdict(eye.look(picture, pair)) for arm, picture in arms.items()}
        pairs.append({"matched": pair.matched, "arms": looks})
        rows.append([closely(picture, pair) for picture in arms.values()])
    write_picture(folder / "sheets" / f"{name}.png", sheet(ARMS, rows))
    return {"person": name, "held_out": leave_one_out(judge, faces), "pairs": pairs}


@dataclass(frozen=True, eq=False)
class Eye:
    """Compares pictures of one person; `person` and `reference` are unit embeddings (float32) by the judge."""

    judge: Judge
    person: np.ndarray
    reference: np.ndarray
    engine: FaceEngine

    def look(self, picture: np.ndarray, pair: Pair) -> LooksComparison:
        """Compare a picture, (height, width, 3) uint8 RGB of the template's size, with the pair."""
        face = pair.template.faces[0]
        vector = self.judge.embedding(picture, face.points)
        found = face_at(self.engine.detect(as_picture(picture)), Box(*face.box))
        own = None if found is None else float(self.judge.embedding(picture, found.points) @ self.person)
        return LooksComparison(
            person=float(vector @ self.person),
            own_points=own,
            stranger=float(vector @ self.judge.mean_embedding(other_pictures_of(pair.template))),
            reference=float(vector @ self.reference),
            rim=rim(picture, pair),
            outline=outline_distance(picture, pair),
            detail=detail(picture, pair),
        )


def reference_of(judge: Judge, rehearsal: Rehearsal) -> np.ndarray:
    """Return the judge's unit embedding (float32) of the person's reference photo."""
    picture = rehearsal.subject.reference
    return judge.embedding(as_array(picture), rehearsal.tools.engine.detect(picture)[0].points)


def perform(rehearsal: Rehearsal, pair: Pair, progress: Progress) -> dict[str, np.ndarray]:
    """Return the template after each arm, as (height, width, 3) uint8 RGB of the template's size."""
    template, settings = as_picture(pair.template.image), InferenceSettings()
    made = rehearsal.photograph(template, settings, progress)
    stages = {stage.name: stage.image for stage in made.stages}
    crop = plan_crop(rehearsal.face(template), Size.of(template), rehearsal.family).crop
    whole = np.ones((crop.size.height, crop.size.width), np.float32)

    def back(name: str) -> np.ndarray:
        picture = as_array(resized(stages.get(name, stages["crop"]), crop.size))
        return pasted_back(pair.template.image, picture, crop, whole)

    return {
        "template": pair.template.image,
        "warp": rehearsal.fusion(template, settings),
        "ground": back("ground"),
        "start": rehearsal.fusion(template, settings, ready=True),
        "first pass": back("first pass"),
        "fused": back("fused after"),
        "unrestored": rehearsal.unrestored(template, made, settings),
        "full": as_array(made.image),
        "truth": pair.truth.image,
    }


def closely(picture: np.ndarray, pair: Pair) -> Image.Image:
    """Crop the head from a (height, width, 3) uint8 RGB picture."""
    left, top, right, bottom = pair.template.faces[0].box
    around = 0.35 * (right - left)
    box = Box(left - around, top - around, right + around, bottom + around).clipped(Size.of(picture))
    return as_picture(picture).crop(box.as_ints())


def sheet(
    titles: Sequence[str], rows: Sequence[Sequence[Image.Image]], side: int = 260, *, enlarged: bool = False
) -> Image.Image:
    """Draw rows of pictures under their titles, each at most `side` pixels long; `enlarged`: smaller ones are enlarged
    to that, pixel by pixel."""
    whole = Image.new("RGB", (len(titles) * (side + 4), 24 + len(rows) * (side + 4)), "white")
    pen, font = ImageDraw.Draw(whole), built_in_font(14)
    for column, title in enumerate(titles):
        pen.text((column * (side + 4) + 4, 4), title, "black", font)
        for row, pictures in enumerate(rows):
            picture = pictures[column].copy()
            if enlarged and max(picture.size) < side:
                picture = ImageOps.contain(picture, (side, side), Image.Resampling.NEAREST)
            picture.thumbnail((side, side), Image.Resampling.LANCZOS)
            whole.paste(picture, (column * (side + 4), 24 + row * (side + 4)))
    return whole


def table(records: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield lines of means by arm, first for templates of the person's own skin.

    `scale` runs from the stranger, 0, to a held-out photo, 1; `copied` is how much nearer a picture is to the fused
    photo than to the person.
    """
    for matched in (True, False):
        chosen = pairs_in(records, matched=matched)
        yield f"{'own' if matched else 'other'} skin and hair, {len(chosen)} pairs"
        columns = ("scale", "own points", "nearer", "rim", "outline", "detail", "copied")
        yield f"{'':12s}" + "".join(f"{name:>12s}" for name in columns)
        for arm in ARMS:
            looks = [pair["arms"][arm] for _, pair in chosen]
            numbers = (
                mean(scale(record, pair, arm, "person") for record, pair in chosen),
                mean(scale(record, pair, arm, "own_points") for record, pair in chosen),
                sum(look["person"] > look["stranger"] for look in looks),
                *(mean(look[name] for look in looks) for name in ("rim", "outline", "detail")),
                mean(look["reference"] - look["person"] for look in looks),
            )
            yield f"{arm:12s}" + "".join(f"{number:12.3f}" for number in numbers)


def changes_by_restoration(records: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield what the restoration changes in each measure, over all templates: means over persons, 95 % intervals."""
    yield f"full − unrestored, {len(records)} persons"
    for name in ("person", "stranger", "rim", "outline", "detail"):
        changes = [
            mean(pair["arms"]["full"][name] - pair["arms"]["unrestored"][name] for pair in record["pairs"])
            for record in records
        ]
        yield f"{name:12s} {bootstrap(changes)}"


def pairs_in(records: Sequence[dict[str, Any]], *, matched: bool) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    return [(record, pair) for record in records for pair in record["pairs"] if pair["matched"] == matched]


def scale(record: dict[str, Any], pair: dict[str, Any], arm: str, how: str) -> float:
    """Return the arm's place on the scale: 0 is the stranger on the template, 1 a held-out photo; NaN: no face."""
    stranger, found = pair["arms"]["template"]["person"], pair["arms"][arm][how]
    return float("nan") if found is None else (found - stranger) / (record["held_out"] - stranger)


def mean(values: Iterator[float]) -> float:
    return float(np.nanmean(list(values)))


def summary(records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the bench's outcome as one object, in the form that the project's issues ask for.

    It holds the templates of the person's own skin, and nested in it the same for the others.
    """
    own, others = (_summary(pairs_in(records, matched=matched)) for matched in (True, False))
    return {**own, "other_skin": others}


def _summary(chosen: list[tuple[dict[str, Any], dict[str, Any]]]) -> dict[str, Any]:
    def scales(arm: str) -> float:
        return round(mean(scale(record, pair, arm, "person") for record, pair in chosen), 4)

    def results(arm: str) -> dict[str, Any]:
        looks = [pair["arms"][arm] for _, pair in chosen]
        return {
            "nearer": sum(look["person"] > look["stranger"] for look in looks),
            **{name: round(mean(look[name] for look in looks), 4) for name in ("rim", "outline", "detail")},
            "scale": scales(arm),
        }

    return {
        "pairs": len(chosen),
        **results("full"),
        "unrestored": results("unrestored"),
        "warp_alone": scales("warp"),
        "start": scales("start"),
        "outline_of_paste": round(mean(pair["arms"]["template"]["outline"] for _, pair in chosen), 4),
    }
