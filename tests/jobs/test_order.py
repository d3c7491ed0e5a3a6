"""Which job goes to which lane: first come, first served, but jobs about one person keep their order."""

import pytest

from easyphoto.jobs.lanes import LOOK, Lane, LaneKind
from easyphoto.jobs.order import QueuedJob, assigned

ONE, TWO = Lane(LaneKind.WORK, "cuda:0"), Lane(LaneKind.WORK, "cuda:1")
TRAINS = Lane(LaneKind.WORK, "cuda:2", takes=frozenset({"train", "resume"}))


def turns(*written: str) -> list[QueuedJob]:
    """`train anna`, `photograph anna ben`; the number in the list is the id."""
    return [
        QueuedJob(str(number), kind, frozenset(persons))
        for number, (kind, *persons) in enumerate(map(str.split, written))
    ]


def begun(waiting, *, running=(), free=(ONE, TWO), last=None):
    """What begins, as `number of the job: lane`."""
    given = assigned(
        turns(*waiting), turns(*running), free, {lane: turns(what)[0] for lane, what in (last or {}).items()}
    )
    return {int(turn.id): lane.name for turn, lane in given}


def test_the_first_jobs_go_to_the_free_lanes_in_their_order():
    assert begun(["photograph anna", "train ben", "photograph carla"]) == {0: "cuda:0", 1: "cuda:1"}


def test_with_one_lane_the_order_is_that_of_submission():
    assert begun(["train anna", "photograph ben"], free=(ONE,)) == {0: "cuda:0"}


def test_nothing_begins_while_no_lane_is_free():
    assert begun(["photograph anna"], free=()) == {}


def test_portraits_of_one_person_are_made_side_by_side():
    assert begun(["photograph anna", "photograph anna"]) == {0: "cuda:0", 1: "cuda:1"}


@pytest.mark.parametrize("kind", ["train", "resume", "add", "choose", "propose"])
def test_what_reads_a_person_waits_for_what_changes_them_and_others_pass(kind):
    assert begun(["photograph anna", "photograph ben"], running=[f"{kind} anna"], free=(TWO,)) == {1: "cuda:1"}


@pytest.mark.parametrize("kind", ["train", "resume", "choose", "propose"])
def test_what_changes_a_person_waits_for_what_reads_them(kind):
    assert begun([f"{kind} anna", "train ben"], running=["photograph anna"], free=(TWO,)) == {1: "cuda:1"}


def test_a_job_waits_for_an_earlier_one_that_waits_itself():
    waiting = ["train anna", "photograph anna", "photograph ben anna", "photograph carla"]

    assert begun(waiting, running=["photograph anna"], free=(TWO,)) == {3: "cuda:1"}


def test_a_person_who_is_added_in_another_lane_counts_too():
    assert begun(["photograph anna"], running=["add anna"]) == {}
    assert begun(["add anna", "photograph anna"], free=(LOOK, ONE)) == {0: "look"}


@pytest.mark.parametrize("kind", ["template", "previews", "setup"])
def test_what_two_jobs_of_a_kind_would_make_twice_is_made_by_one_at_a_time(kind):
    assert begun([kind, kind, "photograph anna"]) == {0: "cuda:0", 2: "cuda:1"}
    assert begun([kind], running=["train anna"], free=(TWO,)) == {0: "cuda:1"}


def test_a_check_is_about_nobody_and_waits_for_nothing_but_its_lane():
    assert begun(["check", "check"], running=["train anna"], free=(LOOK, TWO)) == {0: "look"}


def test_a_lane_that_takes_trainings_alone_is_given_nothing_else():
    assert begun(["photograph anna", "train ben"], free=(TRAINS,)) == {1: "cuda:2"}


def test_among_free_lanes_a_person_goes_where_they_were_last():
    last = {ONE: "photograph anna", TWO: "photograph ben"}

    assert begun(["photograph ben", "photograph anna"], last=last) == {0: "cuda:1", 1: "cuda:0"}
    assert begun(["photograph carla"], last=last) == {0: "cuda:0"}


def test_a_free_lane_that_takes_such_jobs_alone_comes_first_whoever_was_in_another():
    lanes = (ONE, TRAINS)

    assert begun(["train anna"], free=lanes, last={ONE: "photograph anna"}) == {0: "cuda:2"}
    assert begun(["train anna", "train ben"], free=lanes) == {0: "cuda:2", 1: "cuda:0"}


def test_no_lane_stays_free_for_a_person_who_was_there():
    last = {ONE: "photograph anna", TWO: "photograph ben"}

    assert begun(["photograph ben", "photograph ben"], last=last) == {0: "cuda:1", 1: "cuda:0"}
    assert begun(["photograph ben"], free=(ONE,), last=last) == {0: "cuda:0"}
