"""`easyphoto configurations`: lists, shows, deletes, exports and imports saved settings; `--config` takes them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from easyphoto.cli.arguments import NewVerb, Verbs
from easyphoto.cli.options import add_json_option
from easyphoto.cli.output import say, say_json, say_path, table, tell
from easyphoto.errors import InputError, NameTaken
from easyphoto.messages import text
from easyphoto.settings.declarations import Settings, settings_record
from easyphoto.settings.presets import PRESETS, preset_values
from easyphoto.storage.files import write_text
from easyphoto.workspace.configurations import (
    KINDS,
    SUFFIX,
    WITHHELD,
    Configuration,
    Configurations,
    read_configuration,
    unknown_configuration,
)
from easyphoto.workspace.folders import Workspace


def add_config_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config", metavar="NAME|FILE",
        help="saved settings, by their name in the workspace or as a JSON file; what is typed beside them wins",
    )  # fmt: skip


def add_preset_option(parser: argparse.ArgumentParser, kind: type[Settings]) -> None:
    parser.add_argument(
        "--preset", choices=tuple(PRESETS[kind]),
        help="a few settings at once, as in the tabs; wins over --config, and what is typed wins over both",
    )  # fmt: skip


def add_configurations_parser(verbs: Verbs, verb: NewVerb) -> None:
    parser = verb(verbs, "configurations", "saved settings: list all; show, delete or export some; import a file")
    actions = ("list", "show", "delete", "export", "import")
    parser.add_argument("action", nargs="?", choices=actions, default="list", help="default: list")
    parser.add_argument("name", nargs="?", metavar="NAME|FILE", help="which; import: a JSON file of export")
    parser.add_argument("--kind", choices=tuple(KINDS), help="needed where both have settings of that name")
    parser.add_argument("--out", type=Path, metavar="FILE", help="export: the JSON file (default: NAME.json)")
    parser.add_argument("--name", dest="import_name", metavar="NAME", help="import: under another name")
    parser.add_argument("--yes", action="store_true", help="import: replace settings of the same name")
    add_json_option(parser, "list, show:")


def configured(arguments: argparse.Namespace, workspace: Workspace, kind: str) -> argparse.Namespace:
    """The arguments, with the values of `--preset` and then of `--config` for whatever was not typed."""
    values: dict[str, Any] = {}
    base = arguments.base
    if arguments.config is not None:
        found = _named_or_file(arguments.config, workspace, kind)
        for said in found.dropped:
            tell(f"Note: {said}")
        values["engine"] = found.engine
        for settings in found.parts.values():
            values |= {name: value for name, value in settings_record(settings).items() if name not in WITHHELD}
        # An option without a default of its own is there as None.
        base = base or found.base
    if arguments.preset is not None:
        values |= preset_values(KINDS[kind]["settings"], arguments.preset)
    return argparse.Namespace(**{**values, **vars(arguments), "base": base})


def _named_or_file(written: str, workspace: Workspace, kind: str) -> Configuration:
    if written.lower().endswith(SUFFIX) or Path(written).name != written:
        return read_configuration(Path(written), kind=kind)
    return Configurations(workspace, kind).get(written)


def run(arguments: argparse.Namespace, workspace: Workspace) -> None:
    if arguments.action == "list":
        _list(workspace, as_json=arguments.json)
        return
    if arguments.name is None:
        raise InputError(
            text("configurations {action} needs a name.", action=arguments.action),
            advice=text("easyphoto configurations lists all."),
        )
    if arguments.action == "import":
        _import(arguments, workspace)
        return
    known = _those_with(arguments.name, arguments.kind, workspace)
    match arguments.action:
        case "show":
            for line in known.get(arguments.name).text().splitlines():
                say(line)
        case "delete":
            say_path(known.delete(arguments.name))
        case "export":
            found = known.get(arguments.name)
            target = arguments.out or Path(f"{found.name}{SUFFIX}")
            write_text(target, found.portable.text())
            say_path(target)


def _list(workspace: Workspace, *, as_json: bool) -> None:
    rows = [(name, kind) for kind in KINDS for name in Configurations(workspace, kind).names()]
    if as_json:
        say_json({"format": 1, "configurations": [{"name": name, "kind": kind} for name, kind in rows]})
        return
    if not rows:
        tell(
            f"No settings are saved in {workspace.root}. The tabs save them, and: easyphoto configurations import FILE"
        )
        return
    for line in table(("name", "of"), rows):
        say(line)


def _import(arguments: argparse.Namespace, workspace: Workspace) -> None:
    found = read_configuration(Path(arguments.name), kind=arguments.kind)
    if arguments.import_name is not None:
        found = found.named(arguments.import_name)
    known = Configurations(workspace, found.kind)
    if known.has(found.name) and not arguments.yes:
        raise NameTaken(
            text("There are saved settings {name!r} already.", name=found.name),
            advice=text("Choose another --name, or add --yes to replace them."),
        )
    for said in found.dropped:
        tell(f"Note: {said}")
    saved = known.save(found)
    say(f"{saved.name}  {saved.kind}")


def _those_with(name: str, kind: str | None, workspace: Workspace) -> Configurations:
    """The configurations that have one of that name. Raises UnknownConfiguration, and InputError where several have."""
    every = [Configurations(workspace, each) for each in KINDS if kind in (None, each)]
    having = [each for each in every if each.has(name)]
    if len(having) > 1:
        raise InputError(
            text("There are settings {name!r} for each of {kinds}.", name=name, kinds=", ".join(KINDS)),
            advice=text("Choose one with --kind."),
        )
    if not having:
        raise unknown_configuration(name, (known for each in every for known in each.names()))
    return having[0]
