"""`easyphoto uninstall`: lists and removes everything that EasyPhoto keeps, here and in a web UI's folder."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from easyphoto.cli.arguments import NewVerb, Verbs
from easyphoto.cli.options import add_json_option
from easyphoto.cli.output import complain, say, say_json, table, tell
from easyphoto.commands.base import NullContext
from easyphoto.commands.uninstall import Uninstall
from easyphoto.errors import InputError, NotAllDeleted
from easyphoto.messages import text
from easyphoto.workspace.folders import Workspace, user_folder
from easyphoto.workspace.web_ui_files import files_below, workspace_recorded

if TYPE_CHECKING:
    from easyphoto.app import EasyPhoto
    from easyphoto.persons.leaving import Leaving

ANSWER = "REMOVE"
KEEPABLE = ("persons", "templates", "styles", "weights", "trainer", "settings")


def add_uninstall_parser(verbs: Verbs, verb: NewVerb) -> None:
    parser = verb(verbs, "uninstall", "list and remove all that EasyPhoto keeps; the program itself is yours to delete")
    parser.add_argument("--dry-run", action="store_true", help="only list what would be removed")
    parser.add_argument(
        "--keep", action="append", default=[], choices=KEEPABLE, metavar="WHAT",
        help=f"keep this: {', '.join(KEEPABLE)}; may be repeated",
    )  # fmt: skip
    parser.add_argument("--webui", metavar="DIR", help="the web UI whose EasyPhoto is removed, stopped before")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    add_json_option(parser, "with --dry-run:")


def run(arguments: argparse.Namespace, folder: Path, opened: Callable[[Workspace], EasyPhoto]) -> None:
    """`opened` opens a workspace. Raises InputError without an answer, NotAllDeleted where something is left."""
    files = files_below(Path(arguments.webui).expanduser().absolute()) if arguments.webui is not None else None
    if files is not None and not files.data.is_dir():
        raise InputError(text("There is no folder {folder}.", folder=files.data), advice=text("Check the path."))
    if files is not None and folder == user_folder():
        folder = workspace_recorded(files) or folder
    app = opened(Workspace(folder))
    command = Uninstall(tuple(arguments.keep), files)
    listed = command.listing(app)
    if arguments.json:
        if not arguments.dry_run:
            raise InputError(
                text("uninstall --json only lists."), advice=text("Add --dry-run; removing has no answer in JSON.")
            )
        say_json({"format": 1, "workspace": str(folder), "leavings": [_record(each) for each in listed]})
        return
    if not listed:
        tell(text("There is nothing of EasyPhoto in {folder}.", folder=folder))
        return
    for line in table(("kind", "what", "size", "where"), [_row(each) for each in listed]):
        say(line)
    if arguments.dry_run:
        tell("Nothing was removed. Without --dry-run all of this goes.")
        return
    if not _is_meant(arguments):
        tell("Nothing was removed.")
        return
    removal = command.run(app, NullContext())
    for gone in removal.gone:
        say(f"removed  {gone}")
    if removal.left:
        named = " ".join(f"{left.what}: {left.why.rstrip('.')}." for left in removal.left)
        raise NotAllDeleted(
            text("Not all of EasyPhoto is removed. {named}", named=named),
            advice=text("Fix that and run the same command again, or delete it by hand."),
        )
    tell("Done. Now delete EasyPhoto's own folder.")


def size_words(size: int) -> str:
    if size >= 1_000_000_000:
        return f"{size / 1e9:.1f} GB"
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size / 1e3:.0f} kB" if size else ""


def _row(each: Leaving) -> tuple[str, ...]:
    return each.kind, each.what, size_words(each.size), str(each.path)


def _record(each: Leaving) -> dict[str, Any]:
    return {"kind": each.kind, "what": each.what, "bytes": each.size, "path": str(each.path)}


def _is_meant(arguments: argparse.Namespace) -> bool:
    if arguments.yes:
        return True
    if sys.stdin is None or not sys.stdin.isatty():
        raise InputError(text("Removing cannot be undone."), advice=text("Add --yes if you are sure."))
    complain(f"All of this is removed and cannot be brought back. Type {ANSWER} to go on:")
    return sys.stdin.readline().strip() == ANSWER
