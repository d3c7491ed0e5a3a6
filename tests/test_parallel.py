"""Work on several threads comes back in order, ends early when asked, and shares what there is."""

from __future__ import annotations

import threading
from contextlib import closing

import pytest

from easyphoto.parallel import Budget, Spares, in_order, spare_threads

LONG = 20.0
"""Seconds after which a test that waits for another thread gives up."""


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_results_come_in_the_order_of_the_items(threads: int) -> None:
    gates = [threading.Event() for _ in range(9)]

    def work(item: int) -> int:
        # With several threads each item waits for its successor, so that they end the other way round.
        if threads > 1 and item % 2 == 0 and item < 8:
            assert gates[item + 1].wait(LONG)
        gates[item].set()
        return item * item

    assert list(in_order(work, range(9), threads)) == [0, 1, 4, 9, 16, 25, 36, 49, 64]


def test_one_thread_is_the_caller_s_own() -> None:
    assert set(in_order(lambda _: threading.current_thread(), range(3), 1)) == {threading.current_thread()}


def test_what_fails_fails_at_its_place_and_later_items_are_not_begun() -> None:
    begun = []

    def work(item: int) -> int:
        begun.append(item)
        if item == 3:
            raise ValueError("the third")
        return item

    found = in_order(work, range(100), 2)

    assert [next(found) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="the third"):
        next(found)
    assert len(begun) <= 3 + 2 * 2 + 1


def test_a_caller_that_stops_waits_for_what_runs_and_begins_nothing_more() -> None:
    begun, ended = [], []

    def work(item: int) -> int:
        begun.append(item)
        ended.append(item)
        return item

    with closing(in_order(work, range(100), 2)) as found:
        assert next(found) == 0
    after = list(begun)

    assert len(after) <= 5
    assert sorted(begun) == sorted(ended) == sorted(after)


def test_a_budget_is_never_exceeded_by_several_together() -> None:
    budget, lock, now, most = Budget(100), threading.Lock(), [0], [0]

    def work(amount: int) -> int:
        with budget.spent(amount):
            with lock:
                now[0] += amount
                most[0] = max(most[0], now[0])
            with lock:
                now[0] -= amount
        return amount

    amounts = [40, 60, 30, 90, 10, 50, 70] * 20

    assert list(in_order(work, amounts, 6)) == amounts
    assert 0 < most[0] <= 100


def test_what_exceeds_a_budget_by_itself_is_done_alone() -> None:
    budget = Budget(100)

    def work(amount: int) -> int:
        with budget.spent(amount):
            return amount

    assert list(in_order(work, [250, 20, 250, 250, 90], 3)) == [250, 20, 250, 250, 90]


def test_the_spare_that_one_thread_uses_is_no_other_thread_s() -> None:
    made: list[object] = []
    spares = Spares(lambda: made.append(object()) or made[-1])

    with spares.one() as mine:
        with spares.one() as another:
            assert another is not mine
        with spares.one() as again:
            assert again is another
    assert len(made) == 2


def test_a_spare_that_cannot_be_made_says_so_at_once() -> None:
    def broken() -> object:
        raise OSError("no such file")

    with pytest.raises(OSError, match="no such file"):
        Spares(broken)


def test_at_most_four_threads_work_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(64)), raising=False)
    assert spare_threads() == 4
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {3}, raising=False)
    assert spare_threads() == 1
