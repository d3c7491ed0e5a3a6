"""A lane's process: it runs jobs as this one does, is kept to its devices, and is never left behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from easyphoto.app import EasyPhoto
from easyphoto.commands.delete_person import DeletePerson
from easyphoto.devices import groups_of
from easyphoto.jobs import lane_process
from easyphoto.jobs.askers import Requester
from easyphoto.jobs.device_lanes import lanes_of
from easyphoto.jobs.lane_process import ProcessRunner
from easyphoto.jobs.portable import portable
from easyphoto.jobs.queue import JobQueue
from easyphoto.jobs.records import State
from easyphoto.jobs.service import Service
from easyphoto.workspace.folders import Workspace
from tests.jobs.lane_double import Errand

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="asks for signals")
ROOT = Path(__file__).parents[2]
GROUPS = groups_of("cpu:0,cpu:1", ())
SECONDS = 30.0
ORPHAN = """
import sys, time
from pathlib import Path
from tests.jobs.lane_double import Errand
from tests.jobs.test_lane_process import Lanes

lanes = Lanes(Path(sys.argv[1]))
lanes.submit(Errand("steps", file=Path(sys.argv[2])))
time.sleep(600)
"""


class Lanes:
    """A service with two lanes, whose processes know the tests' errands."""

    def __init__(self, workspace: Path, program=(sys.executable, "-m", "tests.jobs.lane_double")) -> None:
        app = EasyPhoto(Workspace(workspace), mirrors=())
        self.runners = {
            group.name: ProcessRunner(group.name, portable(app, group), group.environment(threads=1), program=program)
            for group in GROUPS
        }
        self.queue = JobQueue(app.workspace, lanes_of(GROUPS))
        self.service = Service(app, self.queue, runners=self.runners)

    def submit(self, errand, asker=None):
        def work(context):
            return self.runners[context.job.lane].run(errand, context)

        return self.queue.submit(errand, work, asker=asker)

    def done(self, errand):
        return self.over(self.submit(errand))

    def over(self, job):
        until = time.monotonic() + SECONDS
        while not self.queue.get(job.id).state.is_over:
            assert time.monotonic() < until, "the job does not end"
            self.queue.wait(job.id, len(self.queue.events(job.id)), 1.0)
        return self.queue.get(job.id)


@pytest.fixture(scope="module")
def lanes(tmp_path_factory):
    """For all tests: a process takes a second to start."""
    lanes = Lanes(tmp_path_factory.mktemp("lanes") / "workspace")
    yield lanes
    lanes.service.close()


def appears(file):
    """Wait for what the errand writes into the file, and return its numbers."""
    until = time.monotonic() + SECONDS
    while not (file.is_file() and file.read_text()):
        assert time.monotonic() < until, "the errand does not begin"
        time.sleep(0.01)
    return [int(number) for number in file.read_text().split()]


def stands_still(file):
    """Wait until the errand counts no more steps."""
    before = None
    while before != (before := file.read_text()):
        time.sleep(0.1)


def ends(process):
    """Wait until the process is gone."""
    until = time.monotonic() + SECONDS
    while is_alive(process):
        assert time.monotonic() < until, f"the process {process} does not end"
        time.sleep(0.02)


def is_alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{process}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


def test_jobs_of_one_lane_share_a_process_which_is_not_this_one(lanes):
    jobs = [lanes.submit(Errand("answer", (f"p{number}",))) for number in range(6)]

    by_lane = {}
    for job in map(lanes.over, jobs):
        assert job.state is State.DONE, job.error
        by_lane.setdefault(job.lane, set()).add(job.result["process"])

    assert sorted(by_lane) == ["cpu:0", "cpu:1"]
    assert all(len(processes) == 1 for processes in by_lane.values())
    assert len({os.getpid()}.union(*by_lane.values())) == 3


