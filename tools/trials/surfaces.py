"""Everything that shows or changes a workspace, asked one after another: command line, routes, tabs, verbs.

Each answers with text, bytes or nothing; a refusal by one of EasyPhoto's own errors is an answer as well.
"""

from __future__ import annotations

import contextlib
import io
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from easyphoto.cli import main as cli
from easyphoto.commands.base import NullContext
from easyphoto.commands.delete_person import DeletePerson
from easyphoto.commands.export_person import ExportPerson
from easyphoto.commands.photograph import PhotographPersons
from easyphoto.commands.rename_person import RenamePerson
from easyphoto.errors import EasyPhotoError
from easyphoto.jobs.service import Service
from trials.workshop import QUICK, TEMPLATE, finish

V1 = "/easyphoto/v1"
CHANGING = ("PATCH", "DELETE", "POST")
GOOD_CODES = (0, 2, 3, 4, 5, 130)


@dataclass
class Answers:
    """What came out, and what should not have."""

    faults: list[str] = field(default_factory=list)
    said: dict[str, bytes] = field(default_factory=dict)

    @contextlib.contextmanager
    def of(self, surface: str) -> Iterator[list[bytes]]:
        parts: list[bytes] = []
        try:
            yield parts
        except EasyPhotoError as error:
            parts.append(str(error).encode("utf-8", "replace"))
        except BaseException as error:
            where = next(
                (
                    frame
                    for frame in reversed(traceback.extract_tb(error.__traceback__))
                    if "/easyphoto/" in frame.filename
                ),
                None,
            )
            at = f" at {Path(where.filename).name}:{where.lineno}" if where else ""
            self.faults.append(f"{surface}: {type(error).__name__}: {str(error)[:160]}{at}")
        self.said[surface] = b"\n".join(parts)

    def expect(self, holds: object, otherwise: str) -> None:
        if not holds:
            self.faults.append(otherwise)


def ask_command_line(answers: Answers, root: Path, *words: str) -> bytes:
    name = f"cli {' '.join(words[:3])}"
    with answers.of(name) as parts:
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            try:
                code = cli.main([*words, "--workspace", str(root)])
            except SystemExit as ended:
                code = int(ended.code or 0)
        parts.append(out.getvalue().encode("utf-8", "replace"))
        answers.expect(code in GOOD_CODES, f"{name}: exit code {code}: {out.getvalue().strip().splitlines()[-2:]}")
    return answers.said[name]


def ask_route(answers: Answers, client: Any, method: str, path: str, **words: Any) -> Any:
    """The answer; a fault of ours is one with the status 500."""
    name = f"{method} {path}"
    answer = None
    with answers.of(name) as parts:
        answer = client.request(method, f"{V1}{path}", **words)
        parts.append(answer.content)
        is_fault = answer.status_code == 500 or b'"InternalError"' in answer.content[:2000]
        answers.expect(not is_fault, f"{name}: {answer.status_code} {answer.text[:200]}")
    return answer


def ask_tabs(answers: Answers, service: Service) -> Mapping[str, str]:
    """What the tabs draw, each by its own builder."""
    from easyphoto.ui.card import card_html, event_lines, training_events
    from easyphoto.ui.job_rows import JobRows
    from easyphoto.ui.language import Translator
    from easyphoto.ui.person_tiles import PersonTiles, doomed_of
    from easyphoto.ui.photograph_form import Choosing, PhotographPlan
    from easyphoto.ui.repeat import read_record
    from easyphoto.ui.results_html import ResultsView
    from easyphoto.ui.sessions import Sessions
    from easyphoto.ui.templates_tab import TemplateTiles
    from easyphoto.ui.thumbnails import Thumbnails
    from easyphoto.ui.train_photos import PhotoSet, checked_of, held_by, unfinished_check
    from easyphoto.ui.train_resume import resumable
    from easyphoto.ui.verdicts import verdicts_html

    words, small = Translator("en"), Thumbnails()

    def job_pages() -> str:
        pages = []
        for job in service.queue.list():
            events = service.queue.events(job.id)
            pages += [card_html(job, words), *event_lines(events, words), str(training_events(events))]
        return "".join(pages)

    def results() -> str:
        view, pages = ResultsView(words, small, "to"), []
        for session in Sessions(service).newest():
            pages.append(view.session(session, session.pictures[0].key, ()))
            pages += [view.details(one) for one in session.pictures]
            pages += [str(read_record(one.path)) for one in session.pictures]
        return "".join(pages)

    def verdicts() -> str:
        pages = []
        for job in service.queue.list():
            if job.kind == "check" and job.result:
                held = held_by(service, job)
                pages.append(verdicts_html(checked_of(service, job, held), held.faces or {}, words))
        return f"{unfinished_check(service)} {PhotoSet()} {''.join(pages)}"

    choosing = Choosing(service, words)
    builders: dict[str, Callable[[], Any]] = {
        "persons": lambda: PersonTiles(service, words, small, "to").html(service.app.workspace.list_persons()),
        "doomed": lambda: [doomed_of(service, person) for person in service.app.workspace.list_persons()],
        "queue": lambda: JobRows(words, ("photograph",), "to", choosing.titles()).html(service.queue.list(), None),
        "cards": job_pages, "results": results, "verdicts": verdicts, "resume": lambda: resumable(service, words),
        "choose": lambda: [choosing.person_picks(), choosing.template_picks(())],
        "assignments": lambda: choosing.planned(PhotographPlan(persons=("anna",), templates=(TEMPLATE,))),
        "templates": lambda: TemplateTiles(words, small, "to").html(service.templates()),
    }  # fmt: skip
    for name, build in builders.items():
        with answers.of(f"tab {name}") as parts:
            parts.append(str(build()).encode("utf-8", "replace"))
    return {name: answers.said[f"tab {name}"].decode("utf-8", "replace") for name in builders}


def ask_verbs(answers: Answers, service: Service, out: Path) -> None:
    """What changes something, on the person whose record is odd, and on the other."""
    template = [service.app.workspace.templates / "beach.png"]
    for person in ("anna", "ben"):
        with answers.of(f"photograph {person}"):
            finish(service, service.submit(PhotographPersons((person,), tuple(template), settings=QUICK)))
        with answers.of(f"rename {person}"):
            service.rename(RenamePerson(person, f"{person} the second"))
        with answers.of(f"export {person}") as parts:
            parts.append(ExportPerson(person, out / f"{person}.zip").run(service.app, NullContext()).read_bytes())
    answers.expect((out / "ben.zip").is_file(), "export ben: others are no longer exported")
    for id in [job.id for job in service.queue.list()]:
        with answers.of("job"):
            service.queue.cancel(id)
    with answers.of("delete anna"):
        service.delete(DeletePerson("anna"))
    answers.expect(
        "ben" in {person.id for person in service.app.workspace.list_persons()},
        "delete anna: ben went too, or is hidden",
    )
