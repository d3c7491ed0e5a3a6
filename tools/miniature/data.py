"""Render the miniature's training pictures: face crops of 128 px with part labels, points and caption words.

    nice python tools/miniature/data.py render --worker 0 --of 2     (one per core, resumable by shards)
    python tools/miniature/data.py join --shards 16                 (enough for the autoencoder's joint stage)
    python tools/miniature/data.py join                             (all, for everything else)

Identity seeds 0..4095 are for training, 900000.. for the figures in the model card; 1000000.. belong to the benches and
are never drawn here.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from easyphoto.drawings.identity import sample_identity
from easyphoto.drawings.renderer import draw
from easyphoto.drawings.scene import Framing, sample_scene

CACHE = Path(os.environ.get("MINIATURE_CACHE", Path(__file__).resolve().parents[2] / "build" / "miniature"))
IDENTITIES = {"train": range(0, 4096), "held_out": range(900_000, 900_128)}
CROPS_PER_IDENTITY = {"train": 8, "held_out": 4}
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
    rng = np.random.default_rng((identity_seed, photo, 41))
    identity = sample_identity(identity_seed)
    scene_seed = identity_seed * 100 + photo
    scene = sample_scene(scene_seed, identity, framing=FRAMINGS[photo % len(FRAMINGS)], photo_index=photo)
    drawing = draw(identity, scene, RENDER_SIZE)
    face = drawing.faces[0]
    left, top, side = _jittered_square(np.asarray(face.box, np.float64), drawing.image.shape[0], rng)
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


def render_shard(part: str, shard: int) -> None:
    target = CACHE / "shards" / f"{part}-{shard:03d}.npz"
    if target.exists():
        return
    seeds = IDENTITIES[part][shard * IDENTITIES_PER_SHARD : (shard + 1) * IDENTITIES_PER_SHARD]
    crops = [draw_crop(seed, photo) for seed in seeds for photo in range(CROPS_PER_IDENTITY[part])]
    partial = target.with_suffix(".partial")
    with partial.open("wb") as stream:
        np.savez(
            stream,
            images=np.stack([crop.image for crop in crops]),
            parts=np.stack([crop.parts for crop in crops]),
            points=np.stack([crop.points for crop in crops]),
            boxes=np.stack([crop.box for crop in crops]),
            words=np.array([[crop.identity_words, crop.scene_words] for crop in crops]),
        )
    os.replace(partial, target)
    print(part, shard, len(crops), flush=True)


def shard_count(part: str) -> int:
    return -(-len(IDENTITIES[part]) // IDENTITIES_PER_SHARD)


def render(worker: int, of: int) -> None:
    cv2.setNumThreads(1)
    (CACHE / "shards").mkdir(parents=True, exist_ok=True)
    jobs = [(part, shard) for part in ("held_out", "train") for shard in range(shard_count(part))]
    for part, shard in jobs[worker::of]:
        render_shard(part, shard)


def join(first_shards: int) -> None:
    """Gather shards into arrays to map into memory; a training that still reads the older arrays is not disturbed."""
    for part in IDENTITIES:
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
    parser.add_argument("--worker", type=int, default=0)
    parser.add_argument("--of", type=int, default=1)
    parser.add_argument("--shards", type=int, default=64, help="join only the first ones")
    arguments = parser.parse_args()
    if arguments.verb == "render":
        render(arguments.worker, arguments.of)
    else:
        join(arguments.shards)


if __name__ == "__main__":
    main()
