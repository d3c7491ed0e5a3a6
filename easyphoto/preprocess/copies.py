"""Keeps the best of photos that show nearly the same picture; the verdicts of the others name it and the reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cmp_to_key

from easyphoto.messages import Text, text
from easyphoto.preprocess.duplicates import are_duplicates
from easyphoto.preprocess.look import Look, set_aside
from easyphoto.preprocess.precedence import Copy, better_because, file_facts
from easyphoto.preprocess.verdict import Reason, Verdict


def without_copies(looks: Sequence[Look]) -> list[Look]:
    """The looks, with every copy of a better kept photo set aside."""
    pairs = _pairs(looks)
    copies = {index: _copy(looks[index], index) for index in sorted({one for pair in pairs for one in pair})}

    def order(one: int, other: int) -> int:
        return -1 if better_because(copies[one], copies[other]) else 1

    result, unique = list(looks), list[int]()
    for index in sorted(copies, key=cmp_to_key(order)):
        twin = next((one for one in unique if (min(one, index), max(one, index)) in pairs), None)
        if twin is None:
            unique.append(index)
            continue
        verdict, because = looks[index].verdict, better_because(copies[twin], copies[index])
        result[index] = replace(looks[index], verdict=_as_copy(verdict, looks[twin].verdict.photo, because))
    return result


def _pairs(looks: Sequence[Look]) -> set[tuple[int, int]]:
    kept = [(index, look.signature) for index, look in enumerate(looks) if look.verdict.kept]
    return {
        (one, other)
        for place, (one, mine) in enumerate(kept)
        for other, another in kept[place + 1 :]
        if mine is not None and another is not None and are_duplicates(mine, another)
    }


def _copy(look: Look, number: int) -> Copy:
    assert look.signature is not None
    verdict, facts = look.verdict, file_facts(look.verdict.path)
    if verdict.face is None:
        return Copy(verdict.sharpness, look.longer_side, 1.0, facts, number, has_face=False)
    return Copy(verdict.sharpness, verdict.face.box.width, look.signature.extent, facts, number)


def _as_copy(verdict: Verdict, of: str, because: Text | None) -> Verdict:
    # Of three nearly equal photos each may be better than the next, in a circle; then no reason is given.
    said = text("It is nearly the same picture as {name}.", name=of)
    if because:
        said = text("It is nearly the same picture as {name}, which {because}.", name=of, because=because)
    aside = set_aside(verdict, Reason.NEAR_DUPLICATE, said, text("Remove it, or use a photo from another moment."))
    return replace(aside, duplicate_of=of)
