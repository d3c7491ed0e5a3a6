"""`easyphoto completion`: prints what a shell needs to complete verbs, options and files; by the library shtab."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from easyphoto.cli.arguments import CommandParser, NewVerb, Verbs
from easyphoto.cli.output import say
from easyphoto.errors import EnvironmentFailure
from easyphoto.messages import text

SHELLS = ("bash", "zsh", "tcsh")
EPILOG = """to use it:
  bash  easyphoto completion bash > ~/.local/share/bash-completion/completions/easyphoto
  zsh   easyphoto completion zsh > a file _easyphoto in a folder of $fpath
  tcsh  easyphoto completion tcsh > ~/.easyphoto.tcsh, and: source ~/.easyphoto.tcsh"""


def add_completion_parser(verbs: Verbs, verb: NewVerb) -> None:
    parser = verb(verbs, "completion", "print what bash, zsh or tcsh needs to complete verbs, options and files")
    parser.add_argument("shell", choices=SHELLS, help="whose")
    parser.epilog = EPILOG


def run(arguments: argparse.Namespace, parser: CommandParser) -> None:
    """Raises EnvironmentFailure without shtab."""
    try:
        import shtab
    except ImportError as error:
        raise EnvironmentFailure(
            text("Completion needs {package}.", package="shtab"),
            advice=text("Install it: pip install easyphoto[standalone]"),
        ) from error
    for verb in parser.verbs.values():
        _complete_paths(verb, shtab.FILE, shtab.DIRECTORY)
    for line in shtab.complete(parser, shell=arguments.shell).split("\n"):
        say(line)


def _complete_paths(parser: CommandParser, files: Mapping[str, Any], folders: Mapping[str, Any]) -> None:
    """Tell shtab which arguments are files and which are folders."""
    for action in parser._actions:
        takes = set(action.metavar.split("|")) if isinstance(action.metavar, str) else set()
        if takes & {"FILE", "PATH"}:
            action.complete = files  # type: ignore[attr-defined]
        elif "DIR" in takes:
            action.complete = folders  # type: ignore[attr-defined]
