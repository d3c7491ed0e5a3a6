"""Photos in, verdicts out: every photo is measured by itself, then against the others, then the best are kept."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from easyphoto.errors import TooFewPhotos
from easyphoto.faces.engine import Domain, FaceEngine
from easyphoto.faces.likeness_scale import own_cosines
from easyphoto.faces.score import frontality
from easyphoto.families import Family
from easyphoto.preprocess.duplicates import are_duplicates
from easyphoto.preprocess.identity import majority
from easyphoto.preprocess.look import Look, look_at, set_aside
from easyphoto.preprocess.verdict import NOT_CHECKED, Check, Reason, Verdict
from easyphoto.progress import Progress
from easyphoto.settings import PreprocessSettings

_FEW = 5
# ArcFace-type networks give one person 0.5 to 0.75 and strangers less than 0.25 (published figures, none measured
# here): half of what the photos have among themselves lies between, whatever the network's own scale.
_MUCH_LESS = 0.5


def check_photos(
    photos: Sequence[Path],
    engine: FaceEngine,
    family: Family,
    settings: PreprocessSettings,
    progress: Progress,
    *,
    chosen_faces: Mapping[str, int] | None = None,
) -> Check:
    """A verdict for every photo. `chosen_faces` names, by file name, the number of the face that is meant (from 1).

    Raises TooFewPhotos where there is no photo at all; where none is kept, the verdicts say why.
    """
    if not photos:
        raise TooFewPhotos(
            "There are no photos.", advice="Give a folder with 5 to 20 photos of one person (JPEG, PNG or WebP)."
        )
    start = time.perf_counter()
    looks = _look_at_all(photos, engine, family=family, settings=settings, progress=progress, chosen=chosen_faces or {})
    looks, notes = _without_strangers(looks, engine, settings)
    looks = _without_duplicates(looks)
    verdicts = _best_kept(tuple(look.verdict for look in looks), settings.keep)
    kept = [verdict for verdict in verdicts if verdict.kept]
    return Check(
        verdicts=tuple(_praised(verdict) if verdict.kept else verdict for verdict in verdicts),
        reference=_reference(kept),
        engine=engine.id,
        domain=engine.domain.value,
        embedder=engine.embedder,
        notes=(*getattr(engine, "notes", ()), *notes, *_base_notes(engine, family), *_count_notes(len(kept))),
        seconds=time.perf_counter() - start,
        decided=getattr(engine, "decided", ""),
    )


def _look_at_all(
    photos: Sequence[Path],
    engine: FaceEngine,
    *,
    family: Family,
    settings: PreprocessSettings,
    progress: Progress,
    chosen: Mapping[str, int],
) -> list[Look]:
    looks = []
    for index, photo in enumerate(photos):
        progress.check()
        progress.step(index, len(photos), f"looking at {photo.name}")
        looks.append(look_at(photo, engine, family=family, settings=settings, chosen=chosen))
    progress.step(len(photos), len(photos), "photos looked at")
    return looks


def _without_strangers(
    looks: list[Look], engine: FaceEngine, settings: PreprocessSettings
) -> tuple[list[Look], tuple[str, ...]]:
    """Identity scores, and other persons set aside; where nobody can tell, that is said."""
    limit = settings.same_person if settings.same_person is not None else engine.same_person_limit
    unchecked = engine.embedder is None or limit is None
    if unchecked:
        looks = [_noted(look, NOT_CHECKED) if look.verdict.kept else look for look in looks]
    found = {index: look.embedding for index, look in enumerate(looks) if look.verdict.kept}
    vectors = [vector for vector in found.values() if vector is not None]
    if not vectors:
        return looks, (_not_checked_note(engine),) if unchecked else ()
    good = [index for index, vector in found.items() if vector is not None]
    looks = [_incomparable(look) if i in found and i not in good else look for i, look in enumerate(looks)]
    # Every cosine reaches the lowest limit: all photos count, those like the others most.
    group = majority(vectors, -1.0 if limit is None else limit)
    result = list(looks)
    for index, value, inside in zip(good, group.cosines, group.members, strict=True):
        verdict = replace(looks[index].verdict, identity=value)
        if not inside and group.agrees and limit is not None:
            verdict = set_aside(verdict, Reason.SOMEONE_ELSE, *_stranger_words(value, limit))
        result[index] = replace(looks[index], verdict=verdict)
    if unchecked:
        names = [looks[index].verdict.photo for index in good]
        return result, (_not_checked_note(engine), *_doubts(names, own_cosines(vectors)))
    if group.agrees:
        return result, ()
    return result, ("The photos do not agree on one person; none was set aside for it. Add photos, or sort them.",)


def _not_checked_note(engine: FaceEngine) -> str:
    if engine.embedder is not None:
        return (
            f"{NOT_CHECKED}: from which cosine on {engine.embedder} shows one person is not known, so nobody was set "
            "aside. See that the photos show one person, or measure it: easyphoto bench strangers --photos DIR"
        )
    what = "photographs" if engine.domain is Domain.PHOTOGRAPHS else "drawings"
    return f"{NOT_CHECKED}: there is no embedder for {what}, so all photos count alike. See that they show one person."


def _doubts(names: Sequence[str], cosines: Sequence[float]) -> tuple[str, ...]:
    """Which photos to look at where no limit is known: those far less like the others than half of the photos are."""
    middle = statistics.median(cosines) if cosines else 0.0
    doubtful = [
        f"{name} ({value:.2f})" for name, value in zip(names, cosines, strict=False) if value < _MUCH_LESS * middle
    ]
    if not doubtful:
        return ()
    return (
        f"Much less like the other photos (half of them reach {middle:.2f}): {', '.join(doubtful)}. "
        "Remove what shows somebody else.",
    )


def _stranger_words(value: float, limit: float) -> tuple[str, str]:
    return (
        f"It seems to show another person than most photos (likeness {value:.2f}, needed {limit:.2f}).",
        "Remove it; if it is the same person, lower the same-person limit or use a clearer photo.",
    )


def _base_notes(engine: FaceEngine, family: Family) -> tuple[str, ...]:
    """What will come of the photos, and what is needed instead: said before anybody waits for a training."""
    if not family.only_draws or engine.domain is not Domain.PHOTOGRAPHS:
        return ()
    return (
        "The base miniature draws people: a photographed face comes out as a drawn one, without a likeness. For a "
        "likeness take a checkpoint of Stable Diffusion 1.5 or SDXL: --base FILE (in the tab: Base checkpoint; in the "
        "API: options.base).",
    )


def _incomparable(look: Look) -> Look:
    return replace(look, verdict=replace(look.verdict, incomparable=True))


def _noted(look: Look, note: str) -> Look:
    return replace(look, verdict=replace(look.verdict, notes=(*look.verdict.notes, note)))


def _without_duplicates(looks: list[Look]) -> list[Look]:
    """Of photos that show nearly the same picture the better one stays."""
    kept = (i for i, look in enumerate(looks) if look.verdict.kept)
    order = sorted(kept, key=lambda i: (-_detail(looks[i].verdict), i))
    result, unique = list(looks), list[int]()
    for index in order:
        mine = looks[index].signature
        twin = next((i for i in unique if _same_picture(looks[i], looks[index])), None)
        if twin is None or mine is None:
            unique.append(index)
            continue
        name = looks[twin].verdict.photo
        verdict = set_aside(
            looks[index].verdict,
            Reason.NEAR_DUPLICATE,
            f"It is nearly the same picture as {name}, which is the better one.",
            "Remove it, or use a photo from another moment.",
        )
        result[index] = replace(looks[index], verdict=replace(verdict, duplicate_of=name))
    return result


def _detail(verdict: Verdict) -> float:
    """Of two copies the larger one is better, although a reduced one looks sharper."""
    width = verdict.face.box.width if verdict.face is not None else 0.0
    return verdict.rank * math.sqrt(width)


def _same_picture(one: Look, other: Look) -> bool:
    if one.signature is None or other.signature is None:
        return False
    return are_duplicates(one.signature, other.signature)


def _best_kept(verdicts: tuple[Verdict, ...], keep: int) -> tuple[Verdict, ...]:
    ranked = sorted((v for v in verdicts if v.kept), key=lambda v: (-v.rank, v.photo))
    beyond = {id(verdict) for verdict in ranked[keep:]}
    words = (f"Good, but {keep} others are better.", f"Nothing to do; to use it, keep more than {keep} photos.")
    return tuple(set_aside(v, Reason.NOT_AMONG_BEST, *words) if id(v) in beyond else v for v in verdicts)


def _reference(kept: list[Verdict]) -> str | None:
    """The most frontal photo: highest angle × identity, times how midway the nose lies.

    The angle alone sees only a tilted head; a turned one has a level eye line and would make a poor reference.
    """
    if not kept:
        return None

    def frontal(verdict: Verdict) -> tuple[float, float]:
        if verdict.incomparable:
            return 0.0, 0.0
        identity = 1.0 if verdict.identity is None else verdict.identity
        turned = frontality(verdict.face) if verdict.face is not None else 0.0
        return verdict.angle * identity * (0.5 + 0.5 * turned), verdict.quality

    return max(kept, key=frontal).photo


def _praised(verdict: Verdict) -> Verdict:
    said = [f"sharpness {verdict.sharpness:.2f}", f"light {verdict.exposure:.2f}"]
    if verdict.identity is not None:
        said.append(f"likeness {verdict.identity:.2f}")
    return replace(verdict, explanation=f"Kept: {', '.join(said)}.")


def _count_notes(kept: int) -> tuple[str, ...]:
    if kept == 0:
        return ("No photo can be used; the verdicts say why.",)
    if kept == 1:
        return ("Only one photo is kept: the result will look like that photo. 5 to 20 are better.",)
    if kept < _FEW:
        return (f"Only {kept} photos are kept; 5 to 20 give a better likeness.",)
    return ()
