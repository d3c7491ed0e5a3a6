"""`easyphoto setup`: what is made, and what is left alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from easyphoto.cli.main import main
from easyphoto.errors import TrainerMissing
from easyphoto.training import environment
from easyphoto.training.environment import EnvironmentReport

MADE = EnvironmentReport(Path("/env/bin/python"), {"torch": "2.1.2", "peft": "0.13.2"})


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders in which an environment was asked for; none is made."""
    asked: list[Path] = []

    def make(env: Path, progress: Any) -> EnvironmentReport:
        asked.append(env)
        return MADE

    monkeypatch.setattr(environment, "make_environment", make)
    return asked


def test_where_this_python_trains_nothing_is_made(
    made: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(environment, "missing_here", lambda: ())

    assert main(["setup", "--workspace", str(tmp_path)]) == 0

    assert made == []
    assert "has all that training needs" in capsys.readouterr().out


def test_force_makes_one_all_the_same_and_prints_its_python_last(
    made: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert main(["setup", "--force", "--workspace", str(tmp_path)]) == 0

    assert made == [tmp_path / "env"]
    assert capsys.readouterr().out.splitlines() == ["  torch 2.1.2", "  peft 0.13.2", str(MADE.python)]


def test_one_that_is_ready_is_shown_and_one_that_is_not_is_made(
    made: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def not_ready(env: Path) -> EnvironmentReport:
        raise TrainerMissing("It is incomplete.", advice="Press.")

    monkeypatch.setattr(environment, "missing_here", lambda: ("peft",))
    monkeypatch.setattr(environment, "ready_environment", lambda env: MADE)
    assert main(["setup", "--workspace", str(tmp_path)]) == 0
    assert (made, "it lacks peft" in capsys.readouterr().err) == ([], True)

    monkeypatch.setattr(environment, "ready_environment", not_ready)
    assert main(["setup", "--workspace", str(tmp_path)]) == 0
    assert (made, "It is incomplete." in capsys.readouterr().err) == ([tmp_path / "env"], True)


def test_what_this_python_lacks_is_named_with_what_it_has(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(environment, "OLDEST", {"numpy": (99, 0), "pillow": (1, 0), "no-such-package": (1, 0)})

    missing = environment.missing_here()

    assert len(missing) == 2
    assert missing[0].startswith("numpy 99.0 (it has ")
    assert missing[1] == "no-such-package"
