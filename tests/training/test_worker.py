"""The worker as a process: events, cancel, kills, a full disk."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from easyphoto.errors import RunBusy, TrainerCrashed
from easyphoto.progress import Cancelled, NullProgress
from easyphoto.storage.locks import file_lock
from easyphoto.training import events
from easyphoto.training.job import train, worker_environment
from easyphoto.training.run import RunFolder, TrainRun
from tests.fakes import RecordingProgress

MakeRun = Callable[..., TrainRun]
ENDLESS = 20000

# Every worker imports torch and diffusers: six seconds on an idle machine, a minute on a crowded one.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


class Stopper(RecordingProgress):
    """Asks to stop once `stopped` is set."""

    stopped = False

    def check(self) -> None:
        if self.stopped:
            raise Cancelled


def resumable_step(folder: Path) -> int:
    from safetensors.torch import load_file

    return int(load_file(RunFolder(folder).resume)["step"])


def test_a_run_in_a_process_of_its_own(make_run: MakeRun, tmp_path: Path):
    make_run(steps=3).write(tmp_path)
    heard: list[events.Event] = []
    progress = RecordingProgress()

    result = train(tmp_path, progress, on_event=heard.append)

    assert result.lora == tmp_path / "lora.safetensors"
    assert result.lora.is_file()
    assert (result.best_step, result.last) == (3, None)
    assert any("no test pictures" in note for note in result.notes)
    assert [event for event in heard if isinstance(event, events.Step)][-1].step == 3
    recorded = [events.from_line(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert recorded == heard
    assert any("training" in message for _, _, message in progress.steps)


def test_cancel_then_kill_then_the_run_goes_on(make_run: MakeRun, tmp_path: Path):
    make_run(steps=ENDLESS, validations=50).write(tmp_path)
    progress = Stopper()

    def stop(event: events.Event) -> None:
        if isinstance(event, events.Step):
            with pytest.raises(RunBusy), file_lock(RunFolder(tmp_path).lock):
                pass
            progress.stopped = True

    with pytest.raises(Cancelled):
        train(tmp_path, progress, on_event=stop)
    cancelled_at = resumable_step(tmp_path)

    killed: list[int] = []

    def kill(event: events.Event) -> None:
        if isinstance(event, events.Step) and event.step > cancelled_at and not killed:
            killed.append(event.step)
            os.kill(int(RunFolder(tmp_path).lock.read_text()), signal.SIGKILL)

    with pytest.raises(TrainerCrashed, match="signal 9"):
        train(tmp_path, NullProgress(), on_event=kill)

    assert cancelled_at > 0
    assert resumable_step(tmp_path) >= cancelled_at


def test_the_worker_stops_when_its_parent_is_killed(make_run: MakeRun, tmp_path: Path):
    make_run(steps=ENDLESS, validations=1).write(tmp_path)
    code = (
        "import sys, pathlib\nfrom easyphoto.progress import NullProgress\nfrom easyphoto.training.job import train\n"
        "say = lambda event: print(type(event).__name__, flush=True)\n"
        "train(pathlib.Path(sys.argv[1]), NullProgress(), on_event=say)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, env=worker_environment()
    )
    assert parent.stdout is not None
    for line in parent.stdout:
        if line.strip() == b"Step":
            break
    parent.kill()
    parent.wait()
    parent.stdout.close()

    _wait_until_free(RunFolder(tmp_path))

    assert resumable_step(tmp_path) > 0
    assert "Cancelled" in RunFolder(tmp_path).log.read_text()


def _wait_until_free(folder: RunFolder, seconds: float = 120) -> None:
    until = time.monotonic() + seconds
    while True:
        try:
            with file_lock(folder.lock):
                return
        except RunBusy:
            assert time.monotonic() < until, "the worker still runs"
            time.sleep(0.1)


@pytest.mark.skipif(sys.platform == "win32", reason="needs file size limits")
def test_a_full_disk_in_the_middle_of_a_save_has_a_name(make_run: MakeRun, tmp_path: Path):
    make_run(steps=2, validations=1).write(tmp_path)

    ended = _worker(tmp_path / "run.json", largest_file=40_000)

    said = [json.loads(line) for line in ended.stdout.decode().splitlines()]
    assert ended.returncode == 5
    assert (said[-1]["type"], said[-1]["code"]) == ("error", "DiskFailure")
    assert not list(tmp_path.rglob("*.safetensors"))
    assert not list(tmp_path.rglob(".writing-*"))


def test_a_missing_record_is_bad_input_and_standard_output_holds_events_only(tmp_path: Path):
    ended = _worker(tmp_path / "run.json")

    event = events.from_line(ended.stdout.decode().strip())
    assert ended.returncode == 2
    assert isinstance(event, events.ErrorEvent)
    assert (event.code, event.resumable) == ("BadRecord", False)


def _worker(record: Path, largest_file: int | None = None) -> subprocess.CompletedProcess[bytes]:
    """A bare worker, its input held open until it has ended."""

    def limit() -> None:
        if largest_file is not None:
            import resource

            resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))

    reading, writing = os.pipe()
    options: dict[str, Any] = {"stdin": reading, "capture_output": True, "env": worker_environment()}
    try:
        return subprocess.run(
            [sys.executable, "-m", "easyphoto.training.worker", str(record)], **options, preexec_fn=limit, check=False
        )
    finally:
        os.close(reading)
        os.close(writing)
