"""What the document says of each operation: nothing that it cannot answer, and everything that it can.

Each code of each operation is asked for here, as it comes: with a wrong account, another site's page, a body of the
wrong kind, somebody who is not there, a disk that is full.
"""

from __future__ import annotations

import json
import re
import shutil
import threading
import zipfile
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from pathlib import Path
from typing import Any

import anyio
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from easyphoto.api import waiting
from easyphoto.api.application import build_api
from easyphoto.api.document import operations_of
from easyphoto.api.examples import ANSWERED, ASKED, PIXEL, REFUSED
from easyphoto.api.front import FrontDoor, StandaloneCheck
from easyphoto.api.models import IS_OLD
from easyphoto.api.route import codes_of
from easyphoto.api.routes import build_router, groups
from easyphoto.app import EasyPhoto
from easyphoto.commands import training
from easyphoto.commands.fetch_weights import FetchWeights
from easyphoto.errors import EnvironmentFailure
from easyphoto.jobs.queue import JobQueue
from easyphoto.jobs.service import Service
from easyphoto.persons import deletion, own_words
from easyphoto.progress import NullProgress
from easyphoto.storage import journal
from easyphoto.storage.files import write_bytes
from easyphoto.storage.locks import file_lock
from easyphoto.storage.records import write_json
from easyphoto.workspace import styles
from easyphoto.workspace.folders import Workspace
from easyphoto.workspace.person_record import Person
from tests.api.calls import V1, basic, error_of
from tests.jobs.asked import Asked
from tests.persons.arriving import write_earlier
from tests.services import picture

ANNA = {"anna": "secret"}
READING = {403, 500, 503}
CHANGING = READING | {507}
SENDING = CHANGING | {408, 413, 415, 422}
CODES: dict[str, set[int]] = {
    "checkPhotos": SENDING | {404, 409},
    "addPerson": SENDING | {404, 409},
    "trainPerson": SENDING | {404, 409},
    "chooseCheckpoint": SENDING | {404, 409},
    "photograph": SENDING | {404, 409},
    "placeObject": SENDING | {404, 409},
    "drawTemplate": SENDING | {409},
    "drawPreviews": SENDING | {404, 409},
    "proposeWords": SENDING | {404, 409},
    "resumeTraining": SENDING | {404, 409},
    "setUpTrainer": SENDING | {409},
    "fetchWeights": SENDING | {409},
    "listJobs": READING | {422},
    "getJob": READING | {404, 422},
    "endJob": CHANGING | {404, 409, 422},
    "followJob": READING | {404, 422},
    "getJobFile": READING | {404, 422},
    "listPersons": READING | {422},
    "getPerson": READING | {404, 422},
    "renamePerson": SENDING | {404, 409},
    "deletePerson": CHANGING | {404, 409, 422},
    "changeWords": SENDING | {404, 409},
    "getPortrait": READING | {404, 422},
    "listCheckpoints": READING | {404, 422},
    "getSheet": READING | {404, 422},
    "exportPerson": READING | {404, 422, 507},
    "importPerson": SENDING | {409},
    "listTemplates": READING,
    "addTemplate": SENDING | {404, 409},
    "getTemplatePicture": READING | {404},
    "deleteTemplate": CHANGING | {404, 422},
    "listStyles": READING | {422},
    "getStylePreview": READING | {404, 422},
    "markStyle": SENDING | {404, 409},
    "unmarkStyle": CHANGING | {404, 409, 422},
    "listPoses": READING,
    "getPosePicture": READING | {404},
    "uploadPictures": SENDING,
    "listConfigurations": READING,
    "getConfiguration": READING | {404, 422},
    "saveConfiguration": SENDING,
    "deleteConfiguration": CHANGING | {404, 422},
    "getCapabilities": READING,
    "listLanes": READING,
    "listWeights": READING,
    "trainAsIn2023": SENDING,
    "photographAsIn2023": SENDING,
}
"""Every operation, with the refusals that it can give; 401 comes with accounts."""
GENERAL = {401, 403, 408, 413, 415, 500, 503, 507}
"""Asked of every operation that says so in the same way; the others as `PROVOKED` has it."""


