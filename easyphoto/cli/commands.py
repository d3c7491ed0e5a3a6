"""Each verb: build its command, run it, print what it made. Everything heavy is imported by the verb that needs it."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from easyphoto.cli.options import settings_of
from easyphoto.cli.output import BarProgress, say, say_path, table, tell
from easyphoto.cli.parser import BACKEND_AUTH
from easyphoto.cli.setup import run as setup
from easyphoto.cli.ui import run as ui
from easyphoto.commands.base import NullContext
from easyphoto.commands.check import CheckPhotos, photo_files
from easyphoto.commands.delete_person import DeletePerson
from easyphoto.commands.export_person import ExportPerson
from easyphoto.commands.import_persons import ImportPersons
from easyphoto.commands.photograph import PhotographPersons
from easyphoto.commands.rename_person import RenamePerson
from easyphoto.commands.train import TrainPerson
from easyphoto.errors import InputError, NotAllDeleted
from easyphoto.progress import Progress
from easyphoto.settings import (
    AUTO,
    FaceSettings,
    InferenceSettings,
    Options,
    PreprocessSettings,
    TrainSettings,
    WeightSettings,
)
from easyphoto.training.events import Event, MemoryPlanned
from easyphoto.workspace.folders import Person, Workspace, checked_id
from easyphoto.workspace.upgrades import used_workspace

if TYPE_CHECKING:
    from easyphoto.app import EasyPhoto
    from easyphoto.host.remote import RemoteHost
    from easyphoto.preprocess.verdict import Check


def run(arguments: argparse.Namespace, folder: Path) -> None:
    """Do what was asked. Raises the errors of `easyphoto.errors`."""
    root = folder.expanduser().absolute()
    if arguments.verb == "doctor":
        # It says what is wrong with one that cannot be opened.
        VERBS["doctor"](arguments, Workspace(root))
        return
    with used_workspace(root) as workspace:
        if arguments.verb in SWEEPING and getattr(arguments, "action", None) not in ENDING:
            _sweep(arguments, workspace)
        VERBS[arguments.verb](arguments, workspace)


def _sweep(arguments: argparse.Namespace, workspace: Workspace) -> None:
    """What an earlier process was killed at is ended first; what cannot be is said, and stops nothing."""
    from easyphoto.persons.upkeep import sweep

    for trouble in sweep(workspace, _app(arguments, workspace).host).troubles:
        tell(f"Note: {trouble}")


def demo(arguments: argparse.Namespace, workspace: Workspace) -> None:
    from easyphoto.bench.demo import run_demo

    with bar() as progress:
        made = run_demo(
            _app(arguments, workspace), seed=arguments.seed, steps=arguments.steps, progress=progress, say=tell
        )
    tell(f"Report: {made.report}")
    say_path(made.portrait)


def check(arguments: argparse.Namespace, workspace: Workspace) -> None:
    settings, app = settings_of(PreprocessSettings, arguments), _app(arguments, workspace)
    command = CheckPhotos(photo_files(arguments.photos), dict(arguments.face), arguments.reference, settings)
    with telling() as context:
        found = command.run(app, context)
    if arguments.sheet is not None:
        from easyphoto.preprocess.sheet import write_check

        for written in write_check(found, arguments.sheet):
            tell(f"Written: {written}")
    if arguments.json:
        for line in json.dumps(found.record(), indent=2, ensure_ascii=False).split("\n"):
            say(line)
        return
    _say_verdicts(found)


def _say_verdicts(found: Check) -> None:
    rows = [
        (
            verdict.photo,
            "kept" if verdict.kept else verdict.reason.value if verdict.reason else "set aside",
            "–" if verdict.identity is None else f"{verdict.identity:.2f}",
            f"{verdict.quality:.2f}",
            "the reference photo"
            if verdict.photo == found.reference
            else f"{verdict.explanation} {verdict.advice}".strip(),
        )
        for verdict in found.verdicts
    ]
    for line in table(("photo", "verdict", "identity", "quality", ""), rows):
        say(line)
    for note in found.notes:
        say(f"Note: {note}")
    if found.question is not None:
        say("Another reference photo: --reference FILE. With --sheet DIR it is shown large.")
    say(f"{len(found.kept)} of {len(found.verdicts)} photos are kept.")


def train(arguments: argparse.Namespace, workspace: Workspace) -> None:
    settings = settings_of(TrainSettings, arguments)
    preprocess, app = settings_of(PreprocessSettings, arguments), _app(arguments, workspace)
    command = TrainPerson(
        name=arguments.name,
        photos=photo_files(arguments.photos),
        chosen_faces=dict(arguments.face),
        reference=arguments.reference,
        settings=settings,
        preprocess=preprocess,
    )
    with telling() as context:
        made = command.run(app, context)
    for note in made.person.notes:
        context.note(note)
    tell(f"Report: {made.report}")
    say_path(made.lora)


def photograph(arguments: argparse.Namespace, workspace: Workspace) -> None:
    settings = settings_of(InferenceSettings, arguments)
    command = PhotographPersons(tuple(arguments.names), tuple(arguments.template), settings=settings, out=arguments.out)
    with telling() as context:
        session = command.run(_app(arguments, workspace), context)
    tell(f"Report: {session.report}")
    # The best of the first template comes last, because the last line is what a script reads.
    for picture in reversed(session.pictures):
        say_path(picture)


def persons(arguments: argparse.Namespace, workspace: Workspace) -> None:
    if arguments.action == "list":
        _list_persons(workspace)
        return
    if arguments.name is None:
        raise InputError(f"persons {arguments.action} needs a name.", advice="easyphoto persons lists everybody.")
    if arguments.action == "import":
        _import(arguments, workspace)
        return
    if arguments.action == "delete":
        _delete(arguments, workspace)
        return
    if arguments.action == "rename":
        _rename(arguments, workspace)
        return
    person = workspace.person(arguments.name)
    match arguments.action:
        case "show":
            for heading, value in _facts(person, workspace):
                say(f"{heading:<10} {value}")
        case "export":
            command = ExportPerson(person.id, arguments.out or Path(f"{person.id}.zip"))
            say_path(command.run(_app(arguments, workspace), NullContext()))


def bench(arguments: argparse.Namespace, workspace: Workspace) -> None:
    app = _app(arguments, workspace)
    with bar() as progress:
        match arguments.what:
            case "likeness":
                from easyphoto.bench import likeness

                likeness.run(app, persons=arguments.persons, progress=progress, say=say)
            case "looks":
                from easyphoto.bench import looks

                looks.run(app, persons=arguments.persons, first=arguments.first, progress=progress, say=say)
            case "trainer":
                from easyphoto.bench import trainer

                trainer.run(app, steps=arguments.steps, progress=progress, say=say)
            case "strangers":
                from easyphoto.bench import strangers

                if arguments.photos is None:
                    raise InputError("bench strangers needs --photos DIR.", advice="One sub-folder for each person.")
                strangers.run(app, arguments.photos, progress=progress, say=say)


def doctor(arguments: argparse.Namespace, workspace: Workspace) -> None:
    from easyphoto.cli.doctor import examine

    for line in examine(workspace, settings_of(WeightSettings, arguments)):
        say(line)
    if arguments.backend is not None:
        from easyphoto.host.remote import remote_lines

        for line in remote_lines(_remote_host(arguments)):
            say(line)


def weights(arguments: argparse.Namespace, workspace: Workspace) -> None:
    from easyphoto.cli.weights import run as run_weights

    run_weights(arguments, workspace)


VERBS: dict[str, Callable[[argparse.Namespace, Workspace], None]] = {
    "demo": demo,
    "check": check,
    "train": train,
    "photograph": photograph,
    "persons": persons,
    "bench": bench,
    "weights": weights,
    "setup": setup,
    "ui": ui,
    "doctor": doctor,
}


SWEEPING = ("demo", "train", "photograph", "persons", "ui")
"""Verbs that put the workspace in order first; the doctor lists what is not."""
ENDING = ("delete", "rename")
"""Of persons: they end themselves what was begun with the one whom they are about, so that they can be repeated."""


class TerminalContext(NullContext):
    """A bar; each note once, as soon as it is known; and how a training fits into the memory."""

    def __init__(self, progress: Progress) -> None:
        super().__init__(progress)
        self._noted: set[str] = set()

    def note(self, text: str) -> None:
        if text not in self._noted:
            self._noted.add(text)
            tell(f"Note: {text}")

    def training_event(self, event: Event) -> None:
        if isinstance(event, MemoryPlanned):
            tell(event.text)


@contextmanager
def telling() -> Iterator[TerminalContext]:
    with bar() as progress:
        yield TerminalContext(progress)


@contextmanager
def bar() -> Iterator[BarProgress]:
    progress = BarProgress()
    try:
        yield progress
    finally:
        progress.close()


def _app(arguments: argparse.Namespace, workspace: Workspace) -> EasyPhoto:
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
        host=_remote_host(arguments) if elsewhere else ThisMachine(),
    )


def _remote_host(arguments: argparse.Namespace) -> RemoteHost:
    """The web UI of --backend; its password is better kept in the environment, where no list of processes shows it."""
    from easyphoto.host.remote import remote_host

    return remote_host(arguments.backend, arguments.backend_auth or os.environ.get(BACKEND_AUTH))


def _import(arguments: argparse.Namespace, workspace: Workspace) -> None:
    with telling() as context:
        found = ImportPersons(Path(arguments.name), arguments.import_name).run(_app(arguments, workspace), context)
    for absent in found.left_out:
        tell(f"Left out: {absent.name}. {absent.reason}")
    for person in found.persons:
        for note in person.notes:
            tell(f"Note on {person.id}: {note}")
        say_path(workspace.person_folder(person.id))


def _list_persons(workspace: Workspace) -> None:
    everybody, damaged = workspace.list_persons(), workspace.damaged_persons()
    for one in damaged:
        tell(f"{one.id} cannot be shown. {one.reason}")
    if not everybody:
        if not damaged:
            tell(f"Nobody yet in {workspace.root}. Begin with: easyphoto train NAME --photos DIR")
        return
    rows = [
        (
            person.id,
            "ready" if person.is_ready else "not trained",
            str(len(person.photos)),
            _likeness(person),
            person.family,
            _kind(person),
        )
        for person in everybody
    ]
    for line in table(("person", "state", "photos", "likeness", "family", "kind"), rows):
        say(line)


def _facts(person: Person, workspace: Workspace) -> list[tuple[str, str]]:
    folder = workspace.person_folder(person.id)
    return [
        ("name", person.name),
        ("state", "ready" if person.is_ready else "not trained"),
        ("family", person.family),
        ("kind", _kind(person)),
        ("created", person.created),
        ("photos", str(len(person.photos))),
        *_likeness_facts(person),
        ("folder", str(folder)),
        ("portrait", str(folder / person.portrait) if person.portrait else "none"),
        ("lora", str(folder / person.lora) if person.lora else "none"),
        ("run", str(workspace.runs / person.run) if person.run else "none"),
        *(("note", note) for note in person.notes),
    ]


def _kind(person: Person) -> str:
    """What their photos are; who was trained before that was recorded is looked at again at their next photograph."""
    return person.domain or "not recorded"


def _likeness(person: Person) -> str:
    return f"{person.likeness['cosine']:.2f} ({person.likeness['embedder']})" if person.likeness else "not judged"


def _likeness_facts(person: Person) -> Iterator[tuple[str, str]]:
    yield "likeness", _likeness(person)
    if person.likeness:
        from easyphoto.faces.likeness_scale import share_words

        for share, whom in (("percentile", "own photos"), ("strangers", "strangers")):
            yield "", f"above {whom}: {share_words(person.likeness.get(share))}"


def _rename(arguments: argparse.Namespace, workspace: Workspace) -> None:
    if arguments.new_name is None:
        raise InputError("persons rename needs two names.", advice="easyphoto persons rename NAME NEWNAME")
    command = RenamePerson(arguments.name, arguments.new_name, arguments.new_id)
    renamed = command.run(_app(arguments, workspace), NullContext())
    say(f"{renamed.id}  {renamed.name}")


def _delete(arguments: argparse.Namespace, workspace: Workspace) -> None:
    """Also of somebody whose training never ended, and of whom there are only traces."""
    id = checked_id(arguments.name)
    if not arguments.yes:
        if sys.stdin is None or not sys.stdin.isatty():
            raise InputError("Deleting cannot be undone.", advice="Add --yes to say that you mean it.")
        tell(f"Delete {id!r} with all photos, trainings and results in {workspace.root}? [y/N]")
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            tell("Nothing was deleted.")
            return
    deletion = DeletePerson(id).run(_app(arguments, workspace), NullContext())
    for gone in deletion.gone:
        say_path(gone)
    if deletion.left:
        named = " ".join(f"{left.what}: {left.why.rstrip('.')}." for left in deletion.left)
        raise NotAllDeleted(
            f"Not all of {id!r} is deleted. {named}",
            advice="The next start of EasyPhoto ends it; or stop what works on them, and run the same command again.",
        )
