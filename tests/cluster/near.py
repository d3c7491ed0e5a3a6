"""A cluster in this process: its machines are real, and what is between them and the server is a queue."""

from __future__ import annotations

import queue
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field

from easyphoto.cluster.connection import Running
from easyphoto.cluster.messages import Lost, NodeSetup, StopAttempt
from easyphoto.cluster.node import Node
from easyphoto.cluster.remnants import Remnants
from easyphoto.jobs.runners import LaneFacts
from easyphoto.persons.deletion import Left
from easyphoto.settings.options import Options
from easyphoto.workspace.folders import Workspace

LINK = "link"


@dataclass
class NearCluster:
    """`losses` has for each attempt in turn after how many messages what is lost: a machine's name, or LINK."""

    workspace: Workspace
    losses: list[tuple[int, str] | None] = field(default_factory=list)
    nodes: dict[str, Node] = field(default_factory=dict)
    away: list[str] = field(default_factory=list)
    """Why there is no connection, for as many looks."""
    attempts: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    """The lane of each attempt, and the files that travelled."""
    unreached: bool = False

    def __post_init__(self):
        self.remnants = Remnants(self.workspace)

    def wait(self, seconds):
        return self.away.pop(0) if self.away else None

    def node(self, lane):
        if lane not in self.nodes:
            self.nodes[lane] = Node(NodeSetup(Options()))
            facts = self.nodes[lane].open()
            self.remnants.began(lane, facts.node, is_swept=facts.swept)
        return self.nodes[lane]

    @contextmanager
    def attempted(self, lane, job, shipment):
        node, running = self.node(lane), Running(len(self.attempts) + 1, self, queue.Queue())
        self.remnants.sends(lane, shipment.persons)
        lacking = [shipment.files[number] for number in node.lacks(shipment)]
        self.attempts.append((lane, tuple(file.below for file in lacking)))
        for file in lacking:
            with open(file.source, "rb") as stream:
                content = stream.read()
            for offset in range(0, max(1, len(content)), 1000):
                node.keep(file, offset, content[offset : offset + 1000])
        loss = self.losses.pop(0) if self.losses else None
        thread = threading.Thread(target=self._work, args=(lane, node, job, shipment, running, loss))
        self._job = job.id, node
        thread.start()
        try:
            yield running
        finally:
            node.cancel(job.id)
            thread.join(30)

    def _work(self, lane, node, job, shipment, running, loss):
        for number, message in enumerate(message for batch in node.run(job, shipment) for message in batch):
            if loss is not None and number == loss[0]:
                node.cancel(job.id)
                del self.nodes[lane]
                self.remnants.ended(lane, is_clean=False)
                running.coming.put(None if loss[1] == LINK else Lost(loss[1], "it was killed", loss[0] > 0))
                return
            running.coming.put(message)

    def node_of(self, lane):
        return lane

    def send(self, message):
        if isinstance(message, StopAttempt):
            self._job[1].cancel(self._job[0])

    def forget(self, lane, person):
        if not self.remnants.has(lane, person):
            return ()
        if self.unreached:
            return (Left("node-1", "it does not answer"),)
        self.nodes[lane].forget(person)
        self.remnants.forgot(lane, person)
        return ()

    def forget_left(self, person):
        return tuple(Left(node, "it is not in the cluster now") for node in self.remnants.left_of(person))

    def facts(self, lane):
        return LaneFacts(lane, "processor")

    def close(self):
        for node in self.nodes.values():
            node.close()
