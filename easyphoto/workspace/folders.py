"""The folders of a workspace: persons, runs, results, weights. Ids that a user typed are checked in `person_ids`.

workspace/ persons/<id>/{person.json, photos/, dataset/, portrait.png, lora.safetensors}
           runs/<utc>-<id>/{run.json, events.jsonl, checkpoints/, samples/, report.html}
           results/ · weights/ · checkpoints/ · env/ · jobs/<id>/ · templates/ · configurations/<kind>/<name>.json
           styles/{<name>.json, .drawn/<id>.png}
           workspace.json, which says the format
           changes/ (the journal) · arriving/ .passing/ page/ (scratch folders) · trash/

Programs open a workspace with `upgrades.open_workspace`.
"""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from easyphoto.errors import BadName, DiskFailure, InputError, UnknownPerson
from easyphoto.messages import text
from easyphoto.spelling import known_names
from easyphoto.storage.files import cause_of, make_folder, make_private_folder, matching
from easyphoto.storage.journal import doomed
from easyphoto.storage.records import name_stamp, read_json, write_json
from easyphoto.workspace.file_names import is_file_name
from easyphoto.workspace.person_ids import checked_id, id_for, same_name
from easyphoto.workspace.person_record import PERSON_FILE, Damaged, Person, read_person

RUN_FILE, WORKSPACE_FILE = "run.json", "workspace.json"
ENV = "env"
PARTS = (
    "persons", "runs", "results", "jobs", "uploads", "templates", "weights", ENV, "page", "reports", "demo", "bench",
    "arriving", ".passing", "changes", "trash", "configurations", "styles",
)  # fmt: skip
"""The folders that a workspace has."""
EXPORT_NOTE = "about.json"
"""Beside a file made for a visitor to download: whom it shows (`persons`), and who asked for it (`asker`)."""
JOB_FILE = "job.json"
"""Record in each folder of `jobs/`; `subject` names the persons whose pictures the job holds."""
SESSION_FILE = "photograph.json"
"""Record in each folder of `results/`; names its persons."""


def user_folder(name: str = "easyphoto") -> Path:
    """The system's folder for user data of that name; works without platformdirs, which a web UI may lack."""
    try:
        import platformdirs
    except ImportError:
        if sys.platform == "win32":
            return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / name
        if sys.platform == "darwin":
            return Path.home() / "Library" / "Application Support" / name
        return Path(os.environ.get("XDG_DATA_HOME", "").strip() or Path.home() / ".local" / "share") / name
    return platformdirs.user_data_path(name, appauthor=False)


