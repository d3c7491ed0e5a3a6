"""A sweep removes what nobody owns, nothing that a living process makes, and nothing that can be gone on with."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from PIL import Image

from easyphoto.app import EasyPhoto
from easyphoto.cli.doctor import _order
from easyphoto.cli.main import main
from easyphoto.commands.base import NullContext
from easyphoto.commands.delete_person import DeletePerson
from easyphoto.commands.templates import own_templates
from easyphoto.errors import DiskFailure, RunBusy
from easyphoto.images.pictures import picture_files, write_picture
from easyphoto.jobs.hourly import Hourly
from easyphoto.jobs.queue import JobQueue
from easyphoto.persons.upkeep import orphans, sweep
from easyphoto.progress import NullProgress
from easyphoto.storage.files import WRITING, atomic_path, write_text
from easyphoto.storage.journal import INSTALL, at_work, begin, names_of, new_change
from easyphoto.storage.locks import file_lock, is_held
from easyphoto.storage.records import write_json
from easyphoto.storage.scratch import discard, held_folder, remove_left_over
from easyphoto.workspace.folders import Workspace
from tests.crowd import ListingHost, files_of, left_over, write_crowd
from tests.jobs.asked import Asked

HALF = ".writing-0123456789abcdef"


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_crowd(tmp_path_factory.mktemp("crowd") / "workspace", tmp_path_factory.mktemp("sources")).root


@pytest.fixture
def app(crowd: Path, tmp_path: Path) -> EasyPhoto:
    root = Path(shutil.copytree(crowd, tmp_path / "workspace"))
    return EasyPhoto(Workspace(root), mirrors=(), host=ListingHost())


def make_a_mess(workspace: Workspace) -> None:
    """What killed processes leave, one of each kind."""
    owned = (workspace.persons / "ben", workspace.runs, workspace.jobs / "anna-job")
    for place in (*owned, workspace.uploads, workspace.templates):
        write_text(place / f"{HALF}.png", "half")
    for place in (workspace.arriving, workspace.passing, workspace.page):
        write_text(place / "0123" / "photo.png", "face")
        (place / "0123.lock").touch()
    write_text(workspace.root / "trash" / "0123" / "carla" / "lora.safetensors", "face")
    write_text(workspace.runs / "20260101T000000Z-anna" / "photos" / "1.png", "cut off while cropping")
    for name in ("person", "replaced"):
        write_text(workspace.runs / "20260101T000000Z-anna" / name / "1.png", "copy")
        write_text(workspace.runs / "20260101T000001Z-ben" / name / "1.png", "copy")
    write_text(workspace.jobs / "new" / f"{HALF}.json", "{")
    for place in (workspace.persons / "empty", workspace.results / "empty"):
        place.mkdir()
    for name in ("use-0123", "anna"):
        write_text(workspace.root / "changes" / f"{name}.lock", "")


def test_what_killed_processes_left_goes_and_nothing_else(app: EasyPhoto, crowd: Path) -> None:
    (app.workspace.runs / "20260101T000000Z-anna" / "run.json").unlink()
    make_a_mess(app.workspace)

    swept = sweep(app.workspace, app.host)

    assert swept.troubles == ()
    assert left_over(app.workspace) == []
    assert not (app.workspace.root / "changes").exists()
    gone = "runs/20260101T000000Z-anna/"
    before = {name: content for name, content in files_of(crowd).items() if not name.startswith(gone)}
    assert files_of(app.workspace.root) == before
    assert sweep(app.workspace, app.host).gone == ()


def test_what_is_half_written_is_no_template_and_no_photo(app: EasyPhoto) -> None:
    write_picture(app.workspace.templates / f"{HALF}.png", Image.new("RGB", (8, 8)))
    write_picture(app.workspace.templates / "garden.png", Image.new("RGB", (8, 8)))

    assert [file.name for file in own_templates(app.workspace)] == ["garden.png"]
    assert [file.name for file in picture_files(app.workspace.templates)] == ["garden.png"]


def test_a_training_that_can_be_resumed_stays_although_its_person_never_came(app: EasyPhoto) -> None:
    write_json(app.workspace.runs / "20260101T000000Z-carla" / "run.json", {"person": "carla"})

    sweep(app.workspace, app.host)

    assert [run.name for run in app.workspace.runs_of("carla")] == ["20260101T000000Z-carla"]


LIVING = """
import contextlib, pathlib, sys, time
from easyphoto.storage.files import atomic_path
from easyphoto.storage.journal import at_work, names_of
from easyphoto.storage.locks import file_lock
from easyphoto.progress import NullProgress
from easyphoto.storage.scratch import held_folder
from easyphoto.workspace.folders import Workspace
workspace = Workspace(pathlib.Path(sys.argv[1]))
with contextlib.ExitStack() as held:
    for place in (workspace.arriving, workspace.passing, workspace.page):
        folder = held.enter_context(held_folder(place))
        (folder / "photo.png").write_text("face")
    for place in (workspace.uploads, workspace.templates, workspace.jobs / "begun", workspace.persons / "ben"):
        held.enter_context(atomic_path(place / "1.png")).write_text("face")
    held.enter_context(at_work(workspace.root, names_of(("carla",)), NullProgress()))
    run = workspace.new_run_folder("carla")
    (run / "photos").mkdir()
    run = workspace.runs_of("ben")[0]
    held.enter_context(file_lock(run / "run.lock"))
    (run / "person").mkdir()
    print("begun", flush=True)
    sys.stdin.read()
