"""Writes poses/*.json: OpenPose's 18 joints of figures whose limbs have a person's lengths, seen by a camera.

Run it with the environment's Python from the repository's root: python tools/make_poses.py [--sheet FILE]
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from PIL import Image, ImageDraw
from pose_figures import joints_of
from pose_plans import PLANS, Plan

from easyphoto.backends.skeletons import draw_skeletons
from easyphoto.geometry import Size
from easyphoto.images.pictures import built_in_font, write_picture
from easyphoto.workspace.poses import Pose, all_poses, poses_folder

AUTHOR, LICENCE = "the EasyPhoto authors", "CC0-1.0"
COLUMNS, ROW, MARGIN, CAPTION = 5, 512, 12, 24


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sheet", type=Path, help="draws all poses into this picture, to be looked at")
    said = parser.parse_args()
    folder = poses_folder()
    for old in folder.glob("*.json"):
        old.unlink()
    for number, plan in enumerate(PLANS, 1):
        (folder / f"{number:02}-{plan.name.lower().replace(' ', '-')}.json").write_text(written(plan), "utf-8")
    print(f"{len(PLANS)} poses in {folder}")
    if said.sheet is not None:
        write_picture(said.sheet, sheet(all_poses()))
    return 0


def written(plan: Plan) -> str:
    """The file of a pose, a line for each figure."""
    fields = {
        "format": 1, "name": plan.name, "name_zh": plan.name_zh, "size": list(plan.size), "author": AUTHOR,
        "licence": LICENCE,
    }  # fmt: skip
    lines = [f'  "{key}": {json.dumps(value, ensure_ascii=False)},' for key, value in fields.items()]
    people = [json.dumps(joints_of(figure, plan.camera, plan.size)) for figure in plan.figures]
    return "\n".join(["{", *lines, '  "people": [', ",\n".join(f"    {each}" for each in people), "  ]", "}", ""])


def sheet(poses: tuple[Pose, ...]) -> Image.Image:
    """All poses at one height, each under its name."""
    rows = -(-len(poses) // COLUMNS)
    made = Image.new("RGB", (COLUMNS * (ROW + MARGIN), rows * (ROW + CAPTION + MARGIN)), "#444")
    draw, font = ImageDraw.Draw(made), built_in_font(16)
    for number, pose in enumerate(poses):
        scale = ROW / max(pose.size.width, pose.size.height)
        size = Size(round(pose.size.width * scale), round(pose.size.height * scale))
        drawn = draw_skeletons([points * [size.width, size.height] for points in pose.points()], size)
        left, top = (number % COLUMNS) * (ROW + MARGIN), (number // COLUMNS) * (ROW + CAPTION + MARGIN)
        draw.text((left, top + 4), f"{pose.id}  {pose.size.width} x {pose.size.height}", font=font, fill="white")
        made.paste(drawn, (left, top + CAPTION))
    return made


if __name__ == "__main__":
    sys.exit(main())
