"""The cases of fuzz_trial: how each is made from its seed, and what is asked of it."""

from __future__ import annotations

import json
import os
import random
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from easyphoto.commands.base import NullContext
from easyphoto.commands.check import CheckPhotos
from easyphoto.commands.delete_person import DeletePerson
from easyphoto.commands.export_person import ExportPerson
from easyphoto.commands.import_persons import ImportPersons
from easyphoto.images.originals import read_original
from easyphoto.jobs.queue import JobQueue
from easyphoto.jobs.service import Service
from easyphoto.workspace.folders import Workspace
from trials.fence import Fence
from trials.judging import content_of, ownerless, state_of
from trials.odd_archives import odd_archive
from trials.odd_pictures import NAMES, odd_picture
from trials.odd_values import odd_record
from trials.surfaces import Answers, ask_command_line, ask_route, ask_tabs, ask_verbs
from trials.workshop import LateQueue, Prepared, mark_of, open_app, picture

ROUTES: dict[Path, tuple[Service, LateQueue, Any]] = {}
"""A workspace's service without a queue, and the client of its routes: building them takes longer than all the rest."""
SECRET = mark_of("nobody of this workspace")


@dataclass(frozen=True)
class Case:
    """Where one case lies: the workspace, what is odd, and a picture that nobody may reach."""

    place: Path
    chance: random.Random
    made: Prepared
    has_link: bool = False
    """Whoever owns the machine has laid a link there: it may be followed, but what it leads to is nobody else's."""

    @property
    def root(self) -> Path:
        return self.place / "workspace"

    @property
    def odd(self) -> Path:
        return self.place / "odd" / "in"

    @property
    def secret(self) -> Path:
        return self.place / "secret.png"


def try_picture(case: Case) -> Callable[[], list[str]]:
    """Checked among good photos, sent, made a template, read as one."""
    file = next(iter(case.odd.iterdir()))

    def work() -> list[str]:
        fence, answers = fenced(case), Answers()
        service = Service(open_app(case.root), JobQueue(Workspace(case.root)))
        good = [service.keep(f"good {seed}", picture(seed)).path for seed in (1, 2)]
        with answers.of("check"):
            found = CheckPhotos((*good, file)).run(service.app, NullContext())
            answers.expect(len(found.verdicts) == 3, "hidden: the other photos have no verdict")
            json.dumps(found.record())
        with answers.of("read_original"):
            read_original(file)
        if file.is_file() and not file.is_symlink() and file.stat().st_size < 64_000_000:
            with answers.of("upload"):
                kept = service.keep(file.name, file.read_bytes())
                answers.expect(kept.path.parent == case.root / "uploads", "outside: an upload lies elsewhere")
            with answers.of("template"):
                service.add_template("odd", file.read_bytes())
                read_original(service.template("own-odd").path)
        service.queue.close()
        return judged(case, fence, answers)

    return work


def try_archive(case: Case) -> Callable[[], list[str]]:
    """Imported; then everybody is listed, shown and exported."""
    file = next(iter(case.odd.iterdir()))

    def work() -> list[str]:
        fence, answers, before = fenced(case), Answers(), state_of(case.root)
        app = open_app(case.root)
        with answers.of("import"):
            ImportPersons(file).run(app, NullContext())
        ask_command_line(answers, case.root, "persons")
        now = state_of(case.root)
        answers.expect(now.templates == before.templates, "hidden: the templates changed")
        for id, tree in before.persons.items():
            answers.expect(now.persons.get(id) == tree, f"hidden: {id} was changed")
        for id in now.persons.keys() - before.persons.keys():
            answers.expect(
                "damaged" not in now.persons[id], f"left: {id} is not whole: {now.persons[id].get('damaged')}"
            )
            ask_command_line(answers, case.root, "persons", "show", id)
            with answers.of(f"export {id}"):
                ExportPerson(id, case.place / "out" / f"{id}.zip").run(app, NullContext())
            with answers.of(f"export {id}"):
                DeletePerson(id).run(app, NullContext())
        if left := ownerless(case.root):
            answers.faults.append(f"left: {', '.join(left[:5])}")
        return judged(case, fence, answers)

    return work


def try_record(case: Case) -> Callable[[], list[str]]:
    """Everything that shows the workspace, and what changes it."""

    def work() -> list[str]:
        fence, answers = fenced(case), Answers()
        for words in (("persons",), ("persons", "show", "anna"), ("persons", "show", "ben"), ("doctor",), ("weights",)):
            ask_command_line(answers, case.root, *words)
        answers.expect(b"ben" in answers.said["cli persons"], "hidden: cli persons does not list ben")
        with answers.of("start"):
            queue = JobQueue(Workspace(case.root))
        if "start" not in {fault.partition(":")[0] for fault in answers.faults}:
            service, late, client = ROUTES[case.root]
            late.opened = queue
            ask_routes(answers, client, service)
            drawn = ask_tabs(answers, service)
            answers.expect('aria-label="ben"' in drawn["persons"], "hidden: the tab does not show ben")
            answers.expect("room" in drawn["templates"], "hidden: the tab does not show the template room")
            ask_verbs(answers, service, case.place / "out")
            queue.close()
        return judged(case, fence, answers)

    return work


