"""Kills a process at its file operations, verb by verb, and looks at what the next start makes of it.

    python tools/kill_trial.py                      # every operation of every verb, before it and right after it
    python tools/kill_trial.py rename-id delete --sample 10 --seed 3

A verb first runs whole, and its operations are counted. Then it runs again in a copy of the workspace, once for each
operation, and the process is killed with SIGKILL there. A fresh process does what every start does, then it is asked:
is everybody as they were before or as they are after, does everything belong to somebody, does the same verb end well
now, is an export complete, and does deletion leave nothing of the person. Ends with 1 where something does not hold.

Verbs run with the stand-ins of the tests (no network is loaded); nothing else is replaced. Writes by C libraries are
not seen as operations.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from trials.forks import Ended, FileOperations, forked
from trials.judging import WRITING, State, archive_lacks, grow_older, ownerless, pictures_of, state_of, traces
from trials.workshop import (
    QUICK,
    TEMPLATE,
    Prepared,
    finish,
    mark_of,
    open_app,
    photos_of,
    picture,
    prepare,
    refusal,
    take_stand_ins,
)

from easyphoto.app import EasyPhoto
from easyphoto.cli.server import page_folder
from easyphoto.commands.add_person import AddPerson
from easyphoto.commands.base import NullContext
from easyphoto.commands.check import CheckPhotos
from easyphoto.commands.delete_person import DeletePerson
from easyphoto.commands.export_person import ExportPerson
from easyphoto.commands.import_persons import ImportPersons
from easyphoto.commands.photograph import PhotographPersons
from easyphoto.commands.rename_person import RenamePerson
from easyphoto.commands.resume import ResumeTraining
from easyphoto.jobs.queue import JobQueue
from easyphoto.jobs.service import Service
from easyphoto.storage.scratch import held_folder

DAY = 25 * 3600
FAULTS = ("damaged", "lost", "ownerless", "after a day", "not repeatable", "export", "traces", "not deletable", "hung")
Call = Callable[[Service, Prepared], object]


@dataclass(frozen=True)
class Verb:
    name: str
    call: Call
    whom: tuple[str, ...]
    """Whose pictures it touches: they are deleted at the end."""
    done: tuple[str, ...] = ()
    """The errors that say, the second time, that it was done."""


def _checked(service: Service, _: Prepared) -> None:
    kept = [service.keep(name, content).path for name, content in photos_of("fred", 500)]
    finish(service, service.submit(CheckPhotos(tuple(kept))))


def _added(service: Service, _: Prepared) -> None:
    kept = [service.keep(name, content).path for name, content in photos_of("gina", 600)]
    finish(service, service.submit(AddPerson("gina", tuple(kept))))


VERBS = (
    Verb("add", _added, ("gina",), ("NameTaken",)),
    Verb(
        "import",
        lambda service, made: ImportPersons(made.archive).run(service.app, NullContext()),
        ("dora",),
        ("NameTaken",),
    ),
    Verb(
        "import-2023",
        lambda service, made: ImportPersons(made.earlier).run(service.app, NullContext()),
        ("emil",),
        ("NameTaken",),
    ),
    Verb(
        "install",
        lambda service, made: ResumeTraining(_run_of(service.app, "carla")).run(service.app, NullContext()),
        ("carla",),
    ),
    Verb("install-again", lambda service, made: ResumeTraining(made.run).run(service.app, NullContext()), ("anna",)),
    Verb("rename", lambda service, made: RenamePerson("anna", "Anna B.").run(service.app, NullContext()), ("anna",)),
    Verb(
        "rename-id",
        lambda service, made: RenamePerson("anna", "Bea", new_id="bea").run(service.app, NullContext()),
        ("anna", "bea"),
        ("UnknownPerson",),
    ),
    Verb(
        "delete",
        lambda service, made: DeletePerson("anna").run(service.app, NullContext()),
        ("anna",),
        ("UnknownPerson",),
    ),
    Verb("export", lambda service, made: _exported(service.app, "anna"), ("anna",)),
    Verb("photograph", lambda service, made: _photographed(service), ("anna",)),
    Verb("upload-check", _checked, ()),
    Verb("template-add", lambda service, made: service.add_template("new", picture(902)), (), ("NameTaken",)),
    Verb(
        "template-delete",
        lambda service, made: service.delete_template(TEMPLATE),
        (),
        ("InputError", "UnknownTemplate"),
    ),
)


def _run_of(app: EasyPhoto, person: str) -> str:
    return next(path.name for path in sorted(app.workspace.runs.glob(f"*-{person}")))


def _exported(app: EasyPhoto, person: str) -> Path:
    """Inside the workspace, as the API does it."""
    with held_folder(app.workspace.passing) as folder:
        archive = ExportPerson(person, folder / f"{person}.zip").run(app, NullContext())
        if lacks := archive_lacks(archive, state_of(app.workspace.root).persons[person]):
            raise AssertionError(f"exported without an error, but it {lacks}")
    return archive


def _photographed(service: Service) -> None:
    PhotographPersons(("anna",), (service.template(TEMPLATE).path,), settings=QUICK).run(service.app, NullContext())


@contextmanager
def restart(root: Path) -> Iterator[Service]:
    """What every next start does. The one place to change when starts do more."""
    app = open_app(root)
    with page_folder(app.workspace.page):
        service = Service(app, JobQueue(app.workspace))
        service.sweep()
        try:
            yield service
        finally:
            service.queue.close()


def refused_deletion(service: Service, id: str) -> str:
    """Why something of them is left; nothing where all has gone, or nobody is there."""
    left: list[str] = []
    why = refusal(lambda: left.extend(map(str, DeletePerson(id).run(service.app, NullContext()).left)), "UnknownPerson")
    return why or "; ".join(left)


@dataclass
class Course:
    """One verb, with what a whole run of it makes of the workspace."""

    verb: Verb
    made: Prepared
    place: Path
    before: State
    after: State
    operations: tuple[str, ...]
    pictures: dict[str, frozenset[str]]
    faults: Counter[str] = field(default_factory=Counter)
    said: dict[str, str] = field(default_factory=dict)
    """The first of each kind of fault."""

    def judge(self, number: int, *, after: bool) -> None:
        root = self.copy()
        killed = forked(lambda: _do(self.verb, self.made, root, kill_at=number, after=after))
        if killed.signal == 0:
            # Temporary names differ; an operation less is no fault.
            self.note(number, after, {"hung": killed.hung} if killed.hung else {})
            return
        seen = forked(lambda: self.look(root))
        found = seen.value if seen.value is not None else {"hung" if seen.hung else "not repeatable": cause(seen)}
        self.note(number, after, found)
        shutil.rmtree(root)

    def note(self, number: int, after: bool, found: dict[str, str]) -> None:
        self.faults.update(found.keys())
        at = f"{self.verb.name} {number}{'+' if after else '-'} {self.operations[number - 1]}"
        for what, text in found.items():
            self.said.setdefault(what, f"{at}: {what}: {shortened(text)}")

    def copy(self) -> Path:
        root = self.place / "try"
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(self.made.root, root)
        return root

    def look(self, root: Path) -> dict[str, str]:
        """In a fresh process, after the kill."""
        found: dict[str, str] = {}
        with restart(root):
            now = state_of(root)
            found |= self.changed(now)
            if left := ownerless(root):
                found["ownerless"] = ", ".join(left)
        if left:
            grow_older(root, DAY)
            with restart(root):
                if left := ownerless(root):
                    found["after a day"] = ", ".join(left)
        with restart(root) as service:
            found |= self.again(service, root)
            found |= self.deleted(service, root)
        return found

    def changed(self, now: State) -> dict[str, str]:
        """Who is neither as before nor as after."""
        found = {}
        for id in sorted({*self.before.persons, *self.after.persons, *now.persons}):
            tree = now.persons.get(id)
            allowed = (self.before.persons.get(id), self.after.persons.get(id))
            if tree not in allowed:
                found["lost" if tree is None else "damaged"] = f"{id}: {(tree or {}).get('damaged', 'other files')}"
        if now.persons.keys() not in (self.before.persons.keys(), self.after.persons.keys()):
            found["lost"] = f"there are {', '.join(now.persons)}"
        if now.templates not in (self.before.templates, self.after.templates):
            found["damaged"] = f"templates: {', '.join(now.templates)}"
        return found

    def again(self, service: Service, root: Path) -> dict[str, str]:
        found = {}
        if why := refusal(lambda: self.verb.call(service, self.made), *self.verb.done):
            found["not repeatable"] = why
        elif self.changed(state_of(root)) or state_of(root).persons.keys() != self.after.persons.keys():
            found["not repeatable"] = f"ended well, but: {self.changed(state_of(root)) or list(state_of(root).persons)}"
        for id, tree in state_of(root).persons.items():
            out = root.with_name("out.zip")
            with_error = refusal(lambda id=id, out=out: ExportPerson(id, out).run(service.app, NullContext()))
            lacks = "" if with_error else archive_lacks(out, tree)
            if with_error or lacks:
                found["export"] = f"{id}: {with_error or lacks}"
        return found

    def deleted(self, service: Service, root: Path) -> dict[str, str]:
        """Nothing of them is left, and deleting again does no harm."""
        found = {}
        for id in (*self.verb.whom, *self.verb.whom):
            if why := refused_deletion(service, id):
                found["not deletable"] = why
        for id in self.verb.whom:
            if left := traces(root, mark_of(id), self.pictures[id]):
                found["traces"] = f"{len(left)} files of {id}: {', '.join(left[:3])}"
        return found


def _do(verb: Verb, made: Prepared, root: Path, *, kill_at: int = 0, after: bool = False) -> tuple[str, ...]:
    """The verb, and the operations that it took."""
    with restart(root) as service:
        operations = FileOperations(root, kill_at=kill_at, after=after)
        verb.call(service, made)
        operations.stop()
    return tuple(operations.seen)


def cause(ended: Ended) -> str:
    return ended.hung or ended.fault or f"signal {ended.signal}: {ended.output[-300:]}"


def debris(made: Prepared, place: Path) -> dict[str, str]:
    """What kills and forgotten jobs left of two people, of whom one never became a person: both are deleted, and
    nothing of them may be found."""
    root = place / "debris"
    shutil.copytree(made.root, root)
    with restart(root) as service:
        for job in service.queue.list():
            if job.kind == "train" and "anna" in job.subject.persons:
                service.queue.forget(job.id)
    run = root / "runs" / _run_of(open_app(root), "anna")
    shutil.copytree(run, run.with_name("20240101T000000Z-anna"))
    (run.with_name("20240101T000000Z-anna") / "run.json").unlink()
    for lost in ("arriving/tmp1", ".passing/tmp2", "page/0123456789abcdef"):
        shutil.copytree(run / "photos", root / lost / "photos")
    (root / "page" / "0123456789abcdef.lock").touch()
    for lost in (f"templates/{WRITING}1.png", f"uploads/{WRITING}2.png", f"persons/ben/{WRITING}3.png"):
        (root / lost).write_bytes(picture(1, mark_of("anna")))
    grow_older(root, 2 * DAY)

    def deleted() -> dict[str, str]:
        with restart(root) as service:
            why = [refused_deletion(service, id) for id in ("anna", "carla")]
        with restart(root):
            found = {"not deletable": "; ".join(why)} if any(why) else {}
            left = [file for id in ("anna", "carla") for file in traces(root, mark_of(id))]
            return {**found, "traces": ", ".join(left)} if left else found

    ended = forked(deleted)
    return ended.value if ended.value is not None else {"hung": cause(ended)}


def shortened(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= 400 else f"{plain[:200]} … {plain[-200:]}"


def begin(verb: Verb, made: Prepared, place: Path) -> Course:
    place.mkdir(exist_ok=True)
    before = state_of(made.root)
    pictures = {id: pictures_of(made.root, id) for id in verb.whom}
    whole = place / "whole"
    shutil.copytree(made.root, whole)
    done = forked(lambda: _do(verb, made, whole))
    if done.value is None:
        raise SystemExit(f"{verb.name} cannot be tried: {cause(done)}")
    pictures = {id: pictures[id] | pictures_of(whole, id) for id in verb.whom}
    course = Course(verb, made, place, before, state_of(whole), done.value, pictures)
    shutil.rmtree(whole)
    return course


def try_verb(verb: Verb, made: Prepared, place: Path, *, sample: int | None, seed: int) -> Course:
    course = begin(verb, made, place)
    points = [(number, after) for number in range(1, len(course.operations) + 1) for after in (False, True)]
    if sample is not None and sample < len(points):
        points = sorted(random.Random(f"{seed} {verb.name}").sample(points, sample))
    for number, after in points:
        course.judge(number, after=after)
    course.faults["points"] = len(points)
    return course


def chosen(names: Sequence[str]) -> tuple[Verb, ...]:
    return tuple(verb for verb in VERBS if not names or verb.name in names)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verbs", nargs="*", metavar="VERB", help=", ".join([*(verb.name for verb in VERBS), "debris"]))
    parser.add_argument("--sample", type=int, help="so many points of each verb; default: all")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    head = ("verb", "operations", "points", *FAULTS, "s")
    print(f"| {' | '.join(head)} |\n|---|{'--:|' * (len(head) - 1)}", flush=True)
    failed = False
    told: list[str] = []
    with tempfile.TemporaryDirectory(prefix="kill-trial-") as folder:
        take_stand_ins(Path(folder) / "base")
        made = prepare(Path(folder))
        for verb in chosen(asked.verbs):
            began = time.monotonic()
            course = try_verb(verb, made, Path(folder) / verb.name, sample=asked.sample, seed=asked.seed)
            counts = [course.faults[fault] for fault in FAULTS]
            cells = (
                verb.name,
                len(course.operations),
                course.faults["points"],
                *counts,
                f"{time.monotonic() - began:.0f}",
            )
            print(f"| {' | '.join(map(str, cells))} |", flush=True)
            failed = failed or any(counts)
            told += course.said.values()
        if not asked.verbs or "debris" in asked.verbs:
            found = debris(made, Path(folder))
            print(f"| debris | | 1 | {' | '.join(str(int(fault in found)) for fault in FAULTS)} | |", flush=True)
            failed = failed or bool(found)
            told += [f"debris: {what}: {text}" for what, text in found.items()]
    print("\n".join(("", *told)))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
