"""What comes from another machine is published once, whatever is killed between its first piece and its last step."""

import json
import os
import shutil
from dataclasses import replace

import pytest

from easyphoto.errors import DiskFailure, NameTaken, OutsideFolder
from easyphoto.host.base import ThisMachine
from easyphoto.jobs.arrivals import ARRIVED, Arrivals, JobOutcome
from easyphoto.jobs.queue import JobQueue
from easyphoto.jobs.records import Job, State
from easyphoto.jobs.store import JobStore
from easyphoto.persons.upkeep import sweep
from easyphoto.progress import Cancelled
from easyphoto.storage.files import write_text
from easyphoto.workspace.folders import Workspace
from easyphoto.workspace.upgrades import open_workspace
from tests.jobs.asked import Asked
from tests.kills import killed_at, points_of

ID = "20260101T000000Z-00000001"
JOB = Job(ID, "train", "train anna", State.RUNNING, "2026-01-01T00:00:00Z", "0123456789abcdef",
          request={"name": "anna", "photos": []})  # fmt: skip
PERSON = {"format": 1, "name": "anna", "family": "miniature", "created": "2026-01-01T00:00:00Z"}
ANSWER = {"person": "anna", "name": "anna"}
MADE = {
    "results/one/a.png": b"a" * 10,
    "results/one/b.png": b"b" * 10,
    "templates/garden.png": b"garden",
    "runs/20260101T000000Z-anna/run.json": b"{}",
    "persons/anna/person.json": json.dumps({**PERSON, "lora": "lora.safetensors"}).encode(),
    "persons/anna/lora.safetensors": b"new",
}
PARTS = ("results/one", "templates/garden.png", "runs/20260101T000000Z-anna", "persons/anna")


@pytest.fixture
def workspace(tmp_path):
    return begun(tmp_path / "workspace")


def begun(root):
    """A workspace whose job runs, and whose anna was trained before."""
    workspace = open_workspace(root)
    (root / "persons" / "anna").mkdir(parents=True)
    write_text(root / "persons" / "anna" / "person.json", json.dumps({**PERSON, "lora": "lora.safetensors"}))
    (root / "persons" / "anna" / "lora.safetensors").write_bytes(b"old")
    JobStore(workspace.jobs).write(JOB)
    return workspace


def arrive(arrivals):
    for below, content in MADE.items():
        for offset in range(0, len(content), 6):
            arrivals.keep(below, content[offset : offset + 6], offset=offset)
        arrivals.complete(below, changed=1_000_000_007)


def outcome(**changes):
    made = JobOutcome("done", ANSWER, None, PARTS, files={"a.png": "results/one/a.png"})
    return replace(made, **changes)


def finish(workspace):
    """All that a server does when the job has ended elsewhere."""
    arrivals = Arrivals(workspace, ID)
    arrive(arrivals)
    arrivals.decide(outcome())
    arrivals.publish(outcome())
    ended = replace(JOB, state=State.DONE, ended="2026-01-01T00:01:00Z", files=outcome().files, result=ANSWER)
    JobStore(workspace.jobs).write(ended)
    arrivals.clear()


def state_of(workspace):
    return {
        file.relative_to(workspace.root).as_posix(): file.read_bytes()
        for part in ("persons", "results", "runs", "templates")
        for file in (workspace.root / part).rglob("*")
        if file.is_file()
    }


def test_what_has_arrived_is_published_and_the_record_says_so(workspace):
    finish(workspace)

    assert state_of(workspace) == MADE
    assert not (workspace.jobs / ID / ARRIVED).exists()
    assert os.stat(workspace.root / "results/one/a.png").st_mtime_ns == 1_000_000_007


@pytest.mark.parametrize("sweeps_first", [True, False])
def test_killed_at_any_step_it_is_published_once_or_not_at_all(tmp_path, sweeps_first):
    points = points_of(tmp_path / "whole", lambda: finish(begun(tmp_path / "whole")))
    before = state_of(begun(tmp_path / "before"))
    ends = set()

    for number in range(1, points + 1):
        root = tmp_path / str(number)
        with killed_at(root, number) as operations:
            finish(begun(root))
        if not (root / "jobs" / ID / "job.json").is_file():
            continue  # the job had not begun
        workspace = Workspace(root)
        if sweeps_first:
            assert sweep(workspace, ThisMachine()).troubles == ()
        queue = JobQueue(workspace)
        job = queue.get(ID)
        queue.close()
        assert sweep(workspace, ThisMachine()).troubles == ()
        ends.add(job.state)
        wanted = MADE if job.state is State.DONE else before
        assert state_of(workspace) == wanted, operations.seen[-1]
        assert job.files == ({"a.png": "results/one/a.png"} if job.state is State.DONE else {})
        assert not (workspace.jobs / ID / ARRIVED).exists(), operations.seen[-1]

    assert ends == {State.DONE, State.INTERRUPTED}


def test_a_publication_that_a_start_completes_counts_its_events_on(workspace):
    arrivals = Arrivals(workspace, ID)
    arrive(arrivals)
    arrivals.decide(outcome())

    queue = JobQueue(workspace)
    told = [(event.number, event.type) for event in queue.events(ID)]
    queue.close()

    assert told == [(1, "result"), (2, "state")]


