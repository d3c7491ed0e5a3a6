"""The weights of `photo_covering` from the measures of `collect.py`: python tools/coverings/fit.py FILES --out FOLDER

A logistic regression over piecewise-linear curves of the measures. It is fitted on all of them, kept to those that
count most, and fitted again; the limits are set, and the table printed, on photos that were held out in turn.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from easyphoto.faces.photo_covering import FILE, curves

HIDDEN, SEEN = 0.6, 0.08
"""Shares from which a part is hidden, and up to which it is seen; between them nobody is asked."""
FOLDS = 5


@dataclass(frozen=True, eq=False)
class Table:
    """The examples of some files, one row each."""

    photo: np.ndarray
    kind: np.ndarray
    bare: np.ndarray
    hidden: np.ndarray
    eye: np.ndarray
    other: np.ndarray
    mouth: np.ndarray

    @classmethod
    def read(cls, files: list[Path]) -> tuple[Table, list[str], list[str]]:
        loaded = [np.load(file) for file in files]
        columns = {name: np.concatenate([one[name] for one in loaded]) for name in cls.__dataclass_fields__}
        return cls(**columns), list(map(str, loaded[0]["eye_names"])), list(map(str, loaded[0]["mouth_names"]))


@dataclass(frozen=True, eq=False)
class Fit:
    """One part's regression on chosen columns."""

    columns: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray
    knots: np.ndarray
    slopes: np.ndarray
    bias: float

    def sums(self, values: np.ndarray) -> np.ndarray:
        scaled = (values[:, self.columns] - self.mean) / self.deviation
        return self.bias + (curves(scaled, self.knots) * self.slopes).sum((1, 2))

    def record(self, names: list[str], limit: float) -> dict[str, object]:
        return {
            "names": [names[column] for column in self.columns],
            "mean": _short(self.mean),
            "deviation": _short(self.deviation),
            "knots": _short(self.knots),
            "slopes": _short(self.slopes),
            "bias": round(self.bias, 4),
            "limit": round(limit, 4),
        }


def fitted(values: np.ndarray, label: np.ndarray, columns: np.ndarray, penalty: float) -> Fit:
    """`label` is 1 where hidden, 0 where seen; other rows must be gone."""
    chosen = values[:, columns].astype(np.float64)
    seen = chosen[label == 0]
    mean, deviation = seen.mean(0), seen.std(0) + 1e-6
    scaled = (chosen - mean) / deviation
    knots = np.quantile(scaled[label == 0], (0.03, 0.2, 0.8, 0.97), axis=0).T
    terms = curves(scaled, knots).reshape(len(chosen), -1)
    # Every curve is weighed at one deviation, so that the penalty treats them alike.
    middle, width = terms.mean(0), terms.std(0)
    width[width < 1e-3] = np.inf
    weights, bias = _regression((terms - middle) / width, label, penalty)
    slopes = weights / width
    return Fit(columns, mean, deviation, knots, slopes.reshape(len(columns), -1), bias - float(slopes @ middle))


def _regression(terms: np.ndarray, label: np.ndarray, penalty: float) -> tuple[np.ndarray, float]:
    inputs, wanted = torch.from_numpy(terms.astype(np.float32)), torch.from_numpy(label.astype(np.float32))
    weights, bias = torch.zeros(terms.shape[1], requires_grad=True), torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights, bias], max_iter=200, history_size=10, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        fit = torch.nn.functional.binary_cross_entropy_with_logits(inputs @ weights + bias, wanted)
        total = fit + 0.5 * penalty * (weights**2).sum()
        total.backward()
        return total

    optimizer.step(loss)
    return weights.detach().numpy().astype(np.float64), float(bias)


def chosen_columns(values: np.ndarray, label: np.ndarray, count: int, penalty: float) -> np.ndarray:
    """The columns whose curves move the sum most in a fit on all of them."""
    everything = np.arange(values.shape[1])
    fit = fitted(values, label, everything, penalty)
    scaled = (values - fit.mean) / fit.deviation
    moves = (curves(scaled, fit.knots) * fit.slopes).sum(2).std(0)
    return np.sort(np.argsort(-moves)[:count])


