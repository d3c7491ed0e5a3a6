"""What --quiet leaves out, how often a log is told of progress, and what programs are told of an error."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path

import pytest

from easyphoto import errors
from easyphoto.cli import commands, output
from easyphoto.cli.main import main
from easyphoto.cli.output import BarProgress, complain, hushed, say, tell, telling
from easyphoto.progress import Cancelled
from easyphoto.workspace.folders import Workspace
from tests.fakes import new_person


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


def told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *, steps: int, seconds: float
) -> list[str]:
    """The lines of a training of so many steps that takes so long, with a line for each step."""
    clock, progress = Clock(), BarProgress()
    monkeypatch.setattr(output, "time", clock)
    for step in range(1, steps + 1):
        clock.now += seconds / steps
        progress.step(step, steps, f"training · loss 0.{step:04d}")
    return capsys.readouterr().err.splitlines()


@pytest.mark.parametrize(
    ("steps", "seconds", "lines"),
    [(500, 10, 2), (500, 300, 20), (500, 3600, 100), (20000, 3600, 120)],
    ids=["ten seconds", "five minutes", "an hour", "an hour of short steps"],
)
def test_a_log_is_told_of_a_training_every_5_percent_or_30_seconds(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, steps: int, seconds: float, lines: int
) -> None:
    said = told(capsys, monkeypatch, steps=steps, seconds=seconds)

    assert said[0] == f"  1/{steps} training · loss 0.0001"
    assert len(said) == lines


def test_the_next_phase_is_told_after_five_seconds(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, progress = Clock(), BarProgress()
    monkeypatch.setattr(output, "time", clock)

    for after, done, total, message in ((0, 0, 0, "loading"), (4, 0, 9, "encoding"), (2, 1, 9, "encoding a.png")):
        clock.now += after
        progress.step(done, total, message)

    assert capsys.readouterr().err.splitlines() == ["  loading", "  1/9 encoding a.png"]


def test_quiet_leaves_results_errors_and_questions(capsys: pytest.CaptureFixture[str]) -> None:
    with hushed(True):
        say("a result")
        tell("a note")
        complain("an error")
        BarProgress().step(1, 2, "progress")
        logging.getLogger("easyphoto.weights").warning("something that can wait")
    tell("afterwards")

    assert capsys.readouterr() == ("a result\n", "an error\nafterwards\n")


def test_every_verb_can_be_quiet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new_person(Workspace(tmp_path), "anna")

    assert main(["persons", "rename", "anna", "Anna B.", "--quiet", "--workspace", str(tmp_path)]) == 0
    assert capsys.readouterr() == ("anna  Anna B.\n", "")
    assert main(["persons", "show", "nobody", "--quiet", "--workspace", str(tmp_path)]) == 2
    assert capsys.readouterr() == ("", "There is no person 'nobody'. Known: anna.\n")
    assert not isinstance(sys.stderr, output.Hushed)


def test_with_json_an_error_is_told_to_programs_by_its_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new_person(Workspace(tmp_path), "anna")

    assert main(["persons", "show", "ana", "--json", "--workspace", str(tmp_path)]) == 2

    said = capsys.readouterr()
    assert said.out == ""
    assert json.loads(said.err) == {
        "error": {
            "code": "UnknownPerson",
            "message": "There is no person 'ana'.",
            "advice": "Did you mean 'anna'? Known: anna.",
        }
    }


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (errors.DiskFailure("The disk is full.", advice="Delete something."), "The disk is full. Delete something.\n"),
        (MemoryError("512 MB"), "The memory is full: 512 MB Use a smaller batch, or close what else runs.\n"),
    ],
    ids=["ours", "the system's"],
)
def test_no_name_of_a_class_stands_before_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, said: str
) -> None:
    def failing(arguments: object, workspace: object) -> None:
        raise error

    monkeypatch.setitem(commands.VERBS, "doctor", failing)

    main(["doctor", "--workspace", str(tmp_path)])

    assert capsys.readouterr().err == said


def test_a_series_that_ends_early_names_the_pictures_that_are_there(capsys):
    def series():
        with telling() as context:
            context.picture_finished(Path("results/00-anna.png"), Path("a.png"), None)
            raise Cancelled

    with pytest.raises(Cancelled):
        series()

    assert "Finished before: results/00-anna.png" in capsys.readouterr().err


def test_a_series_that_ends_well_names_its_pictures_once(capsys):
    with telling() as context:
        context.picture_finished(Path("results/00-anna.png"), Path("a.png"), None)

    assert "Finished before" not in capsys.readouterr().err
