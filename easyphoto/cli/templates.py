"""`easyphoto templates`: the pictures that `photograph --template` knows by name."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from easyphoto.cli.arguments import NewVerb, Verbs
from easyphoto.cli.options import add_json_option
from easyphoto.cli.output import say, say_json, table, tell
from easyphoto.messages import text

if TYPE_CHECKING:
    from easyphoto.workspace.folders import Workspace


def add_templates_parser(verbs: Verbs, verb: NewVerb) -> None:
    parser = verb(verbs, "templates", "the pictures that ship, and your own: photograph --template takes their names")
    add_json_option(parser, "them")


def run(arguments: argparse.Namespace, workspace: Workspace) -> None:
    from easyphoto.commands.templates import all_templates

    entries = all_templates(workspace)
    if arguments.json:
        keys = [
            {"id": each.id, "title": each.title, "own": each.is_own, "faces": each.faces, "file": str(each.path)}
            for each in entries
        ]
        say_json({"format": 1, "templates": keys})
        return
    rows = [
        (each.id, each.title, "–" if each.faces is None else str(each.faces), "yours" if each.is_own else "ships")
        for each in entries
    ]
    for line in table(("name", "title", "faces", "whose"), rows):
        say(line)
    if not any(each.is_own for each in entries):
        tell(text("Pictures in {folder} are templates of your own.", folder=workspace.templates))
