"""`easyphoto place`: a learned object, pet or scene goes into a template, where a mask or a box says."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from easyphoto.cli.arguments import CommandParser
from easyphoto.cli.opening import open_app
from easyphoto.cli.options import add_field, command_of
from easyphoto.cli.output import say_path, tell, telling
from easyphoto.commands.place import PlaceObject
from easyphoto.workspace.upgrades import check_takes_files

if TYPE_CHECKING:
    from easyphoto.workspace.folders import Workspace


def add_place_arguments(parser: CommandParser) -> None:
    add_field(parser, PlaceObject, "name", metavar="NAME")
    parser.add_argument(
        "--template", required=True, metavar="FILE|NAME", help="a picture, or a name that easyphoto templates lists"
    )
    parser.add_argument(
        "--mask", type=Path, metavar="FILE",
        help="a picture of the template's size: white where the object goes, or opaque on transparent",
    )  # fmt: skip
    parser.add_argument(
        "--box", type=_box, metavar="LEFT,TOP,WIDTH,HEIGHT",
        help="instead of a mask, in pixels or as shares of the picture: 0.2,0.3,0.4,0.4",
    )  # fmt: skip
    add_field(parser, PlaceObject, "out", metavar="DIR")


def _box(written: str) -> tuple[float, float, float, float]:
    from easyphoto.errors import BadMask
    from easyphoto.images.painted_masks import written_box

    try:
        return written_box(written)
    except BadMask as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def run(arguments: argparse.Namespace, workspace: Workspace) -> None:
    from easyphoto.commands.templates import template_file

    template = template_file(workspace, arguments.template)
    if arguments.out is not None:
        check_takes_files(arguments.out)
    command = command_of(PlaceObject, arguments, template=template)
    with telling() as context:
        made = command.run(open_app(arguments, workspace), context)
    tell(f"Report: {made.report}")
    # That of the first seed comes last, because scripts read the last line.
    for picture in reversed(made.pictures):
        say_path(picture)
