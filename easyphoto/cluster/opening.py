"""Opens a service whose work lanes are on the machines of a cluster."""

from __future__ import annotations

import importlib.util

from easyphoto.app import EasyPhoto
from easyphoto.cluster.connection import Cluster
from easyphoto.cluster.joining import AUTO, check_answers, missing_ray
from easyphoto.cluster.messages import LinkSetup, NodeSetup
from easyphoto.cluster.runner import ActorRunner
from easyphoto.jobs.lanes import Lane, LaneKind
from easyphoto.jobs.queue import JobQueue
from easyphoto.jobs.service import Service


def clustered_service(app: EasyPhoto, address: str, actors: int | None = None) -> Service:
    """Join the cluster and return the service; jobs that a lost server left behind wait in its queue again.

    `actors` is the number of lanes, None: as many as the cluster has cards now, or processors where it has none.
    Raises MissingCapability without Ray or for other versions, BackendUnreachable, BadSettings.
    """
    if importlib.util.find_spec("ray") is None:
        raise missing_ray()
    if address != AUTO:
        check_answers(address)
    node = NodeSetup(
        app.options, tuple(path.absolute() for path in (*app.mirrors, app.workspace.weights)),
        (app.workspace.checkpoints.absolute(),),
    )  # fmt: skip
    cluster = Cluster(LinkSetup(address, node, actors), app.workspace)
    has = cluster.open()
    names = tuple(f"actor:{number}" for number in range(actors or has.gpus or max(1, has.cpus)))
    runners = {name: ActorRunner(app, cluster, name, is_first=number == 0) for number, name in enumerate(names)}
    lanes = tuple(Lane(LaneKind.WORK, name) for name in names)
    service = Service(app, JobQueue(app.workspace, lanes, keeps_commands=True), runners=runners)
    service.submit_again()
    return service
