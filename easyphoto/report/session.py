"""The session section of a report: template, guides, passes, result, and likeness."""

from __future__ import annotations

from PIL import Image

from easyphoto.faces.engine import Likeness
from easyphoto.faces.likeness_scale import share_words
from easyphoto.inference.results import Photograph, Photographs
from easyphoto.report.parts import Bars, Figure, Gallery, Notes, NoteTone, Part, Section, Table, on_page

SIDE = 380
"""Width of the large pictures, in CSS pixels."""


def session_section(
    title: str,
    template: Image.Image,
    made: Photographs,
    *,
    before: tuple[Likeness | None, ...] = (),
    drawn: str | None = None,
) -> Section:
    """Return everything that happened to one template, best result first; `drawn` says how it was drawn, if it was."""
    best = made.best
    shown = (
        Figure(on_page(template, SIDE), "template" if drawn is None else "drawn from words", detail=drawn or ""),
        *(
            Figure(
                on_page(one.image, SIDE),
                f"result {rank}" if len(made.results) > 1 else "result",
                badge=_words(one.likeness),
                tone=NoteTone.GOOD if one is best else NoteTone.PLAIN,
                detail=f"seed {one.seed}",
            )
            for rank, one in enumerate(made.results, start=1)
        ),
    )
    parts: list[Part] = [Gallery(shown, side=SIDE), *steps_of(best, "face")]
    if any(one is not None for one in best.likeness):
        parts.append(_likeness_table(made, before))
    if made.seconds:
        parts.append(Bars("Time per phase", tuple(made.seconds.items())))
    notes = tuple(dict.fromkeys((*made.notes, *(note for one in made.results for note in one.notes))))
    parts += [Notes(notes)] if notes else []
    seated = ", ".join(name for _, name in made.seated)
    words = f"{len(made.faces)} face{'s' if len(made.faces) != 1 else ''} found; repainted: {seated or 'none'}."
    return Section(title, tuple(parts), words)


def steps_of(photograph: Photograph, what: str) -> list[Part]:
    """Return one strip for each face or place, as `what` says, then one for the whole picture."""
    strips: dict[int | None, list[Figure]] = {}
    step, whole = 150, 220
    for stage in photograph.stages:
        if stage.face is None and stage.name in ("template", "result"):
            continue  # both are shown large already
        picture = on_page(stage.image, whole if stage.face is None else step)
        strips.setdefault(stage.face, []).append(Figure(picture, stage.name))
    faces = sorted(face for face in strips if face is not None)
    parts: list[Part] = []
    for face in faces:
        title = f"Step by step, {what} {face + 1}" if len(faces) > 1 else "Step by step"
        parts.append(Gallery(tuple(strips[face]), title, steps=True, side=step))
    if None in strips:
        parts.append(Gallery(tuple(strips[None]), "The whole picture", steps=True, side=whole))
    return parts


def _likeness_table(made: Photographs, before: tuple[Likeness | None, ...]) -> Table:
    rows = []
    for place, after in enumerate(made.best.likeness):
        name = made.seated[place][1] if place < len(made.seated) else f"face {place + 1}"
        earlier = before[place] if place < len(before) else None
        shares = (
            ("", "", "")
            if after is None
            else (share_words(after.percentile), share_words(after.strangers), after.embedder)
        )
        rows.append((name, _number(earlier), _number(after), *shares))
    headings = ("person", "template before", "result after", "above own photos", "above strangers", "measured with")
    return Table(headings, tuple(rows), "Likeness to the person's photos (at most 1)")


def _number(found: Likeness | None) -> str:
    return "not measured" if found is None else f"{found.cosine:.3f}"


def _words(likeness: tuple[Likeness | None, ...]) -> str:
    known = [one.cosine for one in likeness if one is not None]
    return f"likeness {sum(known) / len(known):.2f}" if known else ""
