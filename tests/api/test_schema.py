"""Schemathesis asks everything that the document allows, and what it does not: no fault of ours, answers that fit."""

from contextlib import suppress

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
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

from easyphoto import server
from easyphoto.app import EasyPhoto
from easyphoto.jobs.context import JobContext
from easyphoto.jobs.desk import Desk
from easyphoto.jobs.queue import JobQueue
from easyphoto.workspace import Workspace

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

    def submit(self, kind, title, work, **kept):
        return super().submit(kind, title, idle, **kept)


def idle(context: JobContext) -> dict:
    return {}


@pytest.fixture(scope="module")
def operations(tmp_path_factory):
    workspace = Workspace(tmp_path_factory.mktemp("schema") / "workspace")
    desk = Desk(EasyPhoto(workspace, mirrors=()), IdleQueue(workspace))
    document = schemathesis.openapi.from_asgi("/easyphoto/v1/openapi.json", server.build_app(desk, tabs=False))
    # It knows no way to write an archive; tests/api/test_persons.py does.
    asked = document.exclude(path="/easyphoto/v1/persons:import")
    yield {found.ok().label: found.ok() for found in asked.get_all_operations()}
    desk.queue.close()


def ask(operation, mode):
    @settings(
        max_examples=10, derandomize=True, deadline=None, database=None, phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy(generation_mode=mode))
    def every(case):
        case.call_and_validate(checks=list(LENIENT if "/easyphoto/easyphoto_" in operation.label else CHECKS))

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
