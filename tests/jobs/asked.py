"""A command of no particular kind: what the queue's tests put into the queue, with work of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from easyphoto.commands.base import Command, Context, Subjects
from easyphoto.workspace.folders import Workspace

NOTHING: Mapping[str, Mapping[str, Any]] = {
    "check": {"photos": []},
    "train": {"name": "anna", "photos": []},
    "photograph": {"persons": [], "templates": []},
    "resume": {"run": "20260101T000000Z-anna"},
}
"""The least that a record of such a command says."""


@dataclass(frozen=True)
class Asked(Command):
    kind: str = "check"
    title: str = ""
    request: Mapping[str, Any] = field(default_factory=dict)
    subject: Subjects = field(default_factory=Subjects)

    def subjects(self, workspace: Workspace) -> Subjects:
        return self.subject

    def record(self) -> dict[str, Any]:
        return {**NOTHING.get(self.kind, {}), **self.request}

    def run(self, app: Any, context: Context) -> Any:
        raise NotImplementedError
