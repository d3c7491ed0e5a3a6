"""Render the miniature's training pictures: face crops of 128 px with part labels, points and caption words.

    nice python tools/miniature/data.py render --worker 0 --of 2     (one per core, resumable by shards)
    python tools/miniature/data.py join --shards 16                 (enough for the autoencoder's joint stage)
    python tools/miniature/data.py join                             (all, for everything else)
    nice python tools/miniature/data.py render --parts strangers    (train_identity.py reads these shards as they come)

Identity seeds 0..6143 are for training, 900000.. for the figures in the model card, 910000.. for those of the words;
300000.. are the people of the identity adapter, whom no other network has seen, each photo with a stranger
(4200000..) in the person's place; 1000000.. belong to the benches and are never drawn here.
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

from captions import attributes, packed

from easyphoto.drawings.ageing import OLDEST, YOUNGEST, aged
from easyphoto.drawings.glasses import GLASSES
from easyphoto.drawings.identity import AGE_WORDS, Colour, DrawnIdentity, sample_identity
from easyphoto.drawings.renderer import Drawing, draw
from easyphoto.drawings.scene import Framing, Scene, sample_scene

CACHE = Path(os.environ.get("MINIATURE_CACHE", Path(__file__).resolve().parents[2] / "build" / "miniature"))
IDENTITIES = {
    "train": range(0, 6144),
    "held_out": range(900_000, 900_128),
    "varied": range(910_000, 910_128),
    "strangers": range(300_000, 302_560),
}
CROPS_PER_IDENTITY = {"train": 8, "held_out": 4, "varied": 4, "strangers": 4}
FIRST_OTHER = 3_000_000  # the templates' strangers: 4,200,000 to 4,210,239 with four crops of each person
FAMILY_PARTS = ("held_out", "varied", "train")  # what the family itself is trained and measured on
VARIED_PARTS = (
    "varied",
    "train",
)  # with ages, glasses, plain colours and wider crops; held_out is as the benches' people
AGED_SHARE, GLASSES_SHARE, NAMED_SHARE, WIDE_SHARE = 0.35, 0.07, 0.22, 0.15
AGE_SHARES = (("child", 0.28), ("young", 0.16), ("adult", 0.06), ("middle aged", 0.18), ("old", 0.32))
NAMED_COLOURS: tuple[Colour, ...] = (
    (0.96, 0.96, 0.95), (0.07, 0.07, 0.08), (0.50, 0.50, 0.51), (0.82, 0.12, 0.14), (0.95, 0.55, 0.12),
    (0.96, 0.85, 0.20), (0.16, 0.58, 0.24), (0.10, 0.58, 0.58), (0.16, 0.32, 0.80), (0.48, 0.20, 0.66),
    (0.96, 0.62, 0.76), (0.42, 0.27, 0.16),
)  # fmt: skip
"""What people ask for by name: the scenes' own colours are seldom so plain, and never white or black."""
IDENTITIES_PER_SHARD = 64
SIZE = 128
RENDER_SIZE = 320
CROP_FACTOR = 1.45  # of the longer side of the face box (architectures.miniature): 1.7 left eyes of 11 px only
WIDE_FACTORS = (1.75, 2.4)
FRAMINGS: tuple[Framing, ...] = ("portrait", "portrait", "close")


@dataclass(frozen=True)
class Crop:
    image: np.ndarray  # 128 x 128 x 3, uint8, RGB
    parts: np.ndarray  # 128 x 128, uint8, indices into easyphoto.drawings' PARTS
    points: np.ndarray  # 5 x 2, pixels of the crop
    box: np.ndarray  # left, top, right, bottom, pixels of the crop
    said: str  # JSON of what can be said of it (captions.py)


def draw_crop(identity_seed: int, photo: int, varied: bool = False) -> Crop:
    identity, scene = _sitting(identity_seed, photo)
    wide = False
    if varied:
        identity, scene, wide = _varied(identity, scene, np.random.default_rng((identity_seed, photo, 43)))
    drawing = draw(identity, scene, RENDER_SIZE)
    return _cut(drawing, _window(drawing, identity_seed, photo, wide), identity, scene)