class Full:
    """A service of which everything that is asked for raises the error."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def for_clients(self) -> Full:
        return self

    def __getattr__(self, name: str) -> Any:
        raise self._error


@dataclass(frozen=True)
class Operation:
    id: str
    method: str
    path: str
    body: bytes | None
    headers: dict[str, str] = field(default_factory=dict)

    def asked(self, client: TestClient, **changes: Any) -> Any:
        sent = {"content": self.body, "headers": {**self.headers, **changes.pop("headers", {})}, **changes}
        return client.request(self.method, self.path, **sent)


def operations(document: dict[str, Any]) -> dict[str, Operation]:
    """Each operation with a request that its examples make."""
    found = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            id = operation["operationId"]
            examples = {part["name"]: part["example"] for part in operation.get("parameters", ()) if "example" in part}
            body, headers = None, {}
            if content := operation.get("requestBody", {}).get("content"):
                kind = next(iter(content))
                body = b"PK" if kind != "application/json" else json.dumps(_first(content[kind]["examples"])).encode()
                headers = {"Content-Type": kind}
            found[id] = Operation(id, method.upper(), path.format(**examples), body, headers)
    return found


def _first(examples: dict[str, Any]) -> Any:
    return next(iter(examples.values()))["value"]


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    workspace = Workspace(tmp_path_factory.mktemp("answers") / "workspace")
    service = Service(EasyPhoto(workspace, mirrors=()), JobQueue(workspace))
    yield service
    service.queue.close()


@pytest.fixture(scope="module")
def document(service):
    return build_api(service).openapi()


@pytest.fixture(scope="module")
def asked(document):
    return operations(document)


def declared(document: dict[str, Any]) -> dict[str, set[int]]:
    return {
        operation["operationId"]: {int(status) for status in operation["responses"] if not status.startswith("2")}
        for _, operation in operations_of(document)
    }


def those_with(status: int) -> list[str]:
    return [id for id, codes in CODES.items() if status in codes]


def client_of(service: Any, accounts: dict[str, str] | None = None) -> TestClient:
    app = FastAPI()
    app.include_router(build_router(service, accounts=accounts))
    app.add_middleware(FrontDoor, check=StandaloneCheck(accounts))
    return TestClient(app, raise_server_exceptions=False)


def test_each_operation_says_which_refusals_it_can_give(document):
    assert declared(document) == CODES


def test_with_accounts_each_says_that_one_is_needed(service):
    for document in (build_api(service, ANNA).openapi(), build_api(service, has_door=True).openapi()):
        assert declared(document) == {id: codes | {401} for id, codes in CODES.items()}
        assert document["components"]["securitySchemes"] == {
            "account": {
                "type": "http", "scheme": "basic",
                "description": "An account of the server. One without accounts asks for none.",
            }
        }  # fmt: skip
        assert {str(operation["security"]) for _, operation in operations_of(document)} == {"[{'account': []}]"}


def test_without_accounts_none_is_spoken_of(document):
    assert "securitySchemes" not in document["components"]
    assert not any("security" in operation for _, operation in operations_of(document))


def test_401_comes_from_every_operation_where_there_are_accounts(service, asked):
    client = client_of(service, ANNA)

    said = {id: error_of(one.asked(client, headers=basic("anna", "wrong"))) for id, one in asked.items()}

    assert said == dict.fromkeys(CODES, (401, "Unauthorised"))


def test_403_comes_from_every_operation_for_the_page_of_another_site(service, asked):
    client = client_of(service)

    said = {id: error_of(one.asked(client, headers={"Origin": "http://evil.example"})) for id, one in asked.items()}

    assert said == dict.fromkeys(CODES, (403, "ForeignOrigin"))


@pytest.fixture(scope="module")
def failing(asked):
    """What every operation answers when what it needs fails with that error."""

    def answered(error: Exception) -> dict[str, int]:
        client = client_of(Full(error))
        return {id: one.asked(client).status_code for id, one in asked.items()}

    return answered


def test_500_comes_from_every_operation_for_a_fault_of_ours(failing):
    assert failing(ZeroDivisionError()) == dict.fromkeys(CODES, 500)


def test_503_comes_from_every_operation_when_something_around_it_fails(failing):
    said = failing(EnvironmentFailure("The host is gone."))

    # The two of 2023 answer every error of the work with 200 and a message; the closing server's 503 is in front of
    # them as well (test_closing).
    assert said == {**dict.fromkeys(CODES, 503), "trainAsIn2023": 200, "photographAsIn2023": 503}


def test_507_comes_from_what_changes_something_on_a_full_disk_and_not_from_what_reads(failing):
    said = failing(OSError(28, "No space left on device"))

    # An export is packed into a file first.
    assert said == {id: 507 if 507 in codes and id != "exportPerson" else 503 for id, codes in CODES.items()}


def test_507_comes_from_an_export_that_finds_no_room(lived, asked, monkeypatch):
    def write(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "write", write)

    assert error_of(asked["exportPerson"].asked(client_of(lived))) == (507, "DiskFailure")


def test_415_comes_from_what_takes_a_body(service, asked):
    client = client_of(service)

    said = {id: error_of(asked[id].asked(client, headers={"Content-Type": "text/plain"})) for id in those_with(415)}

    assert said == dict.fromkeys(those_with(415), (415, "WrongMediaType"))
    assert those_with(415) == those_with(408) == those_with(413) == [id for id, one in asked.items() if one.body]


def test_413_comes_from_what_takes_a_body(service, asked):
    client = client_of(service)

    too_long = {"Content-Length": str(10**12)}
    said = {id: error_of(asked[id].asked(client, headers=too_long)) for id in those_with(413)}

    assert said == dict.fromkeys(those_with(413), (413, "TooLarge"))


def test_408_comes_from_what_takes_a_body(service, asked, monkeypatch):
    monkeypatch.setattr(waiting, "SECONDS_OF_SILENCE", 0.01)
    app = client_of(service).app

    async def slow(one: Operation) -> int:
        sent: list[Any] = []

        async def receive() -> Any:
            await anyio.sleep(30)

        async def send(message: Any) -> None:
            sent.append(message)

        headers = [(name.lower().encode(), value.encode()) for name, value in one.headers.items()]
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": one.method, "scheme": "http",
            "path": one.path, "raw_path": one.path.encode(), "root_path": "", "query_string": b"",
            "headers": headers, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
        }  # fmt: skip
        await app(scope, receive, send)
        return int(sent[0]["status"])

    said = {id: anyio.run(slow, asked[id]) for id in those_with(408)}

    assert said == dict.fromkeys(those_with(408), 408)


def test_a_body_that_does_not_fit_is_422_for_what_takes_one(service, asked):
    client = client_of(service)
    wrong = dict.fromkeys(those_with(415), b"7") | {"importPerson": b"no archive"}

    said = {id: error_of(asked[id].asked(client, content=body))[0] for id, body in wrong.items()}

    assert said == dict.fromkeys(wrong, 422)


BOX = {"left": 0.1, "top": 0.1, "width": 0.5, "height": 0.5}
NOBODY: dict[str, tuple[Any, str]] = {
    "checkPhotos": ({"photos": [{"upload": "nothing.png"}]}, "UnknownUpload"),
    "addPerson": ({"name": "x", "photos": [{"upload": "nothing.png"}]}, "UnknownUpload"),
    "trainPerson": ({"name": "x", "photos": [{"upload": "nothing.png"}]}, "UnknownUpload"),
    "photograph": ({"persons": ["nobody"], "templates": [{"template": "03-room"}]}, "UnknownPerson"),
    "placeObject": ({"name": "nothing", "template": {"template": "03-room"}, "box": BOX}, "UnknownScene"),
    "chooseCheckpoint": ({"name": "nobody", "step": 1}, "UnknownPerson"),
    "drawPreviews": ({"names": ["nothing"]}, "UnknownStyle"),
    "proposeWords": ({"name": "nobody"}, "UnknownPerson"),
    "resumeTraining": ({"run": "nothing"}, "UnknownRun"),
    "getJob": (None, "UnknownJob"),
    "endJob": (None, "UnknownJob"),
    "followJob": (None, "UnknownJob"),
    "getJobFile": (None, "UnknownJob"),
    "getPerson": (None, "UnknownPerson"),
    "renamePerson": ({"name": "Nobody"}, "UnknownPerson"),
    "deletePerson": (None, "UnknownPerson"),
    "changeWords": ({"words": "glasses"}, "UnknownPerson"),
    "getPortrait": (None, "UnknownPerson"),
    "listCheckpoints": (None, "UnknownPerson"),
    "getSheet": (None, "UnknownPerson"),
    "exportPerson": (None, "UnknownPerson"),
    "addTemplate": ({"name": "x", "picture": {"upload": "nothing.png"}}, "UnknownUpload"),
    "getTemplatePicture": (None, "UnknownTemplate"),
    "deleteTemplate": (None, "UnknownTemplate"),
    "getPosePicture": (None, "UnknownPose"),
    "getStylePreview": (None, "UnknownStyle"),
    "markStyle": ({}, "UnknownStyle"),
    "unmarkStyle": (None, "UnknownStyle"),
    "getConfiguration": (None, "UnknownConfiguration"),
    "deleteConfiguration": (None, "UnknownConfiguration"),
}
"""What is asked for and is not there; on a path with an id that is the id."""


@pytest.fixture
def lived(tmp_path):
    """A service of a workspace with two persons, a template of the user's own, and a job that goes on until it ends."""
    workspace = Workspace(tmp_path / "workspace")
    service = Service(EasyPhoto(workspace, mirrors=()), JobQueue(workspace))
    for id in ("anna", "bea"):
        workspace.save_person(Person(id, id, "miniature", "2026-01-01T00:00:00Z"))
    workspace.save_person(Person("cup", "Cup", "miniature", "2026-01-01T00:00:00Z", kind="object", words="my cup"))
    service.add_template("taken", picture())
    yield service
    service.queue.close()


