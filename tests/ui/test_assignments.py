"""Who takes which face, and the sessions that are asked for."""

from easyphoto.ui.assignments import (
    PhotographGroup,
    TemplateAssignment,
    TemplateFaceChoice,
    assigned,
    from_the_left,
    photograph_requests,
    with_taker,
    without_a_face,
)

SIDE = "it is seen from the side"


def offer(*prominences: float, side: int | None = None) -> TemplateFaceChoice:
    """Faces of those prominences; the one of number `side` cannot be done."""
    reasons = tuple(SIDE if face == side else None for face in range(len(prominences)))
    return TemplateFaceChoice(reasons, prominences)


ONE, TWO, THREE = offer(1), offer(1, 1), offer(1, 1, 1)


def test_persons_take_the_faces_from_the_left():
    assert from_the_left(["anna", "ben"], THREE) == ("anna", "ben", None)


def test_a_face_that_cannot_be_done_is_passed_over():
    assert from_the_left(["anna", "ben"], offer(9, 1, 1, side=0)) == (None, "anna", "ben")


def test_with_fewer_persons_than_faces_the_largest_are_taken_from_the_left():
    assert from_the_left(["anna"], offer(400, 9000, 8000)) == (None, "anna", None)
    assert from_the_left(["anna", "ben"], offer(400, 8000, 9000)) == (None, "anna", "ben")


def test_persons_without_a_face_are_left_over():
    assert from_the_left(["anna", "ben"], ONE) == ("anna",)


def test_every_template_gets_a_seating_in_its_order():
    faces = {"two": TWO, "one": ONE, "landscape": offer()}

    assert assigned(["anna", "ben"], faces) == (
        TemplateAssignment("two", ("anna", "ben")),
        TemplateAssignment("one", ("anna",)),
        TemplateAssignment("landscape", ()),
    )


def test_a_face_given_by_hand_stays_when_templates_and_persons_change():
    given = with_taker(assigned(["anna", "ben"], {"two": TWO}), "two", 0, "ben")

    later = assigned(["ben", "anna", "carl"], {"one": ONE, "two": TWO}, given)

    assert later == (TemplateAssignment("one", ("ben",)), TemplateAssignment("two", ("ben", "ben"), is_chosen=True))


def test_somebody_no_longer_chosen_leaves_their_faces():
    given = with_taker(assigned(["anna", "ben"], {"two": TWO}), "two", 0, None)

    assert assigned(["anna"], {"two": TWO}, given) == (TemplateAssignment("two", (None, None), is_chosen=True),)


def test_a_choice_for_other_faces_is_forgotten():
    given = with_taker(assigned(["anna"], {"two": TWO}), "two", 1, "anna")

    assert assigned(["anna"], {"two": THREE}, given) == (TemplateAssignment("two", ("anna", None, None)),)


def test_giving_a_face_to_who_has_it_chooses_nothing():
    seatings = assigned(["anna"], {"two": TWO})

    assert with_taker(seatings, "two", 0, "anna") == seatings
    assert with_taker(seatings, "two", 5, "anna") == seatings
    assert with_taker(seatings, "elsewhere", 0, None) == seatings


def test_templates_with_the_same_persons_are_one_session():
    seatings = [
        TemplateAssignment("a", ("anna", "ben")),
        TemplateAssignment("b", ("anna",)),
        TemplateAssignment("c", (None, "ben", "anna")),
    ]

    assert photograph_requests(seatings) == (
        PhotographGroup(("anna", "ben"), ("a", "c"), ((0, 1), (2, 1))),
        PhotographGroup(("anna",), ("b",), ((0,),)),
    )


def test_who_sits_twice_is_named_twice():
    seatings = [TemplateAssignment("twins", ("anna", None, "anna"))]

    assert photograph_requests(seatings) == (PhotographGroup(("anna", "anna"), ("twins",), ((0, 2),)),)


def test_a_template_where_nobody_sits_is_no_session():
    assert photograph_requests([TemplateAssignment("a", (None,)), TemplateAssignment("b", ())]) == ()


def test_who_is_left_over_is_told():
    seatings = assigned(["anna", "ben"], {"one": ONE, "side": offer(1, side=0)})

    assert without_a_face(["anna", "ben"], seatings) == ("ben",)
