"""Finds the reference photo, which defines whose face it is and so must show the right person.

With an embedder it is a photo that looks like the others; without one this cannot be checked, and the user is asked.
What covers its face would cover the face of every result, so a covered photo is the reference only where the user names
it or all are covered.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from easyphoto.errors import BadReference
from easyphoto.faces.likeness_scale import own_cosines
from easyphoto.faces.score import frontality
from easyphoto.messages import text
from easyphoto.preprocess.look import Look
from easyphoto.preprocess.names import photo_names
from easyphoto.preprocess.verdict import Verdict

# How far below the median, as a share of it, a photo still counts as near it. In 600 mixtures of two of 16 drawn
# persons, the second on fewer photos, the reference showed the second one once, without a bound 215 times, with a tenth
# six times.
_NEAR = 0.02
# Blur radii across the face of crisp photographs and paintings of 130 pixels or more. Hard outlines have more, which is
# a matter of style. Half of it costs as much as a nose that lies a third of the way to an eye.
_ENOUGH_DETAIL = 250.0


@dataclass(frozen=True)
class Reference:
    photo: str | None
    is_assured: bool
    """Whether the photo is known to show the right person."""
    is_chosen: bool


def wanted_photo(photos: Sequence[Path], reference: str | None) -> str | None:
    """The name among `photo_names` of the photo that the user chose by that, its file name or path.

    Raises BadReference.
    """
    if reference is None:
        return None
    name, has_folder = Path(reference).name, Path(reference).parent != Path()
    named = {own: photo for own, photo in zip(photo_names(photos), photos, strict=True) if name in (own, photo.name)}
    if has_folder:
        chosen = Path(reference).resolve()
        named = {own: photo for own, photo in named.items() if photo.resolve() == chosen}
    if not named:
        raise BadReference(
            text("{name} is not among the {count} photos.", name=name or reference, count=len(photos)),
            advice=text("The reference photo is one of the photos: give its file name."),
        )
    return next(iter(named))


def find_reference(looks: Sequence[Look], wanted: str | None, *, is_checked: bool) -> Reference:
    """The chosen photo, else the best of those that look like the others. Raises BadReference where it is not kept.

    `is_checked`: an embedder found that most photos show one person, and the others were set aside.
    """
    if wanted is not None:
        return Reference(_chosen([look.verdict for look in looks], wanted), is_assured=True, is_chosen=True)
    kept = [look for look in looks if look.verdict.kept]
    if not kept:
        return Reference(None, is_assured=False, is_chosen=False)
    # Where all look of the other kind, none is marked.
    kept = [look for look in kept if not look.verdict.incomparable]
    alike = _like_the_others(kept)
    best = max(_uncovered(alike) or _uncovered(kept) or alike, key=_suitability).verdict
    return Reference(best.photo, is_assured=is_checked, is_chosen=False)


def _chosen(verdicts: Sequence[Verdict], wanted: str) -> str:
    verdict = next(verdict for verdict in verdicts if verdict.photo == wanted)
    if not verdict.kept:
        raise BadReference(
            text("{name} cannot be the reference photo: {why}", name=wanted, why=verdict.explanation),
            advice=text("Choose one of the photos that are kept."),
        )
    return wanted


def _like_the_others(kept: Sequence[Look]) -> list[Look]:
    """The photos about as like the others as the median, or more; all of them where that is unknown.

    A person on fewer photos is less like the rest than the person on most, whatever the embedder's scale.
    """
    vectors = [look.embedding for look in kept if look.embedding is not None]
    cosines = own_cosines(vectors) if len(vectors) == len(kept) else ()
    if not cosines:
        return list(kept)
    middle = statistics.median(cosines)
    return [look for look, value in zip(kept, cosines, strict=True) if value >= middle - _NEAR * abs(middle)]


def _uncovered(looks: Sequence[Look]) -> list[Look]:
    return [look for look in looks if look.verdict.covering is None]


def _suitability(look: Look) -> float:
    """Score of a photo as reference: how central the nose, how level the eyes, how much detail.

    A tilt can be rotated back; a turned head cannot, and does not fit a template turned the other way. Fused detail is
    as soft as the reference. Likeness was checked before.
    """
    face = look.verdict.face
    turned = frontality(face) if face is not None else 0.0
    return turned * math.sqrt(look.verdict.angle * min(1.0, look.detail / _ENOUGH_DETAIL))
