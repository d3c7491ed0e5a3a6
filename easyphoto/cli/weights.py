"""`easyphoto weights`: lists files, licences and locations; fetches, checks and accepts files."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from easyphoto.cli.arguments import NewVerb, Verbs
from easyphoto.cli.options import add_json_option, add_options, settings_of
from easyphoto.cli.output import BarProgress, complain, say, say_json, table, tell
from easyphoto.errors import ChecksumMismatch, EnvironmentFailure, InputError, WeightsMissing
from easyphoto.messages import text
from easyphoto.settings.options import WeightSettings

if TYPE_CHECKING:
    from easyphoto.progress import Progress
    from easyphoto.weights.store import WeightStore
    from easyphoto.workspace.folders import Workspace

ACTIONS = ("list", "get", "check", "licences", "trust")
DEFAULT_SET = "photographs"


def add_weights_parser(verbs: Verbs, verb: NewVerb) -> None:
    parser = verb(verbs, "weights", "the files that other models need: list, fetch, check, licences")
    parser.add_argument("action", nargs="?", choices=ACTIONS, default="list", help="default: list")
    parser.add_argument(
        "names", nargs="*", metavar="SET|ID", help=f"get: sets or files (default: {DEFAULT_SET}); trust: one file"
    )
    add_json_option(parser, "list, licences, check:")
    add_options(parser, WeightSettings, title="weights")


def run(arguments: argparse.Namespace, workspace: Workspace) -> None:
    """Run the action. Raises the errors of `easyphoto.errors`."""
    from easyphoto.weights.places import default_mirrors
    from easyphoto.weights.store import open_store

    store = open_store(workspace.weights, default_mirrors(), settings_of(WeightSettings, arguments))
    names = tuple(arguments.names)
    if names and arguments.action not in ("get", "trust"):
        raise InputError(
            text("weights {action} takes no names.", action=arguments.action), advice=text("Only get and trust do.")
        )
    progress = BarProgress()
    try:
        match arguments.action:
            case "list":
                show_list(store, progress, as_json=arguments.json)
            case "licences":
                show_licences(store, progress, as_json=arguments.json)
            case "get":
                get(store, names or (DEFAULT_SET,), progress)
            case "check":
                check(store, progress, as_json=arguments.json)
            case "trust":
                trust(store, names)
    finally:
        progress.close()


def show_list(store: WeightStore, progress: Progress, *, as_json: bool) -> None:
    from easyphoto.weights.catalog import CATALOG, LEFT_OUT
    from easyphoto.weights.tables import listing, set_rows, size_words, where_words

    if as_json:
        say_json(listing(store, progress))
        return
    rows = [
        (file.id, size_words(file), file.commercial.value, file.licence, where_words(store, file, progress))
        for file in CATALOG.values()
    ]
    for line in table(("file", "size", "commercial", "licence", "where"), rows):
        say(line)
    say()
    say(f"Sets for `easyphoto weights get`, as the licence setting {store.licences.value} allows them:")
    for line in table(("set", "files", "left out"), set_rows(store.licences)):
        say(line)
    if not all(store.allows(id) for id in CATALOG):
        say("What is left out is fetched with --licences research, if your use is not commercial.")
    say()
    say("Not offered:")
    for what, why in LEFT_OUT:
        say(f"  {what}: {why}.")


def show_licences(store: WeightStore, progress: Progress, *, as_json: bool) -> None:
    from easyphoto.weights.catalog import CATALOG
    from easyphoto.weights.tables import listing

    if as_json:
        keys = ("id", "licence", "commercial", "allowed", "alternative", "origin")
        files = [{key: record[key] for key in keys} for record in listing(store, progress)["files"]]
        say_json({"format": 1, "licences": store.licences.value, "files": files})
        return
    rows = [
        (
            file.id,
            file.commercial.value,
            "allowed" if store.allows(file.id) else "refused",
            file.alternative or "–",
            file.licence,
            file.origin,
        )
        for file in CATALOG.values()
    ]
    for line in table(("file", "commercial", store.licences.value, "alternative", "licence", "origin"), rows):
        say(line)


def get(store: WeightStore, names: tuple[str, ...], progress: Progress) -> None:
    """Fetch every file of the sets and ids; one that fails does not stop the others."""
    from easyphoto.weights.delivery import deliveries, order_of

    order = order_of(names, store.licences)
    if order.note is not None:
        tell(order.note)
    failed: list[EnvironmentFailure] = []
    for delivery in deliveries(store, order, progress):
        if delivery.place is not None:
            say(f"{delivery.file.id}  {delivery.place}")
        elif delivery.failed is not None:
            failed.append(delivery.failed)
    if len(failed) == 1:
        raise failed[0]
    if failed:
        for failure in failed:
            complain(str(failure))
        raise WeightsMissing(
            text("{count} files could not be downloaded.", count=len(failed)),
            advice=text("See above for what to do about each."),
        )


def check(store: WeightStore, progress: Progress, *, as_json: bool = False) -> None:
    """Raises ChecksumMismatch if the store or a mirror holds another file than expected."""
    findings = store.check(progress)
    if as_json:
        files = [
            {"id": each.file.id, "fits": each.fits, "place": str(each.place), "sha256": each.sha256}
            for each in findings
        ]
        say_json({"format": 1, "files": files})
    for finding in () if as_json else findings:
        word = "good " if finding.fits else "OTHER"
        say(f"{word}  {finding.file.id}  {finding.place}  sha256 {finding.sha256}")
    # In a host's folder a different file of the same name is its owner's choice.
    wrong = [finding for finding in findings if not finding.fits and _is_ours(store, finding.place.parents)]
    if wrong:
        first = wrong[0]
        raise ChecksumMismatch(
            text("{count} of {findings} files are not what was expected.", count=len(wrong), findings=len(findings)),
            advice=text(
                "Move {place} away and download it again, or: easyphoto weights trust {id}",
                place=first.place,
                id=first.file.id,
            ),
        )
    if not as_json:
        say(f"{len(findings)} files were read; none in the store is damaged.")


def trust(store: WeightStore, names: tuple[str, ...]) -> None:
    if len(names) != 1:
        raise InputError(text("weights trust needs one file."), advice=text("easyphoto weights list names them."))
    place = store.trust(names[0])
    if place is None:
        tell(f"No {names[0]} is at hand; what was recorded is forgotten, and the next file seen is trusted.")
        return
    say(f"{names[0]}  {place}  sha256 {store.hash_of(place)}")


def _is_ours(store: WeightStore, parents: Any) -> bool:
    return any(folder in parents for folder in (store.root, *store.mirrors))
