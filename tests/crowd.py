"""A small workspace with everything in it that somebody can have, made by the product itself and without a training."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from easyphoto.backends.published import published_name
from easyphoto.host.base import ThisMachine
from easyphoto.images.pictures import write_picture
from easyphoto.persons.importing import import_persons
from easyphoto.storage.records import write_json
from easyphoto.workspace.folders import JOB_FILE, RUN_FILE, SESSION_FILE, Workspace
from tests.persons.arriving import one_person, write_earlier, write_lora


@dataclass(frozen=True)
class ListingHost(ThisMachine):
    """A host that lists LoRAs by their published names."""

    names: set[str] = field(default_factory=set)

    @property
    def lists(self) -> bool:
        return True

    def publish(self, lora: Path) -> Path | None:
        self.names.add(published_name(lora))
        return Path(published_name(lora))

    def withdraw(self, lora: Path) -> Path | None:
        return self.unlist(published_name(lora))

    def unlist(self, name: str) -> Path | None:
        if name not in self.names:
            return None
        self.names.remove(name)
        return Path(name)


def write_crowd(root: Path, sources: Path) -> Workspace:
    """Anna and Ben with a run, a session, a job and an upload each, and a session of both."""
    workspace = Workspace(root)
    for number, id in enumerate(("anna", "ben")):
        folder = write_earlier(sources / id, id, photos=2, reference=0, first=100 * number)
        write_lora(sources / id / "models" / "Lora" / f"{id}.safetensors", value=0.7 + number / 10)
        import_persons(workspace, folder, host=ThisMachine(), open_engine=one_person)
        run = workspace.runs / f"20260101T00000{number}Z-{id}"
        write_json(run / RUN_FILE, {"person": id, "name": id, "base": "sd15"})
        (run / "photos").mkdir()
        write_picture(run / "photos" / "1.png", Image.new("RGB", (8, 8), (number, 2, 3)))
        workspace.uploads.mkdir(exist_ok=True)
        write_picture(workspace.uploads / f"{id}-1.png", Image.new("RGB", (8, 8), (number, 5, 6)))
        write_session(workspace, f"2026{number}-{id}", id)
        subject = {"persons": [id], "uploads": [f"{id}-1.png"]}
        write_json(workspace.jobs / f"{id}-job" / JOB_FILE, {"state": "done", "kind": "train", "subject": subject})
    write_session(workspace, "20263-anna-ben", "anna", "ben")
    return workspace


def write_session(workspace: Workspace, name: str, *ids: str) -> Path:
    folder = workspace.results / name
    write_json(folder / SESSION_FILE, {"persons": list(ids)})
    write_picture(folder / "1.png", Image.new("RGB", (8, 8), "tan"), {"persons": list(ids)})
    return folder


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def left_over(workspace: Workspace) -> list[str]:
    """What stands for nobody: passing folders, trash, the journal, files half written, folders without a record."""
    passing = ("trash", "arriving", ".passing", "page", "changes")
    found = [
        str(path.relative_to(workspace.root))
        for path in workspace.root.rglob("*")
        if path.is_file()
        and (path.relative_to(workspace.root).parts[0] in passing or path.name.startswith(".writing-"))
    ]
    found += [
        str(folder.relative_to(workspace.root))
        for place, record in (
            (workspace.persons, "person.json"),
            (workspace.runs, RUN_FILE),
            (workspace.results, SESSION_FILE),
            (workspace.jobs, JOB_FILE),
        )
        for folder in (place.iterdir() if place.is_dir() else ())
        if folder.is_dir() and not (folder / record).is_file()
    ]
    copies = (path for name in ("person", "replaced") for path in workspace.runs.glob(f"*/{name}"))
    return sorted([*found, *(str(path.relative_to(workspace.root)) for path in copies)])
