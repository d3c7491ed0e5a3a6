"""Render the miniature's training pictures: face crops of 128 px with part labels, points and caption words.

    nice python tools/miniature/data.py render --worker 0 --of 2     (one per core, resumable by shards)
    python tools/miniature/data.py join --shards 16                 (enough for the autoencoder's joint stage)
    python tools/miniature/data.py join                             (all, for everything else)
    nice python tools/miniature/data.py render --parts strangers    (train_identity.py reads these shards as they come)

Identity seeds 0..4095 are for training, 900000.. for the figures in the model card; 300000.. are the people of the
identity adapter, whom no other network has seen, each photo with a stranger (4200000..) in the person's place;
1000000.. belong to the benches and are never drawn here.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from easyphoto.drawings.identity import DrawnIdentity, sample_identity
from easyphoto.drawings.renderer import Drawing, draw
from easyphoto.drawings.scene import Framing, Scene, sample_scene

CACHE = Path(os.environ.get("MINIATURE_CACHE", Path(__file__).resolve().parents[2] / "build" / "miniature"))
IDENTITIES = {"train": range(0, 4096), "held_out": range(900_000, 900_128), "strangers": range(300_000, 302_560)}
CROPS_PER_IDENTITY = {"train": 8, "held_out": 4, "strangers": 4}
FIRST_OTHER = 3_000_000  # the templates' strangers: 4,200,000 to 4,210,239 with four crops of each person
FAMILY_PARTS = ("held_out", "train")  # what the family itself is trained and measured on
IDENTITIES_PER_SHARD = 64
SIZE = 128
RENDER_SIZE = 320
CROP_FACTOR = 1.45  # of the longer side of the face box (architectures.miniature): 1.7 left eyes of 11 px only
FRAMINGS: tuple[Framing, ...] = ("portrait", "portrait", "close")


@dataclass(frozen=True)
class Crop:
    image: np.ndarray  # 128 x 128 x 3, uint8, RGB
    parts: np.ndarray  # 128 x 128, uint8, indices into easyphoto.drawings' PARTS
    points: np.ndarray  # 5 x 2, pixels of the crop
    box: np.ndarray  # left, top, right, bottom, pixels of the crop
    identity_words: str
    scene_words: str


def draw_crop(identity_seed: int, photo: int) -> Crop:
    identity, scene = _sitting(identity_seed, photo)
    drawing = draw(identity, scene, RENDER_SIZE)
    return _cut(drawing, _window(drawing, identity_seed, photo), identity, scene)


def draw_template(identity_seed: int, photo: int) -> tuple[Crop, Crop]:
    """A photo of the person, and a stranger of the same skin and hair colour in that photo's place."""
    identity, scene = _sitting(identity_seed, photo)
    other = sample_identity(FIRST_OTHER + identity_seed * CROPS_PER_IDENTITY["strangers"] + photo)
    other = replace(other, skin=identity.skin, hair=identity.hair)
    drawing = draw(identity, scene, RENDER_SIZE)
    window = _window(drawing, identity_seed, photo)
    return _cut(drawing, window, identity, scene), _cut(draw(other, scene, RENDER_SIZE), window, other, scene)


def _sitting(identity_seed: int, photo: int) -> tuple[DrawnIdentity, Scene]:
    identity, framing = sample_identity(identity_seed), FRAMINGS[photo % len(FRAMINGS)]
    return identity, sample_scene(identity_seed * 100 + photo, identity, framing=framing, photo_index=photo)


def _window(drawing: Drawing, identity_seed: int, photo: int) -> tuple[int, int, int]:
    rng = np.random.default_rng((identity_seed, photo, 41))
    return _jittered_square(np.asarray(drawing.faces[0].box, np.float64), drawing.image.shape[0], rng)


