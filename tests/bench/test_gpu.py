"""The benchmark of the device: its phases, what it keeps between calls, and what it runs of other trainers."""

from __future__ import annotations

import itertools
import json
import os
import sys
from pathlib import Path

import pytest

from easyphoto.architectures.registry import FAMILIES
from easyphoto.bench.gpu import run as running
from easyphoto.bench.gpu.plan import Anchor, BenchPlan, Unit
from easyphoto.bench.gpu.run import run
from easyphoto.bench.gpu.state import BenchState
from easyphoto.bench.gpu.table import compared_trainers, record, share, table
from easyphoto.bench.gpu.trainers import command_for, step_seconds
from easyphoto.bench.gpu.unit import measured as in_process
from easyphoto.errors import BadRecord, InputError
from easyphoto.progress import NullProgress
from easyphoto.training.commands import CommandFailed

SMALL = BenchPlan(FAMILIES.from_files[0].id, width=0.1, resolution=64, steps=2)


def measured(folder: Path, plan: BenchPlan = SMALL, **asked) -> tuple[BenchState, dict]:
    said: list[str] = []
    asked = {"seconds": None, "progress": NullProgress(), "say": said.append, **asked}
    state = run(folder, plan, **asked)
    return state, json.loads(said[-1])


@pytest.fixture
def work(monkeypatch):
    """What each measurement does, in place of a process; all that ran is in `ran`."""

    class Work:
        def __init__(self) -> None:
            self.ran: list[str] = []
            self.failing: set[str] = set()

        def __call__(self, unit: Unit, state: BenchState, deadline: running.Deadline) -> dict:
            deadline.check()
            self.ran.append(unit.name)
            if unit.name in self.failing:
                raise CommandFailed(1, ("Traceback", "CUDA error: out of memory"))
            run = {"trainer": unit.trainer, "steps": unit.steps, "seconds": 10.0 + unit.steps, "peak_mb": None}
            return run if unit.trainer else {"seconds": 1.0}

    made = Work()
    monkeypatch.setattr(running, "_measured", made)
    monkeypatch.setattr(running, "table", lambda state: "table")
    return made


def test_what_was_measured_is_not_measured_again(tmp_path, work):
    _, first = measured(tmp_path, phases=["load"])
    _, second = measured(tmp_path)

    assert first["left"] == second["left"] == []
    assert work.ran == ["make", "device", "load", "step", "train", "portrait", "layout", "large"]


def test_a_phase_that_is_wanted_again_is_measured_anew_and_no_other(tmp_path, work):
    measured(tmp_path)
    work.ran.clear()

    measured(tmp_path, phases=["step"], again=True)

    assert work.ran == ["step"]


def test_a_measurement_that_fails_is_a_result_and_the_others_go_on(tmp_path, work):
    work.failing = {"step"}

    state, said = measured(tmp_path)

    assert state.results["step"]["failed"] == "Traceback\nCUDA error: out of memory"
    assert (state.made("step"), said["left"]) == (None, [])
    assert work.ran[-1] == "large"


def test_what_does_not_fit_into_a_call_is_left_to_the_next(tmp_path, work):
    true_size = BenchPlan(SMALL.family)

    _, said = measured(tmp_path, true_size, seconds=100)

    assert work.ran == ["make", "device", "load", "step"]
    assert said["left"] == ["train", "portrait", "layout", "large"]


def test_what_had_a_whole_call_and_did_not_end_is_not_tried_for_ever(tmp_path, work, monkeypatch):
    _, short = measured(tmp_path, seconds=0.1)
    monkeypatch.setattr(running, "WHOLE_CALL", 0.0)
    _, first = measured(tmp_path, seconds=0.1)
    _, second = measured(tmp_path, seconds=0.1)

    # A call that was given less time than usual says nothing.
    assert short["results"] == {}
    assert "longer than a call" in first["results"]["make"]["failed"]
    assert "longer than a call" in second["results"]["device"]["failed"]


def test_without_a_phase_all_are_measured_anew(tmp_path, work):
    measured(tmp_path)
    before = len(work.ran)

    measured(tmp_path, again=True)

    assert work.ran[before:] == work.ran[:before]


def test_a_damaged_record_and_steps_that_nobody_can_time_are_refused(tmp_path, work):
    (tmp_path / "bench.json").write_text('{"format": 1}')
    with pytest.raises(BadRecord, match="record of the benchmark"):
        measured(tmp_path)
    with pytest.raises(InputError, match="0 steps"):
        BenchPlan(SMALL.family, steps=0).check()


def test_results_of_other_sizes_are_not_mixed(tmp_path, work):
    measured(tmp_path)

    with pytest.raises(InputError, match="results of other sizes"):
        measured(tmp_path, BenchPlan(SMALL.family, width=0.2))


def test_trainers_to_compare_with_may_come_later(tmp_path, work):
    measured(tmp_path)

    measured(tmp_path, BenchPlan(SMALL.family, 0.1, 64, 2, (Anchor("kohya", "there", "python"),)))

    assert work.ran[-8:] == [
        "easyphoto-2-1", "easyphoto-6-1", "kohya-2-1", "kohya-6-1",
        "kohya-6-2", "kohya-2-2", "easyphoto-6-2", "easyphoto-2-2",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "plan",
    [
        BenchPlan(FAMILIES.default.id),
        BenchPlan(FAMILIES.from_files[-1].id, anchors=(Anchor("kohya", "there", "python"),)),
        BenchPlan(SMALL.family, width=1.5),
    ],
)
def test_what_cannot_be_measured_is_refused(tmp_path, work, plan):
    with pytest.raises(InputError):
        measured(tmp_path, plan)


