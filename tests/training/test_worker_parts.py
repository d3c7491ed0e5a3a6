"""The parts of the worker and of its caller that need no process."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from easyphoto.errors import Diverged, InputError, OutOfMemory, TrainerCrashed
from easyphoto.progress import Cancelled, NullProgress
from easyphoto.training import events
from easyphoto.training.job import _Display, _verdict, train
from easyphoto.training.run import RunFolder
from easyphoto.training.session import advising_memory
from easyphoto.training.worker import clear_leftovers
from tests.fakes import RecordingProgress

DIVERGED = events.ErrorEvent("Diverged", "no number", "lower it", True, 4)
FROM_LATER = events.ErrorEvent("ColourMissing", "no red", "", True, 1)
DONE = events.Done("l", "ab", None, 3, None, None, None, (), {})


@pytest.mark.parametrize(
    "cause",
    [
        MemoryError(),
        torch.cuda.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("DefaultCPUAllocator: not enough memory"),
    ],
    ids=["python", "device", "cpu"],
)
def test_every_way_of_running_out_of_memory_has_one_name(cause: Exception):
    with pytest.raises(OutOfMemory, match="smaller batch") as caught, advising_memory():
        raise cause
    assert caught.value.exit_code == 3


def test_other_errors_keep_theirs():
    with pytest.raises(RuntimeError, match="shapes"), advising_memory():
        raise RuntimeError("shapes do not fit")


def test_the_workers_named_error_comes_back_as_itself(tmp_path: Path):
    with pytest.raises(Diverged, match="no number lower it"):
        _verdict(RunFolder(tmp_path), [DIVERGED], 4)


def test_an_error_without_a_known_name_is_a_crash_with_the_end_of_the_log(tmp_path: Path):
    (tmp_path / "worker.log").write_text("".join(f"line {number}\n" for number in range(100)))

    with pytest.raises(TrainerCrashed, match="no red") as caught:
        _verdict(RunFolder(tmp_path), [FROM_LATER], 1)

    assert caught.value.log_tail.splitlines()[0] == "line 60"


def test_done_without_a_clean_end_is_no_success(tmp_path: Path):
    with pytest.raises(TrainerCrashed, match="exit code 1"):
        _verdict(RunFolder(tmp_path), [DONE], 1)
    with pytest.raises(Cancelled):
        _verdict(RunFolder(tmp_path), [], 130)
    assert _verdict(RunFolder(tmp_path), [DONE], 0).best_step == 3


def test_each_phase_is_said_when_it_begins_and_nothing_is_counted_before_the_first_step():
    progress = RecordingProgress()
    display = _Display(progress)

    display.begin()
    display.show(events.Phase("load"))
    display.show(events.Start("1", "cpu", 8, 2, 250, 4, 1000, resumed_at=5))
    display.show(events.Step(10, 250, 0.25, 1e-4, 0.3, None, 900))
    display.show(events.Phase("validate"))
    display.show(events.Step(250, 250, 0.25, 1e-4, 0.3, 72.0, 900))
    display.show(events.Phase("save"))

    assert progress.steps == [
        (0, 0, "starting the trainer"),
        (0, 0, "loading the checkpoint"),
        (10, 250, "training · loss 0.2500"),
        (10, 250, "making test pictures"),
        (250, 250, "training · loss 0.2500 · 1:12 left"),
        (250, 250, "saving"),
    ]


def test_what_a_killed_worker_had_begun_to_write_is_removed(tmp_path: Path):
    (tmp_path / "checkpoints").mkdir()
    half = tmp_path / "checkpoints" / ".writing-abc.safetensors"
    half.write_bytes(b"half")

    clear_leftovers(RunFolder(tmp_path))

    assert not half.exists()


def test_a_run_without_a_record_is_refused_before_anything_is_started(tmp_path: Path):
    with pytest.raises(InputError, match="does not exist"):
        train(tmp_path, NullProgress())
    assert not list(tmp_path.iterdir())
