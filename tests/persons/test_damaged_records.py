"""A damaged record hides its own thing, says so, and stops nobody else's."""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager
from typing import Any

import pytest
from fastapi import FastAPI
from PIL import Image
from starlette.testclient import TestClient

from easyphoto.api.routes import build_router
from easyphoto.app import EasyPhoto
from easyphoto.cli.main import main
from easyphoto.commands.base import NullContext
from easyphoto.commands.delete_person import DeletePerson
from easyphoto.errors import DiskFailure, EasyPhotoError, InputError
from easyphoto.images.pictures import write_picture
from easyphoto.jobs.queue import JobQueue
from easyphoto.jobs.records import State
from easyphoto.jobs.service import Service
from easyphoto.persons.folder import base_of
from easyphoto.persons.traces import traces_of
from easyphoto.preprocess.dataset import read_dataset
from easyphoto.preprocess.sheet import read_check
from easyphoto.storage.records import write_json
from easyphoto.training.run import TrainRun
from easyphoto.ui.card import card_html, event_lines
from easyphoto.ui.job_rows import JobRows
from easyphoto.ui.language import Translator
from easyphoto.ui.person_tiles import PersonTiles, doomed_of
from easyphoto.ui.persons_tab import import_html
from easyphoto.ui.ranking import ranked
from easyphoto.ui.thumbnails import Thumbnails
from easyphoto.ui.train_photos import held_by
from easyphoto.ui.train_resume import resumable
from easyphoto.ui.verdicts import Checked, verdicts_html
from easyphoto.workspace.folders import Workspace
from easyphoto.workspace.person_record import Person
from tests.jobs.asked import Asked

ODD_VALUES = (
    None, True, 0, -1, 1.5, 10**18, "", "a", "\u202e", "/etc/passwd", "../../person.json", "a\0b",
    "x" * 100_000, [], {},
    [None], [[[]]], ["/etc/passwd"], [3], {"a": {"b": []}}, {"cosine": "much"}, {"cosine": 0.5, "embedder": 3},
)  # fmt: skip
PERSON = {
    "id": "anna", "name": "Anna", "family": "miniature", "created": "2026-01-01T00:00:00Z", "photos": ["photos/a.png"],
    "reference": "dataset/reference.png", "portrait": "portrait.png", "lora": "lora.safetensors",
    "run": "20260101T000000Z-anna", "base": None, "domain": "drawings", "notes": ["a note"],
    "likeness": {"embedder": "drawn", "cosine": 0.5, "percentile": 50.0, "strangers": None},
}  # fmt: skip
DATASET = {
    "entries": [{"image": "images/a.png", "weights": "weights/a.png", "caption": "c", "photo": "a.png"}],
    "notes": [],
}


@pytest.fixture
def workspace(tmp_path):
    workspace = Workspace(tmp_path / "workspace")
    workspace.save_person(Person("bob", "Bob", "miniature", "2026-01-01T00:00:00Z"))
    write_picture(workspace.person_folder("anna") / "portrait.png", Image.new("RGB", (64, 64), "teal"))
    return workspace


@pytest.fixture
def service(workspace):
    service = Service(EasyPhoto(workspace, mirrors=()), JobQueue(workspace))
    yield service
    service.queue.close()


def put(workspace: Workspace, record: object, id: str = "anna") -> None:
    file = workspace.person_folder(id) / "person.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(record))


def looked_at_by_everybody(service: Service) -> str:
    """Everything that lists persons; returns the page's part."""
    app = FastAPI()
    app.include_router(build_router(service, accounts=None))
    with TestClient(app, raise_server_exceptions=True) as client:
        answer = client.get("/easyphoto/v1/persons")
        assert answer.status_code == 200
        assert "bob" in [person["id"] for person in answer.json()["persons"]]
        for folder in service.app.workspace.persons.iterdir():
            assert client.get(f"/easyphoto/v1/persons/{folder.name}").status_code in (200, 404, 422)
            assert "root:" not in client.get(f"/easyphoto/v1/persons/{folder.name}/portrait").text
    assert main(["persons", "--workspace", str(service.app.workspace.root)]) == 0
    there = service.app.workspace
    return PersonTiles(service, Translator("en"), Thumbnails(), "x").html(there.list_persons(), there.damaged_persons())


