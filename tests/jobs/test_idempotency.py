"""A key makes one job: for its requester, until the job goes, across restarts, and when two ask at once."""

import threading

from easyphoto.jobs.askers import Requester
from easyphoto.jobs.idempotency import IdempotencyKey, fingerprint_of
from easyphoto.jobs.queue import JobQueue
from easyphoto.jobs.records import State
from tests.jobs.asked import Asked

ANNA, BEA = Requester("anna"), Requester("bea")
KEY = IdempotencyKey("8e03978e-40d5-43e8-bc93-6894a57f9324", fingerprint_of("check", {"photos": []}))


def once(queue, asker=ANNA, key=KEY, work=lambda context: {}):
    job, is_known = queue.submit_once(Asked("check", "check"), work, key=key, asker=asker)
    return job.id, is_known


def ended(queue, id):
    while not queue.get(id).state.is_over:
        queue.wait(id, len(queue.events(id)), 1.0)
    return queue.get(id).state


def test_the_second_request_gets_the_first_ones_job(queue):
    first, was_known = once(queue)

    assert once(queue) == (first, True)
    assert was_known is False
    assert len(queue.list()) == 1


def test_another_key_and_another_account_make_jobs_of_their_own(queue):
    first, _ = once(queue)
    other = IdempotencyKey("another", KEY.fingerprint)

    made = [once(queue, key=other), once(queue, BEA), once(queue, Requester())]

    assert [is_known for _, is_known in made] == [False, False, False]
    assert len({first, *(id for id, _ in made)}) == 4


def test_a_key_outlives_a_restart_and_its_job_s_failure(queue, workspace):
    first, _ = once(queue, work=lambda context: 1 / 0)
    assert ended(queue, first) is State.FAILED
    queue.close()

    again = JobQueue(workspace)

    assert once(again) == (first, True)
    assert again.get(first).key == KEY
    again.close()


def test_a_key_goes_with_its_job(queue):
    first, _ = once(queue)
    ended(queue, first)
    queue.forget(first)

    second, is_known = once(queue)

    assert is_known is False
    assert second != first


def test_many_requests_at_once_make_one_job(queue):
    begin, made = threading.Barrier(8), []

    def ask():
        begin.wait(10)
        made.append(once(queue))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert len({id for id, _ in made}) == 1
    assert sorted(is_known for _, is_known in made) == [False] + [True] * 7


def test_the_order_of_fields_is_no_part_of_a_request_but_their_values_and_the_kind_are():
    first = fingerprint_of("train", {"name": "anna", "settings": {"steps": 1, "rank": 2}})

    assert fingerprint_of("train", {"settings": {"rank": 2, "steps": 1}, "name": "anna"}) == first
    assert fingerprint_of("train", {"settings": {"rank": 2, "steps": 2}, "name": "anna"}) != first
    assert fingerprint_of("add", {"name": "anna", "settings": {"steps": 1, "rank": 2}}) != first
    # Nothing of the request can be read from it.
    assert len(first) == 64
