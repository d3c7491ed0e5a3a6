"""The record of a run, and the line protocol."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from easyphoto.errors import BadSettings, InputError, RunBusy
from easyphoto.messages import Text, note
from easyphoto.settings.training import TrainSettings
from easyphoto.storage.locks import file_lock
from easyphoto.training import events
from easyphoto.training.checkpoint import marks
from easyphoto.training.run import TrainRun

RUN = TrainRun("lena", "a person", "miniature", "/base", "/data", templates=("t.png",), settings=TrainSettings(steps=9))

SAID = (
    events.Start("0.1", "cpu", 12, 3, 250, 4, 1000),
    events.Phase("load"),
    events.Phase("load", 1.5),
    events.Step(10, 250, 0.25, 1e-4, 0.3, 72.0, 900),
    events.Sample(31, "samples/a.png", 0, None),
    events.Checkpoint(31, "checkpoints/step-000031.safetensors", 1234),
    events.Warn("nonfinite", "step 3"),
    events.Done("l", "ab", None, 31, 0.5, 0.4, "e", ("a note",), {"load": 1.0}),
    events.ErrorEvent("Diverged", "no number", "lower it", True, 4),
)


def test_a_run_comes_back_from_its_record(tmp_path: Path):
    path = RUN.write(tmp_path)

    assert TrainRun.read(path) == RUN


def test_a_record_with_an_unknown_setting_is_refused():
    record = RUN.record()
    record["settings"]["speed"] = 3

    with pytest.raises(BadSettings, match="speed"):
        TrainRun.from_record(record)


def test_a_record_without_a_base_is_refused():
    record = RUN.record()
    del record["base"]

    with pytest.raises(InputError, match="base"):
        TrainRun.from_record(record)


def test_a_run_that_ran_out_of_memory_may_go_on_with_less_at_a_time():
    def changed(**settings: Any) -> str:
        return replace(RUN, settings=replace(RUN.settings, **settings)).fingerprint()

    assert changed(micro_batch=1, checkpointing="on", cuda_graph="off") == RUN.fingerprint()
    assert changed(batch=2) != RUN.fingerprint()
    assert changed(text_encoder_share=0.5) != RUN.fingerprint()


def test_a_run_that_began_before_there_were_some_settings_goes_on_as_it_began(tmp_path: Path):
    """The fingerprint is what was written for this run then."""
    path = replace(RUN, settings=TrainSettings(steps=9, validation_steps=20)).write(tmp_path)
    record = json.loads(path.read_text())
    record["settings"]["voters"] = 10
    for newer in ("text_encoder_share", "cuda_graph"):
        del record["settings"][newer]
    path.write_text(json.dumps(record))

    run = TrainRun.read(path)

    assert run.settings.text_encoder_share == 1.0
    assert run.fingerprint() == "eb340a3911a8adc3f991adff299a4b92eb17e153b4b8bb647ed0dedded68d70c"


def test_what_a_run_says_of_a_setting_that_is_gone_is_kept_for_its_fingerprint(tmp_path: Path):
    record = {**RUN.record(), "settings": {**RUN.record()["settings"], "voters": 4}}
    (tmp_path / "run.json").write_text(json.dumps({"format": 1, **record}))

    run = TrainRun.read(tmp_path / "run.json")

    assert run.settings == RUN.settings
    assert run.fingerprint() not in (RUN.fingerprint(), replace(run, former={"voters": 10}).fingerprint())
    assert TrainRun.read(run.write(tmp_path)) == run
    assert "voters" not in RUN.record()["settings"]


def test_a_text_encoder_without_a_share_has_no_learning_rate():
    def rates(share: float) -> tuple[float, float]:
        settings = TrainSettings(learning_rate=1e-4, text_encoder_share=share)
        return replace(RUN, settings=settings).rates

    assert rates(0.05) == (1e-4, 5e-5)
    assert rates(0.0) == (1e-4, 0.0)


def test_steps_follow_the_number_of_photos():
    run = TrainRun("lena", "a person", "sd15", "/base", "/data")

    assert (run.steps(1), run.steps(3), run.steps(9)) == (200, 600, 800)


def test_alpha_keeps_its_proportion_to_a_chosen_rank():
    run = TrainRun("lena", "a person", "sd15", "/base", "/data", settings=TrainSettings(rank=32))

    assert (run.rank, run.alpha) == (32, 16.0)


@pytest.mark.parametrize("event", SAID, ids=lambda event: type(event).__name__)
def test_every_event_comes_back_from_its_line(event: events.Event):
    line = events.to_line(event)

    assert "\n" not in line
    assert events.from_line(line) == event


@pytest.mark.parametrize("line", ['{"type": "dance", "step": 1}', "loading weights...", "[1]", "", '{"type": "step"}'])
def test_what_is_no_known_event_is_ignored(line: str):
    assert events.from_line(line) is None


def test_a_warning_keeps_what_it_was_made_from():
    said = note("no-control", "test pictures without the control {kind}: its model is missing", kind="tile")

    heard = events.from_line(events.to_line(events.Warn("no-control", said)))

    assert heard == events.Warn("no-control", "test pictures without the control tile: its model is missing")
    assert isinstance(heard, events.Warn)
    assert isinstance(heard.detail, Text)
    assert heard.detail.values == {"kind": "tile"}


def test_the_end_of_a_run_that_merged_checkpoints_is_still_read():
    said = {
        "type": "done", "path": "l", "sha256": "ab", "portrait": None, "best_step": 31, "best": 0.5, "merged": 0.6,
        "last": 0.4, "weights": {"25": 0.3, "31": 0.7}, "energy_lost": 0.01, "embedder": "e", "notes": [],
        "seconds": {},
    }  # fmt: skip

    heard = events.from_line(json.dumps(said))

    assert heard == events.Done("l", "ab", None, 31, 0.5, 0.4, "e", (), {}, weights={"25": 0.3, "31": 0.7})


def test_an_unknown_field_of_a_later_version_is_ignored():
    assert events.from_line('{"type": "warn", "code": "a", "detail": "b", "colour": "red"}') == events.Warn("a", "b")


def test_a_loss_that_is_no_number_becomes_null():
    line = events.to_line(events.Step(1, 2, float("nan"), 1e-4, 0.1, 0.1, 1))

    assert '"loss": null' in line


def test_marks_divide_the_run_and_end_with_it():
    assert marks(250, 8) == (31, 62, 94, 125, 156, 188, 219, 250)
    assert marks(2, 8) == (1, 2)


def test_a_run_is_held_by_one_process_and_free_after_it_was_killed(tmp_path: Path):
    code = (
        "import sys, time, pathlib\nfrom easyphoto.storage.locks import file_lock\n"
        "with file_lock(pathlib.Path(sys.argv[1])):\n    print('held', flush=True)\n    time.sleep(60)\n"
    )
    lock = tmp_path / "run.lock"
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": root}
    holder = subprocess.Popen([sys.executable, "-c", code, str(lock)], stdout=subprocess.PIPE, env=environment)
    assert holder.stdout is not None
    assert holder.stdout.readline().strip() == b"held"

    with pytest.raises(RunBusy, match=str(holder.pid)), file_lock(lock):
        pass
    holder.kill()
    holder.wait()
    holder.stdout.close()

    with file_lock(lock):
        assert lock.read_text() == str(os.getpid())
