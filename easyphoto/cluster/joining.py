"""Connects this process to a Ray cluster, or starts a small one on this machine."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from typing import Any

from easyphoto.cluster.messages import Connected, LinkSetup
from easyphoto.errors import BackendUnreachable, BadSettings, MissingCapability, first_line
from easyphoto.messages import text
from easyphoto.parallel import cores

AUTO = "auto"
ADDRESS_VARIABLE = "RAY_ADDRESS"
NAMESPACE = "easyphoto"
SECONDS_TO_ANSWER = 3.0
"""For a connection to the head; Ray itself would try for 15 s and then end the process."""
STORE_BYTES = 512 << 20
"""Of the object store of a cluster that is started here: what is on the way are pieces of 8 MB."""
SETTINGS = {
    # How long a lost head is waited for before this process ends, and is started again by the server.
    "RAY_gcs_rpc_server_reconnect_timeout_s": "15",
    # Nothing about this machine is sent to anybody.
    "RAY_USAGE_STATS_ENABLED": "0",
}


def join_cluster(setup: LinkSetup) -> tuple[Any, Connected]:
    """Return Ray, connected, and what the cluster has. Raises MissingCapability, BackendUnreachable, BadSettings."""
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    try:
        import ray
        import ray.util.scheduling_strategies
    except ImportError as error:
        raise missing_ray() from error
    address = _address_of(setup.address, ray)
    quiet = {"namespace": NAMESPACE, "log_to_driver": False, "logging_level": "ERROR"}
    if address is None:
        ray.init(**quiet, **_small(setup))
    else:
        check_answers(address)
        try:
            ray.init(address, **quiet)
        except Exception as error:
            raise MissingCapability(
                text("The cluster at {address} cannot be joined: {cause}.", address=address, cause=first_line(error)),
                advice=text(
                    "Its machines and this one need the same versions of Python and Ray; a cluster with tokens needs "
                    "RAY_AUTH_MODE=token and its token here too."
                ),
            ) from error
    has = ray.cluster_resources()
    names = tuple(sorted(node["NodeManagerHostname"] for node in ray.nodes() if node["Alive"]))
    return ray, Connected(int(has.get("GPU", 0)), int(has.get("CPU", 0)), names)


def missing_ray() -> MissingCapability:
    return MissingCapability(text("A cluster needs Ray."), advice=text("Install it: pip install easyphoto[ray]"))


def check_answers(address: str) -> None:
    """Raises BackendUnreachable where nobody listens at HOST:PORT, BadSettings for another text."""
    host, colon, port = address.rpartition(":")
    if not (colon and host and port.isdecimal()) or "/" in address:
        raise BadSettings(
            text("cluster cannot be {value}.", value=repr(address)),
            advice=text("It must be auto, or the HOST:PORT of the cluster's head, such as 10.0.0.1:6379."),
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), SECONDS_TO_ANSWER).close()
    except (OSError, OverflowError) as error:
        raise BackendUnreachable(
            text("No cluster answers at {address}: {cause}.", address=address, cause=first_line(error)),
            advice=text("Start its head (ray start --head), and check the address and any firewall in between."),
        ) from error


def _address_of(asked: str, ray: Any) -> str | None:
    """The address of the head; None where a cluster is to be started here."""
    if asked != AUTO:
        return asked
    if said := os.environ.get(ADDRESS_VARIABLE, "").strip():
        # Ray would read it again, whatever it is told.
        return said if said != AUTO else _running_here()
    return _running_here()


def _running_here() -> str | None:
    """The address of a cluster that this machine is part of, if its head answers."""
    found = os.path.join(os.environ.get("RAY_TMPDIR", "/tmp"), "ray", "ray_current_cluster")
    with suppress(OSError, BackendUnreachable, BadSettings), open(found, encoding="utf-8") as stream:
        address = stream.read().strip()
        check_answers(address)
        return address
    return None


def _small(setup: LinkSetup) -> dict[str, Any]:
    """The options of a cluster of this machine alone, which ends with this process."""
    return {
        "num_cpus": max(setup.actors or 1, cores()), "include_dashboard": False, "object_store_memory": STORE_BYTES,
        "_temp_dir": setup.folder,
    }  # fmt: skip
