"""Lists of jobs: which are shown, in pages that stay right while jobs come and go, and read only where they changed."""

import json
import os
import shutil
import time

import pytest

from easyphoto.commands.base import Subjects
from easyphoto.jobs import store as store_module
from easyphoto.jobs.listing import JobFilter, page_of
from easyphoto.jobs.queue import JobQueue
from easyphoto.jobs.records import Job, State
from easyphoto.jobs.store import JobStore
from easyphoto.workspace.folders import Workspace


def job(number, kind="check", state=State.DONE, persons=()):
    return Job(
        f"job-{number:02d}", kind, kind, state, f"2026-01-01T00:00:{number:02d}.000Z", "owner",
        request={"photos": []}, subject=Subjects(tuple(persons)),
    )  # fmt: skip


def ids(jobs):
    return [each.id for each in jobs]


NEWEST_FIRST = [job(number) for number in (5, 4, 3, 2, 1)]


def test_pages_follow_each_other_and_the_last_says_that_it_is_the_last():
    first, place = page_of(NEWEST_FIRST, JobFilter(), 2)
    second, after = page_of(NEWEST_FIRST, JobFilter(), 2, before=place)
    third, end = page_of(NEWEST_FIRST, JobFilter(), 2, before=after)

    assert [ids(page) for page in (first, second, third)] == [["job-05", "job-04"], ["job-03", "job-02"], ["job-01"]]
    assert end is None


def test_a_full_last_page_has_none_after_it():
    assert page_of(NEWEST_FIRST, JobFilter(), 5)[1] is None
    assert page_of([], JobFilter(), 5) == ((), None)


def test_a_job_that_arrives_or_goes_between_two_pages_neither_repeats_nor_hides_another():
    first, place = page_of(NEWEST_FIRST, JobFilter(), 2)
    # Two arrive; the last one shown is forgotten.
    later = [job(7), job(6), *(each for each in NEWEST_FIRST if each.id != "job-04")]

    second, _ = page_of(later, JobFilter(), 9, before=place)

    assert ids(first) == ["job-05", "job-04"]
    assert ids(second) == ["job-03", "job-02", "job-01"]


@pytest.mark.parametrize(
    ("wanted", "shown"),
    [
        (JobFilter(states={State.DONE}), ["job-04", "job-01"]),
        (JobFilter(states={State.DONE, State.FAILED}), ["job-04", "job-02", "job-01"]),
        (JobFilter(kinds={"train"}), ["job-03", "job-01"]),
        (JobFilter(person="anna"), ["job-04", "job-01"]),
        (JobFilter(person="ann"), []),
        (JobFilter(since="2026-01-01T00:00:03.000Z"), ["job-04", "job-03"]),
        (JobFilter(states={State.DONE}, kinds={"train"}, person="anna"), ["job-01"]),
    ],
)
def test_only_what_is_wanted_is_listed(wanted, shown):
    jobs = [
        job(4, persons=("bea", "anna")), job(3, "train", State.RUNNING), job(2, state=State.FAILED),
        job(1, "train", persons=("anna",)),
    ]  # fmt: skip

    assert ids(page_of(jobs, wanted, 9)[0]) == shown


def written(root, number, *, seconds_ago, **changes):
    """A job's record as another process wrote it some time ago."""
    store = JobStore(root)
    folder = root / f"job-{number:02d}"
    folder.mkdir(parents=True, exist_ok=True)
    store.write(job(number, **changes))
    then = time.time_ns() - int(seconds_ago * 1e9)
    os.utime(folder, ns=(then, then))
    return folder


@pytest.fixture
def reads(monkeypatch):
    """The files that are read as records."""
    seen = []
    read = store_module.read_job
    monkeypatch.setattr(store_module, "read_job", lambda file: seen.append(file.parent.name) or read(file))
    return seen


def listed(store):
    return {id: found.state for id, found in store.read_all(store.folders(), without=()).items()}


def test_a_job_that_is_over_is_looked_at_once_however_often_jobs_are_listed(tmp_path, monkeypatch):
    folder = written(tmp_path, 1, seconds_ago=60)
    store = JobStore(tmp_path)
    assert listed(store) == {"job-01": State.DONE}
    monkeypatch.setattr(JobStore, "read", lambda *_: pytest.fail("it was looked at again"))

    assert listed(store) == {"job-01": State.DONE}
    shutil.rmtree(folder)
    assert listed(store) == {}


def test_a_record_that_another_process_replaces_is_read_again(tmp_path, reads):
    written(tmp_path, 1, seconds_ago=60)
    store = JobStore(tmp_path)
    listed(store)

    written(tmp_path, 1, seconds_ago=30, state=State.FAILED)

    assert listed(store) == {"job-01": State.FAILED}
    assert reads == ["job-01", "job-01"]


def test_a_folder_that_has_just_changed_may_change_once_more_within_the_same_tick_of_the_disk(tmp_path):
    folder = written(tmp_path, 1, seconds_ago=0)
    store, changed = JobStore(tmp_path), folder.stat().st_mtime_ns
    assert listed(store) == {"job-01": State.DONE}

    JobStore(tmp_path).write(job(1, state=State.CANCELLED))
    os.utime(folder, ns=(changed, changed))

    assert listed(store) == {"job-01": State.CANCELLED}


def test_a_job_of_another_process_that_runs_is_always_looked_at(tmp_path):
    folder = written(tmp_path, 1, seconds_ago=60, state=State.RUNNING)
    store, changed = JobStore(tmp_path), folder.stat().st_mtime_ns
    assert listed(store) == {"job-01": State.RUNNING}

    JobStore(tmp_path).write(job(1, state=State.DONE))
    os.utime(folder, ns=(changed, changed))

    assert listed(store) == {"job-01": State.DONE}


def test_a_folder_without_a_record_and_a_broken_record_hide_no_other_job(tmp_path):
    written(tmp_path / "jobs", 1, seconds_ago=60)
    (tmp_path / "jobs" / "empty").mkdir()
    (tmp_path / "jobs" / "job-02").mkdir()
    (tmp_path / "jobs" / "job-02" / "job.json").write_text(json.dumps({"format": 1, "id": 7}))
    queue = JobQueue(Workspace(tmp_path))

    assert ids(queue.list()) == ["job-01"]
    queue.close()