def provoked(client: TestClient, asked: dict[str, Operation], bodies: dict[str, Any]) -> dict[str, tuple[int, str]]:
    """What each operation answers to that body, or where it takes none to that path or query, or to both."""
    said = {}
    for id, asked_for in bodies.items():
        one = asked[id]
        path, sent = asked_for if isinstance(asked_for, tuple) else (one.path, asked_for)
        path = sent if isinstance(sent, str) else path
        content = {"content": sent} if isinstance(sent, bytes) else {"json": None if isinstance(sent, str) else sent}
        said[id] = error_of(client.request(one.method, path, headers=one.headers, **content))
    return said


def test_404_comes_from_what_names_something(lived, asked):
    without_path: dict[str, Any] = {
        id: body or asked[id].path.replace("anna", "nobody") for id, (body, _) in NOBODY.items()
    }
    without_path["getTemplatePicture"] = f"{V1}/templates/nothing/picture"
    without_path["unmarkStyle"] = f"{V1}/styles/nothing/favourite"
    without_path["markStyle"] = (f"{V1}/styles/nothing/favourite", {})
    without_path["getStylePreview"] = f"{V1}/styles/nothing/preview"
    without_path["getPosePicture"] = f"{V1}/poses/nothing/picture"
    without_path["deleteTemplate"] = f"{V1}/templates/nothing"
    lived.app.workspace.person_folder("anna").joinpath("person.json").unlink()

    assert provoked(client_of(lived), asked, without_path) == {id: (404, code) for id, (_, code) in NOBODY.items()}
    assert sorted(NOBODY) == sorted(those_with(404))


