"""One training on several devices: here two processes, each with one thread, over gloo."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
import torch
from safetensors.torch import load_file

from easyphoto.devices import groups_of
from easyphoto.errors import TrainerKilled
from easyphoto.progress import Cancelled, NullProgress
from easyphoto.training import events
from easyphoto.training.job import train, worker_environment
from easyphoto.training.rank_processes import Seat
from easyphoto.training.run import RunFolder, TrainRun
from tests.fakes import RecordingProgress

MakeRun = Callable[..., TrainRun]
TWO = groups_of("cpu:0+cpu:1", ())[0]
NOT_THE_END = 400
# Every process imports torch and diffusers: six seconds on an idle machine, a minute on a crowded one.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


def written(run: TrainRun, folder: Path) -> Path:
    folder.mkdir()
    run.write(folder)
    return folder


def resumable(folder: Path) -> dict[str, torch.Tensor]:
    return dict(load_file(RunFolder(folder).resume))


def apart(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor], kind: str) -> float:
    """The largest difference between two runs' values whose names begin so."""
    names = [name for name in one if name.startswith(kind)]
    assert names
    assert one.keys() == other.keys()
    return max(float((one[name].double() - other[name].double()).abs().max()) for name in names)


def processes_of(folder: Path) -> tuple[psutil.Process, list[psutil.Process]]:
    """The worker of a run, and the other ranks."""
    worker = psutil.Process(int(RunFolder(folder).lock.read_text()))
    return worker, worker.children()


class Stopper(RecordingProgress):
    """Asks to stop once `stopped` is set."""

    stopped = False

    def check(self) -> None:
        if self.stopped:
            raise Cancelled


def test_the_steps_are_those_of_one_device_and_two_trainings_at_once_do_not_meet(make_run: MakeRun, tmp_path: Path):
    """Shares of three and two pictures, and words that stop learning at half of the run."""
    run = make_run(steps=12, batch=5, text_encoder_share=0.5, checkpointing="on", micro_batch=2)
    one, two, again = (written(run, tmp_path / name) for name in ("one", "two", "again"))
    heard: list[events.Event] = []
    with ThreadPoolExecutor() as pool:
        both = [
            pool.submit(train, folder, NullProgress(), devices=TWO, on_event=listener)
            for folder, listener in ((two, heard.append), (again, None))
        ]
        results = [each.result() for each in both]
    train(one, NullProgress())

    assert apart(resumable(two), resumable(one), "losses") < 1e-4
    assert apart(resumable(two), resumable(one), "value.unet.") < 1e-4
    assert apart(resumable(two), resumable(one), "value.text_encoder.") < 1e-4
    assert results[0].lora.read_bytes() == results[1].lora.read_bytes()
    (start,) = (each for each in heard if isinstance(each, events.Start))
    (plan,) = (each for each in heard if isinstance(each, events.MemoryPlanned))
    assert start.devices == 2
    assert "batch 5 on 2 devices, up to 3 on each as 2×2, checkpointing on" in plan.text


def test_every_rank_has_the_same_bytes(make_run: MakeRun, tmp_path: Path):
    run = written(make_run(steps=6, batch=3), tmp_path / "run")
    code = (
        "import sys, hashlib\nfrom pathlib import Path\nfrom easyphoto.progress import NullProgress\n"
        "from easyphoto.training import session\nfrom easyphoto.training.context import RunContext\n"
        "from easyphoto.training.rank_processes import Seat\n"
        "from easyphoto.training.run import RunFolder, TrainRun\n"
        "folder, rank, opened, open_learner = Path(sys.argv[1]), int(sys.argv[2]), [], session.open_learner\n"
        "session.open_learner = lambda *given: opened.append(open_learner(*given)) or opened[0]\n"
        "run = TrainRun.read(folder / 'run.json')\n"
        "context = RunContext(run, RunFolder(folder), lambda said: None, NullProgress())\n"
        "session.follow_session(context, Seat(rank, 2, folder / 'meeting'))\n"
        "flat = opened[0].adapted.weights.flat\n"
        "print({name: hashlib.sha256(each.numpy().tobytes()).hexdigest() for name, each in flat.items()})\n"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(run), str(rank)],
            stdout=subprocess.PIPE,
            env={**worker_environment(), **Seat(rank, 2, run).environment},
        )
        for rank in (0, 1)
    ]
    said = [each.communicate()[0].decode().strip() for each in started]

    assert said[0].startswith("{'unet': ")
    assert said[0] == said[1]


