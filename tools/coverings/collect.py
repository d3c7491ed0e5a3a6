"""Measures of faces with and without coverings, for `fit.py`: python tools/coverings/collect.py --photos DIR --out FILE

The photographs' faces must be bare; nothing of them is kept but numbers.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from coverings.examples import examples_of, piece_of, shot_of
from easyphoto.faces.photo_covering import measures_of
from easyphoto.faces.yunet import YuNet
from easyphoto.faces.yunet_halves import YuNetHalves
from easyphoto.images.pictures import picture_files


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, required=True, help="a folder of photographs with bare faces")
    parser.add_argument("--yunet", type=Path, required=True, help="YuNet's file")
    parser.add_argument("--out", type=Path, required=True, help="a file of JSON lines")
    parser.add_argument("--bare", type=int, default=6, help="bare examples of each face")
    parser.add_argument("--covered", type=int, default=12, help="covered examples of each face")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    detector, halves = YuNet(asked.yunet), YuNetHalves(asked.yunet)
    photos = picture_files(asked.photos)
    rng = np.random.default_rng(asked.seed)
    pieces = [piece_of(photos[int(rng.integers(len(photos)))], rng) for _ in range(60)]
    with asked.out.open("w", encoding="utf-8") as lines:
        for number, photo in enumerate(photos):
            shot = shot_of(photo, detector)
            if shot is None:
                continue
            own = np.random.default_rng([asked.seed, number])
            for one in examples_of(shot, detector, own, pieces, bare=asked.bare, covered=asked.covered):
                parts = measures_of(one.picture, one.face, halves)
                row = {"photo": number, "kind": one.kind, "bare": one.is_bare, "hidden": one.hidden, "parts": parts}
                lines.write(json.dumps(row) + "\n")
            print(f"{number + 1} of {len(photos)}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
