"""Pictures whose faces are painted cards, and an engine that reads them: laws of the verdicts without any weights."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from easyphoto.faces.engine import Covering, Domain, Face, LikenessScale, Part, covering_of
from easyphoto.geometry import Box
from easyphoto.images.pictures import as_array
from easyphoto.weights.catalog import UsedWeight

# The card's body says who it is, the yellow band says where its top is.
PERSONS = {"anna": (200, 40, 160), "ben": (40, 160, 200)}
_BAND = (250, 240, 20)
_HIDES = (0, 0, 255)


def card(size: int, person: str = "anna", *, seed: int = 0) -> np.ndarray:
    """A square face: a yellow band above, below it the person's colour with crisp stripes that the seed moves."""
    face = np.empty((size, size, 3), np.uint8)
    face[:] = PERSONS[person]
    rng = np.random.default_rng(seed)
    cells = rng.integers(0, 2, (8, 8)).astype(np.uint8)
    grid = cv2.resize(cells, (size, size), interpolation=cv2.INTER_NEAREST)
    face[grid == 1] = face[grid == 1] // 2
    face[: size // 8] = _BAND
    return face


def photo(
    folder: Path,
    name: str,
    *,
    faces: tuple[tuple[int, int, int], ...] = ((150, 100, 160),),
    person: str = "anna",
    seed: int = 0,
    size: tuple[int, int] = (480, 360),
    blur: float = 0.0,
    covered: tuple[float, float] | None = None,
) -> Path:
    """A grey picture with cards at (left, top, side), written as PNG; the ground's noise follows the seed.

    `covered`: from where to where, in shares of the side, something lies over the cards.
    """
    ground = np.random.default_rng(seed + 1).integers(90, 140, (size[1] // 30 + 1, size[0] // 30 + 1)).astype(np.uint8)
    image = cv2.cvtColor(cv2.resize(ground, size, interpolation=cv2.INTER_NEAREST), cv2.COLOR_GRAY2RGB)
    for left, top, side in faces:
        right, bottom = min(left + side, size[0]), min(top + side, size[1])
        image[top:bottom, max(left, 0) : right] = card(side, person, seed=seed)[: bottom - top, max(-left, 0) :][
            :, : right - max(left, 0)
        ]
        if covered is not None:
            above, below = (top + round(share * side) for share in covered)
            image[above:below, max(left, 0) : right] = _HIDES
    if blur:
        image = cv2.GaussianBlur(image, (0, 0), blur)
    target = folder / name
    Image.fromarray(image).save(target)
    return target


class MarkedEngine:
    """Finds coloured cards; sure of those that stand upright, unsure of turned ones. Tells persons by colour."""

    id = "marked"
    domain = Domain.DRAWINGS
    same_person_limit: float | None = 0.5
    scale: LikenessScale | None = None
    weights: tuple[UsedWeight, ...] = ()
    missed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    decided = ""

    def __init__(self, *, has_embedder: bool = True) -> None:
        self.embedder = "colours" if has_embedder else None

    def detect(self, picture: Image.Image) -> tuple[Face, ...]:
        image = as_array(picture).astype(int)
        coloured = (image.max(2) - image.min(2) > 40).astype(np.uint8)
        count, _, stats, _ = cv2.connectedComponentsWithStats(coloured)
        faces = [_face(image, stats[index]) for index in range(1, count) if stats[index][cv2.CC_STAT_AREA] > 30]
        return tuple(sorted(faces, key=lambda face: -face.box.area))

    def embed(self, picture: Image.Image, face: Face) -> np.ndarray | None:
        if self.embedder is None:
            return None
        colour = np.asarray(picture.crop(face.box.as_ints()).resize((1, 1), Image.Resampling.BOX), np.float32).ravel()
        vector = colour - colour.mean()
        return vector / np.linalg.norm(vector)

    def outlines_at(self, picture: Image.Image, face: Face) -> bool:
        return True

    def remarks(self, picture: Image.Image, face: Face) -> tuple[str, ...]:
        return ()

    def worn(self, picture: Image.Image, face: Face) -> None:
        return None

    def covering(self, picture: Image.Image, face: Face) -> Covering | None:
        """What lies on a card in full blue hides the points below it."""
        image = as_array(picture)
        places = np.clip(np.rint(face.points).astype(int), 0, (picture.width - 1, picture.height - 1))
        left, right, _, one, other = (bool((image[y, x] == _HIDES).all()) for x, y in places)
        return covering_of(left, right, one and other)

    def parse(self, picture: Image.Image, face: Face) -> np.ndarray:
        labels = np.zeros((picture.height, picture.width), np.uint8)
        left, top, right, bottom = face.box.as_ints()
        labels[max(top - (bottom - top) // 4, 0) : top, left:right] = Part.HAIR
        labels[max(top, 0) : bottom, max(left, 0) : right] = Part.SKIN
        return labels


def _face(image: np.ndarray, stats: np.ndarray) -> Face:
    left, top, width, height = (int(value) for value in stats[:4])
    places = np.array([[0.30, 0.35], [0.70, 0.35], [0.50, 0.55], [0.35, 0.75], [0.65, 0.75]])
    points = (places * [width, height] + [left, top]).astype(np.float32)
    above = image[top + max(1, height // 20), left + width // 2]
    stands = above[2] < 100 and above[0] > 180 and above[1] > 180
    return Face(Box(left, top, left + width, top + height), points, 0.99 if stands else 0.6)
