"""Drawings among photographs, and photographs among drawings: kept, but last, compared with no other, no reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from easyphoto.faces.domain import LOOKS, SAY_SO
from easyphoto.faces.engine import FaceEngine
from easyphoto.preprocess.look import Look


def other_kind_last(looks: Sequence[Look], engine: FaceEngine) -> tuple[list[Look], tuple[str, ...]]:
    """The looks, those of the other kind marked as incomparable, and what is said about them.

    Where all are of the other kind, somebody insisted on this one: they are ranked as ever, and that is said.
    """
    kept = [look for look in looks if look.verdict.kept]
    strange = [look for look in kept if look.of_other_kind]
    other = engine.domain.other
    if not strange:
        return list(looks), ()
    if len(strange) == len(kept):
        said = (
            f"No face looks {LOOKS[engine.domain]}, although the photos are taken for {engine.domain.value}. "
            f"If they are {other.value}, {SAY_SO.format(other.value)}."
        )
        return list(looks), (said,)
    names = ", ".join(look.verdict.photo for look in strange)
    said = f"These look {LOOKS[other]}, so they come last and are not compared with the other photos: {names}."
    return [_incomparable(look) if look in strange else look for look in looks], (said,)


def _incomparable(look: Look) -> Look:
    return replace(look, verdict=replace(look.verdict, incomparable=True))