def _varied(identity: DrawnIdentity, scene: Scene, rng: np.random.Generator) -> tuple[DrawnIdentity, Scene, bool]:
    """The person at another age, with glasses, before a plain background; and whether the crop is to be a wide one."""
    if rng.random() < AGED_SHARE:
        word, _ = AGE_SHARES[int(rng.choice(len(AGE_SHARES), p=[share for _, share in AGE_SHARES]))]
        youngest = [YOUNGEST, *AGE_WORDS.values()][list(AGE_WORDS).index(word)]
        older = aged(identity, float(rng.uniform(youngest, min(AGE_WORDS[word], OLDEST) - 0.1)))
        scene = replace(scene, hair=older.hair) if scene.hair == identity.hair else scene
        identity = older
    if rng.random() < GLASSES_SHARE:
        scene = replace(scene, glasses=GLASSES[int(rng.random() < 0.35)])
    if rng.random() < NAMED_SHARE:
        _, second, third = scene.background_colours
        kind = ("plain", "gradient", scene.background)[int(rng.integers(3))]
        scene = replace(scene, background=kind, background_colours=(_named(rng), second, third))
    if rng.random() < NAMED_SHARE:
        scene = replace(scene, clothes_colour=_named(rng))
    return identity, scene, bool(rng.random() < WIDE_SHARE)


def _named(rng: np.random.Generator) -> Colour:
    base = np.array(NAMED_COLOURS[int(rng.integers(len(NAMED_COLOURS)))])
    r, g, b = (float(value) for value in np.clip(base + rng.uniform(-0.04, 0.04, 3), 0.02, 1.0))
    return r, g, b


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


def _window(drawing: Drawing, identity_seed: int, photo: int, wide: bool = False) -> tuple[int, int, int]:
    rng = np.random.default_rng((identity_seed, photo, 41))
    factors = WIDE_FACTORS if wide else (CROP_FACTOR - 0.15, CROP_FACTOR + 0.3)
    return _jittered_square(np.asarray(drawing.faces[0].box, np.float64), drawing.image.shape[0], factors, rng)


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
        said=json.dumps(packed(attributes(identity, scene, side / _longer_side(face.box)))),
    )


def _jittered_square(
    box: np.ndarray, picture: int, factors: tuple[float, float], rng: np.random.Generator
) -> tuple[int, int, int]:
    """A square around the face like the pipeline's crop, a little off in size and place, inside the picture."""
    extent = max(box[2] - box[0], box[3] - box[1])
    side = min(extent * rng.uniform(*factors), picture)
    centre = (box[:2] + box[2:]) / 2 + rng.uniform(-0.06, 0.06, 2) * side
    left, top = np.clip(centre - side / 2, 0, picture - side)
    return int(left), int(top), int(side)


def _longer_side(box: tuple[float, float, float, float]) -> float:
    return max(box[2] - box[0], box[3] - box[1])


def stacked(crops: Sequence[Crop]) -> dict[str, Any]:
    return {
        "images": np.stack([crop.image for crop in crops]),
        "parts": np.stack([crop.parts for crop in crops]),
        "points": np.stack([crop.points for crop in crops]),
        "boxes": np.stack([crop.box for crop in crops]),
        "said": np.array([crop.said for crop in crops]),
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
        crops = tuple(draw_crop(*place, varied=part in VARIED_PARTS) for place in places)
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
        said = [json.loads(line) for shard in shards for line in shard["said"].tolist()]
        (CACHE / f"{part}-said.json").write_text(json.dumps(said))
        print(part, len(said), "crops")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", choices=("render", "join"))
    parser.add_argument("--parts", nargs="+", choices=tuple(IDENTITIES), default=FAMILY_PARTS)
    parser.add_argument("--worker", type=int, default=0)
    parser.add_argument("--of", type=int, default=1)
    parser.add_argument("--shards", type=int, default=96, help="join only the first ones")
    arguments = parser.parse_args()
    if arguments.verb == "render":
        render(arguments.parts, arguments.worker, arguments.of)
    else:
        join(arguments.shards)


if __name__ == "__main__":
    main()