def test_the_process_is_kept_to_its_devices_and_writes_for_its_user_alone(lanes):
    result = lanes.done(Errand("environment")).result

    assert {name: result[name] for name in ("CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "OMP_WAIT_POLICY")} == {
        "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE",
    }  # fmt: skip
    assert (result["umask"], result["devices"]) == (0o077, "cpu:0")


def test_what_a_job_tells_and_writes_is_there(lanes):
    job = lanes.done(Errand("tell", ("anna",)))

    assert job.notes == ("the hair of anna is cut off",)
    assert (job.phase, job.done, job.total) == ("painting anna", 1, 2)
    assert [event.type for event in lanes.queue.events(job.id)] == [
        "state",
        "state",
        "progress",
        "note",
        "result",
        "state",
    ]
    assert lanes.queue.file(job.id, "told.txt").read_text() == "told"


def test_what_libraries_and_programs_write_disturbs_no_message(lanes, caplog):
    assert lanes.done(Errand("noise")).state is State.DONE
    assert lanes.done(Errand("answer")).state is State.DONE

    until = time.monotonic() + SECONDS
    wanted = {"cpu:0: a library talks", "cpu:0: another, lower down"}
    while not wanted <= {record.getMessage() for record in caplog.records}:
        assert time.monotonic() < until, caplog.text
        time.sleep(0.01)


def test_errors_have_the_same_names_as_in_one_process(lanes):
    missing, fault, odd = (lanes.done(Errand(what)) for what in ("missing", "fault", "picture"))

    assert missing.error == {
        "code": "WeightsMissing", "message": "ViT-H is missing.", "advice": "Fetch it.", "weights": "identity",
    }  # fmt: skip
    assert (fault.error["code"], fault.error["message"]) == ("InternalError", "KeyError: 'nothing'")
    assert odd.error["code"] == "InternalError"
    assert "in fault" in (lanes.queue.folder(fault.id) / "traceback.txt").read_text()
    assert lanes.done(Errand("answer")).state is State.DONE


def test_a_job_is_cancelled_within_a_step_and_its_process_goes_on(lanes, tmp_path):
    job = lanes.submit(Errand("steps", file=tmp_path / "steps"))
    process, _ = appears(tmp_path / "steps")

    lanes.queue.cancel(job.id)

    assert lanes.over(job).state is State.CANCELLED
    assert (tmp_path / "steps.stopped").is_file()
    assert lanes.done(Errand("answer")).result["process"] == process


def test_a_job_that_does_not_stop_is_ended_with_its_process_and_what_that_started(lanes, tmp_path, monkeypatch):
    monkeypatch.setattr(lane_process, "SECONDS_TO_STOP", 0.3)
    job = lanes.submit(Errand("deaf", file=tmp_path / "deaf"))
    processes = appears(tmp_path / "deaf")

    lanes.queue.cancel(job.id)

    assert lanes.over(job).state is State.CANCELLED
    for process in processes:
        ends(process)
    assert lanes.done(Errand("answer")).state is State.DONE


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_process_that_is_killed_fails_its_job_by_name_and_the_next_job_gets_a_new_one(lanes, tmp_path, number):
    job, beside = (lanes.submit(Errand("steps", file=tmp_path / name)) for name in ("steps", "beside"))
    process, _ = appears(tmp_path / "steps")
    appears(tmp_path / "beside")

    os.kill(process, number)
    lost = lanes.over(job)

    assert (lost.state, lost.error["code"], lost.lane) == (State.FAILED, "WorkerLost", "cpu:0")
    assert "cpu:0" in lost.error["message"]
    assert "resume" in lost.error["advice"]
    assert lanes.service.lanes()[0].state == "lost"
    again = lanes.done(Errand("answer"))
    assert (again.state, again.lane) == (State.DONE, "cpu:0")
    assert again.result["process"] != process
    assert lanes.queue.get(beside.id).state is State.RUNNING
    lanes.queue.cancel(beside.id)
    lanes.over(beside)


def test_a_process_that_cannot_start_says_its_last_words(tmp_path):
    failing = (sys.executable, "-c", "raise SystemExit('no module named torch')")
    lanes = Lanes(tmp_path / "workspace", failing)

    job = lanes.done(Errand("answer"))

    assert job.error["code"] == "WorkerLost"
    assert job.error["message"] == "The process of the lane cpu:0 did not start (exit code 1). no module named torch"
    lanes.service.close()


def test_a_program_that_is_not_there_fails_the_job_too(tmp_path):
    lanes = Lanes(tmp_path / "workspace", (str(tmp_path / "nothing"),))

    assert lanes.done(Errand("answer")).error["code"] == "WorkerLost"
    lanes.service.close()


def test_closing_cancels_the_job_and_leaves_no_process(tmp_path):
    lanes = Lanes(tmp_path / "workspace")
    idle = lanes.done(Errand("answer")).result["process"]
    job = lanes.submit(Errand("steps", file=tmp_path / "steps"))
    busy, _ = appears(tmp_path / "steps")

    lanes.service.close()

    assert lanes.queue.get(job.id).state is State.CANCELLED
    assert not is_alive(idle)
    assert not is_alive(busy)


def test_a_lanes_process_ends_when_the_server_is_killed(tmp_path):
    server = subprocess.Popen(
        [sys.executable, "-c", ORPHAN, str(tmp_path / "workspace"), str(tmp_path / "steps")], cwd=ROOT,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    process, _ = appears(tmp_path / "steps")

    server.kill()
    server.wait()

    ends(process)
    assert (tmp_path / "steps.stopped").is_file()


def test_a_process_forgets_who_is_deleted(lanes):
    before = lanes.done(Errand("remember", ("anna",))).result["kept"]
    assert lanes.done(Errand("remember", ("anna",))).result["kept"] == before + 1

    found = lanes.service.delete(DeletePerson("anna"))

    assert found.left == ()
    assert lanes.done(Errand("remember", ("ben",))).result["kept"] == before


def test_a_lane_that_does_not_answer_is_named_by_the_deletion(lanes, tmp_path, monkeypatch):
    monkeypatch.setattr(lane_process, "SECONDS_TO_FORGET", 0.2)
    lanes.done(Errand("remember", ("anna",)))
    job = lanes.submit(Errand("steps", file=tmp_path / "steps"))
    process, _ = appears(tmp_path / "steps")
    os.kill(process, signal.SIGSTOP)
    stands_still(tmp_path / "steps")
    try:
        found = lanes.service.delete(DeletePerson("anna"))
    finally:
        os.kill(process, signal.SIGCONT)

    assert [left.what for left in found.left] == ["the memory of the lane cpu:0"]
    lanes.queue.cancel(job.id)
    lanes.over(job)


def test_the_lanes_say_what_each_does(tmp_path):
    lanes = Lanes(tmp_path / "workspace")
    assert [(lane.name, lane.state, lane.job) for lane in lanes.service.lanes()] == [
        ("cpu:0", "idle", None), ("cpu:1", "idle", None),
    ]  # fmt: skip
    job = lanes.submit(Errand("steps", file=tmp_path / "steps"), Requester("anna"))
    appears(tmp_path / "steps")

    assert (lanes.service.lanes()[0].state, lanes.service.lanes()[0].job) == ("busy", job.id)
    others = lanes.service.for_clients().lanes()[0]
    assert (others.state, others.job) == ("busy", None)
    lanes.service.close()
