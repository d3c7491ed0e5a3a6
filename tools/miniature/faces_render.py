"""Draws the pictures the face networks learn from and caches them as uint8 arrays (run again to resume).

python tools/miniature/faces_render.py crops --first 0 --blocks 24
python tools/miniature/faces_render.py pictures --first 0 --blocks 6
"""

from __future__ import annotations

import faces_threads  # noqa: F401  # isort: skip  (must come before numpy and torch)

import argparse
import time
from pathlib import Path

import numpy as np
from faces_configs import CACHE
from numpy.typing import NDArray

from easyphoto.drawings.identity import DrawnIdentity, sample_identity, with_colours_of
from easyphoto.drawings.renderer import draw, draw_empty, draw_group
from easyphoto.drawings.scene import Framing, sample_scene
from easyphoto.faces.drawn_analysis import square_crop

CROP_SIZE = 192
CROP_FACTOR = 1.9
PEOPLE_PER_BLOCK = 500
PICTURES_PER_BLOCK = 600
FRAMINGS: tuple[Framing, ...] = ("close", "portrait", "wide")


def person(seed: int) -> DrawnIdentity:
    """People come in colour-matched pairs (2k, 2k+1): the hard impostors of one another."""
    identity = sample_identity(seed)
    return with_colours_of(identity, sample_identity(seed - 1)) if seed % 2 else identity


def crop_of(
    seed: int, photo: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]]:
    """Crop, labels, points and box (both in crop pixels) of one photo; even photos are painted, odd ones inked."""
    identity = person(seed)
    scene = sample_scene(
        seed * 16 + photo, identity, style=("paint", "ink")[photo % 2],
        framing=("close", "close", "portrait")[(seed + photo) % 3], photo_index=photo,
    )  # fmt: skip
    drawing = draw(identity, scene, 256)
    face = drawing.faces[0]
    box = np.asarray(face.box, dtype=np.float32)
    image, frame = square_crop(drawing.image, box, CROP_FACTOR, CROP_SIZE)
    labels = square_labels(drawing.parts, frame)
    scale = CROP_SIZE / frame[2]
    points = ((np.asarray(face.points) + 0.5 - frame[:2]) * scale - 0.5).astype(np.float32)
    return image, labels, points, (box - np.tile(frame[:2], 2)) * scale


def square_labels(parts: NDArray[np.uint8], frame: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Labels at the crop's pixels by nearest neighbour."""
    place = (np.arange(CROP_SIZE) + 0.5) * frame[2] / CROP_SIZE
    rows = np.clip(np.floor(frame[1] + place).astype(int), 0, parts.shape[0] - 1)
    columns = np.clip(np.floor(frame[0] + place).astype(int), 0, parts.shape[1] - 1)
    return np.asarray(parts[np.ix_(rows, columns)], dtype=np.uint8)


def crops_block(first: int, photos: int) -> dict[str, NDArray[np.generic]]:
    rows = [(seed, photo) for seed in range(first, first + PEOPLE_PER_BLOCK) for photo in range(photos)]
    made = [crop_of(seed, photo) for seed, photo in rows]
    return {
        "images": np.stack([item[0] for item in made]),
        "labels": np.stack([item[1] for item in made]),
        "points": np.stack([item[2] for item in made]),
        "boxes": np.stack([item[3] for item in made]),
        "seeds": np.array([seed for seed, _ in rows]),
        "vectors": np.stack([person(seed).vector() for seed, _ in rows]),
    }


def picture_of(seed: int) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]]:
    """A picture with its boxes (F,4) and points (F,5,2): six of ten alone, two and a half in groups, the rest empty."""
    rng = np.random.default_rng([606, seed])
    kind = rng.random()
    if kind < 0.6:
        identity = person(seed)
        scene = sample_scene(seed, identity, framing=FRAMINGS[int(rng.integers(3))], photo_index=int(rng.integers(4)))
        drawing = draw(identity, scene, int(rng.choice([128, 256, 256, 320])))
    elif kind < 0.85:
        members = [person(seed + 7 * index) for index in range(int(rng.integers(1, 5)))]
        people = [(member, sample_scene(seed + 7 * index, member)) for index, member in enumerate(members)]
        width, height = (int(rng.choice([256, 320, 384])), int(rng.choice([256, 288])))
        drawing = draw_group(people, seed, width, height)
    else:
        drawing = draw_empty(seed, 256)
    boxes = np.array([face.box for face in drawing.faces], dtype=np.float32).reshape(-1, 4)
    points = np.array([face.points for face in drawing.faces], dtype=np.float32).reshape(-1, 5, 2)
    return np.asarray(drawing.image, dtype=np.uint8), boxes, points


def pictures_block(first: int) -> dict[str, NDArray[np.generic]]:
    """Pictures of several sizes, one after the other in a flat array."""
    made = [picture_of(seed) for seed in range(first, first + PICTURES_PER_BLOCK)]
    return {
        "pixels": np.concatenate([image.reshape(-1) for image, _, _ in made]),
        "shapes": np.array([image.shape[:2] for image, _, _ in made]),
        "counts": np.array([len(boxes) for _, boxes, _ in made]),
        "boxes": np.concatenate([boxes for _, boxes, _ in made]),
        "points": np.concatenate([points for _, _, points in made]),
    }


def save_block(path: Path, arrays: dict[str, NDArray[np.generic]]) -> None:
    """Plain .npy files in a folder that appears only when complete, so that a reader can map them."""
    draft = path.with_name(path.name + ".draft")
    draft.mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        np.save(draft / f"{name}.npy", array)
    draft.rename(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=("crops", "pictures"))
    parser.add_argument("--first", type=int, default=0, help="first identity seed")
    parser.add_argument("--blocks", type=int, default=1)
    parser.add_argument("--photos", type=int, default=2, help="photos per person")
    arguments = parser.parse_args()
    step = PEOPLE_PER_BLOCK if arguments.kind == "crops" else PICTURES_PER_BLOCK
    for block in range(arguments.blocks):
        first = arguments.first + block * step
        path = CACHE / arguments.kind / f"{first:08d}"
        if path.exists():
            continue
        start = time.time()
        save_block(path, crops_block(first, arguments.photos) if arguments.kind == "crops" else pictures_block(first))
        print(f"{path} in {time.time() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
