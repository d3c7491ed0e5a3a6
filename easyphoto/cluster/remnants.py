"""Which machines of a cluster may hold files of which persons, for their deletion; kept beside the jobs."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from easyphoto.errors import EasyPhotoError
from easyphoto.storage.records import read_json, typed, write_json
from easyphoto.workspace.folders import Workspace

CLUSTER_FILE = ".cluster.json"


@dataclass(frozen=True)
class _Record:
    nodes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Persons' ids by the names of machines."""


class Remnants:
    """What living processes hold, by lane, and what ended ones may have left, by machine.

    It is written down as soon as the machine is known: when the server is killed, all of it may be left somewhere.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._file = workspace.jobs / CLUSTER_FILE
        self._lock = threading.Lock()
        self._living: dict[str, tuple[str, set[str]]] = {}
        self._left: dict[str, set[str]] = {}
        with suppress(EasyPhotoError):
            if self._file.is_file():
                record = typed(_Record, read_json(self._file), CLUSTER_FILE)
                self._left = {node: set(persons) for node, persons in record.nodes.items()}
        self._written = self._all()

    def began(self, lane: str, node: str, *, is_swept: bool) -> None:
        """A process began on the machine, and removed what others had left there, as far as `is_swept` says."""
        with self._lock:
            before, persons = self._living.get(lane, ("", set()))
            self._living[lane] = node, set() if before else persons
            if is_swept:
                self._left.pop(node, None)
            self._write()

    def sends(self, lane: str, persons: Iterable[str]) -> None:
        """Files of these persons are about to travel to the lane's machine, which may not be known yet.

        Raises DiskFailure where that cannot be written down.
        """
        with self._lock:
            self._living.setdefault(lane, ("", set()))[1].update(persons)
            self._write()

    def ended(self, lane: str, *, is_clean: bool) -> None:
        """The lane's process has ended, having removed its files where `is_clean`."""
        with self._lock:
            node, persons = self._living.pop(lane, ("", set()))
            if node and persons and not is_clean:
                self._left.setdefault(node, set()).update(persons)
            self._write()

    def moved(self, lane: str, other: str) -> None:
        """The process of one lane works for another from now on."""
        with self._lock:
            _, coming = self._living.pop(other, ("", set()))
            if lane in self._living:
                node, persons = self._living.pop(lane)
                self._living[other] = node, persons | coming
            self._write()

    def swept(self, node: str) -> None:
        with self._lock:
            self._left.pop(node, None)
            self._write()

    def forgot(self, lane: str, person: str) -> None:
        with self._lock:
            if lane in self._living:
                self._living[lane][1].discard(person)
            self._write()

    def has(self, lane: str, person: str) -> bool:
        with self._lock:
            node, persons = self._living.get(lane, ("", set()))
            return bool(node) and person in persons

    def left_of(self, person: str) -> tuple[str, ...]:
        """The machines where an ended process may have left files of the person."""
        with self._lock:
            return tuple(node for node, persons in self._left.items() if person in persons)

    def _all(self) -> dict[str, list[str]]:
        found = {node: set(persons) for node, persons in self._left.items()}
        for node, persons in self._living.values():
            found.setdefault(node, set()).update(persons)
        return {node: sorted(persons) for node, persons in sorted(found.items()) if node and persons}

    def _write(self) -> None:
        nodes = self._all()
        if nodes != self._written:
            write_json(self._file, {"nodes": nodes})
            self._written = nodes
