"""`easyphoto poses`: how somebody may stand or sit in a picture drawn from words, as `photograph --pose` knows it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from easyphoto.cli.arguments import NewVerb, Verbs
from easyphoto.cli.options import add_json_option
from easyphoto.cli.output import say, say_json, table

if TYPE_CHECKING:
    from easyphoto.workspace.folders import Workspace


def add_poses_parser(verbs: Verbs, verb: NewVerb) -> None:
    parser = verb(verbs, "poses", "how somebody stands or sits: photograph --pose takes their names")
    add_json_option(parser, "them")


def run(arguments: argparse.Namespace, workspace: Workspace) -> None:
    from easyphoto.workspace.poses import all_poses

    poses = all_poses()
    if arguments.json:
        say_json({"format": 1, "poses": [pose.facts for pose in poses]})
        return
    rows = [
        (pose.id, pose.name, str(len(pose.figures)), f"{pose.size.width}x{pose.size.height}", pose.name_zh)
        for pose in poses
    ]
    for line in table(("pose", "title", "people", "size", ""), rows):
        say(line)