def _cut(drawing: Drawing, place: tuple[int, int, int], identity: DrawnIdentity, scene: Scene) -> Crop:
    face, (left, top, side) = drawing.faces[0], place
    scale = SIZE / side
    window = np.s_[top : top + side, left : left + side]
    method = cv2.INTER_AREA if side > SIZE else cv2.INTER_LINEAR
    return Crop(
        image=cv2.resize(drawing.image[window], (SIZE, SIZE), interpolation=method),
        parts=cv2.resize(drawing.parts[window], (SIZE, SIZE), interpolation=cv2.INTER_NEAREST),
        points=((np.asarray(face.points) - (left, top)) * scale).astype(np.float32),
        box=((np.asarray(face.box) - (left, top, left, top)) * scale).astype(np.float32),
        identity_words=identity.words(),
        scene_words=scene.words(),
    )


def _jittered_square(box: np.ndarray, picture: int, rng: np.random.Generator) -> tuple[int, int, int]:
    """A square around the face like the pipeline's crop, a little off in size and place, inside the picture."""
    extent = max(box[2] - box[0], box[3] - box[1])
    side = min(extent * rng.uniform(CROP_FACTOR - 0.15, CROP_FACTOR + 0.3), picture)
    centre = (box[:2] + box[2:]) / 2 + rng.uniform(-0.06, 0.06, 2) * side
    left, top = np.clip(centre - side / 2, 0, picture - side)
    return int(left), int(top), int(side)


def stacked(crops: Sequence[Crop]) -> dict[str, Any]:
    return {
        "images": np.stack([crop.image for crop in crops]),
        "parts": np.stack([crop.parts for crop in crops]),
        "points": np.stack([crop.points for crop in crops]),
        "boxes": np.stack([crop.box for crop in crops]),
        "words": np.array([[crop.identity_words, crop.scene_words] for crop in crops]),
    }


def render_shard(part: str, shard: int) -> None:
    target = CACHE / "shards" / f"{part}-{shard:03d}.npz"
    if target.exists():
        return
    seeds = IDENTITIES[part][shard * IDENTITIES_PER_SHARD : (shard + 1) * IDENTITIES_PER_SHARD]
    places = [(seed, photo) for seed in seeds for photo in range(CROPS_PER_IDENTITY[part])]
    if part == "strangers":
        crops, templates = zip(*(draw_template(*place) for place in places), strict=True)
        arrays = stacked(crops) | {f"template_{name}": values for name, values in stacked(templates).items()}
    else:
        crops = tuple(draw_crop(*place) for place in places)
        arrays = stacked(crops)
    partial = target.with_suffix(".partial")
    with partial.open("wb") as stream:
        np.savez(stream, **arrays)
    os.replace(partial, target)
    print(part, shard, len(crops), flush=True)


def shard_count(part: str) -> int:
    return -(-len(IDENTITIES[part]) // IDENTITIES_PER_SHARD)


def render(parts: Sequence[str], worker: int, of: int) -> None:
    cv2.setNumThreads(1)
    (CACHE / "shards").mkdir(parents=True, exist_ok=True)
    jobs = [(part, shard) for part in parts for shard in range(shard_count(part))]
    for part, shard in jobs[worker::of]:
        render_shard(part, shard)


def join(first_shards: int) -> None:
    """Gather shards into arrays to map into memory; a training that still reads the older arrays is not disturbed."""
    for part in FAMILY_PARTS:
        numbers = range(min(shard_count(part), first_shards))
        shards = [np.load(CACHE / "shards" / f"{part}-{shard:03d}.npz") for shard in numbers]
        for name in ("images", "parts", "points", "boxes"):
            partial = CACHE / f"{part}-{name}.partial.npy"
            np.save(partial, np.concatenate([shard[name] for shard in shards]))
            os.replace(partial, CACHE / f"{part}-{name}.npy")
        words = np.concatenate([shard["words"] for shard in shards]).tolist()
        (CACHE / f"{part}-words.json").write_text(json.dumps(words))
        print(part, len(words), "crops")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", choices=("render", "join"))
    parser.add_argument("--parts", nargs="+", choices=tuple(IDENTITIES), default=FAMILY_PARTS)
    parser.add_argument("--worker", type=int, default=0)
    parser.add_argument("--of", type=int, default=1)
    parser.add_argument("--shards", type=int, default=64, help="join only the first ones")
    arguments = parser.parse_args()
    if arguments.verb == "render":
        render(arguments.parts, arguments.worker, arguments.of)
    else:
        join(arguments.shards)


if __name__ == "__main__":
    main()
