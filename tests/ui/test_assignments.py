"""Who takes which face, and the sessions that are asked for."""

from easyphoto.ui.assignments import (
    PhotographGroup,
    TemplateAssignment,
    TemplateFaceChoice,
    assigned,
    everywhere,
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


def test_every_template_gets_an_assignment_in_its_order():
    faces = {"two": TWO, "one": ONE, "landscape": offer()}

    assert assigned(["anna", "ben"], faces) == (
        TemplateAssignment("two", ("anna", "ben")),
        TemplateAssignment("one", ("anna",)),
        TemplateAssignment("landscape", ()),
    )


def test_a_face_given_by_hand_stays_when_templates_and_persons_change():
    given = with_taker(assigned(["anna", "ben"], {"two": TWO}), "two", 0, "ben")

    later = assigned(["ben", "anna", "carl"], {"one": ONE, "two": TWO}, given)

    assert later == (TemplateAssignment("one", ("ben",)), TemplateAssignment("two", ("ben", "anna"), is_chosen=True))


def test_a_click_moves_a_person_and_who_had_the_face_takes_the_other_one():
    both = assigned(["anna", "ben"], {"two": TWO})

    assert with_taker(both, "two", 0, "ben") == (TemplateAssignment("two", ("ben", "anna"), is_chosen=True),)


def test_a_click_on_another_face_leaves_the_first_one_as_it_is():
    alone = [TemplateAssignment("three", (None, "ben", None))]

    assert with_taker(alone, "three", 0, "ben")[0].takers == ("ben", None, None)
    assert with_taker(with_taker(alone, "three", 0, "ben"), "three", 0, None)[0].takers == (None, None, None)


def test_somebody_without_a_face_takes_that_of_another_who_then_has_none():
    assert with_taker([TemplateAssignment("two", ("anna", None))], "two", 0, "ben")[0].takers == ("ben", None)


def test_who_is_on_several_faces_stays_on_the_others_when_one_of_them_goes_to_somebody_else():
    several = [TemplateAssignment("three", ("ben", "ben", "ben"))]

    assert with_taker(several, "three", 0, "anna")[0].takers == ("anna", "ben", "ben")
    assert with_taker(several, "three", 0, None)[0].takers == (None, "ben", "ben")


def test_who_is_on_every_face_comes_back_to_one_by_a_click():
    """Who had that one keeps a face."""
    several = [TemplateAssignment("three", ("anna", "ben", "ben"))]

    assert with_taker(several, "three", 0, "ben")[0].takers == ("ben", "anna", None)


def test_somebody_can_take_every_face_that_can_be_done():
    start = assigned(["anna"], {"three": offer(1, 1, 1, side=1), "one": ONE})

    assert everywhere(start, "three", (0, 2), "anna") == (
        TemplateAssignment("three", ("anna", None, "anna"), is_chosen=True),
        TemplateAssignment("one", ("anna",)),
    )


def test_somebody_no_longer_chosen_leaves_their_faces():
    given = with_taker(assigned(["anna", "ben"], {"two": TWO}), "two", 0, None)

    assert assigned(["anna"], {"two": TWO}, given) == (TemplateAssignment("two", (None, None), is_chosen=True),)


def test_a_choice_for_other_faces_is_forgotten():
    given = with_taker(assigned(["anna"], {"two": TWO}), "two", 1, "anna")

    assert assigned(["anna"], {"two": THREE}, given) == (TemplateAssignment("two", ("anna", None, None)),)


def test_giving_a_face_to_who_has_it_chooses_nothing():
    assignments = assigned(["anna"], {"two": TWO})

    assert with_taker(assignments, "two", 0, "anna") == assignments
    assert with_taker(assignments, "two", 5, "anna") == assignments
    assert with_taker(assignments, "elsewhere", 0, None) == assignments


def test_templates_with_the_same_persons_are_one_session():
    assignments = [
        TemplateAssignment("a", ("anna", "ben")),
        TemplateAssignment("b", ("anna",)),
        TemplateAssignment("c", (None, "ben", "anna")),
    ]

    assert photograph_requests(assignments) == (
        PhotographGroup(("anna", "ben"), ("a", "c"), ((0, 1), (2, 1))),
        PhotographGroup(("anna",), ("b",), ((0,),)),
    )


def test_who_takes_two_faces_is_named_twice():
    assignments = [TemplateAssignment("twins", ("anna", None, "anna"))]

    assert photograph_requests(assignments) == (PhotographGroup(("anna", "anna"), ("twins",), ((0, 2),)),)


def test_a_template_where_nobody_takes_a_face_is_no_session():
    assert photograph_requests([TemplateAssignment("a", (None,)), TemplateAssignment("b", ())]) == ()


def test_who_is_left_over_is_told():
    assignments = assigned(["anna", "ben"], {"one": ONE, "side": offer(1, side=0)})

    assert without_a_face(["anna", "ben"], assignments) == ("ben",)
