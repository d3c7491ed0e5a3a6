"""What Ray costs: calls, messages and bytes between two nodes of a small cluster, both on this machine."""

from __future__ import annotations

import os
import pickle
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from scale.figures import Figure

STORE = 200 << 20
PIECE = 8 << 20
"""The cluster's files travel in pieces of this size."""
PIECES, MESSAGES, CALLS = 40, 2_000, 1_000
UNFETCHED = 16


def measured() -> dict[str, Figure]:
    with nodes() as ray:
        actor = remote_actor(ray)
        ray.get(actor.echo.remote(b""))
        figures = {
            "ray_call": Figure(_trips(ray, actor), "s", "a call of an actor on another node and its answer"),
            "ray_calls": Figure(_many(ray, actor), "s", "one of many calls that are on the way together"),
            "ray_message": Figure(_messages(ray, actor), "s", "one of many messages that a running job sends"),
            "ray_in": Figure(_bytes_in(ray, actor), "bytes/s", "pieces of 8 MB from another node to the driver"),
            "ray_out": Figure(_bytes_out(ray, actor), "bytes/s", "pieces of 8 MB from the driver to another node"),
        }
    return {**figures, "pipe": Figure(_pipe(), "bytes/s", "pieces of 8 MB, pickled, from one process to another")}


@contextmanager
def nodes() -> Iterator[Any]:
    """A head, to which this process belongs, and a node with the room for actors."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray: Any = import_module("ray")
    cluster = import_module("ray.cluster_utils").Cluster(
        initialize_head=True, head_node_args={"num_cpus": 0, "object_store_memory": STORE}
    )
    try:
        cluster.add_node(num_cpus=2, object_store_memory=STORE)
        ray.init(cluster.address, log_to_driver=False, logging_level="ERROR")
        yield ray
    finally:
        ray.shutdown()
        cluster.shutdown()


def remote_actor(ray: Any) -> Any:
    class Echo:
        """Defined in a function, so that Ray sends it as it is: the other process cannot import this file."""

        def echo(self, content: bytes) -> int:
            return len(content)

        def many(self, count: int, size: int) -> Iterator[bytes]:
            for number in range(count):
                yield bytes([number % 256]) * size

    return ray.remote(num_cpus=1)(Echo).remote()


def _trips(ray: Any, actor: Any) -> float:
    return statistics.median(_seconds(lambda: ray.get(actor.echo.remote(b"x" * 300))) for _ in range(CALLS // 2))


def _many(ray: Any, actor: Any) -> float:
    return _seconds(lambda: ray.get([actor.echo.remote(b"x" * 300) for _ in range(CALLS)])) / CALLS


def _streamed(ray: Any, actor: Any, count: int, size: int) -> None:
    method = actor.many.options(num_returns="streaming", _generator_backpressure_num_objects=UNFETCHED)
    for reference in method.remote(count, size):
        ray.get(reference)


def _messages(ray: Any, actor: Any) -> float:
    return _seconds(lambda: _streamed(ray, actor, MESSAGES, 300)) / MESSAGES


def _bytes_in(ray: Any, actor: Any) -> float:
    return PIECES * PIECE / _seconds(lambda: _streamed(ray, actor, PIECES, PIECE))


def _bytes_out(ray: Any, actor: Any) -> float:
    content = bytes(PIECE)

    def send() -> None:
        waiting: list[Any] = []
        for _ in range(PIECES):
            waiting.append(actor.echo.remote(content))
            if len(waiting) >= 4:
                ray.get(waiting.pop(0))
        ray.get(waiting)

    return PIECES * PIECE / _seconds(send)


def _pipe() -> float:
    """Through a process that reads messages and sends them on, as the link to a cluster does."""
    words = "import pickle, sys\nwhile True: pickle.dump(pickle.load(sys.stdin.buffer), sys.stdout.buffer)"
    with subprocess.Popen([sys.executable, "-c", words], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        content, sink = bytes(PIECE), process.stdin

        def feed() -> None:
            for _ in range(PIECES):
                pickle.dump(content, sink)
                sink.flush()

        def read() -> None:
            for _ in range(PIECES):
                pickle.load(source)

        source = process.stdout
        thread = threading.Thread(target=feed)
        thread.start()
        seconds = _seconds(read)
        thread.join()
        process.kill()
    # Every piece goes through two pipes.
    return 2 * PIECES * PIECE / seconds


def _seconds(do: Callable[[], object]) -> float:
    began = time.perf_counter()
    do()
    return time.perf_counter() - began
