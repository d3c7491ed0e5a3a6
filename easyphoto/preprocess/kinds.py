"""Drawings among photographs, and photographs among drawings: kept, but last, compared with no other, no reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from easyphoto.faces.domain import say_so
from easyphoto.faces.engine import FaceEngine
from easyphoto.messages import Text, note
from easyphoto.preprocess.look import Look


def other_kind_last(looks: Sequence[Look], engine: FaceEngine) -> tuple[list[Look], tuple[Text, ...]]:
    """The looks, those of the other kind marked as incomparable, and what is said about them.

    Where all are of the other kind, somebody insisted on this one: they are ranked as ever, and that is said.
    """
    kept = [look for look in looks if look.verdict.kept]
    strange = [look for look in kept if look.of_other_kind]
    other = engine.domain.other
    if not strange:
        return list(looks), ()
    if len(strange) == len(kept):
        said = note(
            "all-of-another-kind",
            "No face looks {looks}, although the photos are taken for {kind}. If they are {other}, {say_so}.",
            looks=engine.domain.looks,
            kind=engine.domain.said,
            other=other.said,
            say_so=say_so(other),
        )
        return list(looks), (said,)
    names = ", ".join(look.verdict.photo for look in strange)
    said = note(
        "some-of-another-kind",
        "These look {looks}, so they come last and are not compared with the other photos: {names}.",
        looks=other.looks,
        names=names,
    )
    return [_incomparable(look) if look in strange else look for look in looks], (said,)


def _incomparable(look: Look) -> Look:
    return replace(look, verdict=replace(look.verdict, incomparable=True))
