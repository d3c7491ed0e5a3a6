"""Does the result show the person? Unseen drawn persons on templates of strangers with the same skin and hair colour.

    easyphoto bench likeness --persons 10

Each person is drawn, trained and photographed by the product's own commands; an embedder and a regressor that the
pipeline never uses judge the pictures. Each person has one JSON file, so that an interrupted bench continues where it
stopped. The last line is one JSON object (see `summary`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from easyphoto.app import EasyPhoto
from easyphoto.bench.judge import Judge, open_judge
from easyphoto.bench.persons import (
    HELD_OUT_PHOTOS,
    TEMPLATES,
    BenchPerson,
    draw_member,
    judging_templates,
    photo_of,
    write_photos,
)
from easyphoto.bench.rehearsal import Rehearsal, open_rehearsal
from easyphoto.commands.base import NullContext
from easyphoto.commands.train import TrainPerson
from easyphoto.drawings.renderer import Drawing
from easyphoto.errors import InputError
from easyphoto.images.pictures import as_array, as_picture, write_picture
from easyphoto.messages import text
from easyphoto.persons.base_fit import other_weights_notes
from easyphoto.progress import Progress
from easyphoto.settings.inference import InferenceSettings
from easyphoto.storage.records import read_json, write_json

ARMS = (
    "template", "round_trip", "fusion", "no_lora", "lora", "wrong_lora", "full", "full_no_fusion",
    "identity", "identity_other", "identity_lora", "identity_fusion", "lora_identity", "full_identity",
)  # fmt: skip
"""The last six are of the train-free engine: alone, with another person's face, its own LoRA without a face, in the
whole pipeline without a person's LoRA, beside that LoRA, and beside it in the whole pipeline."""
DIFFERENCES = (
    ("lora", "no_lora"), ("wrong_lora", "no_lora"), ("identity", "no_lora"), ("identity", "identity_other"),
    ("identity_lora", "no_lora"), ("lora_identity", "lora"), ("full_identity", "full"),
)  # fmt: skip
FEWEST_PERSONS = 2
JUDGED_TEMPLATES = 2
"""Strangers' pictures, apart from those of the arms, on which the checkpoints are compared."""
RESAMPLES = 10_000


@dataclass(frozen=True)
class Scores:
    """Cosine similarity and parameter distance of one picture to the person and to the template's stranger."""

    person: float
    template: float
    parameters_person: float
    parameters_template: float