@pytest.mark.parametrize("field", PERSON)
def test_any_value_in_a_persons_record_leaves_the_others_in_sight(workspace, service, field):
    for number, value in enumerate(ODD_VALUES):
        put(workspace, {"format": 1, **PERSON, field: value}, f"odd-{number}")
    page = looked_at_by_everybody(service)

    assert "Bob" in page
    seen = {person.id for person in service.app.workspace.list_persons()} | {
        one.id for one in service.app.workspace.damaged_persons()
    }
    assert {f"odd-{number}" for number in range(len(ODD_VALUES))} <= seen
    for person in service.app.workspace.list_persons():
        base_of(workspace, person)
        doomed_of(service, person)


def test_who_cannot_be_read_is_said_with_the_reason_wherever_persons_are_listed(workspace, service, capsys):
    put(workspace, {"format": 1, **PERSON, "likeness": {"embedder": "drawn", "cosine": "much"}})
    reason = "The likeness of 'anna' is damaged: cosine is no float."

    page = looked_at_by_everybody(service)

    assert "anna cannot be shown. The likeness of &#x27;anna&#x27; is damaged" in page
    assert f"anna cannot be shown. {reason}" in capsys.readouterr().err
    assert [(one.id, one.reason.startswith(reason)) for one in service.app.workspace.damaged_persons()] == [
        ("anna", True)
    ]


@pytest.mark.parametrize(
    "text", ["", "{", '{"format": 1, "id": ' + "[" * 5000, "\ud800"], ids=["none", "cut", "deep", "half"]
)
def test_a_record_that_is_no_record_hides_its_own_person(workspace, service, text):
    file = workspace.person_folder("anna") / "person.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode("utf-8", "surrogatepass"))

    assert "Bob" in looked_at_by_everybody(service)
    assert [one.id for one in service.app.workspace.damaged_persons()] == ["anna"]


def test_a_persons_id_is_their_folders_name_whatever_the_record_says(workspace):
    put(workspace, {"format": 1, **PERSON, "id": "bob"})

    assert workspace.person("anna").id == "anna"


def test_a_damaged_portrait_keeps_no_page_from_opening(workspace, service):
    put(workspace, {"format": 1, **PERSON})
    portrait = workspace.person_folder("anna") / "portrait.png"
    portrait.write_bytes(portrait.read_bytes()[:40])

    assert "easyphoto-no-picture" in looked_at_by_everybody(service)


@pytest.mark.parametrize("field", ["entries", "notes"])
def test_any_value_in_a_datasets_record_is_named(tmp_path, field):
    for value in (*ODD_VALUES, *({"image": odd} for odd in ODD_VALUES)):
        for odd in (
            value,
            [value],
            [{**DATASET["entries"][0], "image": value}],
            [{**DATASET["entries"][0], "weights": value}],
        ):
            if field == "notes" and odd in ([], ["a"]):
                continue
            write_json(tmp_path / "dataset.json", {**DATASET, field: odd})
            with pytest.raises(InputError):
                read_dataset(tmp_path)


def test_any_value_in_the_record_of_a_check_is_named_or_harmless(tmp_path):
    for value in (*ODD_VALUES, ["../../x"]):
        write_json(tmp_path / "verdicts.json", {"kept": value, "verdicts": [], "notes": []})
        try:
            assert all("/" not in name for name in read_check(tmp_path).kept)
        except InputError:
            continue


@pytest.mark.parametrize(
    "field", ["person", "settings", "faces", "templates", "weight_settings", "base", "threads", "name"]
)
def test_any_value_in_a_runs_record_is_named_or_harmless(field):
    record = TrainRun("anna", "anna person", "miniature", "base", "dataset").record()
    for value in ODD_VALUES:
        try:
            TrainRun.from_record({**record, field: value}).fingerprint()
        except EasyPhotoError:
            continue


