"""`templates`, and the names that `photograph --template` takes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from easyphoto.cli.main import main
from easyphoto.commands.photograph import PhotographPersons
from easyphoto.errors import InputError
from easyphoto.workspace.folders import Workspace
from easyphoto.workspace.shipped import templates_folder
from tests.fakes import new_person


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A workspace with anna and a template of somebody's own."""
    made = Workspace(tmp_path / "w")
    new_person(made, "anna")
    made.templates.mkdir()
    Image.new("RGB", (64, 64)).save(made.templates / "garden.png")
    return made


def test_those_that_ship_come_first_and_then_ones_own(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["templates", "--workspace", str(workspace.root)]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["name", "title", "faces", "whose"]
    assert lines[1].split()[0] == "01-lights"
    assert lines[4].split()[-2:] == ["2", "ships"]
    assert lines[-1].split() == ["own-garden", "garden", "–", "yours"]
    assert len(lines) == 10


def test_programs_are_told_the_files_too(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["templates", "--json", "--workspace", str(workspace.root)]) == 0

    told = json.loads(capsys.readouterr().out)
    assert told["format"] == 1
    assert [each["id"] for each in told["templates"]][::8] == ["01-lights", "own-garden"]
    assert told["templates"][-1] == {
        "id": "own-garden",
        "title": "garden",
        "own": True,
        "faces": None,
        "file": str(workspace.templates / "garden.png"),
    }


def test_without_ones_own_it_is_said_where_they_go(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new_person(Workspace(tmp_path), "anna")

    assert main(["templates", "--workspace", str(tmp_path)]) == 0

    assert capsys.readouterr().err == f"Pictures in {tmp_path / 'templates'} are templates of your own.\n"


@pytest.mark.parametrize(
    ("typed", "taken"),
    [
        (["--template", "01-lights"], ["01-lights.png"]),
        (["--template", "01-LIGHTS.PNG"], ["01-lights.png"]),
        (["--template", "own-garden", "--template", "04-two"], ["garden.png", "04-two.png"]),
        (["--template", "garden", "garden.png", "own-garden"], ["garden.png"]),
        (["--template", "beach.png", "--template", "garden"], ["beach.png", "garden.png"]),
    ],
    ids=" ".join,
)
def test_a_template_may_be_named(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: list[str], taken: list[str]
) -> None:
    asked: list[tuple[Path, ...]] = []

    def run(command: PhotographPersons, app: object, context: object) -> None:
        asked.append(command.templates)
        raise InputError("enough")

    monkeypatch.setattr(PhotographPersons, "run", run)
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (64, 64)).save("beach.png")

    main(["photograph", "anna", *typed, "--workspace", str(workspace.root)])

    assert [file.name for file in asked[0]] == taken
    places = {file.parent for file in asked[0] if file.name != "beach.png"}
    assert places <= {templates_folder(), workspace.templates}


def test_a_file_goes_before_a_template_of_that_name(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("garden").mkdir()

    assert main(["photograph", "anna", "--template", "garden", "--workspace", str(workspace.root)]) == 2

    assert capsys.readouterr().err == "garden is a folder. Name a picture.\n"
