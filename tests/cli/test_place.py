"""`easyphoto place`: what is typed, what is printed, what is refused."""

import pytest

from easyphoto.app import EasyPhoto
from easyphoto.cli.main import main
from easyphoto.workspace.folders import Workspace
from tests.commands.doubles import OnePersonEngine, Trainer, stand_in
from tests.commands.test_place import learned


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    stand_in(monkeypatch, OnePersonEngine(), Trainer(), tmp_path / "base")
    workspace = Workspace(tmp_path / "workspace")
    learned(EasyPhoto(workspace, mirrors=()), "cup")
    return workspace


def typed(workspace: Workspace, *words: str) -> int:
    return main([words[0], "--workspace", str(workspace.root), *words[1:]])


def code_of(workspace: Workspace, *words: str) -> object:
    """As `typed`, also where the parser itself ends the program."""
    try:
        return typed(workspace, *words)
    except SystemExit as ended:
        return ended.code


def test_the_first_seed_s_picture_is_the_last_line(workspace, capsys):
    code = typed(
        workspace, "place", "cup", "--template", "05-plain", "--box", "0.2,0.3,0.4,0.4", "--count", "2", "--seed", "5",
        "--first-steps", "2",
    )  # fmt: skip

    out = capsys.readouterr().out.splitlines()
    assert code == 0
    assert [line.rsplit("-", 1)[-1] for line in out] == ["6.png", "5.png"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "The place of the object is not said."),
        (("--box", "1,2,3"), "1,2,3 is not a box."),
        (("--box", "a,b,c,d"), "a,b,c,d is not a box."),
        (("--box", "0,0,0,9"), "0,0,0,9 is not a box."),
        (("--mask", "nothing.png"), "nothing.png"),
        (("--box", "0.2,0.3,0.4,0.4", "--place-strength", "3"), "--place-strength cannot be 3.0"),
        (("--box", "0.2,0.3,0.4,0.4", "--lora-weigth", "1"), "place has no option --lora-weigth"),
    ],
)
def test_what_is_no_place_ends_with_2_and_says_so(workspace, capsys, words, said):
    assert code_of(workspace, "place", "cup", "--template", "05-plain", *words) == 2
    assert said in capsys.readouterr().err


def test_a_name_that_is_a_person_s_is_refused(workspace, capsys):
    learned(EasyPhoto(workspace, mirrors=()), "anna", kind="face")

    assert typed(workspace, "place", "anna", "--template", "05-plain", "--box", "0.2,0.3,0.4,0.4") == 2
    assert "is a person, not a scene or an object" in capsys.readouterr().err