@dataclass(frozen=True)
class Workspace:
    root: Path

    @property
    def persons(self) -> Path:
        return self.root / "persons"

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    @property
    def results(self) -> Path:
        return self.root / "results"

    @property
    def weights(self) -> Path:
        return self.root / "weights"

    @property
    def checkpoints(self) -> Path:
        """Checkpoints that the user put here, for a page without a web UI. EasyPhoto makes no such folder, and changes
        nothing in one, so it is none of PARTS."""
        return self.root / "checkpoints"

    @property
    def templates(self) -> Path:
        """The user's own template pictures."""
        return self.root / "templates"

    @property
    def configurations(self) -> Path:
        """Saved settings, of each kind in a folder of its own."""
        return self.root / "configurations"

    @property
    def styles(self) -> Path:
        """The user's own styles, and the previews that were drawn here."""
        return self.root / "styles"

    @property
    def jobs(self) -> Path:
        return self.root / "jobs"

    @property
    def uploads(self) -> Path:
        """Photos and templates uploaded through a tab or the API."""
        return self.root / "uploads"

    @property
    def page(self) -> Path:
        """Files of the server's own page while it runs; emptied when it starts and stops."""
        return self.root / "page"

    @property
    def arriving(self) -> Path:
        """Persons that are being imported, until each is complete."""
        return self.root / "arriving"

    @property
    def passing(self) -> Path:
        """Archives that are being imported or exported."""
        return self.root / ".passing"

    @property
    def env(self) -> Path:
        """The training environment beside a web UI."""
        return self.root / "env"

    def check_there(self) -> None:
        """Raises DiskFailure where the folder is missing: a write would make it anew, readable by others."""
        if not self.root.is_dir():
            raise DiskFailure(
                text("The workspace {root} is gone.", root=self.root),
                advice=text("Put it back in its place, or start EasyPhoto again."),
            )

    def person_folder(self, id: str) -> Path:
        return self.persons / checked_id(id)

    def id_of(self, written: str) -> str:
        """The id of the person with that id or name; where there is none, the id that a new one would get.

        Raises BadName for what cannot be a name.
        """
        with suppress(BadName):
            if (self.persons / id_for(written)).is_dir():
                return id_for(written)
        name = same_name(written)
        named = [person.id for person in self.list_persons() if same_name(person.name) == name]
        return named[0] if len(named) == 1 else id_for(written)

    def person(self, id: str) -> Person:
        """The person of the id or name. Raises UnknownPerson, with a list of the known ids."""
        folder = self.person_folder(self.id_of(id))
        if not (folder / PERSON_FILE).is_file() or folder.name in doomed(self.root):
            known = {person.id: person.name for person in self.list_persons()}
            raise UnknownPerson(
                text("There is no person {id!r}.", id=id),
                # Verbs know people by their ids; who was renamed is looked for under the new name as well.
                advice=known_names(id, known, also={name: id for id, name in known.items()})
                if known
                else text("There is nobody yet."),
            )
        return read_person(folder)

    def list_persons(self) -> tuple[Person, ...]:
        """All persons of the workspace, by id; unreadable ones are in `damaged_persons`."""
        return self._everybody()[0]

    def damaged_persons(self) -> tuple[Damaged, ...]:
        """Persons with damaged records, which every list of persons reports, so that none vanishes in silence."""
        return self._everybody()[1]

    def _everybody(self) -> tuple[tuple[Person, ...], tuple[Damaged, ...]]:
        people, damaged, hidden = [], [], doomed(self.root)
        for file in matching(self.persons, f"*/{PERSON_FILE}"):
            if file.parent.name in hidden:
                continue
            try:
                people.append(read_person(file.parent))
            except InputError as error:
                damaged.append(Damaged(file.parent.name, error.said))
        return tuple(people), tuple(damaged)

    def save_person(self, person: Person) -> None:
        write_json(self.person_folder(person.id) / "person.json", dataclasses.asdict(person))

    def runs_of(self, id: str) -> tuple[Path, ...]:
        """The person's training runs, by their records; without a readable one, by the folder's name `<utc>-<id>`.

        The name alone is not enough: the runs of a renamed person keep the old one.
        """
        records = dict(records_in(self.runs, RUN_FILE))
        said = {folder: record["person"] for folder, record in records.items() if isinstance(record.get("person"), str)}
        return tuple(
            folder for folder in folders_in(self.runs) if said.get(folder, folder.name.partition("-")[2]) == id
        )

    def run_folder(self, name: str) -> Path:
        """The folder of an existing run. Raises InputError for any other name, paths included."""
        folder = self.runs / name
        if not is_file_name(name) or not (folder / "run.json").is_file():
            raise InputError(
                text("There is no run {name!r}.", name=name), advice=text("The runs lie in {runs}.", runs=self.runs)
            )
        return folder

    def new_run_folder(self, id: str) -> Path:
        """Make a new folder `runs/<utc>-<id>`; two runs within one second get different names."""
        stamp = name_stamp()
        for attempt in range(1, 1000):
            folder = self.runs / (
                f"{stamp}-{checked_id(id)}" if attempt == 1 else f"{stamp}.{attempt}-{checked_id(id)}"
            )
            try:
                if not self.root.exists():
                    make_private_folder(self.root)
                make_folder(self.runs)
                folder.mkdir(mode=self.runs.stat().st_mode & 0o777)
            except FileExistsError:
                continue
            except OSError as error:
                raise DiskFailure(
                    text("{own} cannot be made: {cause}.", own=folder, cause=cause_of(error)),
                    advice=text("Check free space and the permissions there."),
                ) from error
            return folder
        raise InputError(text("Too many runs were started in one second."), advice=text("Wait a moment."))


def folders_in(place: Path) -> tuple[Path, ...]:
    """The folders directly in `place`, sorted, without links."""
    try:
        return tuple(sorted(path for path in place.iterdir() if path.is_dir() and not path.is_symlink()))
    except (FileNotFoundError, NotADirectoryError):
        return ()


def records_in(folder: Path, name: str) -> tuple[tuple[Path, dict[str, Any]], ...]:
    """Every record `<folder>/*/<name>`, as its folder and its content; unreadable ones are left out."""
    found = []
    for file in matching(folder, f"*/{name}"):
        with suppress(InputError):
            found.append((file.parent, read_json(file)))
    return tuple(found)


def texts_in(record: Any, key: str) -> tuple[str, ...]:
    """The strings in the list under the key; empty where there is no list, because a damaged record names no person."""
    values = record.get(key) if isinstance(record, Mapping) else None
    return tuple(value for value in values if isinstance(value, str)) if isinstance(values, list) else ()
