"""How the face networks do on what they were not trained on: children, old people, glasses.

    python tools/miniature/faces_ages.py [--people 60]

The same people (seeds 1,500,500 up, three pictures each) drawn as they are, at another age, and with glasses.
For each: how many faces the engine finds, the mean distance of its points over the eye distance, the mean IoU of the
parser's parts, and how well the engine's and the judge's cosines tell the same person of that age from another (AUC).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from dataclasses import replace

import faces_threads  # noqa: F401  (one thread each)
import numpy as np
from faces_configs import FACES
from faces_evaluate import REPORT, area, pairs_of
from PIL import Image

from easyphoto.bench.judge import Judge, open_judge
from easyphoto.drawings.ageing import aged
from easyphoto.drawings.identity import DrawnIdentity, sample_identity
from easyphoto.drawings.renderer import PARTS, Drawing, draw
from easyphoto.drawings.scene import Scene, sample_scene
from easyphoto.faces.drawn_engine import DrawnEngine

PHOTOS, SIZE = 3, 192
Change = Callable[[DrawnIdentity, Scene], tuple[DrawnIdentity, Scene]]


def at_age(years: float) -> Change:
    return lambda identity, scene: (aged(identity, years), scene)


def with_glasses(kind: str) -> Change:
    return lambda identity, scene: (identity, replace(scene, glasses=kind))


CHANGES: Mapping[str, Change] = {
    "as they are": lambda identity, scene: (identity, scene),
    "child": at_age(8.0), "young": at_age(20.0), "middle aged": at_age(50.0), "old": at_age(75.0),
    "glasses": with_glasses("glasses"), "sunglasses": with_glasses("sunglasses"),
}  # fmt: skip


def drawings(change: Change, people: int) -> list[tuple[int, Drawing]]:
    found = []
    for seed in range(REPORT, REPORT + people):
        identity = sample_identity(seed)
        for photo in range(PHOTOS):
            scene = sample_scene(seed * 100 + photo, identity, photo_index=photo)
            shown, place = change(identity, scene)
            if scene.hair == identity.hair:
                place = replace(place, hair=shown.hair)
            found.append((seed, draw(shown, place, SIZE)))
    return found


def parts_iou(labels: np.ndarray, drawing: Drawing) -> np.ndarray:
    """(PARTS, 2) pixels shared and in either, for all parts."""
    near = labels > 0
    truth = np.where(near, drawing.parts, 0)
    return np.array(
        [[((labels == n) & (truth == n)).sum(), ((labels == n) | (truth == n)).sum()] for n in range(len(PARTS))]
    )


def figures(engine: DrawnEngine, judge: Judge, drawn: list[tuple[int, Drawing]]) -> dict[str, float]:
    errors, overlaps, vectors, judged, seeds = [], np.zeros((len(PARTS), 2)), [], [], []
    for seed, drawing in drawn:
        picture, face = Image.fromarray(drawing.image), drawing.faces[0]
        truth = np.asarray(face.points)
        found = engine.detect(picture)
        vector = engine.embed(picture, found[0]) if found else None
        if vector is None:
            continue
        points = np.asarray(found[0].points)
        errors.append(float(np.linalg.norm(points - truth, axis=1).mean() / np.linalg.norm(truth[1] - truth[0])))
        overlaps += parts_iou(engine.parse(picture, found[0]), drawing)
        vectors.append(vector)
        judged.append(judge.embedding(drawing.image, points))
        seeds.append(seed)
    own, judges = (pairs_of(rows, rows, np.array(seeds) * 2) for rows in (np.stack(vectors), np.stack(judged)))
    return {
        "found": len(errors) / len(drawn),
        "points": float(np.mean(errors)),
        "IoU": float(np.mean(overlaps[1:, 0] / np.maximum(overlaps[1:, 1], 1))),
        "engine AUC": area(own.genuine, own.random),
        "engine genuine": float(own.genuine.mean()),
        "judge AUC": area(judges.genuine, judges.random),
        "judge genuine": float(judges.genuine.mean()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=60)
    arguments = parser.parse_args()
    engine, judge = DrawnEngine(FACES), open_judge()
    for name, change in CHANGES.items():
        told = figures(engine, judge, drawings(change, arguments.people))
        print(json.dumps({name: {key: round(value, 3) for key, value in told.items()}}), flush=True)


if __name__ == "__main__":
    main()