def test_a_killed_rank_ends_the_run_with_a_name_and_one_device_goes_on_with_it(make_run: MakeRun, tmp_path: Path):
    run = make_run(steps=NOT_THE_END, validations=50)
    folder = written(run, tmp_path / "run")
    there: list[psutil.Process] = []

    def kill(event: events.Event) -> None:
        if isinstance(event, events.Checkpoint) and not there:
            worker, others = processes_of(folder)
            there.extend((worker, *others))
            os.kill(others[0].pid, signal.SIGKILL)

    with pytest.raises(TrainerKilled, match=r"^On cpu:1: The training process was killed .*signal 9"):
        train(folder, NullProgress(), devices=TWO, on_event=kill)

    assert len(there) == 2
    assert not any(each.is_running() for each in there)
    assert not list(folder.glob(".writing-*"))
    kept = resumable(folder)
    stopper = Stopper()

    def stop(event: events.Event) -> None:
        stopper.stopped = isinstance(event, events.Step)

    with pytest.raises(Cancelled):
        train(folder, stopper, on_event=stop)
    assert int(kept["step"]) >= 8
    assert int(resumable(folder)["step"]) > int(kept["step"])


def test_a_cancelled_run_that_goes_on_is_the_run_that_was_not_stopped(make_run: MakeRun, tmp_path: Path):
    run = make_run(steps=60, validations=3, batch=3)
    whole, parted = written(run, tmp_path / "whole"), written(run, tmp_path / "parted")
    expected = train(whole, NullProgress(), devices=TWO)
    stopper = Stopper()

    def stop(event: events.Event) -> None:
        stopper.stopped = stopper.stopped or isinstance(event, events.Step)

    with pytest.raises(Cancelled):
        train(parted, stopper, devices=TWO, on_event=stop)
    assert 0 < int(resumable(parted)["step"]) < 60

    made = train(parted, NullProgress(), devices=TWO)

    assert made.lora.read_bytes() == expected.lora.read_bytes()
    kept, expected_kept = (
        {name: each for name, each in resumable(folder).items() if name != "random"} for folder in (parted, whole)
    )
    assert apart(kept, expected_kept, "") == 0


@pytest.mark.parametrize("who", ["the worker", "its parent"])
def test_nobody_is_left_when_one_is_killed(make_run: MakeRun, tmp_path: Path, who: str):
    folder = written(make_run(steps=NOT_THE_END, validations=50), tmp_path / "run")
    code = (
        "import sys, pathlib\nfrom easyphoto.progress import NullProgress\n"
        "from easyphoto.devices import groups_of\nfrom easyphoto.training.job import train\n"
        "say = lambda event: print(type(event).__name__, flush=True)\n"
        "train(pathlib.Path(sys.argv[1]), NullProgress(), on_event=say, devices=groups_of('cpu:0+cpu:1', ())[0])"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code, str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=worker_environment(),
    )
    assert parent.stdout is not None
    for line in parent.stdout:
        if line.strip() == b"Checkpoint":
            break
    worker, others = processes_of(folder)
    assert len(others) == 1
    (worker if who == "the worker" else psutil.Process(parent.pid)).kill()

    gone, left = psutil.wait_procs([worker, *others], timeout=120)

    parent.stdout.close()
    parent.wait()
    assert (len(gone), left) == (2, [])
    assert int(resumable(folder)["step"]) >= 8
