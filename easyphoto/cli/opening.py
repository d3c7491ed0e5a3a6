"""Opens what a verb works on, from the typed options."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from easyphoto.cli.options import BACKEND_AUTH, settings_of
from easyphoto.settings.options import AUTO, FaceSettings, Options, WeightSettings
from easyphoto.workspace.folders import Workspace

if TYPE_CHECKING:
    from easyphoto.app import EasyPhoto
    from easyphoto.host.remote import RemoteHost


def open_app(arguments: argparse.Namespace, workspace: Workspace) -> EasyPhoto:
    from easyphoto.app import EasyPhoto
    from easyphoto.host.base import ThisMachine

    elsewhere = getattr(arguments, "backend", None) is not None
    return EasyPhoto(
        workspace,
        Options(
            base=getattr(arguments, "base", None),
            engine=getattr(arguments, "engine", AUTO),
            faces=settings_of(FaceSettings, arguments),
            weights=settings_of(WeightSettings, arguments),
        ),
        host=remote_host_of(arguments) if elsewhere else ThisMachine(folders=(workspace.checkpoints,)),
        devices=getattr(arguments, "kept_to", None),
    )


def remote_host_of(arguments: argparse.Namespace) -> RemoteHost:
    """Return the web UI of --backend. Its password is safer in the environment, which no process list shows."""
    from easyphoto.host.remote import remote_host

    return remote_host(arguments.backend, arguments.backend_auth or os.environ.get(BACKEND_AUTH))
