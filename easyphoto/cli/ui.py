"""`easyphoto ui`: the tabs and the API on this machine, without a web UI."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from easyphoto.cli.arguments import NewVerb, Verbs
from easyphoto.cli.options import add_options, settings_of
from easyphoto.cli.output import say, tell
from easyphoto.devices import AUTO
from easyphoto.errors import InputError
from easyphoto.messages import text
from easyphoto.settings.devices import DeviceSettings
from easyphoto.settings.options import FaceSettings, Options, WeightSettings

if TYPE_CHECKING:
    from easyphoto.app import EasyPhoto
    from easyphoto.jobs.service import Service
    from easyphoto.workspace.folders import Workspace

ACCOUNTS_VARIABLE = "EASYPHOTO_AUTH"


def add_ui_parser(verbs: Verbs, verb: NewVerb) -> None:
    parser = verb(verbs, "ui", "the tabs and the HTTP API in a browser, on this machine's own networks")
    parser.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="where to listen (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=7870, metavar="N", help="0 takes a free one (default: 7870)")
    parser.add_argument(
        "--auth", action="append", default=[], metavar="USER:PASSWORD",
        help=f"who may come in; may be repeated. Others see a command line: {ACCOUNTS_VARIABLE} is read too",
    )  # fmt: skip
    parser.add_argument(
        "--without-auth", action="store_true", help="another address than this machine's own, for everybody"
    )
    parser.add_argument(
        "--language", choices=("en", "zh_CN"), default="",
        help="of the tabs, until somebody switches it there (default: the browser's)",
    )  # fmt: skip
    parser.add_argument(
        "--cluster", metavar="auto|ADDRESS",
        help="run trainings and pictures on the machines of a Ray cluster, whose head listens at ADDRESS; "
        "auto: the one that this machine is part of, or a small one that is started here",
    )  # fmt: skip
    parser.add_argument(
        "--actors", type=int, metavar="N",
        help="with --cluster: jobs at a time (default: as many as it has cards now, or processor cores without any)",
    )  # fmt: skip
    parser.add_argument("--open", action="store_true", help="open the page in a browser")
    add_options(parser, DeviceSettings, title="devices")
    add_options(parser, FaceSettings, title="faces on photographs")
    add_options(parser, WeightSettings, title="weights")


def run(arguments: argparse.Namespace, workspace: Workspace) -> None:
    """Serve until Ctrl-C. Raises the errors of `easyphoto.errors`."""
    # Also for gradio's folder: this process is only a server, and no other user may read its files.
    os.umask(0o077)
    from easyphoto.app import EasyPhoto
    from easyphoto.backends.folders import checkpoint_folders
    from easyphoto.cli.server import LOOPBACK_ADDRESSES, serve
    from easyphoto.host.base import ThisMachine

    accounts = accounts_of(arguments.auth, os.environ.get(ACCOUNTS_VARIABLE, ""))
    options = Options(faces=settings_of(FaceSettings, arguments), weights=settings_of(WeightSettings, arguments))
    is_local = arguments.host in LOOPBACK_ADDRESSES and not accounts
    folders = (workspace.checkpoints, *checkpoint_folders(options.weights.webui))
    app = EasyPhoto(workspace, options, host=ThisMachine(arguments.language, is_local, folders))

    def ready(address: str) -> None:
        tell("EasyPhoto is served here until Ctrl-C:")
        say(address)
        if arguments.open:
            import webbrowser

            webbrowser.open(address)

    serve(
        _service(arguments, app),
        accounts,
        host=arguments.host,
        port=arguments.port,
        without_accounts=arguments.without_auth,
        ready=ready,
    )


def _service(arguments: argparse.Namespace, app: EasyPhoto) -> Service:
    """Raises InputError for options that contradict each other."""
    devices = settings_of(DeviceSettings, arguments).devices
    if arguments.cluster is None:
        from easyphoto.devices import cards
        from easyphoto.jobs.device_lanes import open_service

        if arguments.actors is not None:
            raise InputError(text("--actors needs --cluster."), advice=text("Give both, or neither."))
        return open_service(app, devices, cards())
    if devices != AUTO:
        raise InputError(
            text("--devices and --cluster cannot be given together."),
            advice=text("A machine of the cluster is a lane of its own: this one can be part of it, too."),
        )
    if arguments.actors is not None and arguments.actors < 1:
        raise InputError(text("--actors must be at least 1."), advice=text("Leave it out to use all there is."))
    from easyphoto.cluster.opening import clustered_service

    return clustered_service(app, arguments.cluster, arguments.actors)


def accounts_of(typed: Sequence[str], variable: str) -> dict[str, str] | None:
    """Return user → password from the options and from the comma-separated variable. Raises InputError."""
    accounts = {}
    for written in (*typed, *(part for part in variable.split(",") if part.strip())):
        user, colon, password = written.strip().partition(":")
        if not (user and colon and password):
            raise InputError(text("An account is USER:PASSWORD."), advice=text("Give both, with a colon between them."))
        accounts[user] = password
    return accounts or None