def labels_of(hidden: np.ndarray) -> np.ndarray:
    """1, 0, or −1 where nobody is asked."""
    return np.where(hidden > HIDDEN, 1, np.where(hidden < SEEN, 0, -1))


def held_out_sums(values: np.ndarray, hidden: np.ndarray, photo: np.ndarray, count: int, penalty: float) -> np.ndarray:
    """Of every row, by a fit that has not seen its photo."""
    label, sums = labels_of(hidden), np.zeros(len(values))
    folds = np.random.default_rng(0).permutation(int(photo.max()) + 1) % FOLDS
    for fold in range(FOLDS):
        test = folds[photo] == fold
        train = ~test & (label >= 0)
        columns = chosen_columns(values[train], label[train], count, penalty)
        sums[test] = fitted(values[train], label[train], columns, penalty).sums(values[test])
    return sums


def limits_for(
    left: np.ndarray, right: np.ndarray, mouth: np.ndarray, table: Table, alarms: float
) -> tuple[float, float]:
    """The eyes' and the mouth's limits at which that share of bare faces is called covered, half of it by each."""
    bare = table.bare
    eyes = np.maximum(left, right)[bare]
    best = (float(np.quantile(eyes, 1 - alarms / 2)), float(np.quantile(mouth[bare], 1 - alarms / 2)))
    for share in np.linspace(alarms / 2, alarms, 30):
        limits = (float(np.quantile(eyes, 1 - share)), float(np.quantile(mouth[bare], 1 - share)))
        if ((eyes >= limits[0]) | (mouth[bare] >= limits[1])).mean() > alarms:
            break
        best = limits
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, help="a folder for the weights; without it only the table is printed")
    parser.add_argument("--measures", type=int, default=100, help="how many each part keeps")
    parser.add_argument("--penalty", type=float, default=0.01)
    parser.add_argument("--alarms", type=float, default=0.015, help="share of bare faces that may be called covered")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    table, eye_names, mouth_names = Table.read(asked.files)
    eyes = np.concatenate([table.eye, table.other])
    eyes_hidden = np.concatenate([table.hidden[:, 0], table.hidden[:, 1]])
    twice = np.concatenate([table.photo, table.photo])
    left, right = np.split(held_out_sums(eyes, eyes_hidden, twice, asked.measures, asked.penalty), 2)
    mouth = held_out_sums(table.mouth, table.hidden[:, 2], table.photo, asked.measures, asked.penalty)
    limits = limits_for(left, right, mouth, table, asked.alarms)
    print_table(table, (left >= limits[0]) | (right >= limits[0]) | (mouth >= limits[1]))
    if asked.out is None:
        return
    record: dict[str, object] = {"format": 1, "made_by": "tools/coverings/fit.py"}
    parts = (("eye", eyes, eyes_hidden, eye_names), ("mouth", table.mouth, table.hidden[:, 2], mouth_names))
    for (part, values, hidden, names), limit in zip(parts, limits, strict=True):
        label = labels_of(hidden)
        known, asked_for = values[label >= 0], label[label >= 0]
        columns = chosen_columns(known, asked_for, asked.measures, asked.penalty)
        record[part] = fitted(known, asked_for, columns, asked.penalty).record(names, limit)
    asked.out.mkdir(parents=True, exist_ok=True)
    (asked.out / FILE).write_text(json.dumps(record, separators=(",", ":")) + "\n", "utf-8")


def print_table(table: Table, found: np.ndarray) -> None:
    covered = table.hidden.max(1) > HIDDEN
    print(f"bare: {table.bare.sum()}, called covered: {found[table.bare].mean():.3f}")
    print(f"covered: {covered.sum()}, found: {found[covered].mean():.3f}")
    for word, rows in (("bare", table.bare), ("covered", covered)):
        for kind in sorted(set(table.kind[rows])):
            chosen = rows & (table.kind == kind)
            print(f"  {word:8} {kind:20} {chosen.sum():5} {found[chosen].mean():.3f}")


def _short(values: np.ndarray) -> list[object]:
    return np.vectorize(lambda value: float(f"{value:.4g}"))(values).tolist()


if __name__ == "__main__":
    main()
