"""What is deleted while somebody asks for it is a 404, never a fault of ours."""

import shutil

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from easyphoto.api import jobs, persons, sending, templates
from easyphoto.api.routes import build_router
from easyphoto.commands.export_person import ExportPerson
from easyphoto.workspace.folders import Workspace
from tests.api.calls import V1, error_of, finished, inline, photos, trained


@pytest.fixture
def vanishing(monkeypatch):
    """Deletes a file between the check and the sending."""

    def vanish(file, **options):
        file.unlink()
        return sending.file_answer(file, **options)

    for module in (jobs, persons, templates):
        monkeypatch.setattr(module, "file_answer", vanish)


def test_a_template_that_is_deleted_while_it_is_asked_for(client, vanishing):
    made = client.post(f"{V1}/templates", json={"name": "beach", "picture": inline(3, (64, 64))}).json()

    assert error_of(client.get(f"{V1}/templates/{made['id']}/picture"))[:2] == (404, "UnknownTemplate")


def test_a_file_of_a_job_that_is_deleted_while_it_is_asked_for(client, vanishing):
    job = finished(client, client.post(f"{V1}/photos:check", json={"photos": photos(1)}))
    (name,) = job["result"]["files"].values()

    assert error_of(client.get(f"{V1}/jobs/{job['id']}/files/{name}"))[:2] == (404, "UnknownJob")


def test_a_person_who_is_deleted_while_their_portrait_is_asked_for(client, vanishing):
    trained(client)

    assert error_of(client.get(f"{V1}/persons/anna/portrait"))[:2] == (404, "UnknownFile")


def test_a_person_who_is_deleted_while_they_are_exported(client, workshop, monkeypatch):
    trained(client)
    export = ExportPerson.run

    def too_late(self, app, context):
        shutil.rmtree(app.workspace.person_folder(self.name))
        return export(self, app, context)

    monkeypatch.setattr(ExportPerson, "run", too_late)

    assert error_of(client.get(f"{V1}/persons/anna/export"))[:2] == (404, "UnknownPerson")


def test_a_file_that_is_deleted_while_it_is_sent_is_sent_whole(tmp_path):
    file = tmp_path / "a.png"
    file.write_bytes(bytes(range(256)) * 8192)
    answer = sending.file_answer(file, gone=AssertionError())
    file.unlink()
    app = FastAPI()
    app.add_api_route("/", lambda: answer, response_model=None)

    got = TestClient(app).get("/")

    assert got.content == bytes(range(256)) * 8192
    assert (got.headers["content-type"], got.headers["content-length"]) == ("image/png", str(256 * 8192))


def test_a_disk_that_fails_is_no_fault_of_ours_and_says_no_number(workshop, monkeypatch):
    app = FastAPI()
    app.include_router(build_router(workshop.service, accounts=None))

    def failing(self):
        raise OSError(5, "Input/output error", "/somewhere/else/x")

    monkeypatch.setattr(Workspace, "list_persons", failing)

    answer = TestClient(app).get(f"{V1}/persons")

    # Nothing was to be written, so it is no full disk.
    assert error_of(answer)[:2] == (503, "EnvironmentFailure")
    assert "x: Input/output error." in answer.text
    assert "Errno" not in answer.text
    assert "somewhere" not in answer.text
