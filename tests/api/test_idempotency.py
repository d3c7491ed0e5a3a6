"""The header Idempotency-Key: a request that is sent again is answered with the job that it has made."""

import threading

import pytest
from starlette.testclient import TestClient

from easyphoto.cli.server import build_app
from easyphoto.jobs.queue import JobQueue
from easyphoto.jobs.service import Service
from tests.api.calls import V1, basic, error_of, finished, photos, trained

KEY = "8e03978e-40d5-43e8-bc93-6894a57f9324"
CHECK = {"photos": photos(1)}
ACCOUNTS = {"anna": "secret", "bea": "hidden"}


def sent(client, path="/photos:check", body=CHECK, key=KEY, **headers):
    return client.post(V1 + path, json=body, headers={"Idempotency-Key": key, **headers})


def replayed(answer):
    return answer.headers.get("idempotency-replayed")


def test_the_same_request_again_is_answered_with_the_same_job(client):
    first = sent(client)
    finished(client, first)

    second = sent(client)

    assert (first.status_code, replayed(first)) == (202, None)
    assert (second.status_code, replayed(second)) == (202, "true")
    assert second.headers["location"] == first.headers["location"]
    # As it is now.
    assert (second.json()["id"], second.json()["state"]) == (first.json()["id"], "done")
    assert len(client.get(f"{V1}/jobs").json()["jobs"]) == 1


def test_a_key_for_another_request_is_refused_by_name(client):
    finished(client, sent(client))

    for path, body in (
        ("/photos:check", {"photos": photos(2)}),
        ("/persons", {"name": "anna", "photos": photos(5)}),
        ("/setup", {}),
        ("/resume", {"run": "nothing"}),
    ):
        assert error_of(sent(client, path, body)) == (422, "IdempotencyKeyReused"), path
    assert len(client.get(f"{V1}/jobs").json()["jobs"]) == 1


def test_fields_in_another_order_are_the_same_request(client):
    first = sent(client, "/persons", {"name": "anna", "photos": photos(5)})
    again = sent(client, "/persons", {"photos": photos(5), "name": "anna"})

    assert (again.json()["id"], replayed(again)) == (first.json()["id"], "true")


def test_what_would_be_refused_now_is_answered_with_what_it_made_then(client, workshop):
    add = {"name": "anna", "photos": photos(5)}
    added = finished(client, sent(client, "/persons", add, "add"))
    assert added["state"] == "done"
    # Without the key the name is taken, and a person who is trained is not trained a second time meanwhile.
    assert error_of(client.post(f"{V1}/persons", json=add)) == (409, "NameTaken")
    assert sent(client, "/persons", add, "add").json()["id"] == added["id"]
    workshop.trainer.gate.clear()
    training = sent(client, "/train", {"name": "anna"}, "train").json()["id"]
    assert error_of(client.post(f"{V1}/train", json={"name": "anna"})) == (409, "HostBusy")

    assert sent(client, "/train", {"name": "anna"}, "train").json()["id"] == training


def test_a_refused_request_has_made_no_job_so_its_key_is_free(client):
    assert error_of(sent(client, "/train", {"name": "../x", "photos": photos(5)})) == (422, "BadName")

    assert replayed(sent(client, "/train", {"name": "anna", "photos": photos(5)})) is None


def test_a_failed_job_is_answered_too_and_a_new_key_tries_again(client, workshop, monkeypatch):
    monkeypatch.setattr(type(workshop.engine), "detect", lambda *_: 1 / 0)
    failed = finished(client, sent(client))
    monkeypatch.undo()

    assert failed["state"] == "failed"
    assert sent(client).json()["state"] == "failed"
    assert finished(client, sent(client, key="another"))["id"] != failed["id"]


def test_a_key_is_the_accounts_own(open_client):
    client = open_client(ACCOUNTS)
    annas = sent(client, **basic("anna", "secret"))

    beas = sent(client, body={"photos": photos(2)}, **basic("bea", "hidden"))

    assert (beas.status_code, replayed(beas)) == (202, None)
    assert sent(client, **basic("anna", "secret")).json()["id"] == annas.json()["id"]


def test_a_key_outlives_a_restart_of_the_server(client, workshop):
    first = finished(client, sent(client))
    workshop.service.queue.close()
    again = Service(workshop.service.app, JobQueue(workshop.service.app.workspace))

    answer = sent(TestClient(build_app(again, tabs=False)))

    assert (answer.json()["id"], replayed(answer)) == (first["id"], "true")
    again.queue.close()


def test_a_key_goes_with_its_job(client):
    first = finished(client, sent(client))
    client.delete(f"{V1}/jobs/{first['id']}", params={"forget": "true"})

    assert replayed(sent(client)) is None


def test_two_requests_at_once_make_one_job(client):
    add, begin, answers = {"name": "anna", "photos": photos(5)}, threading.Barrier(4), []

    def ask():
        begin.wait(10)
        answers.append(sent(client, "/persons", add))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert [answer.status_code for answer in answers] == [202] * 4
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sorted(map(str, map(replayed, answers))) == ["None", "true", "true", "true"]


@pytest.mark.parametrize(("first", "second"), [(KEY, f'"{KEY}"'), ('"a\\"b"', '"a\\"b"'), ("a b", None), (" a ", "a")])
def test_a_key_may_stand_in_quotes_as_the_draft_has_it(client, first, second):
    answer = sent(client, key=first)

    if second is None:
        assert error_of(answer) == (422, "BadRequest")
    else:
        assert sent(client, key=second).json()["id"] == answer.json()["id"]


@pytest.mark.parametrize("key", ['"', '""', "", "ключ".encode(), "x" * 256, 'a"b c', '"a'])
def test_what_is_no_key_is_refused(door, key):
    assert error_of(sent(door, key=key)) == (422, "BadRequest")


def test_a_job_s_answer_and_record_hold_no_photo_for_its_key(client, workshop):
    job = finished(client, sent(client))
    record = (workshop.root / "jobs" / job["id"] / "job.json").read_text()

    assert "key" not in job
    assert KEY in record
    assert CHECK["photos"][0]["data"][:60] not in record


def test_without_a_key_each_request_makes_a_job(client):
    first = trained(client)

    assert trained(client)["id"] != first["id"]
