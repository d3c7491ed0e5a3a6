"""A visitor's sessions and their favourites."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from easyphoto.commands.delete_person import DeletePerson
from easyphoto.commands.rename_person import RenamePerson
from easyphoto.errors import UnknownJob
from easyphoto.jobs.askers import Requester, asked_by
from easyphoto.jobs.records import Job
from easyphoto.jobs.service import Service
from easyphoto.ui.sessions import SessionPicture, Sessions
from easyphoto.workspace.favourites import favourites_in
from tests.ui.made_sessions import make_session, save_person

ANNAS, BENS = Requester(browser="a" * 32), Requester(browser="b" * 32)
FIRST, SECOND = "03-room-anna-7.png", "03-room-anna-8.png"


@pytest.fixture
def job(service: Service) -> Job:
    save_person(service.app.workspace, "anna")
    return make_session(service, asker=ANNAS)


def folder_of(service: Service, job: Job) -> Path:
    return service.queue.file(job.id, FIRST).parent


def test_sessions_come_newest_first_and_their_pictures_most_alike_first(service: Service, job: Job):
    later = make_session(service, template="05-plain")

    found = list(Sessions(service).newest())

    assert [session.job.id for session in found] == [later.id, job.id]
    assert [one.ranked.file for one in found[1].pictures] == [SECOND, FIRST]


def test_a_picture_that_was_removed_is_no_result_and_a_session_without_one_is_none(service: Service, job: Job):
    folder = folder_of(service, job)
    (folder / SECOND).unlink()
    session = Sessions(service).of(job.id)
    assert session is not None
    assert [one.ranked.file for one in session.pictures] == [FIRST]

    (folder / FIRST).unlink()
    assert Sessions(service).of(job.id) is None


def test_a_star_is_kept_with_the_session_and_taken_away_by_the_next_press(service: Service, job: Job):
    sessions, record = Sessions(service), folder_of(service, job) / "favourites.json"

    assert sessions.change_favourite(job.id, FIRST) is True
    assert json.loads(record.read_text()) == {"format": 1, "pictures": [FIRST]}
    assert [one.ranked.file for one in sessions.favourites()] == [FIRST]

    assert sessions.change_favourite(job.id, FIRST) is False
    assert sessions.favourites() == ()


def test_favourites_are_those_of_all_sessions_newest_first(service: Service, job: Job):
    later, sessions = make_session(service, template="05-plain"), Sessions(service)
    for id, file in ((job.id, FIRST), (later.id, "05-plain-anna-8.png")):
        sessions.change_favourite(id, file)

    assert [one.ranked.file for one in sessions.favourites()] == ["05-plain-anna-8.png", FIRST]


def test_only_who_asked_for_a_picture_sees_it_and_can_mark_it(service: Service, job: Job):
    sessions = Sessions(service.for_clients())

    with asked_by(BENS):
        assert list(sessions.newest()) == []
        with pytest.raises(UnknownJob):
            sessions.change_favourite(job.id, FIRST)
    assert favourites_in(folder_of(service, job)) == frozenset()
    with asked_by(ANNAS):
        assert sessions.change_favourite(job.id, FIRST)


@pytest.mark.parametrize("name", ["gone.png", "../../person.json", "photograph.json", ""])
def test_what_is_no_result_of_the_job_cannot_be_marked(service: Service, job: Job, name: str):
    with pytest.raises(UnknownJob):
        Sessions(service).change_favourite(job.id, name)

    assert not (folder_of(service, job) / "favourites.json").exists()


def test_favourites_are_deleted_with_the_person(service: Service, job: Job):
    folder = folder_of(service, job)
    Sessions(service).change_favourite(job.id, FIRST)

    service.delete(DeletePerson("anna"))

    assert not folder.exists()


def test_favourites_stay_when_the_person_is_renamed(service: Service, job: Job):
    Sessions(service).change_favourite(job.id, FIRST)

    service.rename(RenamePerson("anna", "Annabel"))

    assert [one.ranked.file for one in Sessions(service).favourites()] == [FIRST]


@pytest.mark.parametrize("content", ["", "[]", '{"format": 1, "pictures": [3, null]}', '{"format": 1}', "\x00"])
def test_a_damaged_record_of_favourites_marks_nothing_and_is_replaced(service: Service, job: Job, content: str):
    (folder_of(service, job) / "favourites.json").write_text(content)

    assert Sessions(service).favourites() == ()
    assert Sessions(service).change_favourite(job.id, FIRST)
    assert favourites_in(folder_of(service, job)) == {FIRST}


def test_the_picture_on_show_is_the_asked_one_else_the_first(service: Service, job: Job):
    session = Sessions(service).of(job.id)
    assert session is not None

    assert [session.picture(file).ranked.file for file in (FIRST, "gone.png", None)] == [FIRST, SECOND, SECOND]


def test_the_template_of_a_picture_is_found_and_a_deleted_one_is_not(service: Service, job: Job):
    sessions = Sessions(service)
    picture = sessions.picture(job.id, FIRST)
    found = sessions.template(picture)
    assert found is not None
    assert found.name == "03-room.png"

    gone = SessionPicture(picture.job, replace(picture.ranked, template="beach"), picture.path)
    assert sessions.template(gone) is None
