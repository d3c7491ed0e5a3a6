"""Draws docs/words.jpg: a person's photo, and pictures of them from words alone, each beside what was drawn first.

    python tools/words_picture.py WORKSPACE PERSON [--seed 14000] [--out docs/words.jpg]

The person has to be trained on the miniature; `tools/words_trial.py --workspace` leaves some. Look at the picture.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from PIL import Image, ImageDraw

from easyphoto.app import EasyPhoto
from easyphoto.commands.base import NullContext
from easyphoto.commands.photograph import PhotographPersons
from easyphoto.images.pictures import built_in_font, read_picture
from easyphoto.settings.inference import InferenceSettings
from easyphoto.storage.files import atomic_path
from easyphoto.workspace.folders import Workspace

GROUND, INK = "#f6f4f0", "#1f1d1a"
WORDS = ("landscape background", "lights background", "city background")
SIDE, MARGIN, TOP, QUALITY = 200, 12, 34, 88


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("person")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("docs/words.jpg"))
    asked = parser.parse_args()
    app = EasyPhoto(Workspace(asked.workspace))
    person = app.workspace.person(asked.person)
    photo = app.workspace.person_folder(person.id) / str(person.reference)
    with app.at_hand() as leased:
        pairs = [from_words(leased, person.id, words, asked.seed) for words in WORDS]
    with atomic_path(asked.out) as temporary:
        picture(photo, pairs).save(temporary, format="JPEG", quality=QUALITY)


def from_words(app: EasyPhoto, person: str, words: str, seed: int) -> tuple[str, Path, Path]:
    """The words, what was drawn from them, and the portrait."""
    settings = InferenceSettings(prompt=words, seed=seed)
    result = PhotographPersons((person,), settings=settings).run(app, NullContext())
    return words, result.made[0].template, result.pictures[0]


def picture(photo: Path, pairs: list[tuple[str, Path, Path]]) -> Image.Image:
    columns = 1 + len(pairs)
    whole = Image.new("RGB", (columns * (SIDE + MARGIN) + MARGIN, TOP + 2 * (SIDE + MARGIN)), GROUND)
    pen, font = ImageDraw.Draw(whole), built_in_font(15)
    pen.text((MARGIN, 9), "one of the photos", INK, font)
    whole.paste(square(photo), (MARGIN, TOP))
    for number, (words, drawn, portrait) in enumerate(pairs, 1):
        left = MARGIN + number * (SIDE + MARGIN)
        pen.text((left, 9), f"“{words}”", INK, font)
        whole.paste(square(drawn), (left, TOP))
        whole.paste(square(portrait), (left, TOP + SIDE + MARGIN))
    pen.text((MARGIN, TOP + SIDE + MARGIN), "above: drawn from the words\nbelow: the portrait", INK, font)
    return whole


def square(file: Path) -> Image.Image:
    return read_picture(file).resize((SIDE, SIDE), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    main()