def run(app: EasyPhoto, *, persons: int, first: int, progress: Progress, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure what is missing, print the table, then the summary as one JSON line."""
    if persons < FEWEST_PERSONS:
        raise InputError(
            text("The bench cannot run with {persons} persons.", persons=persons),
            advice=text(
                "Give at least {fewest_persons}: somebody else's LoRA is one of its arms.",
                fewest_persons=FEWEST_PERSONS,
            ),
        )
    folder = bench_folder(app)
    judge = open_judge()
    members = range(first, first + persons)
    train_everybody(app, members, progress)
    for number, index in enumerate(members):
        progress.check()
        record = folder / f"{person_name(index)}.json"
        if not is_whole(record):
            other = members[(number + 1) % persons]
            write_json(record, measure_person(app, judge, folder, index, other, progress))
        progress.step(number + 1, persons, "judged")
    records = [read_json(folder / f"{person_name(index)}.json") for index in members]
    for line in table(records):
        say(line)
    outcome = summary(records)
    say(json.dumps(outcome))
    return outcome


def is_whole(record: Path) -> bool:
    """Whether the record is there and has every arm, which an earlier version's lacks."""
    return record.exists() and all(set(ARMS) <= set(pair["arms"]) for pair in read_json(record)["pairs"])


def person_name(index: int) -> str:
    """The id of a member's person, the same in every bench, so that one training serves all."""
    return f"bench-{index:02d}"


def bench_folder(app: EasyPhoto) -> Path:
    return app.workspace.root / "bench" / "likeness"


def train_everybody(app: EasyPhoto, members: Sequence[int], progress: Progress) -> None:
    """Train each person with the product's command and its defaults, except those who were already trained on the
    base's weights."""
    family, base = app.base_model()
    for number, index in enumerate(members):
        trained = [one for one in app.workspace.list_persons() if one.id == person_name(index) and one.is_trained]
        if trained and not other_weights_notes(app.workspace, trained, family, base):
            continue
        progress.step(number, len(members), "training")
        # What any bench measured of an earlier training does not hold for the new one.
        for record in bench_folder(app).parent.glob(f"*/{person_name(index)}.json"):
            record.unlink()
        photos = write_photos(draw_member(index), app.workspace.root / "bench" / "photos" / person_name(index))
        TrainPerson(person_name(index), photos).run(app, NullContext(progress))


def measure_person(
    app: EasyPhoto, judge: Judge, folder: Path, index: int, other: int, progress: Progress
) -> dict[str, Any]:
    """Measure every arm on every template of one person, both ends of the scale, and the checkpoints.

    `other` is the member whose LoRA and face are tried in the person's place.
    """
    member = draw_member(index)
    rehearsal = open_rehearsal(app, person_name(index), person_name(other))
    faces = [(drawing.image, drawing.faces[0].points) for drawing in member.held_out]
    person = judge.mean_embedding(faces)
    pairs = []
    for number, template in enumerate(member.templates):
        pictures, outside = perform(app, rehearsal, template, progress)
        keep_pictures(folder / "pictures" / f"{person_name(index)}-{number}", pictures)
        scores = {arm: score(judge, picture, template, member, person) for arm, picture in pictures.items()}
        pairs.append({"arms": {arm: vars(found) for arm, found in scores.items()}, "outside": outside})
    return {
        "person": person_name(index),
        "pairs": pairs,
        "held_out": leave_one_out(judge, faces),
        "checkpoints": compare_checkpoints(judge, rehearsal, member, person, progress),
    }


def perform(
    app: EasyPhoto, rehearsal: Rehearsal, template: Drawing, progress: Progress
) -> tuple[dict[str, np.ndarray], int]:
    """Return the template after each arm, and the largest change outside the mask.

    The pictures are (height, width, 3) uint8 RGB of the template's size, by arm; the change is in byte values, 0..255.
    """
    picture = as_picture(template.image)
    settings = InferenceSettings()
    full = rehearsal.photograph(picture, settings, progress)
    plain = rehearsal.photograph(picture, replace(settings, fusion=False), progress)
    untrained = rehearsal.photograph(picture, settings, progress, subject=rehearsal.untrained)
    both = rehearsal.photograph(picture, settings, progress, subject=rehearsal.both)
    photographs = full, plain, untrained, both
    outside = max(outside_difference(template.image, made.image, made.mask) for made in photographs)
    return {
        "template": template.image,
        "round_trip": rehearsal.round_trip(picture),
        "fusion": rehearsal.fusion(picture, settings),
        "no_lora": rehearsal.repaint(picture, None, progress),
        "lora": rehearsal.repaint(picture, rehearsal.lora, progress),
        "wrong_lora": rehearsal.repaint(picture, rehearsal.other_lora, progress),
        "full": as_array(full.image),
        "full_no_fusion": as_array(plain.image),
        "identity": rehearsal.repaint(picture, None, progress, identity=rehearsal.untrained),
        "identity_other": rehearsal.repaint(picture, None, progress, identity=rehearsal.other),
        "identity_lora": rehearsal.repaint(picture, None, progress, identity=rehearsal.untrained, tokens=False),
        "identity_fusion": as_array(untrained.image),
        "lora_identity": rehearsal.repaint(picture, rehearsal.lora, progress, identity=rehearsal.both),
        "full_identity": as_array(both.image),
    }, outside


def outside_difference(template: np.ndarray, result: Image.Image, mask: np.ndarray) -> int:
    """Return the largest difference in byte values (0..255) where the mask, which includes the feather, is 0.

    `template` is (height, width, 3) uint8 RGB, `mask` (height, width) float32 in 0..1.
    """
    difference = np.abs(template.astype(np.int16) - as_array(result).astype(np.int16)).max(axis=2)
    untouched = difference[mask <= 0]
    return int(untouched.max()) if untouched.size else 0


def score(judge: Judge, picture: np.ndarray, template: Drawing, member: BenchPerson, person: np.ndarray) -> Scores:
    """Compare a picture of the template with the person and with the template's stranger.

    `picture` is (height, width, 3) uint8 RGB, `person` the person's unit embedding (float32) by the judge.
    """
    points, stranger = template.faces[0].points, template.faces[0].identity
    found = judge.embedding(picture, points)
    return Scores(
        person=float(found @ person),
        template=float(found @ judge.mean_embedding(other_pictures_of(template))),
        parameters_person=judge.parameter_distance(picture, points, member.identity),
        parameters_template=judge.parameter_distance(picture, points, stranger),
    )


def other_pictures_of(template: Drawing) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the template's stranger in other scenes, because the template itself would be favoured by a comparison.

    Each picture is (height, width, 3) uint8 RGB, with its five points ((5, 2), pixels).
    """
    drawings = [photo_of(template.faces[0].identity, number) for number in range(1, 1 + HELD_OUT_PHOTOS)]
    return [(drawing.image, drawing.faces[0].points) for drawing in drawings]


def leave_one_out(judge: Judge, faces: list[tuple[np.ndarray, np.ndarray]]) -> float:
    """Return the mean cosine of each held-out photo to the mean of the person's others: the upper end of the scale.

    `faces` are (picture, points) pairs as `Judge.embedding` takes them.
    """
    values = []
    for index, (picture, points) in enumerate(faces):
        others = judge.mean_embedding(faces[:index] + faces[index + 1 :])
        values.append(float(judge.embedding(picture, points) @ others))
    return float(np.mean(values))


def compare_checkpoints(
    judge: Judge, rehearsal: Rehearsal, member: BenchPerson, person: np.ndarray, progress: Progress
) -> dict[str, Any]:
    """Compare the last checkpoint, which is the person's LoRA, with the others, on templates of their own.

    `person` is the person's unit embedding (float32) by the judge.
    """
    templates = judging_templates(member, JUDGED_TEMPLATES)

    def judged(lora: Path) -> float:
        values = []
        for template in templates:
            repainted = rehearsal.repaint(as_picture(template.image), lora, progress)
            values.append(float(judge.embedding(repainted, template.faces[0].points) @ person))
        return float(np.mean(values))

    single = [judged(path) for path in rehearsal.checkpoints]
    return {"last": single[-1], "best": max(single), "single": single}


def keep_pictures(folder: Path, pictures: dict[str, np.ndarray]) -> None:
    """Write each arm's picture, (height, width, 3) uint8 RGB, as a PNG file."""
    for arm, picture in pictures.items():
        write_picture(folder / f"{arm}.png", as_picture(picture))


def table(records: list[dict[str, Any]]) -> list[str]:
    """Return lines of means over pairs with 95 % bootstrap intervals over persons, and the scale of `scale_of`."""
    lines = [f"{'arm':16s} {'to person':26s} {'to template':26s} {'scale':>6s} {'parameters nearer':>18s}"]
    for arm in ARMS:
        to_person = bootstrap([mean_of(record, arm, "person") for record in records])
        to_template = bootstrap([mean_of(record, arm, "template") for record in records])
        scale = np.mean([scale_of(record, arm) for record in records])
        lines.append(
            f"{arm:16s} {to_person!s:26s} {to_template!s:26s} {scale:6.2f} {parameters_nearer(records, arm):>18s}"
        )
    lines += [f"{f'{one} - {two}':26s} {difference(records, one, two)}" for one, two in DIFFERENCES]
    for arm in ("full", "full_no_fusion"):
        lines.append(f"{arm} nearer to the person: {nearer(records, arm)} of {len(records) * TEMPLATES}")
    return lines


def mean_of(record: dict[str, Any], arm: str, what: str) -> float:
    return float(np.mean([pair["arms"][arm][what] for pair in record["pairs"]]))


def scale_of(record: dict[str, Any], arm: str) -> float:
    """Return the arm's place on the scale: 0 is the stranger on the template, 1 a held-out photo of the person."""
    stranger = mean_of(record, "template", "person")
    return (mean_of(record, arm, "person") - stranger) / (record["held_out"] - stranger)


def difference(records: list[dict[str, Any]], one: str, two: str) -> Interval:
    return bootstrap([mean_of(record, one, "person") - mean_of(record, two, "person") for record in records])


def nearer(records: list[dict[str, Any]], arm: str) -> int:
    return sum(pair["arms"][arm]["person"] > pair["arms"][arm]["template"] for r in records for pair in r["pairs"])


def parameters_nearer(records: list[dict[str, Any]], arm: str) -> str:
    found = [pair["arms"][arm] for record in records for pair in record["pairs"]]
    return f"{sum(one['parameters_person'] < one['parameters_template'] for one in found)} of {len(found)}"


@dataclass(frozen=True)
class Interval:
    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:+.3f} [{self.low:+.3f}, {self.high:+.3f}]"


def bootstrap(values: list[float], *, seed: int = 0) -> Interval:
    """Return mean and 95 % percentile interval (Efron 1979) of per-person values, resampled with replacement."""
    sample = np.asarray(values, np.float64)
    if sample.size == 0:
        return Interval(float("nan"), float("nan"), float("nan"))
    drawn = np.random.default_rng(seed).choice(sample, (RESAMPLES, sample.size)).mean(axis=1)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Interval(float(sample.mean()), float(low), float(high))


def summary(records: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the bench's outcome as one object, in the form that the project's issues ask for."""
    return {
        "pairs": sum(len(record["pairs"]) for record in records),
        "nearer_to_person": nearer(records, "full"),
        "arms": {
            arm: {
                what: round(float(np.mean([mean_of(record, arm, what) for record in records])), 4)
                for what in ("person", "template")
            }
            for arm in ARMS
        },
        **{
            name: round(float(np.mean([record["checkpoints"][name] for record in records])), 4)
            for name in ("last", "best")
        },
        "outside_max_difference": max(pair["outside"] for record in records for pair in record["pairs"]),
    }
