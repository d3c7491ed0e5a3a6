"""The poses that ship: OpenPose skeletons of our own, a small JSON file each.

{"format": 1, "name": "Standing", "name_zh": "站立", "size": [512, 768], "author": "…", "licence": "CC0-1.0",
 "people": [[[0.5, 0.12], null, …]]}

`people` has the 18 joints of each figure in OpenPose's order, as fractions of the picture; null is not seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from easyphoto.errors import UnknownPose
from easyphoto.geometry import Size
from easyphoto.messages import text
from easyphoto.spelling import folded, known_names
from easyphoto.storage.files import matching
from easyphoto.storage.records import read_json, typed

JOINTS = 18
Joint = tuple[float, float] | None


@dataclass(frozen=True)
class Pose:
    """How one or more figures stand or sit."""

    id: str
    name: str
    name_zh: str
    size: Size
    """The picture that suits it, in pixels, for a model that draws 512 × 512."""
    figures: tuple[tuple[Joint, ...], ...]
    author: str
    licence: str

    @property
    def facts(self) -> dict[str, Any]:
        """What lists say of it."""
        return {
            "id": self.id,
            "name": self.name,
            "name_zh": self.name_zh,
            "width": self.size.width,
            "height": self.size.height,
            "people": len(self.figures),
            "author": self.author,
            "licence": self.licence,
        }

    def points(self) -> list[np.ndarray]:
        """The joints of each figure, (18, 2) as fractions of the picture; NaN for one that is not seen."""
        nothing = (np.nan, np.nan)
        return [np.array([joint or nothing for joint in figure], np.float64) for figure in self.figures]


@dataclass(frozen=True)
class _Written:
    """A file's fields."""

    format: int
    name: str
    name_zh: str
    size: tuple[int, int]
    author: str
    licence: str
    people: tuple[tuple[Joint, ...], ...]


def poses_folder() -> Path:
    """The folder of shipped poses, beside the package like templates/."""
    return Path(__file__).resolve().parents[2] / "poses"


def all_poses(folder: Path | None = None) -> tuple[Pose, ...]:
    """Those of the folder, by file name; none where the project was installed without them. Raises BadRecord."""
    return tuple(_read(file) for file in matching(folder or poses_folder(), "*.json"))


def pose_named(written: str) -> Pose:
    """The pose with that id, or of that name in either language. Raises UnknownPose."""
    poses, wanted = all_poses(), folded(written)
    for pose in poses:
        if wanted in map(folded, (pose.id, pose.name, pose.name_zh)):
            return pose
    also = {name: pose.id for pose in poses for name in (pose.name, pose.name_zh)}
    raise UnknownPose(
        text("There is no pose {name!r}.", name=written[:100]),
        advice=known_names(written[:100], (pose.id for pose in poses), also=also),
    )


def _read(file: Path) -> Pose:
    written = typed(_Written, read_json(file), text("The file {name}", name=file.name))
    return Pose(
        file.stem.partition("-")[2], written.name, written.name_zh, Size(*written.size), written.people,
        written.author, written.licence,
    )  # fmt: skip
