"""What an account brought and had made is there for that account alone; persons and templates are everybody's."""

import json

import pytest

from tests.api.calls import V1
from tests.services import done, encoded, picture

ANNA, BEA = ("anna", "secret"), ("bea", "hidden")


@pytest.fixture
def client(open_client):
    return open_client(dict((ANNA, BEA)))


@pytest.fixture
def checked(client, workshop):
    """The id of a finished check of anna's photos."""
    asked = {"photos": [{"name": f"{seed}.png", "data": encoded(picture(seed))} for seed in range(5)]}
    id = client.post(f"{V1}/photos:check", json=asked, auth=ANNA).json()["id"]
    done(workshop.service, workshop.service.queue.get(id))
    return id


def test_the_account_that_asked_lists_reads_follows_and_fetches_its_job(client, checked):
    job = client.get(f"{V1}/jobs/{checked}", auth=ANNA).json()

    assert [each["id"] for each in client.get(f"{V1}/jobs", auth=ANNA).json()["jobs"]] == [checked]
    assert job["state"] == "done"
    thumbnail = next(iter(job["result"]["files"].values()))
    assert client.get(f"{V1}/jobs/{checked}/files/{thumbnail}", auth=ANNA).status_code == 200
    assert "verdicts" in client.get(f"{V1}/jobs/{checked}/events", auth=ANNA).text


def test_to_another_account_the_job_is_not_there_and_stays(client, checked):
    thumbnail = next(iter(client.get(f"{V1}/jobs/{checked}", auth=ANNA).json()["result"]["files"].values()))

    assert client.get(f"{V1}/jobs", auth=BEA).json() == {"jobs": [], "next": None}
    for method, path in (
        ("GET", checked),
        ("GET", f"{checked}/events"),
        ("GET", f"{checked}/files/{thumbnail}"),
        ("DELETE", checked),
        ("DELETE", f"{checked}?forget=true"),
    ):
        answer = client.request(method, f"{V1}/jobs/{path}", auth=BEA)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "UnknownJob"), path
        # Not told from one that never was.
        never = client.request(method, f"{V1}/jobs/{path.replace(checked, 'never')}", auth=BEA)
        assert never.text.replace("never", checked) == answer.text
    assert client.get(f"{V1}/jobs/{checked}", auth=ANNA).json()["state"] == "done"


def test_an_upload_is_the_accounts_that_brought_it(client):
    sent = {"name": "me.png", "data": encoded(picture(1))}
    name = client.post(f"{V1}/uploads", json=sent, auth=ANNA).json()["uploads"][0]["name"]
    template = {"name": "beach", "picture": {"upload": name}}

    refused = client.post(f"{V1}/templates", json=template, auth=BEA)
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "UnknownUpload")
    assert client.post(f"{V1}/photos:check", json={"photos": [{"upload": name}]}, auth=BEA).status_code == 404
    # Who has the same picture has a file of their own, so nobody learns that it has been here.
    own = client.post(f"{V1}/uploads", json=sent, auth=BEA).json()["uploads"][0]["name"]
    assert own != name
    assert client.post(f"{V1}/templates", json=template, auth=ANNA).status_code == 201


def test_a_training_is_resumed_by_who_began_it(client, workshop):
    workshop.trainer.gate.clear()
    photos = [{"name": f"{seed}.png", "data": encoded(picture(seed))} for seed in range(5)]
    id = client.post(f"{V1}/train", json={"name": "carla", "photos": photos}, auth=ANNA).json()["id"]
    workshop.trainer.begun.wait(60)
    client.delete(f"{V1}/jobs/{id}", auth=ANNA)
    run = done(workshop.service, workshop.service.queue.get(id)).run
    workshop.trainer.gate.set()

    refused = client.post(f"{V1}/resume", json={"run": run}, auth=BEA)
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "UnknownRun")
    resumed = client.post(f"{V1}/resume", json={"run": run}, auth=ANNA)
    assert done(workshop.service, workshop.service.queue.get(resumed.json()["id"])).state.value == "done"
    # The person that came of it is everybody's.
    assert [each["id"] for each in client.get(f"{V1}/persons", auth=BEA).json()["persons"]] == ["carla"]


def test_jobs_written_down_before_there_were_accounts_are_read_and_nobodys(client, open_client, workshop, checked):
    file = workshop.root / "jobs" / checked / "job.json"
    record = json.loads(file.read_text("utf-8"))
    assert record.pop("asker") == {"account": "anna", "browser": None}
    old = file.parent.with_name("20240101T000000Z-00000000")
    old.mkdir()
    (old / "job.json").write_text(json.dumps({**record, "id": old.name}), "utf-8")

    assert client.get(f"{V1}/jobs/{old.name}", auth=ANNA).status_code == 404
    without = open_client()
    assert [each["id"] for each in without.get(f"{V1}/jobs").json()["jobs"]] == [old.name]


def test_who_a_job_belongs_to_is_told_to_nobody(client, checked):
    assert "anna" not in client.get(f"{V1}/jobs/{checked}", auth=ANNA).text
