"""Jobs over HTTP: listed, followed, cancelled, forgotten, and still there after a restart."""

import threading
from datetime import datetime, timedelta, timezone

import anyio
import pytest

from easyphoto.api import events as events_module
from easyphoto.api.events import event_lines
from easyphoto.jobs.queue import JobQueue
from easyphoto.jobs.records import State
from easyphoto.jobs.service import Service
from tests.api.calls import V1, error_of, events_of, finished, photos, trained
from tests.jobs.asked import Asked
from tests.services import done


def running(client, workshop) -> dict:
    """A training that goes on until somebody stops it."""
    workshop.trainer.gate.clear()
    workshop.trainer.begun.clear()
    job = client.post(f"{V1}/train", json={"name": "anna", "photos": photos()}).json()
    assert workshop.trainer.begun.wait(60)
    return job


def test_jobs_are_listed_newest_first(client):
    first = finished(client, client.post(f"{V1}/photos:check", json={"photos": photos(1)}))
    second = finished(client, client.post(f"{V1}/photos:check", json={"photos": photos(2)}))

    assert [job["id"] for job in client.get(f"{V1}/jobs").json()["jobs"]] == [second["id"], first["id"]]


def test_a_list_says_how_each_job_is_but_not_what_was_asked_or_made(client):
    job = trained(client)

    [listed] = client.get(f"{V1}/jobs").json()["jobs"]

    assert job.keys() - listed.keys() == {"request", "result", "previews", "files"}
    assert {key: job[key] for key in listed if key != "texts"} == {key: listed[key] for key in listed if key != "texts"}
    assert (listed["persons"], listed["title"]) == (["anna"], "train anna")
    assert "train anna" in listed["texts"]


def checks(client, count) -> list[str]:
    """Ids of checks, newest first."""
    return [
        finished(client, client.post(f"{V1}/photos:check", json={"photos": photos(number)}))["id"]
        for number in range(1, count + 1)
    ][::-1]


def test_pages_are_turned_by_what_each_says_of_the_next(client):
    ids, pages, cursor = checks(client, 5), [], None
    while cursor is not None or not pages:
        page = client.get(f"{V1}/jobs", params={"limit": 2, **({"cursor": cursor} if cursor else {})}).json()
        pages.append([job["id"] for job in page["jobs"]])
        cursor = page["next"]

    assert pages == [ids[:2], ids[2:4], ids[4:]]


def test_a_job_that_arrives_while_pages_are_turned_does_not_move_them(client):
    ids = checks(client, 3)
    first = client.get(f"{V1}/jobs", params={"limit": 1}).json()
    checks(client, 1)
    assert client.delete(f"{V1}/jobs/{ids[0]}", params={"forget": "true"}).status_code == 200

    second = client.get(f"{V1}/jobs", params={"limit": 9, "cursor": first["next"]}).json()

    assert [job["id"] for job in second["jobs"]] == ids[1:]


@pytest.mark.parametrize(
    ("asked", "kinds"),
    [
        ({"kind": "train"}, ["train"]),
        ({"kind": ["train", "check"]}, ["train", "check"]),
        ({"state": "done"}, ["train", "check"]),
        ({"state": ["failed", "queued"]}, []),
        ({"person": "anna"}, ["train"]),
        ({"person": "ann"}, []),
        ({"since": "2000-01-01T00:00:00Z"}, ["train", "check"]),
        ({"since": "2000-01-01T00:00:00"}, ["train", "check"]),
        ({"since": "9999-12-31T23:59:59+00:00"}, []),
        ({"since": "0001-01-01T00:00:00+23:00"}, ["train", "check"]),
    ],
)
def test_only_jobs_that_are_wanted_are_listed(client, asked, kinds):
    checks(client, 1)
    trained(client)

    assert [job["kind"] for job in client.get(f"{V1}/jobs", params=asked).json()["jobs"]] == kinds


def test_jobs_since_a_job_begin_with_that_job_wherever_the_clock_stands(client):
    checks(client, 1)
    job = trained(client)
    # The same moment, an hour ahead of UTC.
    elsewhere = datetime.fromisoformat(job["created"].replace("Z", "+00:00")).astimezone(timezone(timedelta(hours=1)))

    for since in (job["created"], elsewhere.isoformat()):
        listed = client.get(f"{V1}/jobs", params={"since": since}).json()["jobs"]
        assert [each["id"] for each in listed] == [job["id"]], since


@pytest.mark.parametrize(
    "asked",
    [
        {"limit": 0},
        {"limit": 501},
        {"limit": "x"},
        {"state": "gone"},
        {"kind": "trian"},
        {"since": "yesterday"},
        {"since": "0.5"},
        {"since": "-1"},
        {"cursor": "x"},
    ],
)
def test_a_list_that_cannot_be_is_refused(door, asked):
    assert error_of(door.get(f"{V1}/jobs", params=asked)) == (422, "BadRequest")


def test_a_job_says_nothing_about_this_machine(client, workshop):
    job = trained(client)

    text = client.get(f"{V1}/jobs/{job['id']}").text + client.get(f"{V1}/jobs/{job['id']}/events").text

    assert str(workshop.root) not in text
    assert "owner" not in job


def test_events_are_streamed_with_their_numbers_until_the_job_is_over(client):
    job = trained(client)

    answer = client.get(f"{V1}/jobs/{job['id']}/events")
    events = events_of(answer.text)

    assert answer.headers["content-type"].startswith("text/event-stream")
    assert [event["number"] for event in events] == list(range(1, len(events) + 1))
    assert (events[0]["state"], events[-1]["state"]) == ("queued", "done")
    assert {"verdicts", "run", "train", "result"} <= {event["type"] for event in events}


