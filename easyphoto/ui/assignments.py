"""Who takes which face: what people choose at the faces of templates, and the sessions that a service is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from easyphoto.inference.plan import most_prominent

Reasons = tuple[str | None, ...]
"""For each face of a template, from the left, why it cannot be done; None where it can."""


@dataclass(frozen=True)
class TemplateFaceChoice:
    """The faces of one template, from the left, as there is a choice of them."""

    reasons: Reasons
    prominences: tuple[float, ...]
    """As `inference.plan.prominence` has them."""


@dataclass(frozen=True)
class TemplateAssignment:
    """Who takes the faces of one template."""

    template: str
    """Its id."""
    takers: tuple[str | None, ...]
    """A person's id for each face from the left; None leaves that face as it is."""
    is_chosen: bool = False
    """By hand. The others follow the persons chosen."""

    @property
    def persons(self) -> tuple[str, ...]:
        return tuple(taker for taker in self.takers if taker is not None)


@dataclass(frozen=True)
class PhotographGroup:
    """What one command does: the same persons on every template."""

    persons: tuple[str, ...]
    templates: tuple[str, ...]
    assignments: tuple[tuple[int, ...], ...]
    """For each template, the face of each person."""


def from_the_left(persons: Sequence[str], offer: TemplateFaceChoice) -> tuple[str | None, ...]:
    """The persons, in their order, on the faces that the pipeline would give them; faces left over stay as they are."""
    possible = [face for face, reason in enumerate(offer.reasons) if reason is None]
    taken = dict(zip(most_prominent(offer.prominences, possible, len(persons)), persons, strict=False))
    return tuple(taken.get(face) for face in range(len(offer.reasons)))


def assigned(
    persons: Sequence[str], faces: Mapping[str, TemplateFaceChoice], earlier: Sequence[TemplateAssignment] = ()
) -> tuple[TemplateAssignment, ...]:
    """A seating for each template, in the order of `faces`. What was chosen by hand stays while it can."""
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
    """The seatings with one face given to somebody else; the same ones where nothing changes."""
    return tuple(_given(one, face, taker) if one.template == template else one for one in seatings)


def _given(seating: TemplateAssignment, face: int, taker: str | None) -> TemplateAssignment:
    if not 0 <= face < len(seating.takers) or seating.takers[face] == taker:
        return seating
    takers = (*seating.takers[:face], taker, *seating.takers[face + 1 :])
    return replace(seating, takers=takers, is_chosen=True)


def photograph_requests(seatings: Sequence[TemplateAssignment]) -> tuple[PhotographGroup, ...]:
    """Templates with the same persons are done together. Who sits twice in a picture is named twice."""
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
    """The persons who sit on no template."""
    seen = {taker for seating in seatings for taker in seating.persons}
    return tuple(person for person in persons if person not in seen)
