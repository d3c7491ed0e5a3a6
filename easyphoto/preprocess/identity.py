"""Which photos show the same person: the largest group that agrees, found without being led astray by strangers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from easyphoto.faces.score import cosine, mean_embedding

_ROUNDS = 10


@dataclass(frozen=True)
class Majority:
    """The mean face of the person, and each photo's cosine to it."""

    mean: np.ndarray
    cosines: tuple[float, ...]
    members: tuple[bool, ...]
    agrees: bool
    """False where no group holds more than half of the photos: then nobody can say who is meant."""


def majority(vectors: Sequence[np.ndarray], limit: float) -> Majority:
    """The largest group of photos whose cosine to the group's mean reaches `limit`."""
    table = np.array([[cosine(one, other) for other in vectors] for one in vectors])
    near = table >= limit
    # The photo with the most neighbours starts; among equals the one that is nearest to all.
    start = max(range(len(vectors)), key=lambda i: (int(near[i].sum()), float(table[i].sum())))
    members = near[start]
    mean = vectors[start]
    for _ in range(_ROUNDS):
        mean = mean_embedding([vector for vector, inside in zip(vectors, members, strict=True) if inside])
        now = np.array([cosine(vector, mean) >= limit for vector in vectors])
        if not now.any() or (now == members).all():
            break
        members = now
    cosines = tuple(cosine(vector, mean) for vector in vectors)
    agrees = len(vectors) == 1 or 2 * int(members.sum()) > len(vectors)
    return Majority(mean, cosines, tuple(bool(inside) for inside in members), agrees)
