"""Whose a job and an upload are."""

import pytest

from easyphoto.errors import InputError, UnknownJob
from easyphoto.jobs.askers import Asker, asked_by, browser_digest
from easyphoto.jobs.uploads import tag_of
from tests.desks import done, picture

PROGRAM = Asker()
ANNA, ANNAS_PHONE, BEA = Asker("anna", "one"), Asker("anna", "two"), Asker("bea", "one")
LAPTOP, PHONE = Asker(browser="one"), Asker(browser="two")


@pytest.mark.parametrize(
    ("asker", "owner", "owns"),
    [
        (ANNA, ANNA, True),
        (ANNA, ANNAS_PHONE, True),
        (ANNA, BEA, False),
        (ANNA, LAPTOP, False),
        (ANNA, PROGRAM, False),
        (LAPTOP, LAPTOP, True),
        (LAPTOP, PHONE, False),
        (LAPTOP, PROGRAM, True),
        (LAPTOP, ANNA, False),
        (PROGRAM, LAPTOP, True),
        (PROGRAM, ANNA, False),
    ],
)
def test_an_account_has_what_it_asked_for_and_without_accounts_a_browser_has(workshop, asker, owner, owns):
    desk = workshop.desk.for_clients()
    with asked_by(owner):
        upload = desk.keep("me.png", picture())
        job = done(desk, desk.check([upload.path] * 1))

    with asked_by(asker):
        assert [each.id for each in desk.queue.list()] == ([job.id] if owns else [])
        assert desk.queue.of_others() == 0
        if owns:
            assert desk.queue.get(job.id) == job
            assert desk.upload(upload.name) == upload
        else:
            with pytest.raises(UnknownJob, match="There is no job"):
                desk.queue.get(job.id)
            with pytest.raises(InputError, match="There is no upload"):
                desk.upload(upload.name)


def test_jobs_of_others_that_are_not_over_are_counted_and_not_shown(workshop):
    workshop.trainer.gate.clear()
    desk = workshop.desk.for_clients()
    with asked_by(LAPTOP):
        job = desk.train("anna", [desk.keep(f"{seed}.png", picture(seed)).path for seed in range(5)])

    with asked_by(PHONE):
        assert (desk.queue.list(), desk.queue.of_others()) == ((), 1)
        for refused in (desk.queue.cancel, desk.queue.forget, desk.queue.events):
            with pytest.raises(UnknownJob):
                refused(job.id)
    with asked_by(LAPTOP):
        desk.queue.cancel(job.id)
        assert done(desk, job).state.value == "cancelled"


def test_outside_of_a_request_a_desk_for_clients_shows_nothing_of_anybody(workshop):
    desk = workshop.desk.for_clients()
    with asked_by(LAPTOP):
        desk.check([desk.keep("me.png", picture()).path])

    assert desk.queue.list() == ()


def test_no_token_is_written_down(workshop):
    desk, token = workshop.desk.for_clients(), "0123456789abcdef" * 2
    with asked_by(Asker(browser=browser_digest(token))):
        upload = desk.keep("me.png", picture())
        job = done(desk, desk.check([upload.path]))

    assert token not in (workshop.root / "jobs" / job.id / "job.json").read_text("utf-8")
    assert token not in upload.name
    assert (upload.title, len(tag_of(upload.name))) == ("me", 13)
