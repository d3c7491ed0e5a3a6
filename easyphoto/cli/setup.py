"""`easyphoto setup`: creates or shows the training environment beside a web UI."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import TYPE_CHECKING

from easyphoto.cli.arguments import NewVerb, Verbs
from easyphoto.cli.output import BarProgress, say, say_path, tell
from easyphoto.errors import TrainerMissing

if TYPE_CHECKING:
    from pathlib import Path

    from easyphoto.workspace.folders import Workspace


def add_setup_parser(verbs: Verbs, verb: NewVerb) -> None:
    parser = verb(verbs, "setup", "make what training needs beside a web UI; run it with the web UI's Python")
    parser.add_argument("--force", action="store_true", help="make it anew, or where this Python could train itself")


def run(arguments: argparse.Namespace, workspace: Workspace) -> None:
    """Print the path of the Python that trains on the last line. Raises what `make_environment` raises."""
    from easyphoto.training.environment import make_environment, missing_here, ready_environment

    if not arguments.force:
        missing = missing_here()
        if not missing:
            say("This Python has all that training needs; nothing was made (--force makes it all the same).")
            return
        tell(f"This Python cannot train by itself; it lacks {', '.join(missing)}.")
        try:
            found = ready_environment(workspace.env)
        except TrainerMissing as reason:
            tell(reason.message)
        else:
            tell("The environment that trains is ready.")
            _show(found.versions, found.python)
            return
    progress = BarProgress()
    try:
        made = make_environment(workspace.env, progress)
    finally:
        progress.close()
    _show(made.versions, made.python)


def _show(versions: Mapping[str, str], python: Path) -> None:
    for name, version in versions.items():
        say(f"  {name} {version}")
    say_path(python)