JOB = {
    "id": "20260101T000000Z-00000000", "kind": "check", "title": "check", "state": "done", "owner": "gone",
    "created": "2026-01-01T00:00:00.000Z", "started": None, "ended": None, "phase": "", "done": 0, "total": 0,
    "eta_seconds": None, "previews": [], "files": {}, "request": {"photos": []}, "result": None, "error": None,
    "notes": [], "run": None, "subject": {"persons": ["anna"], "uploads": ["a.png"]},
}  # fmt: skip


@pytest.mark.parametrize("field", JOB)
def test_any_value_in_a_jobs_record_leaves_the_others_in_sight(workspace, service, field):
    kept = service.queue.submit(Asked("setup", "set up"), lambda _: {}).id
    ids = [f"20260101T000000Z-{number:08d}" for number in range(len(ODD_VALUES))]
    for id, value in zip(ids, ODD_VALUES, strict=True):
        write_json(workspace.jobs / id / "job.json", {**JOB, "id": id, field: value})
    app = FastAPI()
    app.include_router(build_router(service, accounts=None))
    with TestClient(app) as client:
        answer = client.get("/easyphoto/v1/jobs")
        assert answer.status_code == 200
        assert kept in [job["id"] for job in answer.json()["jobs"]]
        for id in ids:
            assert client.get(f"/easyphoto/v1/jobs/{id}").status_code in (200, 404, 422)
            assert "root:" not in client.get(f"/easyphoto/v1/jobs/{id}/files/a").text
    traces_of(workspace, "anna")


ASKED: dict[str, dict[str, Any]] = {
    "check": {}, "train": {"name": "Bob"}, "photograph": {"persons": ["bob"], "templates": ["a.png"]},
    "template": {"name": "a", "prompt": "a"}, "import": {"source": "bob.zip"},
}  # fmt: skip
TOLD: dict[str, dict[str, Any]] = {
    "check": {
        "verdicts": [{"photo": "a.png", "kept": True, "explanation": "", "advice": "", "notes": []}], "files": {},
    },
    "train": {"person": "bob", "name": "Bob", "likeness": None},
    "photograph": {
        "pictures": [
            {"file": "a", "template": "t", "seed": 1, "score": None, "likeness": [None], "notes": [], "stages": []}
        ]
    },
    "template": {"template": "own-a", "file": "a.png"},
    "import": {"persons": ["bob"], "left_out": []},
}  # fmt: skip


@pytest.mark.parametrize("kind", TOLD)
def test_any_value_in_what_a_job_asked_and_answered_leaves_the_page_whole(workspace, service, kind):
    told, number = TOLD[kind], 0
    for key in told:
        parts = [[{**told[key][0], part: odd}] for part in _parts(told[key]) for odd in ODD_VALUES[::3]]
        for value in (*ODD_VALUES, *parts):
            number += 1
            id = f"20260101T000000Z-{number:08d}"
            record = {
                **JOB,
                "id": id,
                "kind": kind,
                "result": {**told, key: value},
                "request": {**ASKED[kind], "photos": value},
            }
            write_json(workspace.jobs / id / "job.json", record)
            (workspace.jobs / id / "events.jsonl").write_text(
                "".join(
                    json.dumps({"number": 1, "type": type, "at": "", name: value}) + "\n"
                    for type, name in (("state", "state"), ("preview", "file"), ("train", "line"), ("error", "error"))
                )
            )
    words = Translator("en")

    jobs = service.queue.list()
    JobRows(words, (kind,), "x").html(jobs, None)
    resumable(service, words)
    for job in jobs:
        card_html(job, words, more="".join(event_lines(service.queue.events(job.id), words)))
        ranked(job.result if kind == "photograph" and job.result else {})
        held_by(service, job)
        if kind == "import":
            import_html(job, words)
        if kind == "check":
            verdicts_html(Checked(job.result or TOLD["check"], {}, ["a.png"]), {}, words)


def _parts(value):
    return list(value[0]) if isinstance(value, list) and value and isinstance(value[0], dict) else []


