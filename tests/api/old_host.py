"""The API on the packages of a web UI with gradio 3.41 or 4.40: run by test_old_host in an environment of its own."""

import anyio
import fastapi
import pydantic
from starlette.middleware.gzip import GZipMiddleware

from tests.api.calls import V1, basic, error_of, events_of, finished, inline, photos, trained
from tests.services import encoded, picture


def test_these_are_packages_of_a_web_ui():
    assert (fastapi.__version__, pydantic.VERSION) in (("0.94.0", "1.10.17"), ("0.112.0", "2.8.2"))


def test_a_person_is_trained_followed_photographed_and_deleted(client):
    made = trained(client)
    events = events_of(client.get(f"{V1}/jobs/{made['id']}/events").text)
    asked = {"persons": ["anna"], "templates": [{**inline(99, (300, 200)), "faces": [0]}], "settings": {"seed": 7}}
    made = finished(client, client.post(f"{V1}/photograph", json=asked))

    assert events[-1]["state"] == "done"
    assert made["result"]["pictures"][0]["seed"] == 7
    assert client.get(f"{V1}/jobs/{made['id']}/files/{made['result']['pictures'][0]['file']}").status_code == 200
    assert client.get(f"{V1}/persons/anna/export").content[:2] == b"PK"
    assert "persons/anna" in client.delete(f"{V1}/persons/anna").json()["deleted"]


def test_bad_requests_are_refused_as_on_the_newest(client):
    train = {"name": "anna", "photos": photos(1)}
    for change in ({"colour": 1}, {"settings": {"steps": "10"}}, {"settings": {"steps": 1.5}}, {"photos": [{"x": 1}]}):
        assert error_of(client.post(f"{V1}/train", json={**train, **change})) == (422, "BadRequest")
    assert error_of(client.post(f"{V1}/setup", content=b"{}")) == (415, "WrongMediaType")
    assert error_of(client.post(f"{V1}/train", json={**train, "name": "../x"})) == (422, "BadName")
    address = {"photos": [{"name": "a", "data": "http://a.example/x.png"}]}
    assert error_of(client.post(f"{V1}/photos:check", json=address)) == (422, "UrlRefused")
    half = b'{"name": "\\ud800", "photos": []}'
    answer = client.post(f"{V1}/train", content=half, headers={"Content-Type": "application/json"})
    assert error_of(answer) == (422, "BadRequest")


def test_accounts_are_asked(open_client):
    client = open_client({"anna": "пароль"})

    assert error_of(client.get(f"{V1}/jobs")) == (401, "Unauthorised")
    assert client.get(f"{V1}/jobs", headers=basic("anna", "пароль")).status_code == 200
    assert client.get("/easyphoto/v1/jobs/x/events").status_code == 401


def test_files_of_a_form_need_no_further_package(client):
    answer = client.post(f"{V1}/uploads", files=[("file", ("我.png", picture(1), "image/png"))])

    assert (answer.status_code, answer.json()["uploads"][0]["name"][0]) == (201, "我")


def test_clients_of_2023_are_answered(client):
    answer = client.post(
        "/easyphoto/easyphoto_train_forward",
        json={"user_id": "anna", "instance_images": [encoded(picture(seed)) for seed in range(5)]},
    )

    assert answer.json()["message"] == "The training has been completed."


def test_jobs_are_listed_in_pages(client):
    ids = [trained(client)["id"] for _ in range(2)][::-1]
    first = client.get(f"{V1}/jobs", params={"limit": 1, "state": "done", "kind": ["train", "check"]}).json()
    second = client.get(f"{V1}/jobs", params={"cursor": first["next"], "since": "2026-01-01T00:00:00Z"}).json()

    assert [[job["id"] for job in page["jobs"]] for page in (first, second)] == [[ids[0]], [ids[1]]]
    assert second["next"] is None
    assert error_of(client.get(f"{V1}/jobs", params={"state": "gone"})) == (422, "BadRequest")


def test_the_document_is_written(client):
    assert client.app.openapi()["components"]["schemas"]["TrainSettings"]["additionalProperties"] is False


async def _pieces(app, path):
    """What is sent before the first event is over, through a host that compresses."""
    sent, asked = [], []

    async def receive():
        if asked:
            await anyio.sleep_forever()
        asked.append(1)
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": path, "raw_path": path.encode(), "root_path": "", "query_string": b"",
        "headers": [(b"accept-encoding", b"gzip")], "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
    }  # fmt: skip
    await app(scope, receive, send)
    return sent


def test_a_host_that_compresses_holds_no_event_back(client, workshop):
    job = trained(client)
    app = GZipMiddleware(client.app, minimum_size=10)

    sent = anyio.run(_pieces, app, f"{V1}/jobs/{job['id']}/events")

    assert sent[1]["body"].startswith(b": the events")
