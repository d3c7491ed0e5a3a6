"""The order in which the pictures of a finished job are shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DRAWN = "drawn-"
"""How the name of a template begins that was drawn from words."""


@dataclass(frozen=True)
class StageFile:
    name: str
    file: str
    face: int | None
    """From the left, from 0; None for a step of the whole picture."""


@dataclass(frozen=True)
class Ranked:
    """One picture of a job."""

    file: str
    template: str
    seed: int
    rank: int | None
    """1 is most similar to the person; None if unknown."""
    cosine: float | None
    embedder: str | None
    notes: tuple[str, ...]
    stages: tuple[StageFile, ...]

    @property
    def is_drawn(self) -> bool:
        """Whether its template was drawn from words, and has no title."""
        return self.template.startswith(DRAWN)


def ranked(result: Mapping[str, Any]) -> tuple[Ranked, ...]:
    """Return the pictures of all templates, most similar first; unranked ones follow in the order they were made.

    Values of different embedders cannot be compared: if there are several, nothing is ranked.
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
    """Return the embedder that measured the picture's likeness; None if none or several did."""
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
