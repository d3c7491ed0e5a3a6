"""The lanes over HTTP: which devices there are, what each does, and nothing of other people's jobs."""

from contextlib import contextmanager
from dataclasses import replace

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from easyphoto.api.routes import build_router
from easyphoto.jobs.lanes import Lane, LaneKind
from easyphoto.jobs.queue import JobQueue
from easyphoto.jobs.runners import HereRunner
from easyphoto.messages import text
from tests.api.calls import V1, basic, finished, photos

ACCOUNTS = {"anna": "secret", "bea": "hidden"}


@pytest.fixture
def two_lanes(workshop, monkeypatch):
    """A client of a server with two lanes, of which the second takes trainings alone; two_lanes(accounts)."""
    app, opened = workshop.service.app, []

    @contextmanager
    def client(accounts=None):
        lanes = (Lane(LaneKind.WORK, "cuda:0"), Lane(LaneKind.WORK, "cuda:1", frozenset({"train", "resume"})))
        words = text("{name}, {size} GB", name="NVIDIA A", size=24)
        runners = {lane.name: HereRunner(app, lane.name, words) for lane in lanes}
        opened.append(JobQueue(app.workspace, lanes))
        service = replace(workshop.service, queue=opened[-1], runners=runners)
        api = FastAPI()
        api.include_router(build_router(service, accounts=accounts))
        yield TestClient(api)

    yield client
    workshop.trainer.gate.set()
    for queue in opened:
        queue.close()


def lane(name: str, **more) -> dict:
    return {"name": name, "device": "NVIDIA A, 24 GB", "node": None, "state": "idle", "job": None, "takes": [], **more}


def begun(client, workshop, **more) -> dict:
    """A training that goes on until its gate is opened."""
    workshop.trainer.gate.clear()
    job = client.post(f"{V1}/train", json={"name": "anna", "photos": photos()}, **more).json()
    assert workshop.trainer.begun.wait(60)
    return job


def test_a_lane_says_which_device_it_is_and_what_it_does(two_lanes, workshop):
    with two_lanes() as client:
        job = begun(client, workshop)

        told = client.get(f"{V1}/lanes").json()

        assert told["lanes"] == [
            lane("cuda:0"),
            lane("cuda:1", state="busy", job=job["id"], takes=["resume", "train"]),
        ]
        assert told["texts"]["NVIDIA A, 24 GB"]["template"] == "{name}, {size} GB"


def test_a_job_says_where_it_runs_and_ran(two_lanes, workshop):
    with two_lanes() as client:
        job = begun(client, workshop)

        assert job["lane"] is None
        assert client.get(f"{V1}/jobs/{job['id']}").json()["lane"] == "cuda:1"
        assert client.get(f"{V1}/jobs").json()["jobs"][0]["lane"] == "cuda:1"
        workshop.trainer.gate.set()
        added = client.post(f"{V1}/photos:check", json={"photos": photos(1)})
        assert finished(client, added)["lane"] == "look"


def test_with_accounts_nobody_learns_of_a_lane_more_than_that_it_is_busy(two_lanes, workshop):
    with two_lanes(ACCOUNTS) as client:
        job = begun(client, workshop, headers=basic("anna", "secret"))

        mine, hers = (client.get(f"{V1}/lanes", headers=basic(*who)) for who in (("anna", "secret"), ("bea", "hidden")))

        assert mine.json()["lanes"][1]["job"] == job["id"]
        assert hers.json()["lanes"][1] == lane("cuda:1", state="busy", takes=["resume", "train"])
        assert job["id"] not in hers.text
        assert "anna" not in hers.text
        assert client.get(f"{V1}/lanes").status_code == 401


def test_capabilities_tell_the_devices_without_what_changes(two_lanes):
    with two_lanes() as client:
        told = client.get(f"{V1}/capabilities").json()["devices"]

    assert told == [
        {"name": "cuda:0", "device": "NVIDIA A, 24 GB", "node": None, "takes": []},
        {"name": "cuda:1", "device": "NVIDIA A, 24 GB", "node": None, "takes": ["resume", "train"]},
    ]


def test_a_server_with_one_device_has_one_lane(client):
    assert [(each["name"], each["state"]) for each in client.get(f"{V1}/lanes").json()["lanes"]] == [("work", "idle")]