def test_a_client_that_comes_back_gets_only_what_it_missed(client):
    job = trained(client)
    path = f"{V1}/jobs/{job['id']}/events"
    every = events_of(client.get(path).text)

    assert events_of(client.get(path, params={"after": 3}).text) == every[3:]
    assert events_of(client.get(path, headers={"Last-Event-ID": "5"}, params={"after": 1}).text) == every[5:]


def test_a_client_that_has_everything_is_told_not_to_come_back(client):
    job = trained(client)
    last = len(events_of(client.get(f"{V1}/jobs/{job['id']}/events").text))

    answer = client.get(f"{V1}/jobs/{job['id']}/events", headers={"Last-Event-ID": str(last)})

    assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.parametrize("number", ["-1", "x", "1e3", "9" * 40, "١"])
def test_a_number_that_is_none_is_refused(client, number):
    job = finished(client, client.post(f"{V1}/photos:check", json={"photos": photos(1)}))

    assert error_of(client.get(f"{V1}/jobs/{job['id']}/events", params={"after": number}))[0] == 422


def test_events_of_a_job_that_runs_come_while_it_runs(client, workshop):
    job = running(client, workshop)
    threading.Timer(1.0, workshop.trainer.gate.set).start()

    events = events_of(client.get(f"{V1}/jobs/{job['id']}/events").text)

    assert events[-1]["state"] == "done"


@pytest.mark.anyio
async def test_a_quiet_stream_says_that_it_is_still_there_and_ends_when_the_client_has_gone(workshop, monkeypatch):
    monkeypatch.setattr(events_module, "SECONDS_BETWEEN_LOOKS", 0.001)
    monkeypatch.setattr(events_module, "SECONDS_BETWEEN_SIGNS", 0.0)
    queue, stop, looks = workshop.service.queue, threading.Event(), []
    job = queue.submit(Asked("check", "check"), lambda context: stop.wait(60) and {})

    async def is_gone():
        looks.append(1)
        return len(looks) > 20

    said = [line async for line in event_lines(queue, job.id, 0, is_gone=is_gone)]
    stop.set()

    assert ": still here\n\n" in said
    assert len(looks) == 21


@pytest.mark.anyio
async def test_a_stream_of_a_job_that_is_forgotten_ends(workshop):
    job = done(workshop.service, workshop.service.queue.submit(Asked("setup", "set up"), lambda context: {}))
    asked = []

    async def is_gone():
        if not asked:
            workshop.service.queue.forget(job.id)
        asked.append(1)
        return False

    with anyio.fail_after(10):
        said = [line async for line in event_lines(workshop.service.queue, job.id, 0, is_gone=is_gone)]

    assert len(said) == 1


def test_a_job_is_cancelled(client, workshop):
    job = running(client, workshop)

    answer = client.delete(f"{V1}/jobs/{job['id']}")

    assert answer.status_code == 200
    assert done(workshop.service, workshop.service.queue.get(job["id"])).state is State.CANCELLED


def test_a_job_that_is_over_is_forgotten_when_asked(client):
    job = trained(client)

    assert client.delete(f"{V1}/jobs/{job['id']}").json()["state"] == "done"
    assert client.delete(f"{V1}/jobs/{job['id']}", params={"forget": "true"}).status_code == 200
    assert error_of(client.get(f"{V1}/jobs/{job['id']}")) == (404, "UnknownJob")


def test_a_job_that_runs_is_not_forgotten(client, workshop):
    job = running(client, workshop)

    assert error_of(client.delete(f"{V1}/jobs/{job['id']}", params={"forget": "true"})) == (409, "HostBusy")


def test_while_a_job_runs_the_others_wait_and_everything_else_answers(client, workshop):
    running(client, workshop)

    second = client.post(f"{V1}/photos:check", json={"photos": photos(1)}).json()

    assert second["state"] == "queued"
    assert client.get(f"{V1}/persons").status_code == 200
    workshop.trainer.gate.set()
    assert done(workshop.service, workshop.service.queue.get(second["id"])).state is State.DONE


def test_after_a_restart_what_was_cut_off_is_interrupted_and_can_be_resumed(client, workshop, open_client):
    job = running(client, workshop)
    service = workshop.service
    # As if the process had ended: the lock goes, the record stays as it is.
    service.queue._owner.close()
    again = Service(service.app, JobQueue(service.app.workspace))
    workshop.service = again
    after = open_client()

    found = after.get(f"{V1}/jobs/{job['id']}").json()

    assert (found["state"], found["run"] is not None) == ("interrupted", True)
    # Its thread goes on here, where a real one would have ended, and may have told its progress since.
    told = events_of(after.get(f"{V1}/jobs/{job['id']}/events").text)
    assert [event["state"] for event in told if "state" in event][-1] == "interrupted"
    service.queue.cancel(job["id"])
    done(service, service.queue.get(job["id"]))
    workshop.trainer.gate.set()
    resumed = finished(after, after.post(f"{V1}/resume", json={"run": found["run"]}))
    assert resumed["state"] == "done", resumed["error"]
    again.queue.close()
    service.queue.close()


def test_a_report_is_shown_without_rights(client):
    job = trained(client)

    answer = client.get(f"{V1}/jobs/{job['id']}/files/report.html")

    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["content-security-policy"].startswith("sandbox;")
    assert answer.headers["x-content-type-options"] == "nosniff"
