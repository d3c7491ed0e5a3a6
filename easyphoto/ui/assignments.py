"""Which person takes which face of each template, and the groups of photographs that follow from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from easyphoto.inference.plan import most_prominent

Reasons = tuple[str | None, ...]
"""For each face of a template, from the left: why it cannot be painted; None if it can."""


@dataclass(frozen=True)
class TemplateFaceChoice:
    """The faces of one template, from the left, as a choice."""

    reasons: Reasons
    prominences: tuple[float, ...]
    """Values of `inference.plan.prominence`."""


@dataclass(frozen=True)
class TemplateAssignment:
    """The persons on the faces of one template."""

    template: str
    """Its id."""
    takers: tuple[str | None, ...]
    """A person's id for each face from the left; None leaves that face unchanged."""
    is_chosen: bool = False
    """Chosen by hand; otherwise it follows the chosen persons."""

    @property
    def persons(self) -> tuple[str, ...]:
        return tuple(taker for taker in self.takers if taker is not None)


@dataclass(frozen=True)
class PhotographGroup:
    """The work of one command: the same persons on every template."""

    persons: tuple[str, ...]
    templates: tuple[str, ...]
    assignments: tuple[tuple[int, ...], ...]
    """For each template, the face of each person."""


def from_the_left(persons: Sequence[str], offer: TemplateFaceChoice) -> tuple[str | None, ...]:
    """Assign the persons, in order, to the faces that the pipeline would choose; other faces stay unchanged."""
    possible = [face for face, reason in enumerate(offer.reasons) if reason is None]
    taken = dict(zip(most_prominent(offer.prominences, possible, len(persons)), persons, strict=False))
    return tuple(taken.get(face) for face in range(len(offer.reasons)))


def assigned(
    persons: Sequence[str], faces: Mapping[str, TemplateFaceChoice], earlier: Sequence[TemplateAssignment] = ()
) -> tuple[TemplateAssignment, ...]:
    """Return an assignment for each template, in the order of `faces`. Assignments by hand are kept where possible."""
    chosen = {one.template: one for one in earlier if one.is_chosen}
    return tuple(_kept(chosen.get(template), persons, template, offer) for template, offer in faces.items())


def _kept(
    chosen: TemplateAssignment | None, persons: Sequence[str], template: str, offer: TemplateFaceChoice
) -> TemplateAssignment:
    if chosen is None or len(chosen.takers) != len(offer.reasons):
        return TemplateAssignment(template, from_the_left(persons, offer))
    return replace(chosen, takers=tuple(taker if taker in persons else None for taker in chosen.takers))


def with_taker(
    seatings: Sequence[TemplateAssignment], template: str, face: int, taker: str | None
) -> tuple[TemplateAssignment, ...]:
    """Return the assignments with one face given to `taker`; unchanged if it is theirs already."""
    return tuple(_given(one, face, taker) if one.template == template else one for one in seatings)


def _given(seating: TemplateAssignment, face: int, taker: str | None) -> TemplateAssignment:
    if not 0 <= face < len(seating.takers) or seating.takers[face] == taker:
        return seating
    takers = (*seating.takers[:face], taker, *seating.takers[face + 1 :])
    return replace(seating, takers=takers, is_chosen=True)


def photograph_requests(seatings: Sequence[TemplateAssignment]) -> tuple[PhotographGroup, ...]:
    """Group templates with the same persons. A person who takes two faces of a template is listed twice."""
    together: dict[tuple[str, ...], list[TemplateAssignment]] = {}
    for seating in seatings:
        if seating.persons:
            together.setdefault(tuple(sorted(seating.persons)), []).append(seating)
    return tuple(_sitting(group) for group in together.values())


def _sitting(group: Sequence[TemplateAssignment]) -> PhotographGroup:
    persons = group[0].persons
    assignments = tuple(_faces_of(persons, seating) for seating in group)
    return PhotographGroup(persons, tuple(seating.template for seating in group), assignments)


def _faces_of(persons: Sequence[str], seating: TemplateAssignment) -> tuple[int, ...]:
    free = list(seating.takers)
    faces = []
    for person in persons:
        face = free.index(person)
        free[face] = None
        faces.append(face)
    return tuple(faces)


def without_a_face(persons: Sequence[str], seatings: Sequence[TemplateAssignment]) -> tuple[str, ...]:
    """Return the persons without a face on any template."""
    seen = {taker for seating in seatings for taker in seating.persons}
    return tuple(person for person in persons if person not in seen)