PHOTOS = [{"name": "a.png", "data": PIXEL}]
BUSY: dict[str, Any] = {
    "checkPhotos": {"photos": PHOTOS},
    "addPerson": {"name": "ben", "photos": PHOTOS},
    "trainPerson": {"name": "ben", "photos": PHOTOS},
    "photograph": {"persons": ["bea"], "templates": [{"template": "03-room"}]},
    "placeObject": {"name": "cup", "template": {"template": "03-room"}, "box": BOX},
    "drawTemplate": {"name": "new", "prompt": "x"},
    "chooseCheckpoint": {"name": "bea", "step": 1},
    "drawPreviews": {},
    "proposeWords": {"name": "bea"},
    "resumeTraining": {"run": "20260101T000000Z-anna"},
    "setUpTrainer": {},
    "fetchWeights": {"names": ["photographs"]},
}
"""What is refused by a server that is closing."""


def test_409_comes_from_what_is_busy_or_has_the_name(lived, asked, monkeypatch, tmp_path):
    monkeypatch.setattr(training, "person_of_run", lambda *_: "anna")
    monkeypatch.setattr(deletion, "changing", lambda root, persons, seconds: journal.changing(root, persons, seconds=0))
    monkeypatch.setattr(own_words, "changing", lambda root, persons: journal.changing(root, persons, seconds=0))
    monkeypatch.setattr(styles, "SECONDS_TO_WAIT", 0.0)
    # Tests are offline, and nothing could be fetched.
    monkeypatch.setattr(FetchWeights, "validated", lambda self, app: self)
    client, root, begun = client_of(lived), lived.app.workspace.root, threading.Event()
    write_earlier(tmp_path, "anna")
    folder = tmp_path / "outputs" / "easyphoto-user-id-infos"
    archive = Path(shutil.make_archive(str(tmp_path / "anna"), "zip", folder)).read_bytes()
    run = root / "runs" / "20260101T000000Z-anna"
    write_json(run / "run.json", {})
    write_bytes(run / "checkpoints" / "step-000001.safetensors", b"")
    lived.app.workspace.save_person(replace(lived.app.workspace.person("bea"), run=run.name))
    job = lived.queue.submit(Asked("check", "check"), lambda context: begun.set() or until_cancelled(context))
    assert begun.wait(30)

    said = provoked(client, asked, {
        "endJob": f"{V1}/jobs/{job.id}?forget=true",
        "importPerson": archive,
        "addTemplate": {"name": "taken", "picture": PHOTOS[0]},
    })  # fmt: skip
    with journal.at_work(root, journal.names_of(("anna",)), NullProgress()):
        said |= provoked(client, asked, {"renamePerson": {"name": "Other"}})
    with journal.changing(root, ("bea",)):
        said |= provoked(client, asked, {"changeWords": (f"{V1}/persons/bea/words", {"words": "glasses"})})
    with journal.changing(root, ("anna",)):
        said |= provoked(client, asked, {"deletePerson": asked["deletePerson"].path})
    with file_lock(lived.app.workspace.styles / ".favourites.lock"):
        favourite = f"{V1}/styles/hills/favourite"
        said |= provoked(client, asked, {"markStyle": (favourite, {}), "unmarkStyle": favourite})
    lived.queue.close()
    closing = provoked(client, asked, BUSY)

    assert closing == dict.fromkeys(BUSY, (409, "HostBusy"))
    assert said == {
        "endJob": (409, "HostBusy"), "importPerson": (409, "NameTaken"), "addTemplate": (409, "NameTaken"),
        "renamePerson": (409, "RunBusy"), "deletePerson": (409, "RunBusy"), "changeWords": (409, "RunBusy"),
        "markStyle": (409, "RunBusy"), "unmarkStyle": (409, "RunBusy"),
    }  # fmt: skip
    assert sorted({**BUSY, **said}) == sorted(those_with(409))


