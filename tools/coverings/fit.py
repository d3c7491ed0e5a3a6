"""The weights of `photo_covering` from the measures of `collect.py`: python tools/coverings/fit.py FILE

Three logistic regressions; the limits are set, and the table is printed, on photos that were held out in turn.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np

HIDDEN, SEEN, HALF_SEEN = 0.6, 0.08, 0.3
"""Shares from which a part is hidden, up to which it is seen, and is not hidden; between them nobody is asked."""
FOLDS = 4
LEFT, RIGHT, BOTH, MOUTH = range(4)


def regression(values: np.ndarray, label: np.ndarray) -> np.ndarray:
    """One weight for each measure, then the constant; by Newton's method, with a slight penalty on large weights."""
    mean, deviation = values.mean(0), values.std(0) + 1e-6
    terms = np.column_stack([(values - mean) / deviation, np.ones(len(values))])
    penalty = np.diag([*np.full(values.shape[1], 1e-3 * len(values)), 0.0])
    weights = np.zeros(terms.shape[1])
    for _ in range(25):
        likely = 1 / (1 + np.exp(-np.clip(terms @ weights, -30, 30)))
        curve = (terms * (likely * (1 - likely) + 1e-6)[:, None]).T @ terms + penalty
        weights -= np.linalg.solve(curve, terms.T @ (likely - label) + penalty @ weights)
    slopes = weights[:-1] / deviation
    return np.append(slopes, weights[-1] - slopes @ mean)


def sums(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return np.asarray(values @ weights[:-1] + weights[-1])


def held_out(values: np.ndarray, label: np.ndarray, photo: np.ndarray) -> np.ndarray:
    """The sum of every row, by a regression that has not seen its photo."""
    folds = np.random.default_rng(0).permutation(int(photo.max()) + 1) % FOLDS
    found = np.zeros(len(values))
    for fold in range(FOLDS):
        test = folds[photo] == fold
        known = ~test & (label >= 0)
        found[test] = sums(values[test], regression(values[known], label[known]))
    return found


def labels_of(hidden: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of an eye alone (left, then right ones), of both eyes and of the mouth: 1, 0, or −1 where nobody is asked."""
    left, right, mouth = hidden.T
    own, other = np.append(left, right), np.append(right, left)
    one = np.where((own > HIDDEN) & (other < HALF_SEEN), 1, np.where(own < SEEN, 0, -1))
    both = np.where(np.minimum(left, right) > HIDDEN, 1, np.where(np.maximum(left, right) < SEEN, 0, -1))
    return one, both, np.where(mouth > HIDDEN, 1, np.where(mouth < SEEN, 0, -1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument(
        "--alarms", type=float, default=0.012, help="share of bare faces that each sum may call covered"
    )
    asked = parser.parse_args()
    rows = [json.loads(line) for line in asked.file.read_text("utf-8").splitlines()]
    photo, bare = np.array([row["photo"] for row in rows]), np.array([row["bare"] for row in rows])
    hidden, kind = np.array([row["hidden"] for row in rows]), np.array([row["kind"] for row in rows])
    names = [list(part) for part in rows[0]["parts"]]
    parts = [np.array([list(row["parts"][part].values()) for row in rows]) for part in range(4)]
    one, both, mouth = labels_of(hidden)
    eyes = np.concatenate([parts[LEFT], parts[RIGHT]])
    found = np.zeros(len(rows), bool)
    for name, values, label, repeats, words in (
        ("ONE_EYE", eyes, one, 2, names[LEFT]),
        ("BOTH_EYES", parts[BOTH], both, 1, names[BOTH]),
        ("MOUTH", parts[MOUTH], mouth, 1, names[MOUTH]),
    ):
        tested = held_out(values, label, np.tile(photo, repeats)).reshape(repeats, -1).max(0)
        limit = float(np.quantile(tested[bare], 1 - asked.alarms))
        found |= tested > limit
        weights = regression(values[label >= 0], label[label >= 0])
        weights[-1] -= limit
        sys.stdout.write(f"{name} = {dict(zip([*words, 'one'], (round(float(w), 3) for w in weights), strict=True))}\n")
    covered = hidden.max(1) > HIDDEN
    for word, chosen in (("bare", bare), ("covered", covered)):
        sys.stdout.write(f"{word}: {chosen.sum()}, called covered: {found[chosen].mean():.3f}\n")
        for one_kind in sorted(set(kind[chosen])):
            of_it = chosen & (kind == one_kind)
            sys.stdout.write(f"  {one_kind:20} {of_it.sum():5} {found[of_it].mean():.3f}\n")


if __name__ == "__main__":
    main()