def ask_routes(answers: Answers, client: object, service: Service) -> None:
    persons = ask_route(answers, client, "GET", "/persons")
    answers.expect(b'"ben"' in persons.content, "hidden: GET /persons does not list ben")
    jobs = ask_route(answers, client, "GET", "/jobs")
    others = [job for job in jobs.json().get("jobs", ()) if "ben" in job["title"]] if jobs.status_code == 200 else []
    answers.expect(others, "hidden: GET /jobs does not list ben's")
    for path in ("", "/portrait", "/export"):
        for id in ("anna", "ben"):
            ask_route(answers, client, "GET", f"/persons/{id}{path}")
    for folder in sorted(service.app.workspace.jobs.glob("*-*")):
        ask_route(answers, client, "GET", f"/jobs/{folder.name}")
        ask_route(answers, client, "GET", f"/jobs/{folder.name}/events")
        record = content_of(folder / "job.json") if (folder / "job.json").is_file() else None
        names = (record or {}).get("files") or {}
        for name in list(names)[:3] if isinstance(names, dict) else ():
            if name and "/" not in name and "?" not in name:
                ask_route(answers, client, "GET", f"/jobs/{folder.name}/files/{name[:200]}")
    for path in ("/templates", "/templates/own-beach/picture", "/templates/own-room/picture", "/capabilities"):
        ask_route(answers, client, "GET", path)


def fenced(case: Case) -> Fence:
    tempfile.tempdir = str(case.place / "tmp")
    return Fence((case.root, case.place / "tmp", case.place / "out"), None if case.has_link else case.secret)


def judged(case: Case, fence: Fence, answers: Answers) -> list[str]:
    faults = [*answers.faults, *(f"outside: {crossed}" for crossed in dict.fromkeys(fence.crossed))]
    faults += [f"outside: {surface} hands it out" for surface, said in answers.said.items() if SECRET in said]
    if not case.secret.is_file() or SECRET not in case.secret.read_bytes():
        faults.append("outside: a file elsewhere was changed or deleted")
    return faults


def make_picture(case: Case) -> str:
    place = case.odd / f"odd{case.chance.choice(NAMES)}"
    return odd_picture(case.chance, place)


def make_archive(case: Case) -> str:
    return odd_archive(case.chance, case.made.archive, case.odd / "odd.zip")


def make_record(case: Case) -> str:
    """One record of anna's is odd, or is no file at all."""
    chance, root = case.chance, case.root
    (root / "weights").mkdir(exist_ok=True)
    known = {"size": 9, "mtime_ns": 1, "sha256": "0" * 64}
    ledger = {
        "format": 1,
        "hashes": {"/x": known},
        "trusted": {"yunet": {"sha256": "0" * 64, "date": "x", "source": "x"}},
    }
    (root / "weights" / "hashes.json").write_text(json.dumps(ledger))
    files = [
        path for path in sorted(root.rglob("*.json*")) if "ben" not in str(path) and path.suffix in (".json", ".jsonl")
    ]
    files = [path for path in files if path.parts[-3:-1] != ("persons", "ben") and b'"ben"' not in path.read_bytes()]
    names = sorted({path.name for path in files})
    weights = [6 if name in ("person.json", "job.json") else 2 for name in names]
    name = chance.choices(names, weights)[0]
    record = chance.choice([path for path in files if path.name == name])
    where = f"{record.parent.parent.name}/{name}"
    if chance.random() < 0.12:
        return (
            f"{where} {_no_file(chance, record if chance.random() < 0.8 else root / 'templates' / 'beach.png', case)}"
        )
    said, content = odd_record(chance, record.read_bytes())
    record.write_bytes(content.replace(b"<secret>", str(case.secret).encode()))
    return f"{where} {said}"


def _no_file(chance: random.Random, record: Path, case: Case) -> str:
    what = chance.choice(("pipe", "folder", "zero", "circle", "dangling", "secret"))
    record.unlink()
    if what == "pipe":
        os.mkfifo(record)
    elif what == "folder":
        record.mkdir()
    else:
        targets = {"zero": "/dev/zero", "circle": record.name, "dangling": "nowhere", "secret": str(case.secret)}
        record.symlink_to(targets[what])
    return f"{record.name} is a {what}"


SUBJECTS = {
    "pictures": (make_picture, try_picture),
    "zips": (make_archive, try_archive),
    "records": (make_record, try_record),
}
