"""Interpretation of cosine similarities, relative to the person's own photos and to measured pairs of strangers.

Cosines of different embedders are not comparable, and a distribution that was not measured is not invented: without
one the answer is None, "cannot tell".
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from easyphoto.architectures.base import models_folder
from easyphoto.errors import InputError
from easyphoto.faces.engine import LikenessScale
from easyphoto.geometry import direction
from easyphoto.messages import text
from easyphoto.storage.records import read_json, write_json

QUANTILES = 101
FEWEST_PAIRS = 100
"""Fewest pairs that can resolve a false acceptance rate of 1 %."""
FEWEST_PHOTOS = 3
"""With two, each is compared only with the other, and both get the same cosine."""
_FOLDER = "likeness"
_SAME = 1e-6
_FALSE_ACCEPTANCE = 0.01


def share_below(strangers: Sequence[float], cosine: float) -> float | None:
    """Percentage (0..100) of strangers' pairs below a cosine; None without quantiles."""
    if not strangers:
        return None
    return float(np.interp(cosine, strangers, np.linspace(0.0, 100.0, len(strangers))))


def share_words(share: float | None) -> str:
    """A percentage (0..100) as text."""
    return "cannot tell" if share is None else f"{share:.0f} %"


def own_cosines(reference: Sequence[np.ndarray]) -> tuple[float, ...]:
    """Each photo's cosine to the mean direction of the others; empty for fewer than three photos.

    `reference` holds (N,) embeddings.
    """
    if len(reference) < FEWEST_PHOTOS:
        return ()
    vectors = np.asarray([direction(vector) for vector in reference])
    whole = vectors.sum(axis=0)
    return tuple(float(vector @ direction(whole - vector)) for vector in vectors)


def own_percentile(reference: Sequence[np.ndarray], cosine: float) -> float | None:
    """Percentage (0..100) of the person's photos that are less like the others than `cosine`.

    `reference` holds (N,) embeddings; None for fewer than three. A photo with an equal cosine counts half.
    """
    difference = cosine - np.asarray(own_cosines(reference))
    if not difference.size:
        return None
    # Cosines of identical pictures differ in the last digits.
    return 50.0 * float(np.mean((difference > _SAME).astype(int) + (difference >= -_SAME)))


def measured_scale(embedder: str, cosines: Sequence[float], source: str) -> LikenessScale:
    """The scale measured from cosines of strangers' pairs. Raises InputError for fewer than 100 pairs."""
    if len(cosines) < FEWEST_PAIRS:
        raise InputError(
            text("{count} pairs of strangers are too few to measure a limit at 1 %.", count=len(cosines)),
            advice=text(
                "Give photos of more persons: {pairs} pairs are needed; ten with two photos each make 180.",
                pairs=FEWEST_PAIRS,
            ),
        )
    quantiles = np.quantile(np.asarray(cosines, np.float64), np.linspace(0.0, 1.0, QUANTILES))
    limit = float(np.quantile(np.asarray(cosines, np.float64), 1.0 - _FALSE_ACCEPTANCE))
    return LikenessScale(embedder, tuple(round(float(value), 5) for value in quantiles), round(limit, 5), source)


def scale_file(weights: Path, embedder: str) -> Path:
    """Path, in the weights folder, of a scale measured on this machine."""
    return weights / _FOLDER / f"{embedder}.json"


def write_scale(file: Path, scale: LikenessScale, *, pairs: int, sha256: str) -> None:
    """Store a measured scale; `sha256` is the hash of the embedder's weight file."""
    write_json(
        file,
        {
            "embedder": scale.embedder,
            "sha256": sha256,
            "pairs": pairs,
            "source": scale.source,
            "same_person_limit": scale.same_person_limit,
            "strangers": list(scale.strangers),
        },
    )


def read_scale(file: Path, *, sha256: str) -> LikenessScale | None:
    """A stored scale; None when there is none, or it was measured with a weight file of another hash.

    Raises InputError when the file is not a likeness scale.
    """
    if not file.is_file():
        return None
    record = read_json(file)
    try:
        strangers = tuple(float(value) for value in record["strangers"])
        if len(strangers) != QUANTILES or list(strangers) != sorted(strangers):
            raise ValueError(f"not {QUANTILES} ascending quantiles")
        scale = LikenessScale(
            str(record["embedder"]), strangers, float(record["same_person_limit"]), str(record["source"])
        )
        return scale if record["sha256"] == sha256 else None
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            text("{file} is not a likeness scale ({error}).", file=file, error=error),
            advice=text("Delete it, or measure again: easyphoto bench strangers --photos DIR"),
        ) from error


def kept_scale(weights: Path, embedder: str, *, sha256: str) -> LikenessScale | None:
    """The scale measured on this machine, else the shipped one; None when there is neither."""
    here = read_scale(scale_file(weights, embedder), sha256=sha256)
    return here or read_scale(scale_file(models_folder(), embedder), sha256=sha256)
