"""What the OpenAPI document says besides what follows from the routes: subjects, parameters in words, examples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from easyphoto.api.examples import ANSWERED, ASKED, REFUSED, Examples
from easyphoto.api.guard import JSON

DESCRIPTION = """\
What takes long is a job: the answer is 202 with the job, which `GET /jobs/{id}/events` follows to its end. Pictures are
sent in the request or uploaded once; addresses and paths are never opened.

An error is `{"error": {"code", "message", "advice"}}`, whose code does not change; `texts` holds what its sentences
were made from. Every request may carry an `Idempotency-Key` where it makes a job.

Fields and routes are added without notice, so ignore what you do not know. What breaks a client raises the second
number of the version, and CHANGELOG.md says so.\
"""
TAGS = (
    {"name": "work", "description": "What takes long. Each answers at once with a job."},
    {"name": "jobs", "description": "Follow, cancel and forget jobs, and fetch what they made."},
    {"name": "persons", "description": "Whom the server knows. They are everybody's who may ask."},
    {"name": "templates", "description": "The pictures whose faces are replaced."},
    {"name": "styles", "description": "Words for clothes, place and light in pictures that are drawn."},
    {"name": "poses", "description": "How somebody stands or sits in pictures that are drawn."},
    {"name": "uploads", "description": "Pictures that are sent once and named in requests; each account has its own."},
    {"name": "configurations", "description": "Settings that were saved under a name."},
    {"name": "server", "description": "What this server can do, on which devices, and which weights it has."},
    {"name": "legacy", "description": "The two routes of the EasyPhoto extension of 2023."},
)
LICENCE: Mapping[str, str] = MappingProxyType({"name": "Apache-2.0"})
JOB_ID = "20260131T120000Z-1a2b3c4d"
PARAMETERS: Mapping[tuple[str, str], tuple[str, str]] = MappingProxyType(
    {
        ("jobs", "id"): ("The job's id, as its answer gives it.", JOB_ID),
        ("jobs", "name"): ("A name of the job's `previews`, `files` or `result`.", "report.html"),
        ("persons", "id"): ("The person's id.", "anna"),
        ("templates", "id"): ("The template's id.", "03-room"),
        ("styles", "id"): ("The style's id.", "office"),
        ("poses", "id"): ("The pose's id.", "standing"),
        ("configurations", "kind"): ("What they are settings of.", "photograph"),
        ("configurations", "name"): ("The name under which they are saved.", "beach"),
    }
)
"""Each path's parameters, by the first word of the path and their name: description and example."""
FRAMEWORKS = ("HTTPValidationError", "ValidationError")
"""Schemas of FastAPI's own refusals, which are never sent: ours have another shape."""


def completed(document: dict[str, Any]) -> dict[str, Any]:
    """Add to FastAPI's document what it does not know, and drop what it supposes."""
    for path, operation in operations_of(document):
        for parameter in operation.get("parameters", ()):
            words = PARAMETERS.get((path.split("/")[3], parameter["name"])) if parameter["in"] == "path" else None
            if words is not None:
                parameter["description"], parameter["example"] = words
        refused = operation["responses"].get("422")
        if refused is not None and FRAMEWORKS[0] in str(refused):
            del operation["responses"]["422"]
        _add_examples(operation)
    for name in FRAMEWORKS:
        document["components"]["schemas"].pop(name, None)
    return document


def operations_of(document: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, operations in document["paths"].items():
        for operation in operations.values():
            yield path, operation


def _add_examples(operation: dict[str, Any]) -> None:
    id = operation["operationId"]
    if asked := ASKED.get(id):
        operation["requestBody"]["content"][JSON]["examples"] = _told(asked)
    if answered := ANSWERED.get(id):
        status = next(status for status in operation["responses"] if status.startswith("2"))
        operation["responses"][status]["content"][JSON]["examples"] = _told(answered)
    for answer in operation["responses"].values():
        codes = [code for code in REFUSED if f"`{code}`" in answer["description"]]
        if codes and JSON in answer.get("content", {}):
            answer["content"][JSON]["examples"] = {code: {"value": {"error": REFUSED[code]}} for code in codes}


def _told(examples: Examples) -> dict[str, Any]:
    return {name: {"summary": words, "value": value} for name, (words, value) in examples.items()}