"""


def test_nothing_goes_that_a_living_process_makes_however_old_it_looks(app: EasyPhoto) -> None:
    root = app.workspace.root
    command = [sys.executable, "-c", LIVING, str(root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        # It slept, with the machine, for a day.
        for path in root.rglob("*"):
            os.utime(path, (time.time() - 86400,) * 2)
        before = set(root.rglob("*"))

        assert sweep(app.workspace, app.host).gone == ()
        DeletePerson("anna").run(app, NullContext())
        assert {path for path in before - set(root.rglob("*")) if "anna" not in str(path.relative_to(root))} == set()

        process.kill()
        process.wait()
    assert len(sweep(app.workspace, app.host).gone) >= 9
    assert left_over(app.workspace) == []


def test_folders_that_no_lock_of_before_tells_about_go_after_an_hour(app: EasyPhoto) -> None:
    for name, age in (("tmpyoung", 60), ("tmpold", 3700)):
        write_text(app.workspace.arriving / name / "photo.png", "face")
        os.utime(app.workspace.arriving / name, (time.time() - age,) * 2)

    sweep(app.workspace, app.host)

    assert [path.name for path in app.workspace.arriving.iterdir()] == ["tmpyoung"]


def test_an_earlier_person_waits_in_the_trash_while_the_new_one_is_put_in_place(app: EasyPhoto) -> None:
    root = app.workspace.root
    write_text(root / "trash" / "0123" / "anna" / "person.json", "{}")
    begin(root, new_change(INSTALL, ("ben",), new="runs/x/person", old="trash/0123/anna"))
    with file_lock(root / "changes" / "ben.lock"):
        sweep(app.workspace, app.host)
        assert (root / "trash" / "0123" / "anna").is_dir()

    sweep(app.workspace, app.host)
    assert left_over(app.workspace) == []


def test_somebody_whom_an_earlier_version_lost_between_two_renames_comes_back(app: EasyPhoto, crowd: Path) -> None:
    (run,) = app.workspace.runs_of("anna")
    os.rename(app.workspace.persons / "anna", run / "replaced")

    sweep(app.workspace, app.host)

    assert files_of(app.workspace.root) == files_of(crowd)


def test_a_folder_that_is_filled_again_while_it_is_cleared_away_is_made_again(tmp_path: Path) -> None:
    ended = threading.Event()

    def clear() -> None:
        while not ended.is_set():
            for path in tmp_path.glob("*"):
                if path.is_dir() and not any(path.iterdir()):
                    path.rmdir()

    def safely() -> None:
        while not ended.is_set():
            try:
                clear()
            except OSError:
                continue

    thread = threading.Thread(target=safely)
    thread.start()
    try:
        for number in range(50):
            write_text(tmp_path / f"job-{number}" / "job.json", "{}")
            with held_folder(tmp_path / f"held-{number}"):
                pass
    finally:
        ended.set()
        thread.join()

    assert len(list(tmp_path.glob("job-*/job.json"))) == 50


def test_a_lock_that_goes_with_its_block_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    inside, most = [0], [0]

    def work() -> None:
        for _ in range(50):
            with file_lock(tmp_path / "locks" / "a.lock", stays=False, wait=30):
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                inside[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert most == [1]
    assert list(tmp_path.iterdir()) == []
    assert not is_held(tmp_path / "locks" / "a.lock")


def test_what_is_discarded_is_out_of_sight_at_once_and_what_is_not_there_is_no_error(tmp_path: Path) -> None:
    write_text(tmp_path / "a" / "b" / "c.txt", "c")
    (tmp_path / "link").symlink_to(tmp_path / "a")

    assert discard(tmp_path, tmp_path / "link")
    assert (tmp_path / "a" / "b" / "c.txt").is_file()
    assert discard(tmp_path, tmp_path / "a")
    assert not discard(tmp_path, tmp_path / "a")
    assert files_of(tmp_path) == {}


def test_a_run_that_somebody_has_said_to_work_on_stays_without_its_record(app: EasyPhoto) -> None:
    with at_work(app.workspace.root, names_of(("anna",)), NullProgress()):
        run = app.workspace.new_run_folder("anna")
        sweep(app.workspace, app.host)
        assert run.is_dir()

    sweep(app.workspace, app.host)
    assert not run.exists()


def test_the_doctor_names_what_nobody_owns_and_the_verb_that_removes_it(
    app: EasyPhoto, capsys: pytest.CaptureFixture[str]
) -> None:
    assert [*_order(app.workspace)] == ["  everything in the workspace belongs to somebody"]
    make_a_mess(app.workspace)
    (app.workspace.templates / f"{HALF}.png").write_bytes(b"0" * 2_000_000)
    write_json(app.workspace.runs / "20260101T000000Z-carla" / "run.json", {"person": "carla"})
    before = files_of(app.workspace.root)

    said = [*_order(app.workspace)]

    assert files_of(app.workspace.root) == before
    assert "! half written: 6, 2.0 MB that nobody owns: easyphoto persons removes them" in said
    assert said[-1] == (
        "! carla is no person, but something of theirs is there (trainings: 1, sessions: 0, jobs: 0, 0.0 MB): "
        "easyphoto persons delete carla"
    )
    root = str(app.workspace.root)
    assert main(["persons", "--workspace", root]) == 0
    assert main(["persons", "delete", "carla", "--yes", "--workspace", root]) == 0
    assert [*orphans(app.workspace)] == []
    assert [*_order(app.workspace)] == ["  everything in the workspace belongs to somebody"]


def test_a_sweep_that_fails_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    calls, enough = [0], threading.Event()

    def work() -> None:
        calls[0] += 1
        if calls[0] == 1:
            raise OSError(5, "input/output error")
        enough.set()

    hourly = Hourly(work, seconds=0.01)
    assert enough.wait(20)
    hourly.close()

    assert "could not be put in order" in caplog.text


def test_a_workspace_that_does_not_exist_is_not_made(tmp_path: Path) -> None:
    sweep(Workspace(tmp_path / "none"), ListingHost())

    assert not (tmp_path / "none").exists()


def test_a_lock_that_is_held_is_busy_and_one_that_is_given_back_in_time_is_waited_for(tmp_path: Path) -> None:
    with file_lock(tmp_path / "a.lock"), pytest.raises(RunBusy), file_lock(tmp_path / "a.lock"):
        pass
    with atomic_path(tmp_path / "x.txt") as temporary:
        temporary.write_text("x")
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["a.lock", "x.txt"]


def test_a_sweep_takes_no_job_that_is_just_being_asked_for(app: EasyPhoto) -> None:
    queue, ended, fell = JobQueue(app.workspace), threading.Event(), []

    def sweeping() -> None:
        while not ended.is_set():
            sweep(app.workspace, app.host)

    thread = threading.Thread(target=sweeping)
    thread.start()
    try:
        for _ in range(150):
            try:
                queue.submit(Asked("setup", "set up"), lambda _: {})
            except DiskFailure as error:
                fell.append(str(error))
    finally:
        ended.set()
        thread.join()
        queue.close()

    assert fell == []
    assert len(queue.list()) == 150


def test_a_file_whose_writer_has_not_locked_it_yet_is_written_all_the_same(tmp_path: Path) -> None:
    ended = threading.Event()

    def removing() -> None:
        while not ended.is_set():
            for file in tmp_path.glob(f"{WRITING}*"):
                with suppress(OSError):
                    remove_left_over(file)

    thread = threading.Thread(target=removing)
    thread.start()
    try:
        for number in range(200):
            write_text(tmp_path / f"{number}.txt", "whole")
    finally:
        ended.set()
        thread.join()

    assert [file.read_text() for file in tmp_path.glob("*.txt")] == ["whole"] * 200
