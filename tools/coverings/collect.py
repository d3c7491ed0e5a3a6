"""Measures of faces with and without coverings, for `fit.py`: python tools/coverings/collect.py --photos DIR --out FILE

The photographs' faces must be bare; nothing of them is kept but numbers.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from easyphoto.faces.photo_covering import values_of
from easyphoto.faces.yunet import YuNet
from easyphoto.faces.yunet_halves import YuNetHalves
from easyphoto.images import picture_files
from tools.coverings.examples import examples_of, piece_of, shot_of


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, required=True, help="a folder of photographs with bare faces")
    parser.add_argument("--yunet", type=Path, required=True, help="YuNet's file")
    parser.add_argument("--out", type=Path, required=True, help="an .npz file")
    parser.add_argument("--bare", type=int, default=6, help="bare examples of each face")
    parser.add_argument("--covered", type=int, default=12, help="covered examples of each face")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--part", type=int, default=0, help="of --parts: every so many photos, for several processes")
    parser.add_argument("--parts", type=int, default=1)
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    detector, halves = YuNet(asked.yunet), YuNetHalves(asked.yunet)
    photos = picture_files(asked.photos)
    rng = np.random.default_rng(asked.seed)
    pieces = [piece_of(photos[int(rng.integers(len(photos)))], rng) for _ in range(60)]
    rows: dict[str, list[object]] = {
        "photo": [],
        "kind": [],
        "bare": [],
        "hidden": [],
        "eye": [],
        "other": [],
        "mouth": [],
    }
    names: dict[str, list[str]] = {}
    for number in range(asked.part, len(photos), asked.parts):
        shot = shot_of(photos[number], detector)
        if shot is None:
            continue
        own = np.random.default_rng([asked.seed, number])
        for one in examples_of(shot, detector, own, pieces, bare=asked.bare, covered=asked.covered):
            parts = values_of(one.picture, one.face, halves)
            for part, values in zip(("eye", "other", "mouth"), parts, strict=True):
                names[part] = list(values)
                rows[part].append(np.fromiter(values.values(), np.float32))
            said = {"photo": number, "kind": one.kind, "bare": one.is_bare, "hidden": one.hidden}
            for name, value in said.items():
                rows[name].append(value)
        print(f"{number + 1} of {len(photos)}: {len(rows['kind'])} examples", file=sys.stderr, flush=True)
    arrays = {name: np.array(values) for name, values in rows.items()}
    np.savez(asked.out, eye_names=np.array(names["eye"]), mouth_names=np.array(names["mouth"]), **arrays)


if __name__ == "__main__":
    main()
