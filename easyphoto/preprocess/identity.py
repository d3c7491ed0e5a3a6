"""Finds the photos that show the same person: the largest group that agrees, robust against strangers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from easyphoto.faces.score import cosine, mean_embedding

_ROUNDS = 10


@dataclass(frozen=True)
class Majority:
    """The person's mean embedding, and each photo's cosine similarity to it."""

    mean: np.ndarray
    """float32 unit vector."""
    cosines: tuple[float, ...]
    """One for each photo, in their order."""
    members: tuple[bool, ...]
    """Whether each photo belongs to the group."""
    agrees: bool
    """False where no group holds more than half of the photos, so that it is not known who is meant."""


def majority(vectors: Sequence[np.ndarray], limit: float) -> Majority:
    """The largest group of photos whose cosine similarity to the group's mean reaches `limit` (-1..1).

    `vectors`: one float32 embedding for each photo.
    """
    table = np.array([[cosine(one, other) for other in vectors] for one in vectors])
    near = table >= limit
    # Start from the photo with the most neighbours; among equals from the one nearest to all.
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
