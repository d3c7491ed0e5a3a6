"""The server's end of the link: it is started again whenever it ends, and what ran on it is known to be lost."""

import dataclasses
import sys
import time
from pathlib import Path

import pytest

from easyphoto.cluster import connection as connection_module
from easyphoto.cluster.connection import Cluster, LinkLost
from easyphoto.cluster.joining import check_answers
from easyphoto.cluster.messages import LinkSetup, NodeSetup
from easyphoto.cluster.shipment import Shipment
from easyphoto.errors import BackendUnreachable, BadSettings
from easyphoto.jobs.records import Job, State
from easyphoto.jobs.relay import Finished
from easyphoto.jobs.runners import IDLE, LOST
from easyphoto.settings.options import Options
from easyphoto.workspace.upgrades import open_workspace

JOB = Job("20260101T000000Z-00000001", "photograph", "work", State.RUNNING, "2026-01-01T00:00:00Z", "owner")
NOTHING = Shipment("photograph", {})


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.setattr(connection_module, "SECONDS_BETWEEN_TRIES", (0.0, 0.05))
    cluster = linked(tmp_path)
    yield cluster
    cluster.close()


def linked(tmp_path, address="auto"):
    command = (sys.executable, str(Path(__file__).with_name("fake_link.py")))
    return Cluster(LinkSetup(address, NodeSetup(Options())), open_workspace(tmp_path / "workspace"), command=command)


def attempt(cluster, title, persons=(), *, slowly=False):
    """The message that the attempt ends with. `slowly`: what comes first has to wait."""
    job, shipment = dataclasses.replace(JOB, title=title), dataclasses.replace(NOTHING, persons=persons)
    with cluster.attempted("actor:0", job, shipment) as running:
        until = time.monotonic() + 20
        while time.monotonic() < until:
            time.sleep(1.0 if slowly else 0.0)
            message = running.hear(0.1)
            if isinstance(message, Finished):
                return message
    raise AssertionError("nothing came")


def test_what_the_cluster_has_is_known_when_it_is_joined(cluster):
    assert cluster.open().cpus == 2
    assert cluster.wait(0) is None
    assert cluster.facts("actor:0").state == IDLE


def test_a_cluster_that_cannot_be_joined_is_an_error_of_the_start(tmp_path, cluster):
    with pytest.raises(BackendUnreachable, match="No cluster answers"):
        linked(tmp_path, "nobody").open()


def test_an_attempt_has_its_own_messages(cluster):
    cluster.open()

    assert attempt(cluster, "first") == Finished({"title": "first"})
    assert attempt(cluster, "second") == Finished({"title": "second"})
    assert (cluster.facts("actor:0").node, cluster.facts("actor:0").device) == ("node-1", "processor")


@pytest.mark.parametrize("title", ["end", "flood"])
def test_a_link_that_ends_is_lost_with_its_jobs_and_comes_again(cluster, title, monkeypatch):
    monkeypatch.setattr(connection_module, "SECONDS_BETWEEN_TRIES", (0.0, 0.05))
    cluster.open()

    with pytest.raises(LinkLost):
        attempt(cluster, title, slowly=True)
    until = time.monotonic() + 20
    while cluster.wait(0.2) is not None:
        assert time.monotonic() < until

    assert attempt(cluster, "again") == Finished({"title": "again"})


def test_without_a_connection_the_lane_says_so_and_no_attempt_begins(tmp_path, cluster):
    away = linked(tmp_path, "nobody")
    with pytest.raises(BackendUnreachable):
        away.open()

    assert (away.facts("actor:0").state, str(away.facts("actor:0").device)) == (
        LOST, "No cluster answers. Start one.",
    )  # fmt: skip
    with pytest.raises(LinkLost):
        attempt(away, "work")


def test_a_persons_files_are_removed_where_they_are_and_no_other_machine_is_asked(cluster):
    cluster.open()
    attempt(cluster, "a photograph of anna", ("anna",))

    assert cluster.forget("actor:1", "anna") == ()
    assert cluster.forget("actor:0", "ben") == ()
    assert cluster.remnants.has("actor:0", "anna")
    assert cluster.forget("actor:0", "anna") == ()
    assert not cluster.remnants.has("actor:0", "anna")


def test_what_an_ended_process_may_have_left_is_known_to_the_next_server(tmp_path, cluster):
    cluster.open()
    attempt(cluster, "a photograph of anna", ("anna",))
    with pytest.raises(LinkLost):
        attempt(cluster, "end")
    assert cluster.remnants.left_of("anna") == ("node-1",)
    while cluster.wait(0.2) is not None:
        pass

    (left,) = cluster.forget_left("anna")

    assert left.what == "node-1"
    assert "node-1 is not in the cluster now" in str(left.why)
    assert linked(tmp_path).remnants.left_of("anna") == ("node-1",)


@pytest.mark.parametrize("address", ["", "somewhere", "http://10.0.0.1:6379", "host:port", ":6379"])
def test_an_address_is_a_host_and_a_port(address):
    with pytest.raises(BadSettings, match="cluster cannot be"):
        check_answers(address)


def test_nobody_at_the_address_is_said_within_seconds():
    with pytest.raises(BackendUnreachable, match=r"No cluster answers at 127\.0\.0\.1:1"):
        check_answers("127.0.0.1:1")
