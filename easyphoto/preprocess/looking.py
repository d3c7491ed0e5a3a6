"""Looks at a set of photos, several at once, and keeps the best of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from easyphoto.images.formats import MOST_MEMORY
from easyphoto.messages import phase, text
from easyphoto.parallel import Budget, in_order, spare_threads
from easyphoto.preprocess.look import Look, set_aside
from easyphoto.preprocess.names import photo_names
from easyphoto.preprocess.verdict import Reason, Verdict
from easyphoto.progress import Progress


def look_at_all(
    photos: Sequence[Path],
    look: Callable[[Path, str, Budget], Look],
    progress: Progress,
    *,
    threads: int | None = None,
) -> list[Look]:
    """The looks in the order of the photos; `look` gets a photo, its name, and the memory that all share.

    Several are looked at at once, as long as reading them takes no more memory than the largest may alone.
    """
    budget, looks, named = Budget(MOST_MEMORY), [], list(zip(photos, photo_names(photos), strict=True))

    def one(photo: tuple[Path, str]) -> Look:
        return look(*photo, budget)

    with closing(in_order(one, named, threads or spare_threads())) as found:
        for index, (_, name) in enumerate(named):
            progress.check()
            progress.step(index, len(photos), phase("look", "looking at {name}", name=name))
            looks.append(next(found))
    progress.step(len(photos), len(photos), phase("compare", "comparing the photos"))
    return looks


def best_kept(looks: list[Look], keep: int, wanted: str | None = None) -> list[Look]:
    """Sets aside all but the `keep` best photos; the photo that the user chose is always kept."""
    kept = (index for index, look in enumerate(looks) if look.verdict.kept)

    def rank(index: int) -> tuple[bool, float, str]:
        verdict = looks[index].verdict
        return verdict.photo != wanted, -verdict.rank, verdict.photo

    beyond = set(sorted(kept, key=rank)[keep:])
    words = (
        text("Good, but {keep} others are better.", keep=keep),
        text("Nothing to do; to use it, keep more than {keep} photos.", keep=keep),
    )
    return [
        replace(look, verdict=set_aside(look.verdict, Reason.NOT_AMONG_BEST, *words)) if index in beyond else look
        for index, look in enumerate(looks)
    ]


def praised(verdict: Verdict) -> Verdict:
    """A kept photo's verdict, with what speaks for it."""
    values = {"sharpness": verdict.sharpness, "light": verdict.exposure}
    if verdict.identity is None:
        return replace(verdict, explanation=text("Kept: sharpness {sharpness:.2f}, light {light:.2f}.", **values))
    said = text(
        "Kept: sharpness {sharpness:.2f}, light {light:.2f}, likeness {likeness:.2f}.",
        **values,
        likeness=verdict.identity,
    )
    return replace(verdict, explanation=said)
