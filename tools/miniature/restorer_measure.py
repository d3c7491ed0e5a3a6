"""Measure the restorer of drawn faces on people that no network has seen; the figures of the model card.

    python tools/miniature/restorer_measure.py --sheet build/miniature/restorer.png

PSNR is taken where the passes painted, after the truth got the picture's tones, because another light than the truth's
is no fault. `edges` is the high-pass energy there, as a share of the truth's; `person` the cosine of the judge's
embedder to the truth.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import faces_threads  # noqa: F401
import numpy as np
from restorer_data import held_out_pairs

from easyphoto.bench.judge import Judge, open_judge
from easyphoto.bench.likeness import bootstrap
from easyphoto.bench.looks import sheet
from easyphoto.bench.truth import high_pass
from easyphoto.geometry import Box
from easyphoto.images.pictures import as_picture, pasted_back
from easyphoto.restoration.aligned import restored
from easyphoto.restoration.drawn import DrawnRestorer
from easyphoto.restoration.opening import drawn_file

Pair = dict[str, np.ndarray]
# In pixels of a picture whose face is about 280 wide: what is coarser is light and tone.
TONES, COARSER = 40.0, 8


def cases(pair: Pair) -> Iterator[tuple[str, np.ndarray]]:
    """What a pair gives to restore: a name, and (h, w, 3) uint8."""
    truth, alpha = pair["after"], pair["alpha"].astype(np.float32) / 255
    yield "fused" if pair["fused"] else "not fused", pair["before"]
    if not pair["fused"]:
        return
    whole = Box(0, 0, truth.shape[1], truth.shape[0])
    for factor in (2, 3, 4):
        soft = np.rint(255 * softened(truth.astype(np.float32) / 255, factor)).astype(np.uint8)
        yield f"reduced ×{factor}", pasted_back(truth, soft, whole, alpha)
    yield "clean", truth


def softened(picture: np.ndarray, factor: float) -> np.ndarray:
    """Reduced and enlarged again, as float32 in 0..1."""
    height, width = picture.shape[:2]
    small = cv2.resize(picture, (round(width / factor), round(height / factor)), interpolation=cv2.INTER_AREA)
    return np.clip(cv2.resize(small, (width, height), interpolation=cv2.INTER_LANCZOS4), 0, 1)


def in_tones_of(shown: np.ndarray, truth: np.ndarray, painted: np.ndarray) -> np.ndarray:
    """`truth` with what is coarser than `TONES` of `shown`, where it was painted: float32, not clipped."""
    height, width = truth.shape[:2]
    small = np.concatenate([(shown - truth) * painted, painted], axis=2)
    small = cv2.resize(small, (-(-width // COARSER), -(-height // COARSER)), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), TONES / COARSER)
    coarse = cv2.resize(small[..., :3] / (small[..., 3:] + 1e-4), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(truth + painted * coarse, np.float32)


def truth_for(pair: Pair, shown: np.ndarray) -> np.ndarray:
    """The truth in the tones of what is shown: (h, w, 3) float32 in 0..255."""
    painted = pair["alpha"].astype(np.float32)[..., None] / 255
    return 255 * in_tones_of(shown.astype(np.float32) / 255, pair["after"].astype(np.float32) / 255, painted)


def psnr(picture: np.ndarray, truth: np.ndarray, inside: np.ndarray) -> float:
    return float(-10 * np.log10(np.mean(((picture - truth)[inside] / 255) ** 2) + 1e-9))


def figures(judge: Judge, pair: Pair, picture: np.ndarray, truth: np.ndarray) -> tuple[float, float, float]:
    inside = pair["alpha"] > 127
    vectors = [judge.embedding(each, pair["points"]) for each in (picture, pair["after"])]
    edges = high_pass(picture)[inside].mean() / high_pass(pair["after"])[inside].mean()
    return psnr(picture, truth, inside), float(edges), float(vectors[0] @ vectors[1])


def measure(restorer: DrawnRestorer, strength: float, say: Callable[[str], None]) -> list[list[np.ndarray]]:
    judge, found, rows = open_judge(), dict[str, list[tuple[float, ...]]](), list[list[np.ndarray]]()
    for pair in held_out_pairs():
        allowed = strength * pair["alpha"].astype(np.float32) / 255
        for name, shown in cases(pair):
            made = restored(shown, pair["points"], restorer.restore, allowed=allowed, changes_only=True)
            truth = truth_for(pair, shown)
            numbers = figures(judge, pair, shown, truth), figures(judge, pair, made, truth)
            found.setdefault(name, []).append(tuple(value for both in zip(*numbers, strict=True) for value in both))
            if name in ("fused", "not fused"):
                rows.append([shown, made, pair["after"]])
    say(f"strength {strength}: before → after, gain with 95 %")
    for name, all_numbers in sorted(found.items()):
        table = np.array(all_numbers)
        words = []
        for column, what in enumerate(("PSNR", "edges", "person")):
            before, after = table[:, 2 * column], table[:, 2 * column + 1]
            words.append(f"{what} {before.mean():.3f} → {after.mean():.3f}, {bootstrap(list(after - before))}")
        say(f"{name:12s} {'; '.join(words)}")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--file", type=Path, default=drawn_file())
    parser.add_argument("--strength", type=float, default=1.0)
    parser.add_argument("--sheet", type=Path)
    arguments = parser.parse_args()
    rows = measure(DrawnRestorer(arguments.file), arguments.strength, print)
    if arguments.sheet:
        made = [[as_picture(each) for each in row] for row in rows]
        sheet(("before", "restored", "truth"), made, 512).save(arguments.sheet)


if __name__ == "__main__":
    main()
