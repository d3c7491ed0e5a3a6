"""Which machines may hold whose files: known while they live, remembered at their end, forgotten when swept."""

import pytest

from easyphoto.cluster.remnants import Remnants
from easyphoto.storage.files import write_text
from easyphoto.workspace.upgrades import open_workspace


@pytest.fixture
def workspace(tmp_path):
    return open_workspace(tmp_path / "workspace")


@pytest.fixture
def remnants(workspace):
    return Remnants(workspace)


def test_the_first_job_of_a_lane_is_remembered_although_its_machine_was_not_known(remnants):
    remnants.sends("actor:0", ("anna",))
    assert not remnants.has("actor:0", "anna")

    remnants.began("actor:0", "node-1", is_swept=True)

    assert remnants.has("actor:0", "anna")


def test_what_a_process_that_was_killed_held_is_left_on_its_machine(remnants):
    remnants.began("actor:0", "node-1", is_swept=True)
    remnants.sends("actor:0", ("anna",))
    remnants.ended("actor:0", is_clean=False)

    assert remnants.left_of("anna") == ("node-1",)
    assert remnants.left_of("ben") == ()


def test_a_process_that_ended_in_order_leaves_nothing(remnants):
    remnants.began("actor:0", "node-1", is_swept=True)
    remnants.sends("actor:0", ("anna",))
    remnants.ended("actor:0", is_clean=True)

    assert remnants.left_of("anna") == ()


def test_a_process_that_works_for_another_lane_takes_along_what_it_holds(remnants):
    remnants.began("actor:0", "node-1", is_swept=True)
    remnants.sends("actor:0", ("anna",))
    remnants.sends("actor:1", ("ben",))

    remnants.moved("actor:0", "actor:1")

    assert [remnants.has(lane, id) for lane in ("actor:0", "actor:1") for id in ("anna", "ben")] == [
        False, False, True, True,
    ]  # fmt: skip


@pytest.mark.parametrize(("is_swept", "left"), [(True, ()), (False, ("node-1",))])
def test_the_next_process_on_the_machine_sweeps_it(remnants, is_swept, left):
    remnants.began("actor:0", "node-1", is_swept=True)
    remnants.sends("actor:0", ("anna",))
    remnants.ended("actor:0", is_clean=False)
    remnants.began("actor:1", "node-1", is_swept=is_swept)

    assert remnants.left_of("anna") == left


def test_all_that_a_killed_server_knew_of_is_left_for_the_next(workspace, remnants):
    remnants.began("actor:0", "node-1", is_swept=True)
    remnants.sends("actor:0", ("anna", "ben"))
    remnants.began("actor:1", "node-2", is_swept=True)
    remnants.sends("actor:1", ("anna",))
    remnants.forgot("actor:0", "ben")

    again = Remnants(workspace)

    assert (again.left_of("anna"), again.left_of("ben")) == (("node-1", "node-2"), ())


def test_a_damaged_record_keeps_no_server_from_starting(workspace):
    write_text(workspace.jobs / ".cluster.json", "{")

    assert Remnants(workspace).left_of("anna") == ()
