"""Judges photos: measures each by itself, compares it with the others, and keeps the best."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from easyphoto.architectures.base import Family
from easyphoto.errors import TooFewPhotos
from easyphoto.faces.domain import say_so
from easyphoto.faces.engine import Domain, FaceEngine
from easyphoto.faces.likeness_scale import own_cosines
from easyphoto.messages import Text, note, text
from easyphoto.parallel import Budget
from easyphoto.preprocess.copies import without_copies
from easyphoto.preprocess.identity import majority
from easyphoto.preprocess.look import Look, look_at, set_aside
from easyphoto.preprocess.looking import best_kept, look_at_all, praised
from easyphoto.preprocess.reference import Reference, find_reference, wanted_photo
from easyphoto.preprocess.verdict import NOT_ASSURED, NOT_CHECKED, Check, Reason
from easyphoto.progress import Progress
from easyphoto.settings.training import PreprocessSettings

_FEW = 5
# ArcFace-type networks give photos of one person a cosine similarity of 0.5 to 0.75 and strangers less than 0.25
# (published figures, not measured here). Half of the photos' median lies between, whatever the network's scale.
_MUCH_LESS = 0.5


def check_photos(
    photos: Sequence[Path],
    engine: FaceEngine,
    family: Family,
    settings: PreprocessSettings,
    progress: Progress,
    *,
    chosen_faces: Mapping[str, int] | None = None,
    reference: str | None = None,
    threads: int | None = None,
) -> Check:
    """A verdict for every photo. `chosen_faces`: file name → number of the person's face, from 1.

    `threads` look at photos at once (default: one for each core, at most four); the verdicts do not depend on it.

    `reference` names the photo that shows the person; None takes the best one that looks like the others. Raises
    BadReference where it is not kept, TooFewPhotos for an empty list of photos; where none is kept, the verdicts say
    why.
    """
    if not photos:
        raise _no_photos()
    start, wanted = time.perf_counter(), wanted_photo(photos, reference)

    def look(path: Path, name: str, budget: Budget) -> Look:
        return look_at(
            path, engine, name=name, family=family, settings=settings, chosen=chosen_faces or {}, budget=budget
        )

    looks = look_at_all(photos, look, progress, threads=threads)
    looks, of_kinds = other_kind_last(looks, engine)
    looks, notes, is_checked = _without_strangers(looks, engine, settings)
    looks = best_kept(without_copies(looks), settings.keep, wanted)
    found = find_reference(looks, wanted, is_checked=is_checked)
    kept = sum(look.verdict.kept for look in looks)
    of_reference = _reference_notes(found, looks, engine)
    notes = (*of_kinds, *notes, *_base_notes(engine, family), *of_reference, *_count_notes(kept))
    return Check(
        verdicts=tuple(praised(look.verdict) if look.verdict.kept else look.verdict for look in looks),
        reference=found.photo,
        engine=engine.id,
        domain=engine.domain.value,
        embedder=engine.embedder,
        notes=(*engine.notes, *notes),
        seconds=time.perf_counter() - start,
        decided=engine.decided,
        reference_assured=found.is_assured,
        reference_chosen=found.is_chosen,
    )


def _no_photos() -> TooFewPhotos:
    return TooFewPhotos(
        text("There are no photos."),
        advice=text("Give a folder with 5 to 20 photos of one person (JPEG, PNG or WebP)."),
    )


def _without_strangers(
    looks: list[Look], engine: FaceEngine, settings: PreprocessSettings
) -> tuple[list[Look], tuple[Text, ...], bool]:
    """The looks with identity scores and strangers set aside, the notes on that, and whether identity was checked."""
    limit = settings.same_person if settings.same_person is not None else engine.same_person_limit
    unchecked = engine.embedder is None or limit is None
    if unchecked:
        looks = [_noted(look, NOT_CHECKED) if look.verdict.kept else look for look in looks]
    kept = (index for index, look in enumerate(looks) if look.verdict.kept)
    found = {index: vector for index in kept if (vector := looks[index].embedding) is not None}
    if not found:
        return looks, (_not_checked_note(engine),) if unchecked else (), False
    good, vectors = list(found), list(found.values())
    # Every cosine reaches -1, so all photos are members; those most like the others still rank first.
    group = majority(vectors, -1.0 if limit is None else limit)
    result = list(looks)
    for index, value, inside in zip(good, group.cosines, group.members, strict=True):
        verdict = replace(looks[index].verdict, identity=value)
        if not inside and group.agrees and limit is not None:
            verdict = set_aside(verdict, Reason.SOMEONE_ELSE, *_stranger_words(value, limit))
        result[index] = replace(looks[index], verdict=verdict)
    if unchecked:
        names = [looks[index].verdict.photo for index in good]
        return result, (_not_checked_note(engine), *_doubts(names, own_cosines(vectors))), False
    if group.agrees:
        return result, (), True
    said = note(
        "photos-disagree",
        "The photos seem to show different people, and it is not clear which one is meant, so "
        "none was set aside. Remove photos of others, or add more of the person.",
    )
    return result, (said,), False


def other_kind_last(looks: Sequence[Look], engine: FaceEngine) -> tuple[list[Look], tuple[Text, ...]]:
    """The looks, with those of the other kind marked as incomparable, and the notes on them.

    Where all are of the other kind, the user insisted on this engine: they are ranked as usual, with a note.
    """
    kept = [look for look in looks if look.verdict.kept]
    strange = [look for look in kept if look.of_other_kind]
    other = engine.domain.other
    if not strange:
        return list(looks), ()
    if len(strange) == len(kept):
        said = note(
            "all-of-another-kind",
            "No face looks {looks}, although the photos are treated as {kind}. If they are {other}, {say_so}.",
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


def _not_checked_note(engine: FaceEngine) -> Text:
    if engine.embedder is not None:
        return note(
            "no-limit",
            "identity not checked: it is not known how much likeness {embedder} finds between two photos of "
            "one person, so none was set aside. Please check that the photos all show one person, or have it "
            "measured: easyphoto bench strangers --photos DIR",
            embedder=engine.embedder,
        )
    return note(
        "no-embedder",
        "identity not checked: there is no face recognition for {kind}, so all photos count the same. "
        "Please check that they all show one person.",
        kind=engine.domain.said,
    )


def _doubts(names: Sequence[str], cosines: Sequence[float]) -> tuple[Text, ...]:
    """A note on photos to look at where no limit is known: their cosine is below half of the photos' median."""
    middle = statistics.median(cosines) if cosines else 0.0
    doubtful = [
        f"{name} ({value:.2f})" for name, value in zip(names, cosines, strict=False) if value < _MUCH_LESS * middle
    ]
    if not doubtful:
        return ()
    return (
        note(
            "doubtful-photos",
            "Much less alike than the other photos (half of them reach {middle:.2f}): {doubtful}. Remove those "
            "that show somebody else.",
            middle=middle,
            doubtful=", ".join(doubtful),
        ),
    )


