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
    assignments: Sequence[TemplateAssignment], template: str, face: int, taker: str | None
) -> tuple[TemplateAssignment, ...]:
    """Move a person to one face of a template; who had it takes the face that becomes free.

    With None for `taker` the face stays unchanged. Nothing changes if it is theirs already.
    """
    return tuple(_moved(one, face, taker) if one.template == template else one for one in assignments)


def _moved(assignment: TemplateAssignment, face: int, taker: str | None) -> TemplateAssignment:
    takers = list(assignment.takers)
    if not 0 <= face < len(takers) or takers[face] == taker:
        return assignment
    earlier = [index for index, one in enumerate(takers) if taker is not None and one == taker]
    left_for = takers[face] if takers.count(takers[face]) == 1 else None
    for index in earlier:
        takers[index] = None
    if earlier:
        takers[earlier[0]] = left_for
    takers[face] = taker
    return replace(assignment, takers=tuple(takers), is_chosen=True)


def everywhere(
    assignments: Sequence[TemplateAssignment], template: str, usable: Sequence[int], taker: str
) -> tuple[TemplateAssignment, ...]:
    """Give a person every face of a template that can be painted."""
    return tuple(_on_all(one, usable, taker) if one.template == template else one for one in assignments)


def _on_all(assignment: TemplateAssignment, usable: Sequence[int], taker: str) -> TemplateAssignment:
    takers = tuple(taker if face in usable else None for face in range(len(assignment.takers)))
    return replace(assignment, takers=takers, is_chosen=True)


def photograph_requests(assignments: Sequence[TemplateAssignment]) -> tuple[PhotographGroup, ...]:
    """Group templates with the same persons. A person who takes two faces of a template is listed twice."""
    together: dict[tuple[str, ...], list[TemplateAssignment]] = {}
    for assignment in assignments:
        if assignment.persons:
            together.setdefault(tuple(sorted(assignment.persons)), []).append(assignment)
    return tuple(_grouped(group) for group in together.values())


def _grouped(group: Sequence[TemplateAssignment]) -> PhotographGroup:
    persons = group[0].persons
    assignments = tuple(_faces_of(persons, assignment) for assignment in group)
    return PhotographGroup(persons, tuple(assignment.template for assignment in group), assignments)


def _faces_of(persons: Sequence[str], assignment: TemplateAssignment) -> tuple[int, ...]:
    free = list(assignment.takers)
    faces = []
    for person in persons:
        face = free.index(person)
        free[face] = None
        faces.append(face)
    return tuple(faces)


def without_a_face(persons: Sequence[str], assignments: Sequence[TemplateAssignment]) -> tuple[str, ...]:
    """Return the persons without a face on any template."""
    seen = {taker for assignment in assignments for taker in assignment.persons}
    return tuple(person for person in persons if person not in seen)
