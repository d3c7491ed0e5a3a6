"""Processes of ours and what they start: nobody waits for a grandchild, and none stays."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from easyphoto.devices import groups_of
from easyphoto.errors import DiskFailure, EasyPhotoError, OutOfMemory, TrainerCrashed, TrainerKilled
from easyphoto.progress import Cancelled, NullProgress
from easyphoto.training import commands, job
from easyphoto.training.commands import run_command
from easyphoto.training.events import Phase, Warn
from easyphoto.training.run import RunFolder

# The processes sleep for twice the time limit: who waits for one fails.
pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="asks for process groups"), pytest.mark.timeout(300),
]  # fmt: skip
SLEEPER = "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])"
WARNING = '{"type": "warn", "code": "a", "detail": "b"}'


def alive(pid: int) -> bool:
    state = Path(f"/proc/{pid}/stat")
    if state.exists():
        return state.read_text().rpartition(")")[2].split()[0] != "Z"
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def soon_gone(pid: int) -> bool:
    until = time.monotonic() + 20
    while alive(pid) and time.monotonic() < until:
        time.sleep(0.05)
    return not alive(pid)


def worker_of(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`code` in the place of the worker, with `say`, which speaks as the worker does."""
    begin = "import os, signal, subprocess, sys, time\nsay = lambda text: print(text, flush=True)\n"
    started = commands.start
    monkeypatch.setattr(
        job, "start", lambda command, **options: started([sys.executable, "-c", begin + code], **options)
    )
    monkeypatch.setattr(job.TrainRun, "read", lambda path: None)


@pytest.mark.parametrize("end", ["", "os.kill(os.getpid(), 9)", "sys.exit(3)"], ids=["done", "killed", "failed"])
def test_what_the_worker_started_neither_holds_its_parent_nor_outlives_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str
):
    code = f"child = {SLEEPER}\nsay({WARNING!r}.replace('b', str(child.pid)))\n{end}"
    worker_of(code, monkeypatch)
    heard: list[object] = []

    with pytest.raises(TrainerCrashed):
        job.train(tmp_path, NullProgress(), on_event=heard.append)

    assert len(heard) == 1
    assert isinstance(heard[0], Warn)
    assert soon_gone(int(heard[0].detail))


def test_the_worker_is_told_its_devices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    worker_of("", monkeypatch)
    started, given = job.start, list[list[str]]()
    monkeypatch.setattr(job, "start", lambda command, **options: given.append(command) or started(command, **options))

    for devices in (None, groups_of("cuda:0+cuda:1", ())[0]):
        with pytest.raises(TrainerCrashed):
            job.train(tmp_path, NullProgress(), devices=devices)

    record = str(tmp_path / "run.json")
    assert [command[2:] for command in given] == [
        ["easyphoto.training.worker", record],
        ["easyphoto.training.worker", record, "cuda:0+cuda:1"],
    ]


class CancelsAfter(NullProgress):
    """Asks to stop as soon as an event was heard."""

    def __init__(self) -> None:
        self.heard = threading.Event()

    def check(self) -> None:
        if self.heard.is_set():
            raise Cancelled


def test_a_worker_that_loads_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    # As one inside an import: it looks at nothing, its standard input included.
    code = """say('{"type": "phase", "name": "load"}')\ntime.sleep(600)"""
    worker_of(code, monkeypatch)
    progress = CancelsAfter()

    with pytest.raises(Cancelled):
        job.train(tmp_path, progress, on_event=lambda event: progress.heard.set())


def test_a_worker_that_trains_is_given_time_to_save(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    code = """say('{"type": "phase", "name": "train"}')
os.read(0, 1)
time.sleep(1)
open('saved', 'w').close()"""
    worker_of(code, monkeypatch)
    progress = CancelsAfter()

    with pytest.raises(Cancelled):
        job.train(tmp_path, progress, on_event=lambda event: isinstance(event, Phase) and progress.heard.set())

    assert (tmp_path / "saved").exists()


def test_a_second_ctrl_c_waits_for_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    worker_of("""say('{"type": "phase", "name": "train"}')\ntime.sleep(600)""", monkeypatch)
    workers: list[subprocess.Popen[bytes]] = []
    ended = commands.end

    def interrupted(process: subprocess.Popen[bytes], *, after: float) -> None:
        workers.append(process)
        wait = process.wait
        calls: list[float | None] = []

        def waiting(timeout: float | None = None) -> int:
            calls.append(timeout)
            if len(calls) == 1:
                raise KeyboardInterrupt
            return wait(timeout)

        monkeypatch.setattr(process, "wait", waiting)
        ended(process, after=after)

    monkeypatch.setattr(job, "end", interrupted)

    def interrupt(event: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        job.train(tmp_path, NullProgress(), on_event=interrupt)

    assert workers[0].returncode == -9


def test_a_command_that_has_ended_is_not_waited_for_by_what_it_started(tmp_path: Path):
    code = f"import subprocess, sys; print('one'); child = {SLEEPER}; print(child.pid, flush=True)"

    lines = run_command([sys.executable, "-c", code], NullProgress(), environment=dict(os.environ))

    assert lines[0] == "one"
    assert soon_gone(int(lines[1]))


def test_a_command_that_closes_its_output_can_be_cancelled(tmp_path: Path):
    class Soon(NullProgress):
        checks = 0

        def check(self) -> None:
            self.checks += 1
            if self.checks > 5:
                raise Cancelled

    code = "import os, time; os.close(1); os.close(2); time.sleep(600)"

    with pytest.raises(Cancelled):
        run_command([sys.executable, "-c", code], Soon(), environment=dict(os.environ))


@pytest.mark.parametrize(
    ("returncode", "memory_ran_out", "kind", "exit_code", "words"),
    [
        (-9, False, TrainerKilled, 5, "killed from outside (signal 9), often because memory ran out."),
        (-15, False, TrainerKilled, 5, "killed from outside (signal 15)."),
        (-15, True, TrainerKilled, 5, "killed from outside (signal 15)."),
        (-9, True, OutOfMemory, 3, "Memory ran out, and the system ended the training process (signal 9)."),
        (-11, True, TrainerCrashed, 1, "ended without saying why (killed by signal 11)."),
        (7, False, TrainerCrashed, 1, "ended without saying why (exit code 7)."),
    ],
)
def test_who_ended_the_worker_is_said(
    tmp_path: Path, returncode: int, memory_ran_out: bool, kind: type[EasyPhotoError], exit_code: int, words: str
):
    with pytest.raises(kind) as caught:
        job._verdict(RunFolder(tmp_path), [], returncode, memory_ran_out=memory_ran_out)

    assert type(caught.value) is kind
    assert caught.value.exit_code == exit_code
    assert words in str(caught.value)
    assert "Start the run again" in caught.value.advice


def test_a_log_that_cannot_be_written_is_said_without_a_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    worker_of("", monkeypatch)
    (tmp_path / "worker.log").mkdir()

    with pytest.raises(DiskFailure, match=r"worker\.log cannot be written: Is a directory"):
        job.train(tmp_path, NullProgress())
