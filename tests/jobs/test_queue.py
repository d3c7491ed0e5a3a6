"""The queue: one job at a time, in order, and every end is written down."""

import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from easyphoto.commands.base import Subjects
from easyphoto.errors import DiskFailure, HostBusy, InputError, NoFaceFound, UnknownJob
from easyphoto.jobs import store as store_module
from easyphoto.jobs.queue import JobQueue
from easyphoto.jobs.records import State
from easyphoto.storage.files import write_text
from tests.jobs.asked import Asked

ANOTHER = """
import sys, time
from pathlib import Path
from easyphoto.jobs.queue import JobQueue
from easyphoto.workspace.folders import Workspace
from tests.jobs.asked import Asked

queue = JobQueue(Workspace(Path(sys.argv[1])))

def work(context):
    context.step(1, 10, "training")
    sys.stdout.write("begun\\n")
    sys.stdout.flush()
    time.sleep(600)

sys.stdout.write(queue.submit(Asked("train", "train anna"), work).id + "\\n")
sys.stdout.flush()
time.sleep(600)
"""


@pytest.fixture
def another(workspace):
    """A process with a queue of its own that does a job; and the job's id."""
    process = subprocess.Popen(
        [sys.executable, "-c", ANOTHER, str(workspace.root)], stdout=subprocess.PIPE, text=True,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    # The work may begin before the id is written.
    said = {process.stdout.readline().strip() for _ in range(2)}
    assert "begun" in said
    (id,) = said - {"begun"}
    yield process, id
    process.kill()
    process.wait()
    process.stdout.close()


def submit(queue, work, kind="check"):
    return queue.submit(Asked(kind, kind), work)


def over(queue, job):
    while not queue.get(job.id).state.is_over:
        queue.wait(job.id, len(queue.events(job.id)), 1.0)
    return queue.get(job.id)


def until_cancelled(begun):
    def work(context):
        begun.set()
        while True:
            context.check()
            threading.Event().wait(0.005)

    return work


def test_jobs_are_done_first_in_first_out_and_one_at_a_time(queue):
    order, running, most = [], [], []

    def work(number):
        def do(context):
            running.append(number)
            most.append(len(running))
            order.append(number)
            threading.Event().wait(0.01)
            running.remove(number)
            return {"number": number}

        return do

    jobs = [submit(queue, work(number)) for number in range(4)]
    ended = [over(queue, job) for job in jobs]

    assert order == [0, 1, 2, 3]
    assert most == [1, 1, 1, 1]
    assert [job.result for job in ended] == [{"number": 0}, {"number": 1}, {"number": 2}, {"number": 3}]


def test_a_job_that_waits_is_cancelled_at_once_and_never_done(queue):
    begun, touched = threading.Event(), []
    first = submit(queue, until_cancelled(begun))
    second = submit(queue, lambda context: touched.append(1) or {})
    begun.wait(10)

    cancelled = queue.cancel(second.id)

    assert cancelled.state is State.CANCELLED
    assert queue.get(first.id).state is State.RUNNING
    queue.cancel(first.id)
    assert over(queue, first).state is State.CANCELLED
    assert over(queue, submit(queue, lambda context: {})).state is State.DONE
    assert touched == []


def test_a_job_that_runs_is_cancelled_at_its_next_check_and_the_next_one_begins(queue):
    begun = threading.Event()
    first, second = submit(queue, until_cancelled(begun)), submit(queue, lambda context: {"made": 1})
    begun.wait(10)

    queue.cancel(first.id)

    assert over(queue, first).state is State.CANCELLED
    assert over(queue, second).state is State.DONE


def test_a_job_that_is_over_cannot_be_cancelled_any_more(queue):
    job = over(queue, submit(queue, lambda context: {"made": 1}))

    assert queue.cancel(job.id) == job
    assert queue.get(job.id).state is State.DONE


def test_a_failure_is_recorded_with_its_code_and_advice(queue):
    def work(context):
        raise NoFaceFound("There is no face.", advice="Give another template.")

    job = over(queue, submit(queue, work))

    assert job.state is State.FAILED
    assert job.error == {"code": "NoFaceFound", "message": "There is no face.", "advice": "Give another template."}
    assert [event.type for event in queue.events(job.id)] == ["state", "state", "error", "state"]


def test_a_fault_of_ours_is_named_by_its_class_and_its_traceback_is_kept(queue, workspace):
    job = over(queue, submit(queue, lambda context: {}["nothing"]))

    assert (job.error["code"], job.error["message"]) == ("InternalError", "KeyError: 'nothing'")
    assert "KeyError" in (workspace.jobs / job.id / "traceback.txt").read_text()
    assert over(queue, submit(queue, lambda context: {})).state is State.DONE


def test_a_result_that_cannot_be_written_fails_its_job_and_not_the_queue(queue):
    job = over(queue, submit(queue, lambda context: {"path": Path("x")}))

    assert job.error["code"] == "InternalError"
    assert over(queue, submit(queue, lambda context: {"made": 1})).state is State.DONE


def test_a_full_disk_does_not_end_the_queue(queue, monkeypatch):
    def full(*_):
        raise DiskFailure("full", advice="Make room.")

    def work(context):
        monkeypatch.setattr(store_module, "write_json", full)
        return {}

    first = over(queue, submit(queue, work))
    monkeypatch.undo()
    second = over(queue, submit(queue, lambda context: {"made": 1}))

    assert (first.state, second.state) == (State.DONE, State.DONE)


def test_a_job_that_could_not_be_written_down_is_not_taken(queue, monkeypatch):
    def full(*_):
        raise DiskFailure("full", advice="Make room.")

    monkeypatch.setattr(store_module, "write_json", full)
    with pytest.raises(DiskFailure):
        submit(queue, lambda context: {})

    assert queue.list() == ()


def test_events_are_numbered_from_one_and_told_after_any_number(queue):
    def work(context):
        context.note("one")
        context.note("one")
        context.note("two")
        return {}

    job = over(queue, submit(queue, work))
    events = queue.events(job.id)

    assert [event.number for event in events] == [1, 2, 3, 4, 5, 6]
    assert [event.type for event in events] == ["state", "state", "note", "note", "result", "state"]
    assert [event.number for event in queue.events(job.id, 4)] == [5, 6]
    assert job.notes == ("one", "two")


def test_waiting_returns_with_the_next_event(queue):
    begun = threading.Event()
    job = submit(queue, until_cancelled(begun))
    begun.wait(10)
    known = len(queue.events(job.id))
    threading.Timer(0.05, queue.cancel, (job.id,)).start()

    news = queue.wait(job.id, known, 30)

    assert [event.values for event in news] == [{"state": "cancelled"}]


def test_waiting_for_a_job_that_is_over_returns_at_once(queue):
    job = over(queue, submit(queue, lambda context: {}))

    assert queue.wait(job.id, 99, 600) == ()


def test_a_job_and_its_events_are_the_same_after_a_restart(workspace):
    first = JobQueue(workspace)
    job = over(first, submit(first, lambda context: {"made": [1, 2]}, kind="setup"))
    events = first.events(job.id)
    first.close()

    second = JobQueue(workspace)

    assert second.get(job.id) == job
    assert second.events(job.id) == events
    second.close()


def test_closing_cancels_what_runs_and_what_waits_and_takes_nothing_more(workspace):
    queue, begun = JobQueue(workspace), threading.Event()
    jobs = [submit(queue, until_cancelled(begun)), submit(queue, lambda context: {})]
    begun.wait(10)

    queue.close()

    assert [queue.get(job.id).state for job in jobs] == [State.CANCELLED, State.CANCELLED]
    with pytest.raises(HostBusy):
        submit(queue, lambda context: {})


def test_jobs_of_a_process_that_was_killed_are_interrupted(workspace, another):
    process, id = another
    process.kill()
    process.wait()

    queue = JobQueue(workspace)

    assert queue.get(id).state is State.INTERRUPTED
    assert queue.events(id)[-1].values == {"state": "interrupted"}
    queue.close()


def test_jobs_of_another_process_that_lives_are_left_alone(queue, another):
    _, id = another

    assert queue.get(id).state is State.RUNNING
    assert [job.id for job in queue.list()] == [id]
    with pytest.raises(HostBusy, match="Another process"):
        queue.cancel(id)
    with pytest.raises(HostBusy):
        queue.forget(id)


def test_that_another_process_has_ended_is_seen_without_a_restart(queue, another):
    process, id = another
    assert queue.get(id).state is State.RUNNING

    process.kill()
    process.wait()

    assert queue.get(id).state is State.INTERRUPTED
    assert queue.list()[0].state is State.INTERRUPTED


def test_a_job_that_is_forgotten_is_gone_with_its_folder(queue, workspace):
    job = over(queue, submit(queue, lambda context: {}))

    queue.forget(job.id)

    with pytest.raises(UnknownJob):
        queue.get(job.id)
    assert not (workspace.jobs / job.id).exists()


def test_a_job_that_is_not_over_cannot_be_forgotten(queue):
    begun = threading.Event()
    job = submit(queue, until_cancelled(begun))
    begun.wait(10)

    with pytest.raises(HostBusy):
        queue.forget(job.id)


@pytest.mark.parametrize("id", ["", ".", "..", "../runs", "/etc", "nothing", "x" * 3000, "a\0b", "a/b"])
def test_only_a_jobs_own_id_finds_a_job(queue, id):
    over(queue, submit(queue, lambda context: {}))

    with pytest.raises(UnknownJob):
        queue.get(id)
    with pytest.raises(UnknownJob):
        queue.events(id)


def test_a_broken_record_is_left_out_of_the_list(queue, workspace):
    job = over(queue, submit(queue, lambda context: {}))
    for name, text in (("broken", "{"), ("empty", '{"format": 1}'), ("odd", '{"format": 1, "state": "?"}')):
        write_text(workspace.jobs / name / "job.json", text)

    assert [each.id for each in queue.list()] == [job.id]


@pytest.mark.parametrize(
    "name", ["../job.json", "..", "", ".", "/etc/passwd", "nothing.jpg", "x" * 3000, "link", "far"]
)
def test_a_file_of_a_job_never_lies_outside_the_workspace(queue, workspace, tmp_path, name):
    (tmp_path / "secret.txt").write_text("secret")

    def work(context):
        (context.folder / "link").symlink_to(tmp_path / "secret.txt")
        context.tell("note", {}, files={"far": "../secret.txt"})
        return {}

    job = over(queue, submit(queue, work))

    with pytest.raises(UnknownJob):
        queue.file(job.id, name)


@pytest.mark.parametrize("name", ["JOB.JSON", "Job.json", "EVENTS.JSONL", "Traceback.TXT", "PICTU~1.JPG", "other.jpg"])
def test_a_disk_without_case_or_with_short_names_opens_nothing_else(queue, workspace, name):
    def work(context):
        # What such a disk would open under that name.
        write_text(context.folder / name, "told to nobody")
        return {"name": name if "." in name and "J" in name.upper() and name.upper().endswith(("JSON", "TXT")) else ""}

    job = over(queue, submit(queue, work))

    with pytest.raises(UnknownJob):
        queue.file(job.id, name)


def test_a_job_hands_out_what_it_told_of(queue):
    def work(context):
        for name in ("preview.jpg", "told.jpg"):
            write_text(context.folder / name, name)
        context.tell("preview", {"file": "preview.jpg"}, previews=("preview.jpg",))
        return {"pictures": [{"stages": [{"file": "told.jpg"}]}]}

    job = over(queue, submit(queue, work))

    assert queue.file(job.id, "preview.jpg").read_text() == "preview.jpg"
    assert queue.file(job.id, "told.jpg").read_text() == "told.jpg"


def test_a_file_elsewhere_in_the_workspace_is_handed_out_under_its_name_only(queue, workspace):
    write_text(workspace.runs / "one" / "report.html", "<p>")

    def work(context):
        return {"report": context.hand_out("report.html", workspace.runs / "one" / "report.html")}

    job = over(queue, submit(queue, work))

    assert queue.file(job.id, "report.html").read_text() == "<p>"
    with pytest.raises(UnknownJob):
        queue.file(job.id, "runs/one/report.html")


def test_records_on_disk_say_what_was_asked_and_how_it_ended(queue, workspace):
    job = queue.submit(
        Asked("check", "check 2 photos", request={"photos": ["a.jpg", "b.jpg"]}), lambda context: {"made": 1}
    )
    over(queue, job)

    record = json.loads((workspace.jobs / job.id / "job.json").read_text())

    assert record["request"] == {"photos": ["a.jpg", "b.jpg"]}
    assert (record["state"], record["result"], record["error"]) == ("done", {"made": 1}, None)


def test_a_check_is_done_while_a_training_runs(queue):
    begun = threading.Event()
    training = submit(queue, until_cancelled(begun), "train")
    begun.wait(10)

    assert over(queue, submit(queue, lambda context: {"kept": 5}, "check")).result == {"kept": 5}
    assert queue.get(training.id).state is State.RUNNING


def test_checks_wait_for_one_another_and_work_for_the_device_does_too(queue):
    begun = {kind: threading.Event() for kind in ("check", "train")}
    first = {kind: submit(queue, until_cancelled(begun[kind]), kind) for kind in begun}
    waiting = [submit(queue, lambda context: {}, kind) for kind in ("check", "photograph")]
    for event in begun.values():
        event.wait(10)

    assert [queue.get(job.id).state for job in waiting] == [State.QUEUED, State.QUEUED]
    queue.cancel(first["check"].id)
    assert over(queue, waiting[0]).state is State.DONE
    assert queue.get(waiting[1].id).state is State.QUEUED
    queue.cancel(first["train"].id)
    assert over(queue, waiting[1]).state is State.DONE


@pytest.mark.parametrize("kind", ["check", "train"])
def test_what_waits_in_either_lane_is_cancelled_at_once(queue, kind):
    begun, touched = threading.Event(), []
    submit(queue, until_cancelled(begun), kind)
    second = submit(queue, lambda context: touched.append(1) or {}, kind)
    begun.wait(10)

    assert queue.cancel(second.id).state is State.CANCELLED
    queue.close()
    assert touched == []


def test_closing_ends_both_lanes(workspace):
    queue = JobQueue(workspace)
    begun = {kind: threading.Event() for kind in ("check", "train")}
    running = [submit(queue, until_cancelled(begun[kind]), kind) for kind in begun]
    waiting = [submit(queue, lambda context: {}, kind) for kind in begun]
    for event in begun.values():
        event.wait(10)

    queue.close()

    assert {queue.get(job.id).state for job in (*running, *waiting)} == {State.CANCELLED}


@pytest.mark.parametrize("kind", ["check", "train"])
def test_a_running_job_whose_folder_is_deleted_ends_and_leaves_nothing_and_the_queue_goes_on(queue, workspace, kind):
    begun = threading.Event()

    def work(context):
        begun.set()
        try:
            while True:
                context.check()
                threading.Event().wait(0.005)
        finally:
            write_text(context.folder / "late.txt", "late")

    job, waiting = submit(queue, work, kind), submit(queue, lambda context: {}, kind)
    begun.wait(10)

    for gone in (job, waiting):
        shutil.rmtree(workspace.jobs / gone.id)
    queue.drop_missing()

    assert over(queue, submit(queue, lambda context: {}, kind)).state is State.DONE
    assert not (workspace.jobs / job.id).exists()
    assert not (workspace.jobs / waiting.id).exists()
    assert len(queue.list()) == 1


def lay(workspace, folder, **changes):
    record = {
        "id": folder, "kind": "check", "title": "check", "state": "done", "created": "2026-01-01T00:00:00Z",
        "owner": "a1", "request": {"photos": []}, "subject": {"persons": [], "uploads": []},
    }  # fmt: skip
    write_text(workspace.jobs / folder / "job.json", json.dumps({"format": 1, **record, **changes}))


@pytest.mark.parametrize(
    "changes",
    [
        {"id": ""}, {"id": ".."}, {"id": "another"}, {"created": None}, {"owner": "../../x"}, {"request": "text"},
        {"request": None}, {"subject": None}, {"subject": {"uploads": "abc"}}, {"result": [1]}, {"error": {"code": 1}},
        {"error": {"words": "x"}}, {"files": {"a": 1}}, {"notes": "abc"}, {"done": "1"}, {"state": "?"}, {"kind": 1},
    ],
)  # fmt: skip
def test_a_damaged_record_stops_nothing_and_deletes_nothing_but_itself(workspace, changes):
    lay(workspace, "damaged", **changes)
    write_text(workspace.root / "persons" / "anna" / "person.json", "{}")

    queue = JobQueue(workspace)

    assert queue.list() == ()
    with pytest.raises(InputError):
        queue.get("damaged")
    queue.forget("damaged")
    assert not (workspace.jobs / "damaged").exists()
    assert (workspace.root / "persons" / "anna" / "person.json").is_file()
    queue.close()


def test_a_job_that_was_cut_off_before_its_first_event_is_interrupted(workspace):
    lay(workspace, "cut-off", state="queued")

    queue = JobQueue(workspace)

    assert queue.get("cut-off").state is State.INTERRUPTED
    assert [event.values for event in queue.events("cut-off")] == [{"state": "interrupted"}]
    queue.close()


def test_an_event_that_was_torn_harms_no_other(workspace):
    lay(workspace, "torn", state="running")
    whole = '{"number": 1, "type": "state", "at": "2026-01-01T00:00:00Z", "state": "queued"}'
    write_text(workspace.jobs / "torn" / "events.jsonl", f'{whole}\n{{"number": 2, "ty')

    queue = JobQueue(workspace)
    queue.get("torn")

    assert [(event.number, event.values["state"]) for event in queue.events("torn")] == [
        (1, "queued"),
        (2, "interrupted"),
    ]
    queue.close()


def test_who_looks_at_an_interrupted_job_on_a_full_disk_is_told_all_the_same(queue, workspace, monkeypatch):
    def full(*_):
        raise DiskFailure("full", advice="Make room.")

    lay(workspace, "cut-off", state="running")
    monkeypatch.setattr(store_module, "write_json", full)

    assert queue.get("cut-off").state is State.INTERRUPTED
    assert [job.state for job in queue.list()] == [State.INTERRUPTED]


def test_a_number_that_is_none_is_told_as_nothing(queue):
    job = over(queue, submit(queue, lambda context: {"score": float("nan"), "best": float("inf")}))

    assert job.result == {"score": None, "best": None}


def test_old_events_are_read_from_disk_and_not_kept_in_memory(queue):
    jobs = [over(queue, submit(queue, lambda context: {"made": 1})) for _ in range(12)]

    assert [len(queue.events(job.id)) for job in jobs] == [4] * 12
    assert [event.number for event in queue.events(jobs[0].id, 2)] == [3, 4]
    assert len(queue._book._events) == 8


def test_jobs_that_were_forgotten_do_not_stop_those_that_come_after(queue):
    for _ in range(3):
        queue.forget(over(queue, submit(queue, lambda context: {})).id)

    jobs = [over(queue, submit(queue, lambda context: {})) for _ in range(12)]

    assert {job.state for job in jobs} == {State.DONE}


def test_a_job_that_goes_while_it_is_looked_at_is_unknown(queue, workspace, monkeypatch):
    lay(workspace, "going")
    read = store_module.read_job

    def gone_then_read(file):
        file.unlink()
        return read(file)

    monkeypatch.setattr(store_module, "read_job", gone_then_read)

    with pytest.raises(UnknownJob):
        queue.get("going")


def test_what_is_held_back_is_not_asked_for_and_not_held_while_it_is_asked_for(queue):
    begun = threading.Event()
    training = queue.submit(Asked("train", "train anna", subject=Subjects(("anna",))), until_cancelled(begun))

    with pytest.raises(HostBusy), queue.held_back(Subjects(("anna",))):
        pass
    queue.cancel(training.id)
    over(queue, training)

    with queue.held_back(Subjects(("anna",), ("photo.jpg",))):
        with pytest.raises(HostBusy):
            queue.submit(Asked("train", "train anna", subject=Subjects(("anna",))), lambda context: {})
        with pytest.raises(HostBusy):
            queue.submit(Asked("check", "check", subject=Subjects((), ("photo.jpg",))), lambda context: {})
        with pytest.raises(HostBusy), queue.held_back(Subjects(("anna",))):
            pass
        bela = queue.submit(Asked("train", "train bela", subject=Subjects(("bela",))), lambda context: {})
    assert over(queue, bela).state is State.DONE
    again = queue.submit(Asked("train", "train anna", subject=Subjects(("anna",))), lambda context: {})
    assert over(queue, again).state is State.DONE
