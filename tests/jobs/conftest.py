"""What the tests of the queue share."""

import pytest

from easyphoto.jobs.queue import JobQueue
from easyphoto.workspace.folders import Workspace
from tests.services import workshop

__all__ = ["workshop"]


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path / "workspace")


@pytest.fixture
def queue(workspace):
    queue = JobQueue(workspace)
    yield queue
    queue.close()