def until_cancelled(context: Any) -> dict[str, Any]:
    while True:
        context.check()
        threading.Event().wait(0.005)


def test_422_comes_from_what_can_be_asked_wrongly_without_a_body(lived, asked):
    client, workspace = client_of(lived), lived.app.workspace
    broken = workspace.jobs / "broken" / "job.json"
    broken.parent.mkdir(parents=True)
    broken.write_text("{}")
    workspace.person_folder("anna").joinpath("person.json").write_text("{}")
    clay = f"{V1}/configurations/clay/quick"
    write_bytes(workspace.styles / "torn.json", b"{")

    said = provoked(client, asked, {
        "listJobs": f"{V1}/jobs?limit=0",
        "getJob": f"{V1}/jobs/broken",
        "endJob": f"{V1}/jobs/broken?forget=perhaps",
        "followJob": f"{V1}/jobs/broken/events?after=-1",
        "getJobFile": f"{V1}/jobs/broken/files/a.png",
        "listPersons": f"{V1}/persons?kind=cat",
        "getPerson": f"{V1}/persons/!!!",
        "deletePerson": f"{V1}/persons/!!!",
        "getPortrait": f"{V1}/persons/anna/portrait",
        "listCheckpoints": f"{V1}/persons/anna/checkpoints",
        "getSheet": f"{V1}/persons/anna/sheet",
        "exportPerson": f"{V1}/persons/anna/export",
        "deleteTemplate": f"{V1}/templates/03-room",
        "getConfiguration": clay,
        "deleteConfiguration": clay,
        "listStyles": f"{V1}/styles?family=sd99",
        "getStylePreview": f"{V1}/styles/torn/preview",
        "unmarkStyle": f"{V1}/styles/torn/favourite",
    })  # fmt: skip

    assert said == {
        "listJobs": (422, "BadRequest"), "getJob": (422, "BadRecord"), "endJob": (422, "BadRequest"),
        "listPersons": (422, "BadRequest"), "listCheckpoints": (422, "BadRecord"), "getSheet": (422, "BadRecord"),
        "followJob": (422, "BadRequest"), "getJobFile": (422, "BadRecord"), "getPerson": (422, "BadName"),
        "deletePerson": (422, "BadName"), "getPortrait": (422, "BadRecord"), "exportPerson": (422, "BadRecord"),
        "deleteTemplate": (422, "InputError"), "getConfiguration": (422, "BadRequest"),
        "deleteConfiguration": (422, "BadRequest"), "listStyles": (422, "InputError"),
        "getStylePreview": (422, "BadRecord"), "unmarkStyle": (422, "BadRecord"),
    }  # fmt: skip
    assert sorted(said) == sorted(set(those_with(422)) - set(those_with(415)))


