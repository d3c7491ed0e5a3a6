"""Which LoRA of a training is most like the person: a merge that pictures vote on, an average, or one checkpoint?

    python tools/election_trial.py --first 700 --persons 12 --workspace DIR
    python tools/election_trial.py --first 700 --persons 12 --workspace DIR --table

Drawn persons whom nothing else in the project has seen are trained as the product trains them. Each method's LoRA
repaints six templates that took no part in the training (`judging_templates`), and the judge's embedder, which
trains nothing, compares them with photos that nobody was trained on. Each person has one JSON file with everything
that was judged, by the LoRA's hash, so that an interrupted trial continues and a new method draws only what is new;
several processes may share a workspace where their persons differ.

The table has means, and 95 % bootstrap intervals over persons of each method minus the last checkpoint, which is the
simplest and what the training takes, and minus the merge that version 0.12 elected. The best single checkpoint in
hindsight is a ceiling: no rule can know it. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

# First, because it sets what torch reads from the environment when it is imported.
from election.learning import train  # isort: skip

import numpy as np
from election.methods import LAST, VOTED, Learned, made, single_name

from easyphoto.app import EasyPhoto
from easyphoto.bench.judge import Judge, open_judge
from easyphoto.bench.likeness import Interval, bootstrap
from easyphoto.bench.persons import BenchPerson, draw_member, judging_templates
from easyphoto.bench.rehearsal import open_rehearsal
from easyphoto.drawings.renderer import Drawing
from easyphoto.images.pictures import as_picture
from easyphoto.progress import NullProgress
from easyphoto.settings.training import TrainSettings
from easyphoto.storage.records import read_json, write_json
from easyphoto.workspace.folders import Workspace

TEMPLATES = 6
HINDSIGHT = "best single by hindsight"
Record = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Court:
    """The judge, the person as it knows them, and the pictures on which LoRAs are compared."""

    judge: Judge
    vector: np.ndarray
    """(N,) float32 of unit length: the mean over photos that the training never saw."""
    templates: Sequence[Drawing]

    @classmethod
    def of(cls, judge: Judge, member: BenchPerson) -> Court:
        faces = [(drawing.image, drawing.faces[0].points) for drawing in member.held_out]
        return cls(judge, judge.mean_embedding(faces), judging_templates(member, TEMPLATES))

    def cosine(self, picture: np.ndarray, template: Drawing) -> float:
        return float(self.judge.embedding(picture, template.faces[0].points) @ self.vector)


def main() -> None:
    asked = parsed()
    numbers = range(asked.first, asked.first + asked.persons)
    folder = asked.workspace / "election"
    if not asked.table:
        app, judge = EasyPhoto(Workspace(asked.workspace)), open_judge()
        for number in numbers:
            began = time.monotonic()
            record = measured(app, judge, number, TrainSettings(steps=asked.steps), folder / f"person-{number}.json")
            told = "  ".join(f"{name} {likeness(record, name):.3f}" for name in (LAST, VOTED, HINDSIGHT))
            print(f"{number}: {time.monotonic() - began:.0f} s  {told}", flush=True)
    files = [folder / f"person-{number}.json" for number in numbers]
    records = [read_json(file) for file in files if file.is_file()]
    for line in table(records):
        print(line)
    print(json.dumps(summary(records)))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first", type=int, default=700, help="number of the first person")
    parser.add_argument("--persons", type=int, default=12)
    parser.add_argument("--workspace", type=Path, required=True, help="keeps what was trained and judged")
    parser.add_argument("--steps", type=int, help="of a training, for a look at this tool; usual: the family's")
    parser.add_argument("--table", action="store_true", help="of what was judged so far; nothing is drawn")
    return parser.parse_args()


def measured(app: EasyPhoto, judge: Judge, number: int, settings: TrainSettings, file: Path) -> Record:
    """Train the person, and judge every method's LoRA that was not judged yet."""
    member, name = draw_member(number), f"elected-{number}"
    began = time.monotonic()
    run = Learned.of(train(app, name, member, settings, NullProgress()))
    record: Record = read_json(file) if file.is_file() else {"person": number, "judged": {}}
    record.setdefault("training_seconds", round(time.monotonic() - began, 1))
    record["means"] = {str(step): mean for step, mean in run.means.items()}
    loras = made(run, run.folder.root / "methods")
    record["methods"] = {method: hashlib.sha256(lora.read_bytes()).hexdigest() for method, lora in loras.items()}
    record["singles"] = [single_name(step) for step in run.steps]
    court, rehearsal = Court.of(judge, member), open_rehearsal(app, name, name)
    for method, lora in loras.items():
        digest = record["methods"][method]
        if digest not in record["judged"]:
            painted = [
                (rehearsal.repaint(as_picture(each.image), lora, NullProgress()), each) for each in court.templates
            ]
            record["judged"][digest] = [round(court.cosine(picture, each), 6) for picture, each in painted]
            write_json(file, record)
    write_json(file, record)
    return record


def likeness(record: Record, method: str) -> float:
    """The mean cosine over the templates."""
    if method == HINDSIGHT:
        return max(likeness(record, single) for single in record["singles"])
    return float(np.mean(record["judged"][record["methods"][method]]))


def methods_of(records: Sequence[Record]) -> list[str]:
    """Those that every person has, without the single checkpoints."""
    shared = [name for name in records[0]["methods"] if all(name in each["methods"] for each in records)]
    return [name for name in shared if name not in records[0]["singles"]] + [HINDSIGHT]


def difference(records: Sequence[Record], one: str, other: str) -> Interval:
    return bootstrap([likeness(record, one) - likeness(record, other) for record in records])


def standard_error(records: Sequence[Record], one: str, other: str) -> float:
    """Of the mean difference, over persons: two methods nearer than twice this cannot be told apart."""
    values = [likeness(record, one) - likeness(record, other) for record in records]
    return float(np.std(values, ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan")


def table(records: Sequence[Record]) -> list[str]:
    """Lines of means, of differences with intervals, and of how many persons a method is best for."""
    names = methods_of(records)
    lines = [f"{len(records)} persons, {TEMPLATES} templates each; interval of 95 %, standard error (se) over persons"]
    lines += [f"{'method':26s} {'mean':>6s}  {'minus last':26s} {'se':>5s}  {'minus elected':26s} {'se':>5s}"]
    for name in sorted(names, key=lambda each: -_mean(records, each)):
        last, today = (f"{difference(records, name, each)!s:26s} {standard_error(records, name, each):5.3f}"
                       for each in (LAST, VOTED))  # fmt: skip
        lines.append(f"{name:26s} {_mean(records, name):6.3f}  {last}  {today}")
    return lines


def _mean(records: Sequence[Record], name: str) -> float:
    return float(np.mean([likeness(record, name) for record in records]))


def summary(records: Sequence[Record]) -> dict[str, Any]:
    return {
        "persons": len(records),
        "means": {name: round(_mean(records, name), 4) for name in methods_of(records)},
        "minus_last": {name: vars(difference(records, name, LAST)) for name in methods_of(records)},
    }


if __name__ == "__main__":
    main()