def _stranger_words(value: float, limit: float) -> tuple[Text, Text]:
    return (
        text(
            "It seems to show another person than most photos (likeness {likeness:.2f}, needed {limit:.2f}).",
            likeness=value,
            limit=limit,
        ),
        text("Remove it; if it is the same person, lower the same-person limit or use a clearer photo."),
    )


def _base_notes(engine: FaceEngine, family: Family) -> tuple[Text, ...]:
    """A note on a base that cannot learn a photographed face, given before the training rather than after it."""
    if not family.only_draws or engine.domain is not Domain.PHOTOGRAPHS:
        return ()
    return (
        note(
            "base-only-draws",
            "The base miniature only knows drawn people: it learns a photographed face as a drawn one, without "
            "a likeness, and a picture shows little of the person except the reference photo, laid over the "
            "template's face. For a likeness choose a checkpoint of Stable Diffusion 1.5 or SDXL: --base FILE "
            "(in the tab: Base checkpoint; in the API: options.base).",
        ),
    )


def _noted(look: Look, said: Text) -> Look:
    return replace(look, verdict=replace(look.verdict, notes=(*look.verdict.notes, said)))


def _reference_notes(reference: Reference, looks: Sequence[Look], engine: FaceEngine) -> tuple[Text, ...]:
    named = next((look.verdict for look in looks if look.verdict.photo == reference.photo), None)
    if reference.is_chosen and named is not None and named.incomparable:
        other = engine.domain.other
        said = note(
            "reference-of-another-kind",
            "{name}, the reference photo that you chose, looks {looks}, and the photos are taken for {kind}: results "
            "mix both. Choose another photo as the reference, or, if all are {other}, {say_so}.",
            name=reference.photo,
            looks=other.looks,
            kind=engine.domain.said,
            other=other.said,
            say_so=say_so(other),
        )
        return (said,)
    if reference.is_assured or reference.photo is None:
        return ()
    return (
        note(
            NOT_ASSURED,
            "It was not checked whether {name}, the reference photo, shows the right person. Look at it, and "
            "choose another one if it does not.",
            name=reference.photo,
        ),
    )


def _count_notes(kept: int) -> tuple[Text, ...]:
    if kept == 0:
        return (note("no-photo-usable", "No photo can be used; the verdicts say why."),)
    if kept == 1:
        return (note("one-photo", "Only one photo is kept: the result will look like that photo. 5 to 20 are better."),)
    if kept < _FEW:
        return (note("few-photos", "Only {kept} photos are kept; 5 to 20 give a better likeness.", kept=kept),)
    return ()
