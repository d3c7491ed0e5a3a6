"""More pictures like one on show."""

from __future__ import annotations

from dataclasses import replace

import pytest

from easyphoto.errors import InputError
from easyphoto.jobs.records import Job
from easyphoto.jobs.service import Service
from easyphoto.settings.inference import InferenceSettings
from easyphoto.ui.next_seeds import free_seed, more_like
from easyphoto.ui.sessions import SessionPicture, Sessions
from tests.ui.made_sessions import make_session, save_person

SETTINGS = InferenceSettings(seed=7, count=4, first_strength=0.6, prompt="at sea")


@pytest.fixture
def job(service: Service) -> Job:
    save_person(service.app.workspace, "anna")
    return make_session(service, settings=SETTINGS)


def picture(service: Service, job: Job, seed: int) -> SessionPicture:
    return Sessions(service).picture(job.id, f"03-room-anna-{seed}.png")


def test_the_same_is_asked_for_once_more_with_the_seeds_after_those_that_were_used(service: Service, job: Job):
    command = more_like(Sessions(service), picture(service, job, 8), 3)

    assert command.persons == ("anna",)
    assert [file.name for file in command.templates] == ["03-room.png"]
    assert command.templates[0].is_file()
    assert command.settings == replace(SETTINGS, seed=11, count=3)


def test_pressed_again_it_goes_on_from_there_also_while_the_first_one_waits(service: Service, job: Job):
    make_session(service, settings=replace(SETTINGS, seed=11, count=2))

    assert more_like(Sessions(service), picture(service, job, 7), 2).settings.seed == 13


def test_what_was_made_otherwise_uses_no_seed_up(service: Service, job: Job):
    make_session(service, settings=replace(SETTINGS, seed=11, first_strength=0.3))
    make_session(service, template="05-plain", settings=replace(SETTINGS, seed=11))

    assert more_like(Sessions(service), picture(service, job, 7), 2).settings.seed == 11


def test_faces_are_given_as_they_were(service: Service, job: Job):
    asked = more_like(Sessions(service), picture(service, job, 7), 1)

    assert asked.assignments == (None,)


@pytest.mark.parametrize(
    ("seed", "count", "used", "first"),
    [
        (7, 2, set(), 8),
        (7, 2, {8}, 9),
        # Two in a row are wanted.
        (7, 2, {9}, 10),
        (7, 1, {9}, 8),
        (2**32 - 1, 2, {0, 1}, 2),
    ],
)
def test_seeds_follow_each_other_and_begin_again_after_the_last(seed: int, count: int, used: set[int], first: int):
    assert free_seed(InferenceSettings(seed=seed, count=count), used) == first


def test_a_template_that_is_gone_is_said(service: Service, job: Job, monkeypatch: pytest.MonkeyPatch):
    one = picture(service, job, 7)
    monkeypatch.setattr(Service, "templates", lambda _: ())

    with pytest.raises(InputError, match="The template '03-room' is gone"):
        more_like(Sessions(service), one, 1)
