"""A queue with several lanes: as many jobs at once, each in a lane of its own, and one person's in their order."""

import threading

import pytest

from easyphoto.commands.base import Subjects
from easyphoto.jobs.lanes import Lane, LaneKind
from easyphoto.jobs.queue import JobQueue
from easyphoto.jobs.records import State, read_job
from tests.jobs.asked import Asked


@pytest.fixture
def queue(workspace):
    queue = JobQueue(workspace, [Lane(LaneKind.WORK, name) for name in ("cpu:0", "cpu:1")])
    yield queue
    queue.close()


class Held:
    """Work that goes on until the test lets it end, or it is cancelled."""

    def __init__(self) -> None:
        self.begun, self.may_end = threading.Event(), threading.Event()

    def __call__(self, context):
        self.begun.set()
        while not self.may_end.wait(0.005):
            context.check()
        return {"pictures": []}


def submit(queue, work, kind="photograph", *persons):
    return queue.submit(Asked(kind, kind, subject=Subjects(persons)), work)


def over(queue, job):
    while not queue.get(job.id).state.is_over:
        queue.wait(job.id, len(queue.events(job.id)), 1.0)
    return queue.get(job.id)


def test_as_many_jobs_run_at_once_as_there_are_lanes_and_each_says_where(queue, workspace):
    works = [Held() for _ in range(3)]
    jobs = [submit(queue, work) for work in works]
    assert all(work.begun.wait(10) for work in works[:2])

    assert [queue.get(job.id).lane for job in jobs] == ["cpu:0", "cpu:1", None]
    assert {lane: job.id for lane, job in queue.running().items()} == {"cpu:0": jobs[0].id, "cpu:1": jobs[1].id}
    works[1].may_end.set()
    assert works[2].begun.wait(10)
    assert queue.get(jobs[2].id).lane == "cpu:1"
    for work in works:
        work.may_end.set()
    assert [over(queue, job).lane for job in jobs] == ["cpu:0", "cpu:1", "cpu:1"]
    assert read_job(workspace.jobs / jobs[2].id / "job.json").lane == "cpu:1"


def test_a_portrait_waits_for_the_training_of_its_person_while_others_are_made(queue):
    training, portrait, other = Held(), Held(), Held()
    submit(queue, training, "train", "anna")
    waiting = submit(queue, portrait, "photograph", "anna")
    submit(queue, other, "photograph", "ben")
    assert training.begun.wait(10)
    assert other.begun.wait(10)

    other.may_end.set()
    assert not portrait.begun.wait(0.1)
    assert queue.get(waiting.id).state is State.QUEUED
    training.may_end.set()
    assert portrait.begun.wait(10)
    portrait.may_end.set()


def test_what_waited_for_a_training_goes_on_when_that_is_cancelled_before_it_began(queue):
    running, training, portrait = Held(), Held(), Held()
    submit(queue, running, "photograph", "anna")
    waiting = submit(queue, training, "train", "anna")
    submit(queue, portrait, "photograph", "anna")
    assert running.begun.wait(10)
    assert not portrait.begun.wait(0.1)

    assert queue.cancel(waiting.id).state is State.CANCELLED

    assert portrait.begun.wait(10)
    portrait.may_end.set()
    running.may_end.set()


def test_who_asks_for_the_next_job_when_one_is_over_gets_it_in_the_same_lane(queue):
    assert {over(queue, submit(queue, lambda context: {"pictures": []})).lane for _ in range(50)} == {"cpu:0"}


@pytest.mark.parametrize("number", [0, 1])
def test_a_job_is_cancelled_in_either_lane_and_the_other_goes_on(queue, number):
    works = [Held(), Held()]
    jobs = [submit(queue, work) for work in works]
    assert all(work.begun.wait(10) for work in works)

    queue.cancel(jobs[number].id)

    assert over(queue, jobs[number]).state is State.CANCELLED
    assert queue.get(jobs[1 - number].id).state is State.RUNNING
    works[1 - number].may_end.set()
    assert over(queue, jobs[1 - number]).state is State.DONE


def test_closing_cancels_what_runs_in_every_lane_and_what_waits(queue):
    works = [Held() for _ in range(4)]
    jobs = [submit(queue, work) for work in works]
    assert all(work.begun.wait(10) for work in works[:2])

    queue.close()

    assert [queue.get(job.id).state for job in jobs] == [State.CANCELLED] * 4
    assert not works[2].begun.is_set()


def test_many_jobs_of_many_persons_are_all_done_and_one_persons_trainings_never_meet_anything(queue):
    busy: dict[str, list[str]] = {}
    lock, met = threading.Lock(), []

    def work(kind, person):
        def do(context):
            with lock:
                others = busy.setdefault(person, [])
                if others and "train" in (kind, *others):
                    met.append((person, kind, *others))
                others.append(kind)
            threading.Event().wait(0.002)
            with lock:
                busy[person].remove(kind)
            return {"pictures": []} if kind == "photograph" else {"person": person, "name": person}

        return do

    jobs = []
    for number in range(50):
        person, kind = f"p{number % 5}", "train" if number % 11 == 0 else "photograph"
        jobs.append(submit(queue, work(kind, person), kind, person))

    assert {over(queue, job).state for job in jobs} == {State.DONE}
    assert met == []
    assert {queue.get(job.id).lane for job in jobs} == {"cpu:0", "cpu:1"}
