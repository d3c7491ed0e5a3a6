"""The pictures of a finished job in the order in which people should see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class StageFile:
    name: str
    file: str
    face: int | None
    """From the left, 0 first; None where the step is about the whole picture."""


@dataclass(frozen=True)
class Ranked:
    """One picture of a job."""

    file: str
    template: str
    seed: int
    rank: int | None
    """1 is most like the person; None where that is not known."""
    cosine: float | None
    embedder: str | None
    notes: tuple[str, ...]
    stages: tuple[StageFile, ...]


def ranked(result: Mapping[str, Any]) -> tuple[Ranked, ...]:
    """Most like first, over all templates; what cannot be ranked comes after, in the order it was made.

    Values of different embedders are never ranked together: where there are several, nothing is ranked.
    """
    pictures = tuple(result.get("pictures", ()))
    known = [picture for picture in pictures if picture["score"] is not None and embedder_of(picture) is not None]
    if len({embedder_of(picture) for picture in known}) > 1:
        known = []
    known.sort(key=lambda picture: -picture["score"])
    places = {id(picture): place for place, picture in enumerate(known, start=1)}
    rest = [picture for picture in pictures if id(picture) not in places]
    return tuple(_ranked(picture, places.get(id(picture))) for picture in (*known, *rest))


def embedder_of(picture: Mapping[str, Any]) -> str | None:
    """What measured the picture's likeness; None where nothing did, or several did."""
    embedders = {one["embedder"] for one in picture["likeness"] if one is not None}
    return embedders.pop() if len(embedders) == 1 else None


def _ranked(picture: Mapping[str, Any], rank: int | None) -> Ranked:
    return Ranked(
        file=picture["file"],
        template=picture["template"],
        seed=picture["seed"],
        rank=rank,
        cosine=picture["score"],
        embedder=embedder_of(picture),
        notes=tuple(picture["notes"]),
        stages=tuple(StageFile(stage["name"], stage["file"], stage["face"]) for stage in picture["stages"]),
    )


def find_picture(pictures: Sequence[Ranked], file: str | None) -> Ranked | None:
    """The picture of that file; the first where there is none."""
    return next((one for one in pictures if one.file == file), pictures[0] if pictures else None)