def test_what_is_refused_before_it_is_looked_at_has_no_other_status(asked):
    """Every status that the document has is asked for above."""
    assert set().union(*CODES.values()) == GENERAL - {401} | {404, 409, 422}


# --- what it says in words ---


def test_operations_have_short_ids_a_subject_and_words(document):
    told = [operation for _, operation in operations_of(document)]
    tags = {tag["name"]: tag["description"] for tag in document["tags"]}

    assert sorted(operation["operationId"] for operation in told) == sorted(CODES)
    assert all(re.fullmatch(r"[a-z][A-Za-z0-9]{3,19}", operation["operationId"]) for operation in told)
    assert {tag for operation in told for tag in operation["tags"]} == set(tags)
    assert all(len(operation["tags"]) == 1 and operation["summary"] for operation in told)
    assert all(tags.values())


def test_answers_and_parameters_are_described_by_more_than_their_name(document):
    poor = {
        (operation["operationId"], status)
        for _, operation in operations_of(document)
        for status, answer in operation["responses"].items()
        if answer["description"] in ("", "Successful Response", "Additional Response", HTTPStatus(int(status)).phrase)
    }
    nameless = {
        (operation["operationId"], parameter["name"])
        for _, operation in operations_of(document)
        for parameter in operation.get("parameters", ())
        if not parameter.get("description")
    }

    assert poor == set()
    assert nameless == set()


