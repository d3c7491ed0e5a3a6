"""What this checkout takes on the processor beside another one, in turns, in one run.

    python tools/seconds_trial.py --against DIR [--of portrait retouch mask check] [--sides 640 1000 2000 4000]
    python tools/seconds_trial.py --against DIR --of check --photos FOLDER --counts 20 200

Without --against the figures stand alone. `portrait` is everything but the networks: a drawn template of that side,
whose face grows with it, an engine that knows it and a backend that tints (the tests' stand-ins). `mask` grows a plain
and a soft mask by a thirtieth of the side, `retouch` evens out a face's skin. `check` gives verdicts on so many photos,
of FOLDER or drawn, 4000 × 3000 pixels each. Prints the medians of processor and wall seconds and the ratios; the first
matters on a busy machine. A round's first turn changes, and every turn is a process of its own that warms up first.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SIDES, COUNTS = (640, 1000, 2000, 4000), (20, 200)
SUBJECTS = ("mask", "retouch", "portrait", "check")
PHOTO = 4000, 3000
_QUALITY = 92
_DRAWN = 1200


@dataclass(frozen=True)
class Turn:
    """Seconds of one turn."""

    processor: float
    """User and system, of the process and its children."""
    wall: float


def main() -> None:
    asked = parsed()
    if asked.work:
        print(json.dumps(worked(asked.work, asked.amount, asked.photos)))
        return
    places = {"this": ROOT} | ({"other": asked.against.resolve()} if asked.against else {})
    with tempfile.TemporaryDirectory() as folder:
        for subject in asked.of:
            before: tuple[int, float] | None = None
            for amount in asked.counts if subject == "check" else asked.sides:
                photos = photos_in(asked.photos, amount, Path(folder)) if subject == "check" else None
                turns = taken(places, subject, amount, photos, asked.rounds)
                print(line(subject, amount, turns, before), flush=True)
                before = amount, middle(turns["this"]).processor


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", type=Path, help="folder of another checkout")
    parser.add_argument("--of", nargs="+", choices=SUBJECTS, default=SUBJECTS)
    parser.add_argument("--sides", nargs="+", type=int, default=SIDES)
    parser.add_argument("--counts", nargs="+", type=int, default=COUNTS)
    parser.add_argument("--photos", type=Path, help="folder with photos of 4000 × 3000 pixels; they are taken in turns")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--work", choices=SUBJECTS, help=argparse.SUPPRESS)
    parser.add_argument("--amount", type=int, default=0, help=argparse.SUPPRESS)
    return parser.parse_args()


def taken(
    places: dict[str, Path], subject: str, amount: int, photos: Path | None, rounds: int
) -> dict[str, list[Turn]]:
    turns: dict[str, list[Turn]] = {name: [] for name in places}
    for number in range(rounds):
        for name in sorted(places, reverse=bool(number % 2)):
            turns[name].append(turn(places[name], subject, amount, photos))
    return turns


def turn(place: Path, subject: str, amount: int, photos: Path | None) -> Turn:
    """One turn by the code of `place`, in a process of its own."""
    command = [sys.executable, str(Path(__file__).resolve()), "--work", subject, "--amount", str(amount)]
    command += ["--photos", str(photos)] if photos else []
    environment = {**os.environ, "PYTHONPATH": str(place)}
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{subject} {amount} by {place} failed:\n{done.stderr[-3000:]}")
    return Turn(*json.loads(done.stdout.splitlines()[-1]))


def middle(turns: list[Turn]) -> Turn:
    return Turn(statistics.median(each.processor for each in turns), statistics.median(each.wall for each in turns))


def line(subject: str, amount: int, turns: dict[str, list[Turn]], before: tuple[int, float] | None) -> str:
    mine = middle(turns["this"])
    said = f"{subject:9}{amount:5}  processor {mine.processor:7.2f} s, wall {mine.wall:7.2f} s"
    if subject == "check":
        said += f" ({mine.processor / amount:.2f} s of processor a photo)"
    if "other" in turns:
        other = middle(turns["other"])
        said += f"; the other {other.processor:7.2f} s and {other.wall:7.2f} s"
        said += f": {other.processor / mine.processor:.2f} and {other.wall / mine.wall:.2f} times as long"
    if before is not None:
        grown = (amount / before[0]) ** (1 if subject == "check" else 2)
        said += f"; {mine.processor / before[1] / grown:.2f} × what it takes to grow with the amount"
    return said


def photos_in(given: Path | None, count: int, folder: Path) -> Path:
    """A folder with `count` photos: those given, again and again under other names, or drawn ones."""
    target = folder / str(count)
    target.mkdir()
    if given:
        files = sorted(file for file in given.iterdir() if file.suffix.lower() in (".jpg", ".jpeg"))
        for number in range(count):
            (target / f"{number:03}.jpg").symlink_to(files[number % len(files)].resolve())
        return target
    from PIL import Image

    from tests.inference.oracle import drawn

    for number in range(count):
        picture = Image.fromarray(drawn(9000, photo=number, framing="portrait", size=_DRAWN).image)
        wide = Image.new("RGB", (_DRAWN * 4 // 3, _DRAWN), picture.getpixel((5, 5)))
        wide.paste(picture, ((wide.width - _DRAWN) // 2, 0))
        wide.resize(PHOTO, Image.Resampling.BICUBIC).save(target / f"{number:03}.jpg", quality=_QUALITY)
    return target


def worked(subject: str, amount: int, photos: Path | None) -> tuple[float, float]:
    """Processor and wall seconds, after the same work on little has loaded what it needs."""
    if subject == "check":
        assert photos is not None
        work, warm = checking(photos, None), checking(photos, 2)
    else:
        make = {"mask": growing, "retouch": retouching, "portrait": photographing}[subject]
        work, warm = make(amount), make(256)
    warm()
    began, wall = processor(), time.perf_counter()
    work()
    return processor() - began, time.perf_counter() - wall


def processor() -> float:
    spent = os.times()
    return time.process_time() + spent.children_user + spent.children_system


def growing(side: int) -> Callable[[], object]:
    import cv2
    import numpy as np

    from easyphoto.images.masks import dilated

    plain = np.zeros((side, side), np.float32)
    cv2.ellipse(plain, (side // 2, side // 2), (side // 5, side // 4), 0, 0, 360, 1.0, cv2.FILLED)
    soft = cv2.blur(plain, (side // 60, side // 60))
    return lambda: [dilated(mask, sign * side / 30) for mask in (plain, soft) for sign in (1, -1)]


def retouching(side: int) -> Callable[[], object]:
    from PIL import Image

    from easyphoto.faces.retouch import retouched
    from easyphoto.faces.skin_tone import skin_of
    from tests.inference.oracle import drawn

    drawing = drawn(9101, size=side)
    picture, skin = Image.fromarray(drawing.image), skin_of(drawing.parts)
    return lambda: retouched(picture, skin, face_width=drawing.faces[0].box[2] - drawing.faces[0].box[0])


def photographing(side: int) -> Callable[[], object]:
    import numpy as np

    from easyphoto.architectures.miniature import MINIATURE
    from easyphoto.faces.outline import ANGLES, Outline
    from easyphoto.faces.skin_tone import SkinTone
    from easyphoto.inference.pipeline import photograph
    from easyphoto.inference.session import PipelineModels
    from easyphoto.inference.subject import Subject
    from easyphoto.settings.inference import InferenceSettings
    from tests.fakes import FakeBackend, RecordingProgress
    from tests.inference.oracle import OracleEngine, drawn

    engine = OracleEngine()
    person = Subject("the person", engine.shown(drawn(9000, size=192)), None)
    # A skin and an outline far from the template's, so that all that can be done has to be.
    far = replace(
        person, skin=SkinTone(np.array([-3.0, -3.4, -3.9]), 0.1, 0.06), outline=Outline(np.full(len(ANGLES), 0.6))
    )
    template = engine.shown(drawn(9101, photo=1, size=side))
    settings = InferenceSettings(first_steps=2, second_steps=2, second_strength=0.3, seed=7)
    tools = PipelineModels(FakeBackend(), engine, RecordingProgress())
    return lambda: photograph(template, [far], settings, MINIATURE, tools)


def checking(folder: Path, most: int | None) -> Callable[[], object]:
    from easyphoto.app import EasyPhoto
    from easyphoto.commands.base import NullContext
    from easyphoto.commands.check import CheckPhotos
    from easyphoto.workspace.folders import Workspace

    photos = tuple(islice(sorted(folder.iterdir()), most))
    workspace = Path(tempfile.gettempdir()) / "easyphoto-seconds-trial"

    def check() -> object:
        with EasyPhoto(Workspace(workspace)).at_hand() as app:
            return CheckPhotos(photos).run(app, NullContext())

    return check


if __name__ == "__main__":
    main()
