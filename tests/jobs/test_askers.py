"""Whose a job and an upload are."""

import pytest

from easyphoto.commands.check import CheckPhotos
from easyphoto.commands.train import TrainPerson
from easyphoto.errors import InputError, UnknownJob
from easyphoto.jobs.askers import Requester, asked_by, browser_digest
from easyphoto.jobs.uploads import tag_of
from tests.services import done, picture

PROGRAM = Requester()
ANNA, ANNAS_PHONE, BEA = Requester("anna", "one"), Requester("anna", "two"), Requester("bea", "one")
LAPTOP, PHONE = Requester(browser="one"), Requester(browser="two")


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
    service = workshop.service.for_clients()
    with asked_by(owner):
        upload = service.keep("me.png", picture())
        job = done(service, service.submit(CheckPhotos((upload.path,))))

    with asked_by(asker):
        assert [each.id for each in service.queue.list()] == ([job.id] if owns else [])
        assert service.queue.of_others() == 0
        if owns:
            assert service.queue.get(job.id) == job
            assert service.upload(upload.name) == upload
        else:
            with pytest.raises(UnknownJob, match="There is no job"):
                service.queue.get(job.id)
            with pytest.raises(InputError, match="There is no upload"):
                service.upload(upload.name)


def test_jobs_of_others_that_are_not_over_are_counted_and_not_shown(workshop):
    workshop.trainer.gate.clear()
    service = workshop.service.for_clients()
    with asked_by(LAPTOP):
        job = service.submit(
            TrainPerson("anna", tuple(service.keep(f"{seed}.png", picture(seed)).path for seed in range(5)))
        )

    with asked_by(PHONE):
        assert (service.queue.list(), service.queue.of_others()) == ((), 1)
        for refused in (service.queue.cancel, service.queue.forget, service.queue.events):
            with pytest.raises(UnknownJob):
                refused(job.id)
    with asked_by(LAPTOP):
        service.queue.cancel(job.id)
        assert done(service, job).state.value == "cancelled"


def test_outside_of_a_request_a_desk_for_clients_shows_nothing_of_anybody(workshop):
    service = workshop.service.for_clients()
    with asked_by(LAPTOP):
        service.submit(CheckPhotos((service.keep("me.png", picture()).path,)))

    assert service.queue.list() == ()


def test_no_token_is_written_down(workshop):
    service, token = workshop.service.for_clients(), "0123456789abcdef" * 2
    with asked_by(Requester(browser=browser_digest(token))):
        upload = service.keep("me.png", picture())
        job = done(service, service.submit(CheckPhotos((upload.path,))))

    assert token not in (workshop.root / "jobs" / job.id / "job.json").read_text("utf-8")
    assert token not in upload.name
    assert (upload.title, len(tag_of(upload.name))) == ("me", 13)
