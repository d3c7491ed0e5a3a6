"""`easyphoto styles`: lists and shows styles, marks favourites, and draws previews."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING

from easyphoto.cli.arguments import CommandParser, NewVerb, Verbs
from easyphoto.cli.options import add_json_option, add_options
from easyphoto.cli.output import complain, say, say_json, say_path, table, tell
from easyphoto.errors import InputError
from easyphoto.messages import text
from easyphoto.settings.options import WeightSettings

if TYPE_CHECKING:
    from easyphoto.commands.styles import StyleEntry
    from easyphoto.workspace.folders import Workspace

NOT_DRAWN = "not drawn yet"


def add_styles_parser(verbs: Verbs, verb: NewVerb) -> CommandParser:
    parser = verb(verbs, "styles", "words for clothes, place and light: list, show, mark favourites, draw previews")
    actions = ("list", "show", "favourite", "unfavourite", "preview")
    parser.add_argument("action", nargs="?", choices=actions, default="list", help="default: list")
    parser.add_argument("names", nargs="*", metavar="NAME", help="which; preview: without any those not drawn yet")
    parser.add_argument("--family", metavar="NAME", help="list: those for this type of model")
    parser.add_argument("--group", metavar="NAME", help="list: those of this group, such as travel")
    parser.add_argument("--search", metavar="WORDS", help="list: those with these words, in English or Chinese")
    parser.add_argument("--again", action="store_true", help="preview: those that have one, too")
    add_json_option(parser, "list, show:")
    add_options(parser, WeightSettings, title="weights")
    return parser


def run(arguments: argparse.Namespace, workspace: Workspace) -> None:
    if arguments.action == "list":
        _list(arguments, workspace)
        return
    if arguments.action == "preview":
        _preview(arguments, workspace)
        return
    if not arguments.names:
        raise InputError(
            text("styles {action} needs a name.", action=arguments.action), advice=text("easyphoto styles lists all.")
        )
    for name in arguments.names:
        match arguments.action:
            case "show":
                _show(name, workspace, as_json=arguments.json)
            case "favourite":
                _mark(name, workspace, wanted=True)
            case "unfavourite":
                _mark(name, workspace, wanted=False)


def _list(arguments: argparse.Namespace, workspace: Workspace) -> None:
    from easyphoto.architectures.registry import family_named
    from easyphoto.commands.styles import listed_styles
    from easyphoto.workspace.styles import read_styles

    if arguments.names:
        raise InputError(
            text("styles list takes no name."), advice=text("easyphoto styles show {name}", name=arguments.names[0])
        )
    family = family_named(arguments.family).id if arguments.family else ""
    styles = read_styles(workspace)
    asked = {"family": family, "group": arguments.group or "", "search": arguments.search or ""}
    found = listed_styles(workspace, styles.usable, **asked)
    damaged = styles.damaged
    if arguments.json:
        broken = [{"file": one.file, "reason": one.reason} for one in damaged]
        say_json({"format": 1, "styles": [_record(entry) for entry in found], "damaged": broken})
        return
    for one in damaged:
        complain(one.reason)
    if not found:
        tell(text("No style fits. Without --family, --group and --search, easyphoto styles lists all."))
        return
    rows = [
        (
            entry.style.id,
            entry.style.name,
            entry.style.group,
            ", ".join(entry.style.families) or "all",
            "favourite" if entry.is_favourite else "",
            _preview_words(entry),
            entry.style.name_zh,
        )
        for entry in found
    ]
    for line in table(("style", "title", "group", "for", "", "preview", ""), rows):
        say(line)


def _show(name: str, workspace: Workspace, *, as_json: bool) -> None:
    from easyphoto.commands.styles import style_entry

    entry = style_entry(workspace, name)
    if as_json:
        say_json({"format": 1, "style": _record(entry)})
        return
    for heading, value in _facts(entry):
        say(f"{heading:<10} {value}")


def _facts(entry: StyleEntry) -> Iterator[tuple[str, str]]:
    style = entry.style
    yield "style", style.id
    yield "title", f"{style.name} · {style.name_zh}"
    yield "group", style.group
    yield "words", style.positive
    yield "without", style.negative or "–"
    yield "loras", style.written_loras or "none"
    yield "sizes", ", ".join(f"{family} {size.width}x{size.height}" for family, size in style.sizes.items()) or "usual"
    yield "for", ", ".join(style.families) or "all"
    yield "licence", f"{style.licence or 'not stated'}, {style.author or 'nobody named'}"
    yield "favourite", "yes" if entry.is_favourite else "no"
    yield "preview", _preview_words(entry)


def _mark(name: str, workspace: Workspace, *, wanted: bool) -> None:
    from easyphoto.workspace.styles import mark_style, style_named

    style = style_named(workspace, name)
    mark_style(workspace, style, wanted=wanted)
    say(style.id)


def _preview(arguments: argparse.Namespace, workspace: Workspace) -> None:
    from easyphoto.cli.opening import open_app
    from easyphoto.cli.output import telling
    from easyphoto.commands.draw_style_previews import DrawStylePreviews

    command = DrawStylePreviews(tuple(arguments.names), arguments.again)
    with telling() as context:
        app = open_app(arguments, workspace)
        made = command.validated(app).run(app, context)
    if not made.drawn and not made.left_out:
        tell(text("{base} has drawn all of its styles. Once more: --again.", base=made.base))
    for picture in made.drawn.values():
        say_path(picture)


def _preview_words(entry: StyleEntry) -> str:
    from easyphoto.commands.styles import drawn_with

    base = drawn_with(entry.style)
    return NOT_DRAWN if base is None else f"by {base}" if base else "yes"


def _record(entry: StyleEntry) -> dict[str, object]:
    return {**entry.facts, "preview": str(entry.style.preview) if entry.style.preview else None}