def test_what_could_not_be_put_in_place_is_completed_by_the_next_start(workspace):
    queue = JobQueue(workspace)

    def work(context):
        arrivals = Arrivals(workspace, context.job.id)
        for below in ("results/one/a.png", "results/one/b.png"):
            arrivals.keep(below, MADE[below])
            arrivals.complete(below, changed=1)
        arrivals.decide(JobOutcome("done", {"pictures": []}, None, ("results/one",)))
        raise DiskFailure("results/one could not be put in place.")

    id = queue.submit(Asked("photograph", "photograph anna"), work).id
    while not queue.get(id).state.is_over:
        queue.wait(id, 0, 5.0)
    assert queue.get(id).state is State.FAILED
    queue.close()

    again = JobQueue(workspace)
    assert (again.get(id).state, dict(again.get(id).result)) == (State.DONE, {"pictures": []})
    assert (workspace.results / "one" / "a.png").read_bytes() == MADE["results/one/a.png"]
    again.close()


def test_a_record_that_says_how_it_ended_is_not_settled_again(workspace):
    arrivals = Arrivals(workspace, ID)
    arrive(arrivals)
    arrivals.decide(outcome(state="cancelled", answer=None))
    JobStore(workspace.jobs).write(replace(JOB, state=State.CANCELLED, ended="2026-01-01T00:01:00Z"))

    queue = JobQueue(workspace)
    assert queue.get(ID).ended == "2026-01-01T00:01:00Z"
    assert queue.events(ID) == ()
    assert not arrivals.folder.exists()
    queue.close()


def test_how_it_ended_there_is_how_it_ends_here(workspace):
    arrivals = Arrivals(workspace, ID)
    arrive(arrivals)
    arrivals.decide(outcome(state="cancelled", answer=None, parts=PARTS[2:3]))

    queue = JobQueue(workspace)
    job = queue.get(ID)
    queue.close()

    assert (job.state, job.result) == (State.CANCELLED, None)
    assert (workspace.root / PARTS[2] / "run.json").is_file()
    assert (workspace.root / "persons/anna/lora.safetensors").read_bytes() == b"old"


@pytest.mark.parametrize("part", ["results/one", "templates/garden.png"])
def test_nothing_that_is_there_is_written_over(workspace, part):
    arrivals = Arrivals(workspace, ID)
    arrive(arrivals)
    place = workspace.root / part
    if place.suffix:
        write_text(place.with_suffix(".jpg"), "another")
    else:
        place.mkdir(parents=True)

    with pytest.raises(NameTaken):
        arrivals.decide(outcome())
    assert arrivals.decided() is None


def test_a_run_that_went_on_gets_what_changed_and_loses_what_is_gone(workspace):
    run = workspace.runs / "20260101T000000Z-anna"
    write_text(run / "run.json", "earlier")
    write_text(run / "checkpoints" / "resume.safetensors", "earlier")
    arrivals = Arrivals(workspace, ID)
    arrive(arrivals)
    part, gone = f"runs/{run.name}/run.json", f"runs/{run.name}/checkpoints/resume.safetensors"
    made = outcome(parts=(part,), gone=(gone,))

    arrivals.decide(made, replaces=(part,))
    arrivals.publish(made)

    assert {file.name: file.read_bytes() for file in run.rglob("*") if file.is_file()} == {"run.json": b"{}"}


@pytest.mark.parametrize("below", ["../outside.txt", "/etc/passwd", "persons/../../x", "x" * 300])
def test_nothing_arrives_outside_of_the_workspace(workspace, below):
    with pytest.raises(OutsideFolder):
        Arrivals(workspace, ID).keep(below, b"")


def test_files_of_the_jobs_own_folder_are_there_at_once(workspace):
    arrivals = Arrivals(workspace, ID)
    below = f"jobs/{ID}/preview-0001.jpg"
    arrivals.keep(below, b"preview")
    arrivals.complete(below, changed=1)

    assert (workspace.root / below).read_bytes() == b"preview"
    assert arrivals.staged(below) == below


def test_other_files_are_named_where_they_lie_until_they_are_published(workspace):
    arrivals = Arrivals(workspace, ID)
    arrivals.keep("results/one/a.png", b"a")

    assert (workspace.root / arrivals.staged("results/one/a.png")).read_bytes() == b"a"
    assert arrivals.published(arrivals.staged("results/one/a.png")) == "results/one/a.png"


@pytest.mark.parametrize("step", ["keep", "decide"])
def test_for_a_job_that_was_deleted_nothing_arrives(workspace, step):
    arrivals = Arrivals(workspace, ID)
    shutil.rmtree(workspace.jobs / ID)

    with pytest.raises(Cancelled):
        arrivals.keep("results/one/a.png", b"a") if step == "keep" else arrivals.decide(outcome())
    assert not (workspace.jobs / ID).exists()


@pytest.mark.parametrize("name", ["job.json", "events.jsonl", "command.json"])
def test_another_machine_does_not_write_a_jobs_records(workspace, name):
    arrivals = Arrivals(workspace, ID)

    with pytest.raises(OutsideFolder):
        arrivals.keep(f"jobs/{ID}/{name}", b"{}")
