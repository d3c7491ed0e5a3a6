"""Typical mistakes, and what is answered: the mistake in one line, then where more is said."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import pytest

from easyphoto.cli.main import main
from easyphoto.cli.parser import build_parser
from easyphoto.workspace.folders import Workspace
from tests.fakes import new_person

VERBS = (
    "demo, check, train, resume, photograph, place, persons, templates, styles, poses, configurations, weights, ui, "
    "doctor, bench, setup, completion, uninstall"
)


def answered(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    """The lines on stderr of words that the parser refuses."""
    with pytest.raises(SystemExit) as left:
        main(words)
    said = capsys.readouterr()
    assert left.value.code == 2
    assert said.out == ""
    return said.err.splitlines()


@pytest.mark.parametrize(
    ("typed", "said", "more"),
    [
        ("", f"easyphoto needs a verb: {VERBS}.", ""),
        ("trian anna", f"There is no verb 'trian'. Did you mean 'train'? Verbs: {VERBS}.", ""),
        ("TRAIN anna", f"There is no verb 'TRAIN'. Did you mean 'train'? Verbs: {VERBS}.", ""),
        ("generate", f"There is no verb 'generate'. Verbs: {VERBS}.", ""),
        ("rename anna", f"There is no verb 'rename'. Did you mean 'persons rename'? Verbs: {VERBS}.", ""),
        ("--workspace w persons", "--workspace belongs after the verb: easyphoto VERB --workspace …", ""),
        ("--quiet persons", "--quiet belongs after the verb: easyphoto persons --quiet …", "persons "),
        ("train anna --photo x", "train has no option --photo. Did you mean --photos?", "train "),
        ("check --photo x", "check has no option --photo. Did you mean --photos?", "check "),
        ("train anna -photos x", "train has no option -photos. Did you mean --photos?", "train "),
        ("train a --ranks 4", "train has no option --ranks. Did you mean --rank?", "train "),
        ("train a --template x", "train has no option --template. It belongs to photograph, place.", "train "),
        ("train a --frobnicate", "train has no option --frobnicate.", "train "),
        ("train a --photos", "--photos needs a value: --photos DIR|ZIP|FILE….", "train "),
        ("train a --photos=", "--photos cannot be empty.", "train "),
        ("train a --base b c d", "--base NAME|FILE|DIR takes one value; too much: 'c', 'd'.", "train "),
        ("train anna ben", "train takes nothing more; too much: 'ben'.", "train "),
        ("train", "train needs NAME (the person).", "train "),
        ("train a --steps many", "--steps cannot be 'many'. It must be a whole number.", "train "),
        ("train a --alpha much", "--alpha cannot be 'much'. It must be a number.", "train "),
        ("train a --preset fats",
         "--preset cannot be 'fats'. Did you mean 'fast'? Choose one of: fast, balanced, thorough.", "train "),
        ("photograph", "photograph needs NAME… (who, from the left, on the largest of a template's faces).",
         "photograph "),
        ("check --photos x --json=1", "--json takes no value.", "check "),
        ("check --photos x --engine drawing",
         "--engine cannot be 'drawing'. Did you mean 'drawings'? Choose one of: auto, drawings, photographs.",
         "check "),
        ("check --photos x --face a.jpg",
         "--face: 'a.jpg' is not of the form PHOTO=NUMBER, with numbers from 1.", "check "),
        ("persons shwo",
         "persons has no action 'shwo'. Did you mean 'show'? "
         "Choose one of: list, add, show, words, export, import, rename, choose, delete.", "persons "),
        ("persons remove",
         "persons has no action 'remove'. Did you mean 'delete'? "
         "Choose one of: list, add, show, words, export, import, rename, choose, delete.", "persons "),
        ("version", f"There is no verb 'version'. Did you mean --version? Verbs: {VERBS}.", ""),
        ("ui --port web", "--port cannot be 'web'. It must be a whole number.", "ui "),
        ("bench", "bench needs likeness|looks|trainer|strangers|operators|gpu.", "bench "),
        ("uninstall --keep person",
         "--keep cannot be 'person'. Did you mean 'persons'? "
         "Choose one of: persons, templates, styles, weights, trainer, settings.", "uninstall "),
        ("completion bsh",
         "shell cannot be 'bsh'. Did you mean 'bash' or 'zsh'? Choose one of: bash, zsh, tcsh.", "completion "),
    ],
    ids=lambda value: value or "nothing",
)  # fmt: skip
def test_what_is_wrong_is_said_in_one_line_and_where_more_is_said_in_another(
    capsys: pytest.CaptureFixture[str], typed: str, said: str, more: str
) -> None:
    assert answered(capsys, *typed.split()) == [said, f"See: easyphoto {more}--help"]


@pytest.mark.parametrize(
    ("typed", "code", "said"),
    [
        ("photograph ana --template beach.png", 2, "There is no person 'ana'. Did you mean 'anna'? Known: anna, ben."),
        # Carla is what ben is called: names do as well as ids.
        ("photograph Carla --template beach.png", 2,
         "beach.png cannot be read as a picture. It is empty. Copy it again from where it came."),
        ("photograph Carlo --template beach.png", 2,
         "There is no person 'Carlo'. Did you mean 'ben'? Known: anna, ben."),
        ("persons delete bne --yes", 2, "There is no person 'bne'. Did you mean 'ben'? Known: anna, ben."),
        ("photograph anna --template beech.png", 2,
         "beech.png does not exist. Did you mean 'beach.png'? "
         "Check the path; easyphoto templates lists those that are here."),
        ("photograph anna --template 01-light", 2,
         "01-light does not exist. Did you mean '01-lights'? "
         "Check the path; easyphoto templates lists those that are here."),
        ("photograph anna --template beach.png --count -1", 2, "--count cannot be -1. It must be between 1 and 16."),
        ("train x --photos . --background whit", 2,
         "--background cannot be 'whit'. Did you mean 'white'? Choose one of: keep, white."),
        ("train x --photos . --base sd51", 5,
         "There is no base model 'sd51'. Did you mean 'sd15'? Give one of miniature, sd15, sdxl, "
         "or the path of a checkpoint or of a folder in the diffusers layout."),
        ("train x --photos . --config sofd", 2,
         "There are no saved settings 'sofd'. Did you mean 'soft'? Known: soft."),
        ("photograph anna --template beach.png --config soft", 2,
         "There are no saved settings 'soft'. There are none yet."),
        ("persons delete", 2, "persons delete needs a name. easyphoto persons lists everybody."),
        ("persons show anna ben", 2,
         "persons show takes nothing more; too much: 'ben'. easyphoto persons --help explains each action."),
        ("persons list anna", 2,
         "persons list takes nothing more; too much: 'anna'. easyphoto persons --help explains each action."),
        ("persons import", 2, "persons import needs a ZIP file or a folder. easyphoto persons export makes one."),
        ("check --photos . --face beech.png=1", 2,
         "beech.png is not among the 1 photos. Did you mean 'beach.png'? --face takes the photo's file name."),
        ("persons delete anna", 2, "Deleting cannot be undone. Add --yes if you are sure."),
        ("check --photos phots", 2, "phots does not exist. "
         "Give a folder with the person's photos, a ZIP file of them, or the photos themselves."),
        ("resume ana", 2, "There is no unfinished training of 'ana'. No training is unfinished. "
         "easyphoto train begins one."),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_a_name_that_is_not_known_is_answered_with_what_may_have_been_meant(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    typed: str,
    code: int,
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    workspace = Workspace(tmp_path / "w")
    new_person(workspace, "anna")
    # A person is looked for under the name that people see as well.
    workspace.save_person(replace(new_person(workspace, "ben"), name="Carla"))
    saved = workspace.configurations / "train" / "soft.json"
    saved.parent.mkdir(parents=True)
    saved.write_text('{"easyphoto": "configuration", "version": 1, "kind": "train"}')
    Path("beach.png").write_bytes(b"")

    assert main([*typed.split(), "--workspace", "w"]) == code

    assert capsys.readouterr().err == f"{said}\n"


def test_a_number_of_persons_is_not_listed_without_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(25):
        new_person(Workspace(tmp_path), f"p{number:02d}")

    assert main(["persons", "show", "zoe", "--workspace", str(tmp_path)]) == 2

    assert capsys.readouterr().err == (
        "There is no person 'zoe'. Known: p00, p01, p02, p03, p04, p05, p06, p07, p08, p09, p10, p11, p12, p13, p14, "
        "p15, p16, p17, p18, p19 and 5 more.\n"
    )


def test_an_option_with_one_value_that_is_given_twice_is_noted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["check", "--photos", "a", "--reference", "b", "--reference", "c", "--workspace", str(tmp_path)]

    assert main(words) == 2

    assert capsys.readouterr().err.splitlines() == [
        "Note: --reference is given 2 times; the last one counts.",
        "a does not exist. Give a folder with the person's photos, a ZIP file of them, or the photos themselves.",
    ]


@pytest.mark.parametrize(
    "words",
    [["--template", "a", "--template", "b"], ["--template", "a", "b"], ["--template=a", "--template", "b"]],
    ids=" ".join,
)
def test_every_template_is_taken_however_they_are_typed(words: list[str]) -> None:
    assert build_parser().parse_args(["photograph", "anna", *words]).template == ["a", "b"]


@pytest.mark.parametrize(("typed", "same"), [("help", "--help"), ("help train", "train --help")])
def test_help_is_a_verb_too(capsys: pytest.CaptureFixture[str], typed: str, same: str) -> None:
    said = []
    for words in (typed, same):
        with pytest.raises(SystemExit) as left:
            main(words.split())
        assert left.value.code == 0
        said.append(capsys.readouterr().out)

    assert said[0] == said[1]


def test_help_begins_with_what_must_be_typed_and_ends_with_the_networks_and_what_all_verbs_have() -> None:
    shown = build_parser().verbs["photograph"].format_help().splitlines()

    assert shown[0] == "usage: easyphoto photograph NAME… (--template FILE|NAME… | --prompt WORDS) [options]"
    assert [line for line in shown if line.endswith(":") and not line.startswith(" ")] == [
        "positional arguments:", "options:", "pictures:", "a picture drawn from words:", "faces on photographs:",
        "weights:", "devices:", "everywhere:", "exit codes:",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("typed", "files"),
    [
        ("train --photos a.jpg b.jpg anna", ["a.jpg", "b.jpg"]),
        ("train --steps 5 --photos a.jpg b.jpg anna", ["a.jpg", "b.jpg"]),
        ("train anna --photos a.jpg b", ["a.jpg", "b"]),
        ("persons add --photos album anna", ["album"]),
    ],
)
def test_a_name_may_stand_behind_the_photos_too(typed: str, files: list[str]) -> None:
    found = build_parser().parse_args(typed.split())

    assert found.name == "anna"
    assert [str(file) for file in found.photos] == files


def test_names_may_stand_behind_the_templates_too() -> None:
    found = build_parser().parse_args(["photograph", "--template", "01-lights", "anna", "ben"])

    assert found.names == ["anna", "ben"]
    assert [str(each) for each in found.template] == ["01-lights"]


def test_a_file_that_is_there_is_never_taken_for_a_name(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "photos").mkdir()
    monkeypatch.chdir(tmp_path)

    said = answered(capsys, "train", "--photos", "a.jpg", "photos")

    assert said[0].startswith("train needs NAME")


def test_what_is_missing_is_said_alike_where_argparse_raises_it_as_in_python_3_13(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def raising(*_: object) -> None:
        raise argparse.ArgumentError(None, "the following arguments are required: NAME")

    parser = build_parser().verbs["train"]
    monkeypatch.setattr(argparse.ArgumentParser, "parse_known_args", raising)
    with pytest.raises(SystemExit):
        parser.parse_args(["--steps", "5"])

    assert capsys.readouterr().err.startswith("train needs NAME")


@pytest.mark.parametrize("typed", ["check --bogus --json", "check --json --bogus", "templates extra --json"])
def test_a_program_that_asks_for_json_gets_its_mistake_as_a_line_of_json(
    capsys: pytest.CaptureFixture[str], typed: str
) -> None:
    said = [json.loads(line)["error"] for line in answered(capsys, *typed.split())]

    assert [each["code"] for each in said] == ["InputError"]
    assert said[0]["message"].startswith(typed.split()[0])
    assert said[0]["advice"] == f"See: easyphoto {typed.split()[0]} --help"
