"""The rows on which faces are given to persons, where something hides a face."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from easyphoto.commands.templates import TemplateEntry
from easyphoto.geometry import Box, Size
from easyphoto.ui.assignments import TemplateAssignment, assigned, everywhere, with_taker
from easyphoto.ui.assignments_html import AssignmentsView
from easyphoto.ui.language import Translator
from easyphoto.ui.picture_choice import Pick
from easyphoto.ui.template_faces import Found
from easyphoto.ui.thumbnails import Thumbnails
from tests.fakes import face_at

SUNGLASSES = "the eyes are covered (sunglasses?)"
FOUND = Found(
    (face_at(Box(10, 20, 60, 80)), face_at(Box(100, 20, 180, 120))), Size(200, 150), (None, SUNGLASSES)
)  # fmt: skip


@pytest.fixture
def view(tmp_path: Path) -> AssignmentsView:
    file = tmp_path / "two.png"
    Image.new("RGB", (200, 150)).save(file)
    return AssignmentsView(
        {"two": TemplateEntry("two", "Two", file, True)},
        {"two": FOUND},
        {"two": FOUND.reasons("miniature")},
        [Pick("anna", "Anna", None)],
        Translator(),
        Thumbnails(),
        "orders",
    )


def pressed(html: str) -> list[str]:
    return re.findall(r'aria-pressed="(true|false)"', html)


def test_a_covered_face_is_passed_over_with_its_reason_and_can_be_given_all_the_same(view: AssignmentsView):
    assignments = assigned(["anna"], {"two": FOUND.offer("miniature")})

    assert [one.takers for one in assignments] == [("anna", None)]
    html = view.html(assignments)
    assert html.count(f"Stays as it is: {SUNGLASSES}.") == 1
    # Anna or nobody, for the left and for the covered face; Anna for both.
    assert pressed(html) == ["true", "false", "false", "true", "false"]


def test_a_covered_face_that_was_given_to_somebody_does_not_stay_as_it_is(view: AssignmentsView):
    assignments = with_taker(assigned(["anna"], {"two": FOUND.offer("miniature")}), "two", 1, "anna")

    html = view.html(assignments)

    assert "Stays as it is" not in html
    assert pressed(html) == ["false", "true", "true", "false", "false"]


def test_a_single_person_is_put_on_every_face_by_a_button_of_its_own(view: AssignmentsView):
    assignments = everywhere(assigned(["anna"], {"two": FOUND.offer("miniature")}), "two", view.usable("two"), "anna")

    html = view.html(assignments)

    assert "Anna on every face" in html
    # Anna on both faces, and on every one.
    assert pressed(html) == ["true", "false", "true", "false", "true"]


def test_with_two_persons_or_one_face_nobody_is_offered_every_face(view: AssignmentsView):
    both = replace(view, persons=[Pick("anna", "Anna"), Pick("ben", "Ben")])
    side = replace(view, reasons={"two": (None, "it is seen from the side")})

    for one in (both, side):
        assert "on every face" not in one.html([TemplateAssignment("two", ("anna", None))])
