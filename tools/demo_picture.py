"""Draws docs/demo.png from what `python start.py demo` made: the photos, the template and the portrait.

Run it with the environment's Python from the repository's root: python tools/demo_picture.py [WORKSPACE]
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from PIL import Image, ImageDraw

from easyphoto.bench.demo import NAME, demo_template
from easyphoto.images.pictures import built_in_font, read_picture, write_picture
from easyphoto.workspace.folders import Workspace

GROUND, INK, ASIDE = "#f6f4f0", "#1f1d1a", "#8a5414"
MARGIN, SMALL, LARGE, TOP = 14, 144, 294, 50


def demo_picture(photos: list[Path], template: Path, portrait: Path) -> Image.Image:
    """Eight photos in two rows, beside them the template and the portrait."""
    whole = Image.new("RGB", (4 * (SMALL + 6) + 2 * (LARGE + MARGIN) + 2 * MARGIN, TOP + LARGE + 44), GROUND)
    pen, font = ImageDraw.Draw(whole), built_in_font(17)
    for number, photo in enumerate(photos):
        place = (MARGIN + number % 4 * (SMALL + 6), TOP + number // 4 * (SMALL + 6))
        whole.paste(_square(photo, SMALL), place)
    pen.text((MARGIN, 20), "8 of 12 photos are kept …", INK, font)
    pen.text((MARGIN, TOP + LARGE + 10), "set aside: a duplicate, a blurred one, somebody else, no face", ASIDE, font)
    left = MARGIN + 4 * (SMALL + 6) + MARGIN
    for title, file in (("a template …", template), ("… and the portrait", portrait)):
        pen.text((left, 20), title, INK, font)
        whole.paste(_square(file, LARGE), (left, TOP))
        left += LARGE + MARGIN
    return whole


def _square(file: Path, side: int) -> Image.Image:
    return read_picture(file).resize((side, side), Image.Resampling.LANCZOS)


def main() -> None:
    workspace = Workspace(Path(sys.argv[1])) if len(sys.argv) > 1 else Workspace(Path("workspace"))
    person = workspace.person(NAME)
    photos = sorted((workspace.root / "demo" / "photos").glob("[0-9]*.jpg"))
    if len(person.photos) != len(photos):
        raise SystemExit(f"{len(person.photos)} photos were kept of the {len(photos)} that the picture shows.")
    template = demo_template()
    portraits = workspace.results.glob(f"*/{template.stem}-{NAME}-0.png")
    latest = max(portraits, key=lambda file: file.stat().st_mtime)
    write_picture(Path("docs/demo.png"), demo_picture(photos, template, latest))


if __name__ == "__main__":
    main()
