"""`resume`: what is unfinished, and how it goes on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from easyphoto.cli.main import main
from easyphoto.storage.locks import file_lock
from easyphoto.training.events import Step, to_line
from easyphoto.training.run import RunFolder
from easyphoto.workspace.folders import Workspace, folders_in
from tests.commands.doubles import Trainer, stand_in
from tests.persons.arriving import OnePersonEngine, write_photo


def cancel(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Begin a training that is cancelled by Ctrl-C; returns the exit code."""
    for number in range(3):
        write_photo(folder / "album" / f"{number}.png", number)
    stand_in(monkeypatch, OnePersonEngine(), Trainer(KeyboardInterrupt()), folder / "base")
    return main(["train", name, "--photos", str(folder / "album"), "--workspace", str(folder / "w")])


@pytest.fixture
def cancelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Workspace:
    """A workspace in which a training of anna was cancelled by Ctrl-C."""
    assert cancel("anna", tmp_path, monkeypatch) == 130
    assert capsys.readouterr().err.splitlines()[-2:] == [
        "easyphoto resume lists the trainings that can go on.",
        "Cancelled.",
    ]
    monkeypatch.setattr("easyphoto.commands.training.run_training", Trainer())
    return Workspace(tmp_path / "w")


def test_a_cancelled_training_is_listed_and_goes_on_under_its_persons_name(
    cancelled: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    place = ["--workspace", str(cancelled.root)]
    (run,) = folders_in(cancelled.runs)

    assert main(["resume", *place]) == 0
    listed = capsys.readouterr()
    assert main(["resume", "Anna", *place]) == 0
    resumed = capsys.readouterr()

    assert [line.split() for line in listed.out.splitlines()[:1]] == [["person", "begun", "steps", "run"]]
    assert listed.out.splitlines()[1].split()[0] == "anna"
    assert listed.out.splitlines()[1].split()[-1] == run.name
    assert listed.err == "easyphoto resume anna goes on with the latest one of anna.\n"
    assert resumed.out.splitlines()[-1] == str(cancelled.persons / "anna" / "lora.safetensors")
    assert folders_in(cancelled.runs) == (run,)
    assert cancelled.person("anna").run == run.name


@pytest.mark.parametrize("written", ["张伟", "person-a3a0bafd"])
def test_a_training_goes_on_under_a_name_in_any_script_as_it_began(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    assert cancel("张伟", tmp_path, monkeypatch) == 130
    monkeypatch.setattr("easyphoto.commands.training.run_training", Trainer())

    assert main(["resume", written, "--workspace", str(tmp_path / "w")]) == 0

    assert Workspace(tmp_path / "w").person("person-a3a0bafd").name == "张伟"


def test_programs_are_told_what_is_unfinished(cancelled: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    (run,) = folders_in(cancelled.runs)
    steps = [Step(step, 500, 0.1, 1e-4, 0.1, 0.0, 10) for step in (11, 12)]
    (run / "events.jsonl").write_text("".join(f"{to_line(step)}\n" for step in steps) + "half a li")

    assert main(["resume", "--json", "--workspace", str(cancelled.root)]) == 0

    told = json.loads(capsys.readouterr().out)
    assert told["format"] == 1
    (training,) = told["trainings"]
    assert {**training, "created": ""} == {"run": run.name, "person": "anna", "created": "", "step": 12, "steps": 500}


@pytest.mark.parametrize("state", ["ended", "running", "not begun"])
def test_what_has_ended_runs_or_has_not_begun_cannot_be_resumed(
    cancelled: Workspace, capsys: pytest.CaptureFixture[str], state: str
) -> None:
    (run,) = folders_in(cancelled.runs)
    words = ["resume", "anna", "--workspace", str(cancelled.root)]
    if state == "ended":
        RunFolder(run).outcome.write_text("{}")
    if state == "not begun":
        (run / "dataset" / "dataset.json").unlink()

    if state == "running":
        with file_lock(RunFolder(run).lock):
            assert main(words) == 2
    else:
        assert main(words) == 2

    assert capsys.readouterr().err == (
        "There is no unfinished training of 'anna'. No training is unfinished. easyphoto train begins one.\n"
    )


def test_a_misspelt_person_is_answered_with_those_whose_training_is_unfinished(
    cancelled: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["resume", "ana", "--workspace", str(cancelled.root)]) == 2

    assert capsys.readouterr().err == ("There is no unfinished training of 'ana'. Did you mean 'anna'? Known: anna.\n")


def test_where_nothing_is_unfinished_that_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["resume", "--workspace", str(tmp_path)]) == 0

    assert capsys.readouterr() == ("", "No training is unfinished.\n")