def test_a_step_s_time_is_half_of_the_difference_between_n_and_3_n_steps(tmp_path):
    runs = [
        {"trainer": "easyphoto", "steps": 40, "seconds": 12.0, "peak_mb": None},
        {"trainer": "easyphoto", "steps": 120, "seconds": 14.0, "peak_mb": 5000},
        {"trainer": "kohya", "steps": 40, "seconds": 20.0, "peak_mb": None},
        {"trainer": "kohya", "steps": 120, "seconds": 24.0, "peak_mb": None},
        {"trainer": "diffusers", "steps": 40, "seconds": 20.0, "peak_mb": None},
    ]

    assert step_seconds(runs) == {"easyphoto": [0.025], "kohya": [0.05], "diffusers": []}
    found = compared_trainers(BenchState(tmp_path, SMALL, {str(number): run for number, run in enumerate(runs)}))
    assert found["kohya"] == {
        "ms": 50.0, "least_ms": 50.0, "most_ms": 50.0, "start_s": 18.0, "peak_mb": None, "ratio": 2.0,
    }  # fmt: skip
    assert (found["easyphoto"]["ratio"], found["easyphoto"]["peak_mb"]) == (1.0, 5000)


def test_the_share_of_the_bound_is_the_arithmetic_s_time_over_the_step_s():
    step = {"tflop": 8.0, "plain": {"ms": 40.0}, "captured": {"not": "no GPU"}}

    assert share(step, "plain", 800.0) == 0.25
    assert share(step, "captured", 800.0) is None


def test_the_anchors_run_their_own_scripts_on_the_same_weights_with_the_same_work(tmp_path):
    plan = BenchPlan(SMALL.family)
    (tmp_path / "base" / "tokenizer").mkdir(parents=True)
    anchors = Anchor("kohya", "/src/kohya", "/env/python"), Anchor("diffusers", "/src/diffusers", "/env/python")

    kohya, diffusers = (
        command_for(anchor, tmp_path, tmp_path, plan, steps=40, precision="bfloat16") for anchor in anchors
    )

    for words in (kohya, diffusers):
        said = dict(itertools.pairwise(words))
        assert words[:2] == ("/env/python", str(tmp_path / "launcher.py"))
        assert (said["--train_batch_size"], said["--max_train_steps"]) == ("4", "40")
        assert (said["--mixed_precision"], said["--resolution"]) == ("bf16", "512")
        assert said["--pretrained_model_name_or_path"] == str(tmp_path / "base")
    assert Path(kohya[2]) == Path("/src/kohya/train_network.py")
    assert {"--cache_latents", "--sdpa", "--persistent_data_loader_workers", "fused=True"} <= set(kohya)
    assert kohya[kohya.index("--network_dim") + 1] == "128"
    assert kohya[kohya.index("--network_alpha") + 1] == "64"
    assert Path(diffusers[2]) == Path("/src/diffusers/examples/dreambooth/train_dreambooth_lora.py")
    assert {"--train_text_encoder", "--allow_tf32"} <= set(diffusers)
    assert (tmp_path / "tokenizers" / "openai_clip-vit-large-patch14").is_dir()


def test_a_trainer_is_named_with_its_checkout_and_its_python(tmp_path):
    said = f"kohya={tmp_path}{os.pathsep}{sys.executable}"

    assert Anchor.named(said) == Anchor("kohya", str(tmp_path), sys.executable)
    for wrong in (f"kohya={tmp_path}", f"other={tmp_path}{os.pathsep}{sys.executable}", "kohya"):
        with pytest.raises(InputError, match="names no trainer"):
            Anchor.named(wrong)


@pytest.mark.slow
def test_a_measurement_runs_in_a_process_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr(BenchPlan, "units", lambda plan, phases=(): [Unit("device", "device", 1)])

    state, _ = measured(tmp_path)

    assert state.results["device"]["versions"]["torch"]
    assert state.results["device"]["matmul_tflops"] > 0


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_every_phase_runs_on_a_processor_at_a_tenth_of_the_width(tmp_path, monkeypatch):
    def here(unit: Unit, state: BenchState, deadline: running.Deadline) -> dict:
        return json.loads(json.dumps(in_process(unit.phase, state.file.parent, state.plan)))

    # In this process, because a process for each would import the libraries eight times.
    monkeypatch.setattr(running, "_measured", here)

    state, said = measured(tmp_path)

    assert {name: result for name, result in state.results.items() if "failed" in result} == {}
    assert said["left"] == []
    assert said["results"]["train"]["steps"] == 2
    assert said["results"]["portrait"]["lora"] is True
    assert said["results"]["step"]["tflop"] > 0
    assert 0 < said["shares_of_bound"]["plain"] < 1
    written = table(state)
    assert all(phase in written for phase in ("make", "device", "load", "step", "train", "portrait", "layout"))
    assert record(state, [])["trainers"] == {}
