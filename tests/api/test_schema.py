"""Schemathesis asks everything that the document allows, and what it does not: no fault of ours, answers that fit."""

import io
import zipfile
from contextlib import suppress

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)
from starlette.testclient import TestClient

from easyphoto.app import EasyPhoto
from easyphoto.architectures.miniature import MINIATURE
from easyphoto.cli import server
from easyphoto.commands.delete_person import DeletePerson
from easyphoto.commands.rename_person import RenamePerson
from easyphoto.jobs.context import JobContext
from easyphoto.jobs.queue import JobQueue
from easyphoto.jobs.records import State
from easyphoto.jobs.service import Service
from easyphoto.workspace.folders import Workspace
from tests.api.calls import V1, finished, photos
from tests.persons.arriving import write_lora
from tests.services import encoded, picture, workshop

__all__ = ["workshop"]

CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
)

# Clients of 2023 may send numbers as texts, and always could.
LENIENT = tuple(check for check in CHECKS if check is not negative_data_rejection)


class IdleQueue(JobQueue):
    """Takes jobs and does nothing with them: here the door is asked, not the work."""

    def submit(self, command, work, **kept):
        return super().submit(command, idle, **kept)


def idle(context: JobContext) -> dict:
    return {}


@pytest.fixture(scope="module")
def operations(tmp_path_factory):
    workspace = Workspace(tmp_path_factory.mktemp("schema") / "workspace")
    service = Service(EasyPhoto(workspace, mirrors=()), IdleQueue(workspace))
    document = schemathesis.openapi.from_asgi("/easyphoto/v1/openapi.json", server.build_app(service, tabs=False))
    # Archives and the forms of 2023 are asked further below, of somebody who is there.
    asked = document.exclude(path="/easyphoto/v1/persons:import")
    yield {found.ok().label: found.ok() for found in asked.get_all_operations()}
    service.queue.close()


def ask(operation, mode, filled=None, checks=None):
    """Ten cases; `filled` makes of a case what somebody would send."""
    found = operation.as_strategy(generation_mode=mode)

    @settings(
        max_examples=10, derandomize=True, deadline=None, database=None, phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=found if filled is None else filled(found))
    def every(case):
        case.call_and_validate(checks=list(checks or (LENIENT if "/easyphoto_" in operation.label else CHECKS)))

    every()


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=str)
def test_every_operation_answers_as_its_document_says(operations, mode):
    wrong = {}
    for label, operation in operations.items():
        # What takes nothing can be asked in no wrong way.
        with suppress(Unsatisfiable):
            try:
                ask(operation, mode)
            except FailureGroup as failures:
                wrong[label] = [str(failure) for failure in failures.exceptions]

    assert len(operations) > 20
    assert wrong == {}


ARCHIVES: list[bytes] = []
"""What an import is asked with; schemathesis is told once how to write archives, before there is one."""


@st.composite
def archives(draw):
    """An export as it is, with another record, with a few bytes changed, cut off, or something else."""
    content = bytearray(ARCHIVES[0])
    match draw(st.sampled_from(["whole", "record", "bytes", "cut", "other"])):
        case "record":
            with zipfile.ZipFile(io.BytesIO(ARCHIVES[0])) as packed:
                files = {name: packed.read(name) for name in packed.namelist()}
            record = draw(st.sampled_from([b"{}", b'{"format": 1, "id": 7}', b"[" * 5000, b"\xff", b"NaN", b""]))
            return zipped({**files, "bea/person.json": record})
        case "bytes":
            for _ in range(draw(st.integers(1, 9))):
                content[draw(st.integers(0, len(content) - 1))] = draw(st.integers(0, 255))
        case "cut":
            return bytes(content[: draw(st.integers(0, len(content)))])
        case "other":
            return draw(st.binary(max_size=200))
    return bytes(content)


def zipped(files):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


schemathesis.openapi.media_type("application/zip", archives())
TRAINED = {"user_id": "anna", "max_train_steps": 2, "instance_images": [encoded(picture(seed)) for seed in range(5)]}
PICTURED = {"user_ids": ["anna"], "init_image": encoded(picture(9)), "tabs": 1, "first_diffusion_steps": 2}


def sent_as_in_2023(form):
    """Some fields as the document allows, the rest as a client of 2023 fills them in, some of these damaged."""

    def filled(cases):
        damage = st.dictionaries(
            st.sampled_from(sorted(form)), st.sampled_from([None, "", [], ["none"], "no base64", "anna", 3]), max_size=1
        )
        return st.builds(lambda case, odd: with_body(case, {**form, **odd}), cases, damage)

    return filled


def with_body(case, fields):
    case.body = {**(case.body if isinstance(case.body, dict) else {}), **fields}
    return case


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_imports_and_the_routes_of_2023_answer_as_their_document_says(workshop, monkeypatch):
    app = server.build_app(workshop.service, tabs=False)
    document = schemathesis.openapi.from_asgi(f"{V1}/openapi.json", app)
    operations = {found.ok().label: found.ok() for found in document.get_all_operations()}
    client = TestClient(app)
    assert finished(client, client.post(f"{V1}/train", json={"name": "anna", "photos": photos()}))["state"] == "done"
    workshop.service.rename(RenamePerson("anna", "Bea", new_id="bea"))
    write_lora(workshop.root / "persons" / "bea" / "lora.safetensors", ss_base_model_version=MINIATURE.kohya_version)
    monkeypatch.setitem(globals(), "ARCHIVES", [client.get(f"{V1}/persons/bea/export").content])
    workshop.service.delete(DeletePerson("bea"))

    ask(operations[f"POST {V1}/persons:import"], GenerationMode.POSITIVE)
    for path, form in (("train", TRAINED), ("infer", PICTURED)):
        operation = operations[f"POST /easyphoto/easyphoto_{path}_forward"]
        ask(operation, GenerationMode.POSITIVE, sent_as_in_2023(form))

    # Not everything was refused.
    assert {person.id for person in workshop.service.app.workspace.list_persons()} >= {"anna", "bea"}
    assert "photograph" in {job.kind for job in workshop.service.queue.list() if job.state is State.DONE}
