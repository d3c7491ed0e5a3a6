"""The verbs: each builds its command, runs it and prints the result. Each imports what is heavy itself."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

from easyphoto import __version__
from easyphoto.cli.bench import run as bench
from easyphoto.cli.completion import run as completion
from easyphoto.cli.configurations import configured
from easyphoto.cli.configurations import run as configurations
from easyphoto.cli.opening import open_app, remote_host_of
from easyphoto.cli.options import command_of, settings_of
from easyphoto.cli.output import bar, say, say_json, say_path, tell, telling
from easyphoto.cli.parser import build_parser
from easyphoto.cli.persons import run as persons
from easyphoto.cli.place import run as place
from easyphoto.cli.poses import run as poses
from easyphoto.cli.resume import resumable, say_trained
from easyphoto.cli.resume import run as resume
from easyphoto.cli.setup import run as setup
from easyphoto.cli.styles import run as styles
from easyphoto.cli.templates import run as templates
from easyphoto.cli.ui import run as ui
from easyphoto.cli.uninstall import run as uninstall
from easyphoto.cli.verdicts import chosen_faces, say_verdicts, typed_photos, write_sheet
from easyphoto.commands.check import CheckPhotos, no_photo_kept
from easyphoto.commands.photograph import PhotographPersons
from easyphoto.commands.train import TrainPerson
from easyphoto.errors import BadPicture
from easyphoto.messages import text
from easyphoto.settings.options import WeightSettings
from easyphoto.workspace.configurations import PHOTOGRAPH, TRAIN
from easyphoto.workspace.folders import Workspace
from easyphoto.workspace.upgrades import check_takes_files, check_writable, used_workspace


def run(arguments: argparse.Namespace, folder: Path) -> None:
    """Run the verb. Raises the errors of `easyphoto.errors`."""
    root = folder.expanduser().absolute()
    if arguments.verb == "completion":
        completion(arguments, build_parser())
        return
    if arguments.verb == "doctor":
        # The doctor also diagnoses a workspace that cannot be opened.
        VERBS["doctor"](arguments, Workspace(root))
        return
    if arguments.verb == "uninstall":
        # Opening a workspace would make one.
        uninstall(arguments, root, lambda workspace: open_app(arguments, workspace))
        return
    action = getattr(arguments, "action", None)
    with used_workspace(root) as workspace:
        if (arguments.verb, action) not in READING:
            # Before photos are checked for minutes whose verdicts could then not be kept.
            check_writable(workspace)
        if arguments.verb in SWEEPING and action not in ENDING:
            _sweep(arguments, workspace)
        VERBS[arguments.verb](arguments, workspace)


def _sweep(arguments: argparse.Namespace, workspace: Workspace) -> None:
    """Complete what a killed process left unfinished. Failures are reported, and do not stop the verb."""
    from easyphoto.persons.upkeep import sweep

    for trouble in sweep(workspace, open_app(arguments, workspace).host).troubles:
        tell(f"Note: {trouble}")


def demo(arguments: argparse.Namespace, workspace: Workspace) -> None:
    from easyphoto.bench.demo import run_demo

    with bar() as progress:
        made = run_demo(
            open_app(arguments, workspace), seed=arguments.seed, steps=arguments.steps, progress=progress, say=tell
        )
    tell(f"Report: {made.report}")
    say_path(made.portrait)


def check(arguments: argparse.Namespace, workspace: Workspace) -> None:
    from easyphoto.persons.photo_sources import found_photos

    app = open_app(arguments, workspace)
    with found_photos(arguments.photos, workspace.arriving) as photos:
        faces = chosen_faces(arguments.face, photos.photos)
        command = command_of(CheckPhotos, arguments, photos=photos.photos, chosen_faces=faces)
        with telling() as context:
            made = command.run(app, context)
        found = replace(made, notes=(*photos.notes, *made.notes))
        write_sheet(found, arguments.sheet)
    if arguments.json:
        say_json({"format": 1, **found.record()})
    else:
        say_verdicts(found, say)
    if not found.kept:
        # As the training that would follow: a script must not go on to it.
        raise no_photo_kept(found)


def train(arguments: argparse.Namespace, workspace: Workspace) -> None:
    arguments = configured(arguments, workspace, TRAIN)
    app = open_app(arguments, workspace)
    with telling() as context, typed_photos(arguments.photos, workspace, context) as photos, resumable():
        faces = chosen_faces(arguments.face, photos)
        made = command_of(TrainPerson, arguments, photos=photos, chosen_faces=faces).run(app, context)
    say_trained(made, context)


def photograph(arguments: argparse.Namespace, workspace: Workspace) -> None:
    arguments = configured(arguments, workspace, PHOTOGRAPH)
    names, templates = tuple(arguments.names), _templates(arguments.template, workspace)
    if arguments.out is not None:
        check_takes_files(arguments.out)
    # Before the settings are read: a file is none of them.
    pose = _pose(arguments)
    command = command_of(PhotographPersons, arguments, persons=names, templates=templates, **pose)
    with telling() as context:
        session = command.run(open_app(arguments, workspace), context)
    tell(f"Report: {session.report}")
    # The best picture of the first template comes last, because scripts read the last line.
    for picture in reversed(session.pictures):
        say_path(picture)


def _templates(typed: Sequence[str], workspace: Workspace) -> tuple[Path, ...]:
    """The pictures of all that was typed, each once. Raises BadPicture."""
    from easyphoto.commands.templates import template_file

    return tuple(dict.fromkeys(template_file(workspace, each) for each in typed))


def _pose(arguments: argparse.Namespace) -> dict[str, Any]:
    """`--pose` takes the name of a pose, or a picture or a file that shows one."""
    typed = getattr(arguments, "pose", "")
    picture = Path(typed).expanduser()
    if not typed or not (picture.is_file() or picture.suffix or picture.name != typed):
        return {}
    if not picture.is_file():
        raise BadPicture(
            text("{source!s} does not exist.", source=typed),
            advice=text("Check the path; easyphoto poses lists those that ship."),
        )
    arguments.pose = ""
    return {"pose_picture": picture}


def doctor(arguments: argparse.Namespace, workspace: Workspace) -> None:
    from easyphoto.cli.doctor import examine, finding_record

    findings = examine(workspace, settings_of(WeightSettings, arguments))
    if arguments.backend is not None:
        from easyphoto.host.remote import remote_lines

        findings = chain(findings, remote_lines(remote_host_of(arguments)))
    if arguments.json:
        say_json({"format": 1, "version": __version__, "findings": [finding_record(line) for line in findings]})
        return
    for line in findings:
        say(line)


def weights(arguments: argparse.Namespace, workspace: Workspace) -> None:
    from easyphoto.cli.weights import run as run_weights

    run_weights(arguments, workspace)


VERBS: dict[str, Callable[[argparse.Namespace, Workspace], None]] = {
    "demo": demo,
    "check": check,
    "train": train,
    "photograph": photograph,
    "place": place,
    "persons": persons,
    "configurations": configurations,
    "bench": bench,
    "weights": weights,
    "templates": templates,
    "styles": styles,
    "poses": poses,
    "resume": resume,
    "setup": setup,
    "ui": ui,
    "doctor": doctor,
}


SWEEPING = ("demo", "train", "resume", "photograph", "place", "persons", "ui")
"""Verbs that put the workspace in order first; the doctor only lists what is out of order."""
ENDING = ("delete", "rename")
"""Actions of `persons` that complete interrupted operations on their person themselves, so they can be repeated."""
READING = frozenset(
    {
        ("check", None), ("templates", None), ("poses", None), ("styles", "list"), ("styles", "show"),
        ("persons", "list"), ("persons", "show"), ("persons", "export"), ("configurations", "list"),
        ("configurations", "show"), ("configurations", "export"), ("weights", "list"), ("weights", "licences"),
        ("weights", "check"), ("weights", "get"), ("weights", "trust"),
    }
)  # fmt: skip
"""Verbs and actions that write nothing into the workspace, or, as `weights`, into folders of their own."""
