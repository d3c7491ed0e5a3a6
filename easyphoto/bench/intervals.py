"""Bootstrap intervals: how far a mean over persons could have come out otherwise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

RESAMPLES = 10_000


@dataclass(frozen=True)
class Interval:
    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:+.3f} [{self.low:+.3f}, {self.high:+.3f}]"


def bootstrap(values: list[float], *, seed: int = 0) -> Interval:
    """Mean and 95 % percentile interval (Efron 1979) of per-person values; persons are drawn with replacement."""
    sample = np.asarray(values, np.float64)
    if sample.size == 0:
        return Interval(float("nan"), float("nan"), float("nan"))
    drawn = np.random.default_rng(seed).choice(sample, (RESAMPLES, sample.size)).mean(axis=1)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Interval(float(sample.mean()), float(low), float(high))