def test_the_document_speaks_of_no_refusal_of_the_framework(document):
    assert "HTTPValidationError" not in json.dumps(document)


def test_every_json_that_is_sent_or_answered_has_an_example(document):
    without = {
        (operation["operationId"], place)
        for _, operation in operations_of(document)
        for place, part in (
            ("request", operation.get("requestBody", {})),
            *((status, answer) for status, answer in operation["responses"].items() if status[0] == "2"),
        )
        if (content := part.get("content", {}).get("application/json")) is not None and "examples" not in content
    }

    # What a server has is told by the server.
    assert without == {
        ("getCapabilities", "200"),
        ("listWeights", "200"),
        ("getJobFile", "200"),
        ("deletePerson", "202"),
    }
    assert {*ASKED, *ANSWERED} <= set(CODES)


def test_examples_of_answers_are_what_their_operation_answers(service):
    routes = {route.id: route for group in groups(service) for route in group.routes}
    odd = {}
    for id, examples in ANSWERED.items():
        for name, (_, value) in examples.items():
            if (model := routes[id].answer) is not None:
                read = model(**value)
                written = json.loads(read.json() if IS_OLD else read.model_dump_json())
                if written != value:
                    odd[id, name] = {key for key in {*written, *value} if written.get(key) != value.get(key)}

    assert odd == {}


def test_examples_of_requests_are_understood(service, asked, document):
    """They name what is not there, so they are refused for that, or accepted; never for how they are written."""
    client = client_of(service)
    content = {
        operation["operationId"]: operation["requestBody"]["content"]["application/json"]["examples"]
        for _, operation in operations_of(document)
        if "application/json" in operation.get("requestBody", {}).get("content", {})
    }
    said = {
        (id, name): client.request(asked[id].method, asked[id].path, json=example["value"])
        for id, examples in content.items()
        for name, example in examples.items()
        # A service that fetches would fetch; one of 2023 waits for its training.
        if id not in ("fetchWeights", "setUpTrainer", "trainAsIn2023", "photographAsIn2023")
    }

    wrong = {key: answer.text for key, answer in said.items() if "BadRequest" in answer.text}
    assert wrong == {}
    assert {key: answer.status_code for key, answer in said.items()} == {
        ("checkPhotos", "one"): 404, ("addPerson", "one"): 404, ("trainPerson", "photos"): 404,
        ("trainPerson", "again"): 422, ("trainPerson", "scene"): 404,
        ("chooseCheckpoint", "one"): 404, ("photograph", "one"): 404, ("photograph", "two"): 404,
        ("placeObject", "box"): 404, ("placeObject", "mask"): 404,
        ("drawTemplate", "one"): 202, ("resumeTraining", "one"): 404, ("renamePerson", "one"): 404,
        ("addTemplate", "upload"): 404, ("addTemplate", "inline"): 201, ("uploadPictures", "one"): 201,
        ("saveConfiguration", "one"): 200, ("changeWords", "one"): 404, ("drawPreviews", "one"): 202,
        ("markStyle", "one"): 200, ("proposeWords", "one"): 404,
    }  # fmt: skip


def test_examples_of_refusals_belong_to_codes_that_are_given(service):
    given = {
        code
        for group in groups(service)
        for route in group.routes
        for codes in codes_of(route, is_guarded=True).values()
        for code in codes
    }

    assert set(REFUSED) <= given
