"""What `easyphoto photograph` makes of the words that were typed, with a template and without one."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from PIL import Image

from easyphoto.cli.main import main
from easyphoto.commands.photograph import PhotographPersons
from easyphoto.settings.drawing import DrawingSettings
from easyphoto.workspace.folders import Workspace
from tests.fakes import new_person


@dataclass(frozen=True)
class Session:
    report: Path
    pictures: tuple[Path, ...] = ()


@dataclass
class Asked:
    commands: list[PhotographPersons] = field(default_factory=list)


@pytest.fixture
def asked(tmp_path, monkeypatch) -> Asked:
    """A workspace with anna, in whose folder verbs run; what is asked for is remembered and not done."""
    found = Asked()

    def run(self, app, context):
        found.commands.append(self)
        return Session(tmp_path / "report.html", (tmp_path / "best.png",))

    monkeypatch.setattr(PhotographPersons, "run", run)
    monkeypatch.chdir(tmp_path)
    new_person(Workspace(tmp_path / "w"), "anna")
    return found


def photograph(*words: str) -> int:
    return main(["photograph", "anna", "--workspace", "w", *words])


def test_without_a_template_the_prompt_says_what_is_drawn(asked, capsys):
    code = photograph(
        "--prompt", "a violinist on a stage, evening light", "--style", "noir", "--scene", "room:0.8",
        "--size", "768x1024", "--template-base", "sdxl", "--save-template", "stage", "--hires", "--count", "2",
    )  # fmt: skip

    assert code == 0
    command = asked.commands[0]
    assert (command.persons, command.templates, command.pose_picture) == (("anna",), (), None)
    assert (command.settings.prompt, command.settings.scene, command.settings.count) == (
        "a violinist on a stage, evening light", "room:0.8", 2
    )  # fmt: skip
    assert command.drawing == DrawingSettings(
        style="noir", size="768x1024", template_base="sdxl", save_template="stage", hires=True
    )
    assert capsys.readouterr().out.splitlines()[-1].endswith("best.png")


def test_a_pose_is_a_name_or_a_file(asked):
    Image.new("RGB", (8, 8)).save("pose.png")

    photograph("--prompt", "x", "--pose", "sitting")
    photograph("--prompt", "x", "--pose", "pose.png")

    by_name, by_file = asked.commands
    assert (by_name.drawing.pose, by_name.pose_picture) == ("sitting", None)
    assert (by_file.drawing.pose, by_file.pose_picture) == ("", Path("pose.png"))


@pytest.mark.parametrize("pose", ["gone.png", "poses/sitting"])
def test_a_pose_that_looks_like_a_file_and_is_none_is_named(asked, capsys, pose):
    assert photograph("--prompt", "x", "--pose", pose) == 2

    assert capsys.readouterr().err.strip() == (
        f"{pose} does not exist. Check the path; easyphoto poses lists those that ship."
    )
    assert asked.commands == []
