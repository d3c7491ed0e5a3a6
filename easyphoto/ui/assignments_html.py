"""The assignment of persons to faces as HTML buttons: one row for each face of each chosen template."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from easyphoto.faces.engine import Face
from easyphoto.geometry import Size
from easyphoto.jobs.service import TemplateEntry
from easyphoto.ui.assignments import Reasons, TemplateAssignment, without_a_face
from easyphoto.ui.language import Translator
from easyphoto.ui.picture_choice import Pick
from easyphoto.ui.template_faces import Found
from easyphoto.ui.thumbnails import Thumbnails

NOBODY = ""
PORTRAIT, PICTURE = 96, 480


@dataclass(frozen=True)
class AssignmentsView:
    """The data that the rows are rendered from."""

    templates: Mapping[str, TemplateEntry]
    found: Mapping[str, Found]
    reasons: Mapping[str, Reasons]
    persons: Sequence[Pick]
    words: Translator
    thumbnails: Thumbnails
    to: str
    """Id of the hidden button that receives the orders."""

    def html(self, seatings: Sequence[TemplateAssignment]) -> str:
        if not seatings:
            return self._empty(self.words("Choose templates: the faces in them appear here."))
        articles = "".join(self._template(one) for one in seatings)
        return f'<div class="easyphoto-seats" lang="{self.words.tag}">{self._left_over(seatings)}{articles}</div>'

    def _left_over(self, seatings: Sequence[TemplateAssignment]) -> str:
        if not self.persons:
            return self._hint(self.words("Choose who is photographed: they take the largest faces, from the left."))
        names = {person.value: person.label for person in self.persons}
        left = ", ".join(names[id] for id in without_a_face(list(names), seatings))
        return self._hint(self.words("Without a face: {names}.", names=left)) if left else ""

    def _template(self, seating: TemplateAssignment) -> str:
        entry, words = self.templates[seating.template], self.words
        title = words.translate(entry.title)
        reasons = zip(self.reasons[entry.id], self.found[entry.id].covered, strict=True)
        rows = "".join(self._face(seating, face, reason, hidden) for face, (reason, hidden) in enumerate(reasons))
        rows = rows or self._empty(words("No face was found here: this template is left out."))
        return (
            f'<article class="easyphoto-seat" aria-label="{escape(title)}">{self._numbered(entry)}'
            f"<div><h4>{escape(title)}</h4>{rows}</div></article>"
        )

    def _numbered(self, entry: TemplateEntry) -> str:
        """Return the template with a frame and a number on each face; the numbers are text, not pixels."""
        found = self.found[entry.id]
        title, count = self.words.translate(entry.title), len(found.faces)
        said = self.words("{title}: faces found: {count}", title=title, count=count)
        picture = f'<img src="{self.thumbnails.link(entry.path, PICTURE)}" alt="{escape(said)}">'
        frames = "".join(frame_html(number, face, found.size) for number, face in enumerate(found.faces, start=1))
        return f'<div class="easyphoto-numbered">{picture}{frames}</div>'

    def _face(self, seating: TemplateAssignment, face: int, reason: str | None, hidden: str | None) -> str:
        words, taker = self.words, seating.takers[face]
        name = escape(words("Face {number}", number=face + 1))
        number = f'<b aria-hidden="true">{face + 1}</b>'
        why = reason or (hidden if taker is None else None)
        said = f"<span>{escape(words('Stays as it is: {reason}.', reason=words.translate(why)))}</span>" if why else ""
        if reason is not None:
            return f'<div class="easyphoto-face" aria-label="{name}">{number}{said}</div>'
        choices = [*self.persons, Pick(NOBODY, words("leave as it is"))]
        buttons = "".join(
            self._button(pick, order_of(seating.template, face, pick.value), is_on=(taker or NOBODY) == pick.value)
            for pick in choices
        )
        # A covered face can still be assigned.
        return (
            f'<div class="easyphoto-face" role="group" aria-label="{name}">{number}{said}'
            f'<div class="easyphoto-takers">{buttons}</div></div>'
        )

    def _button(self, pick: Pick, order: str, *, is_on: bool) -> str:
        image = f'<img src="{self.thumbnails.link(pick.picture, PORTRAIT)}" alt="">' if pick.picture else ""
        return (
            f'<button type="button" class="easyphoto-taker" data-easyphoto-order="{escape(order)}"'
            f' data-easyphoto-to="{escape(self.to)}" aria-pressed="{str(is_on).lower()}">'
            f"{image}<span>{escape(pick.label)}</span></button>"
        )

    def _empty(self, text: str) -> str:
        return f'<p class="easyphoto-empty">{escape(text)}</p>'

    def _hint(self, text: str) -> str:
        return f'<p class="easyphoto-hint">{escape(text)}</p>'


def frame_html(number: int, face: Face, size: Size) -> str:
    """Return a numbered frame on a face, positioned in percent of the picture."""
    box = face.box.clipped(size)
    left, top = 100 * box.left / size.width, 100 * box.top / size.height
    width, height = 100 * box.width / size.width, 100 * box.height / size.height
    place = f"left:{left:.1f}%;top:{top:.1f}%;width:{width:.1f}%;height:{height:.1f}%"
    return f'<i class="easyphoto-frame" style="{place}" aria-hidden="true"><b>{number}</b></i>'


def order_of(template: str, face: int, person: str) -> str:
    return json.dumps([template, face, person])


def read_order(order: str) -> tuple[str, int, str | None]:
    """Parse a pressed button's order: template, face and person (None: nobody)."""
    template, face, person = json.loads(order)
    return str(template), int(face), str(person) or None
