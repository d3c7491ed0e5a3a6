"""The assignment of persons to faces as HTML buttons: one row for each face of each chosen template."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from easyphoto.commands.templates import TemplateEntry
from easyphoto.faces.engine import Face
from easyphoto.geometry import Size
from easyphoto.ui.assignments import Reasons, TemplateAssignment, without_a_face
from easyphoto.ui.language import Translator
from easyphoto.ui.picture_choice import Pick
from easyphoto.ui.template_faces import Found
from easyphoto.ui.thumbnails import Thumbnails

NOBODY = ""
EVERY = -1
"""Stands for a face in an order that gives a person every face."""
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

    def html(self, assignments: Sequence[TemplateAssignment]) -> str:
        if not assignments:
            return self._empty(self.words("Choose templates: the faces in them appear here."))
        articles = "".join(self._template(one) for one in assignments)
        return (
            f'<div class="easyphoto-assignments" lang="{self.words.tag}">{self._left_over(assignments)}{articles}</div>'
        )

    def _left_over(self, assignments: Sequence[TemplateAssignment]) -> str:
        if not self.persons:
            return self._hint(self.words("Choose who is photographed: they take the largest faces, from the left."))
        names = {person.value: person.label for person in self.persons}
        left = ", ".join(names[id] for id in without_a_face(list(names), assignments))
        return self._hint(self.words("Without a face: {names}.", names=left)) if left else ""

    def _template(self, assignment: TemplateAssignment) -> str:
        entry, words = self.templates[assignment.template], self.words
        title = words.translate(entry.title)
        reasons = zip(self.reasons[entry.id], self.found[entry.id].covered, strict=True)
        rows = "".join(self._face(assignment, face, reason, hidden) for face, (reason, hidden) in enumerate(reasons))
        rows = rows or self._empty(words("No face was found here: this template is left out."))
        rows += self._everywhere(assignment)
        return (
            f'<article class="easyphoto-assignment" aria-label="{escape(title)}">{self._numbered(entry)}'
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

    def _face(self, assignment: TemplateAssignment, face: int, reason: str | None, hidden: str | None) -> str:
        words, taker = self.words, assignment.takers[face]
        name = escape(words("Face {number}", number=face + 1))
        number = f'<b aria-hidden="true">{face + 1}</b>'
        why = reason or (hidden if taker is None else None)
        said = f"<span>{escape(words('Stays as it is: {reason}.', reason=words.translate(why)))}</span>" if why else ""
        if reason is not None:
            return f'<div class="easyphoto-face" aria-label="{name}">{number}{said}</div>'
        choices = [*self.persons, Pick(NOBODY, words("leave as it is"))]
        buttons = "".join(
            self._button(pick, order_of(assignment.template, face, pick.value), is_on=(taker or NOBODY) == pick.value)
            for pick in choices
        )
        # A covered face can still be assigned.
        return (
            f'<div class="easyphoto-face" role="group" aria-label="{name}">{number}{said}'
            f'<div class="easyphoto-takers">{buttons}</div></div>'
        )

    def _everywhere(self, assignment: TemplateAssignment) -> str:
        """Return a button for every face at once; a click on one face only moves the person there."""
        usable = self.usable(assignment.template)
        if len(self.persons) != 1 or len(usable) < 2:
            return ""
        (person,) = self.persons
        label = self.words("{name} on every face", name=person.label)
        pick, order = Pick(person.value, label, person.picture), order_of(assignment.template, EVERY, person.value)
        is_on = all(assignment.takers[face] == person.value for face in usable)
        return f'<div class="easyphoto-face">{self._button(pick, order, is_on=is_on)}</div>'

    def usable(self, template: str) -> tuple[int, ...]:
        """Return the faces that can be painted, covered ones included: whoever asks for every face means them."""
        return tuple(face for face, reason in enumerate(self.reasons[template]) if reason is None)

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