def test_a_jobs_record_cannot_have_anything_else_deleted(workspace, tmp_path):
    outside = tmp_path / "precious.png"
    outside.write_bytes(b"precious")
    write_json(
        workspace.jobs / JOB["id"] / "job.json",
        {**JOB, "subject": {"persons": ["bob"], "uploads": [str(outside), "../../precious.png"]}},
    )

    DeletePerson("bob").run(EasyPhoto(workspace, mirrors=()), NullContext())

    assert outside.read_bytes() == b"precious"


def test_what_raises_in_the_lane_itself_fails_its_job_and_the_next_one_is_done(service, monkeypatch):
    write = service.queue._book.store.write

    def fails(job):
        if job.state is State.RUNNING:
            raise MemoryError("no memory")
        write(job)

    monkeypatch.setattr(service.queue._book.store, "write", fails)
    first = service.queue.submit(Asked("setup", "one"), lambda _: {}).id
    while not service.queue.get(first).state.is_over:
        service.queue.wait(first, len(service.queue.events(first)), 1)
    monkeypatch.undo()
    second = service.queue.submit(Asked("setup", "two"), lambda _: {"said": "yes"}).id
    while not service.queue.get(second).state.is_over:
        service.queue.wait(second, len(service.queue.events(second)), 1)

    assert service.queue.get(first).state is State.FAILED
    assert service.queue.get(second).result == {"said": "yes"}


def test_names_with_half_characters_are_written_out_in_a_job(service):
    def work(context):
        context.note("photo \udcff.jpg is unreadable")
        return {"photo": "\udcff.jpg", "share": float("nan")}

    id = service.queue.submit(Asked("setup", "set up", request={"photos": ["\udcff.jpg"]}), work).id
    while not service.queue.get(id).state.is_over:
        service.queue.wait(id, len(service.queue.events(id)), 1)

    assert service.queue.get(id).state is State.DONE
    assert service.queue.get(id).result == {"photo": "\\udcff.jpg", "share": None}
    assert JobQueue(service.app.workspace).get(id).request == {"photos": ["\\udcff.jpg"]}


def test_a_job_whose_beginning_fails_is_over_and_the_next_one_is_done(service, monkeypatch):
    def fails(*_, **__):
        raise DiskFailure("No space left on device.")

    monkeypatch.setattr("easyphoto.jobs.queue.at_work", fails)
    first = service.queue.submit(Asked("setup", "one"), lambda _: {}).id
    until = time.monotonic() + 10
    while not service.queue.get(first).state.is_over and time.monotonic() < until:
        service.queue.wait(first, len(service.queue.events(first)), 0.1)

    assert (service.queue.get(first).state, service.queue.get(first).error["code"]) == (State.FAILED, "DiskFailure")
    monkeypatch.undo()
    second = service.queue.submit(Asked("setup", "two"), lambda _: {}).id
    while not service.queue.get(second).state.is_over and time.monotonic() < until:
        service.queue.wait(second, len(service.queue.events(second)), 0.1)
    assert service.queue.get(second).state is State.DONE


def test_a_job_that_is_cancelled_while_it_leaves_the_line_is_not_begun(service, monkeypatch):
    reached, goes_on, begun = threading.Event(), threading.Event(), threading.Event()

    @contextmanager
    def waits(root, names, progress):
        reached.set()
        goes_on.wait(10)
        yield progress

    monkeypatch.setattr("easyphoto.jobs.queue.at_work", waits)
    id = service.queue.submit(Asked("setup", "one"), lambda _: begun.set() or {}).id
    assert reached.wait(10)
    assert service.queue.cancel(id).state is State.CANCELLED
    goes_on.set()
    monkeypatch.undo()
    after = service.queue.submit(Asked("setup", "two"), lambda _: {}).id
    until = time.monotonic() + 10
    while not service.queue.get(after).state.is_over and time.monotonic() < until:
        service.queue.wait(after, len(service.queue.events(after)), 0.1)

    assert service.queue.get(after).state is State.DONE
    assert (service.queue.get(id).state, begun.is_set()) == (State.CANCELLED, False)
