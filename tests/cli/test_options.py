"""Every setting has an option, every option arrives in its settings, and the documents say the same."""

import argparse
import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import pytest

from easyphoto.cli.options import add_field, command_of, option_name, settings_of, settings_table
from easyphoto.cli.parser import build_parser
from easyphoto.commands.base import Command, described
from easyphoto.errors import BadSettings
from easyphoto.settings.inference import InferenceSettings
from easyphoto.settings.options import FaceSettings, WeightSettings
from easyphoto.settings.training import PreprocessSettings, TrainSettings

COMMANDS = {
    WeightSettings: ["check", "--photos", "photos"],
    FaceSettings: ["check", "--photos", "photos"],
    PreprocessSettings: ["train", "anna", "--photos", "photos"],
    TrainSettings: ["train", "anna", "--photos", "photos"],
    InferenceSettings: ["photograph", "anna", "--template", "a.png"],
}
FIELDS = [
    pytest.param(kind, field, id=f"{kind.__name__}.{field.name}")
    for kind in COMMANDS
    for field in dataclasses.fields(kind)
]


def other_value(field):
    """A legal value that is not the default."""
    declared = field.metadata["declared"]
    if isinstance(field.default, bool):
        return not field.default
    if declared.choices:
        return next(choice for choice in declared.choices if choice != field.default)
    if declared.low is not None:
        return declared.high if field.default != declared.high else declared.low
    return "some words"


def typed(field, value):
    name = option_name(field.name)
    if isinstance(value, bool):
        return [name if value else name.replace("--", "--no-", 1)]
    return [f"{name}={value}"]


@pytest.mark.parametrize(("kind", "field"), FIELDS)
def test_what_is_typed_arrives_in_the_settings_and_nothing_else_changes(kind, field):
    value = other_value(field)

    settings = settings_of(kind, build_parser().parse_args([*COMMANDS[kind], *typed(field, value)]))

    assert settings == dataclasses.replace(kind(), **{field.name: value})
    assert settings != kind()


@pytest.mark.parametrize("kind", COMMANDS, ids=lambda kind: kind.__name__)
def test_what_is_not_typed_is_the_declarations_default(kind):
    assert settings_of(kind, build_parser().parse_args(COMMANDS[kind])) == kind()


@pytest.mark.parametrize("value", ["nan", "inf", "1.01", "-0.01"])
def test_a_value_outside_its_range_is_refused(value):
    arguments = build_parser().parse_args([*COMMANDS[InferenceSettings], f"--first-strength={value}"])

    with pytest.raises(BadSettings, match=r"^--first-strength cannot be .*\. It must be between 0\.0 and 1\.0\.$"):
        settings_of(InferenceSettings, arguments)


@pytest.mark.parametrize("verb", ["demo", "check", "train", "photograph", "persons", "bench", "doctor"])
def test_every_verb_has_help_and_a_workspace(verb, capsys):
    with pytest.raises(SystemExit) as left:
        build_parser().parse_args([verb, "--help"])

    words = capsys.readouterr().out
    assert left.value.code == 0
    assert "--workspace DIR" in words
    assert "exit codes" in words


@pytest.mark.parametrize("kind", COMMANDS, ids=lambda kind: kind.__name__)
def test_the_documents_tables_are_made_from_the_declarations(kind):
    page = (Path(__file__).resolve().parents[2] / "docs" / "settings.md").read_text("utf-8")

    assert "\n".join(settings_table(kind)) in page, "run python tools/docs_tables.py"


@dataclass(frozen=True)
class Greet(Command):
    kind: ClassVar[str] = "greet"
    name: str = field(metadata=described("Who is meant.", most=20))
    loud: bool = field(default=False, metadata=described("In capitals, for 100 % of the words."))
    title = "greet"

    def run(self, app, context):
        raise NotImplementedError


@pytest.mark.parametrize(("typed", "loud"), [([], False), (["--loud"], True), (["--no-loud"], False)])
def test_a_commands_switch_is_an_option_with_its_opposite(typed, loud):
    parser = argparse.ArgumentParser()
    add_field(parser, Greet, "name", metavar="NAME")
    add_field(parser, Greet, "loud")

    assert command_of(Greet, parser.parse_args(["anna", *typed])) == Greet("anna", loud)
    assert "in capitals, for 100 % of the words" in " ".join(parser.format_help().split())
