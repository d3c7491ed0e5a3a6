"""What a workspace looks like from outside: who is whole in it, what belongs to nobody, where somebody's pictures are.

Only records and files are read here, not through the product's own eyes, which may be what is wrong.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WRITING = ".writing-"
SECONDS_YOUNG = 7 * 24 * 3600
"""So long an upload may wait for somebody to use it."""
_OTHERS = ("weights", "env", "reports")
# What a record says of times and of a judgement made after the files were in place.
_PASSING_FIELDS = ("created", "likeness", "notes", "run")
Tree = Mapping[str, str]


@dataclass(frozen=True)
class State:
    """The persons as they lie there, and the templates."""

    persons: Mapping[str, Tree]
    """Id → the hash of each file; a person who is not whole has a file named `damaged` more."""
    templates: Tree


def state_of(root: Path) -> State:
    folders = sorted(path for path in (root / "persons").glob("*") if path.is_dir())
    templates = {path.name: hash_of(path) for path in sorted((root / "templates").glob("*")) if path.is_file()}
    persons = {folder.name: _person(folder) for folder in folders}
    return State({id: tree for id, tree in persons.items() if tree}, templates)


def _person(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith(WRITING))
    tree = {str(path.relative_to(folder)): hash_of(path) for path in files}
    record = content_of(folder / "person.json")
    if record is None:
        return {**tree, "damaged": "its record cannot be read"} if tree else {}
    kept = {name: value for name, value in record.items() if name not in _PASSING_FIELDS}
    tree["person.json"] = json.dumps(kept, sort_keys=True)
    parts = [record.get("reference"), record.get("portrait"), record.get("lora"), *record.get("photos", ())]
    entries = (content_of(folder / "dataset" / "dataset.json") or {}).get("entries", ())
    parts += [f"dataset/{entry[part]}" for entry in entries for part in ("image", "weights")]
    missing = [part for part in parts if part and part not in tree]
    if record.get("id") != folder.name:
        missing.append(f"the record says {record.get('id')!r}")
    return {**tree, "damaged": ", ".join(missing)} if missing else tree


def content_of(record: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(record.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def hash_of(file: Path) -> str:
    """Empty for a file that has gone since it was listed: the server that is looked at may be deleting."""
    with suppress(FileNotFoundError):
        return hashlib.sha256(file.read_bytes()).hexdigest()
    return ""


def ownerless(root: Path) -> list[str]:
    """Everything that no record and no living process accounts for."""
    persons = {path.parent.name for path in root.glob("persons/*/person.json") if content_of(path) is not None}
    jobs = {path.parent.name: content_of(path) for path in root.glob("jobs/*/job.json")}
    found = [str(path.relative_to(root)) for path in _files(root) if _is_left_over(path.relative_to(root))]
    for folder in _folders(root / "persons"):
        if folder.name not in persons:
            found.append(f"persons/{folder.name}")
    for folder in _folders(root / "runs"):
        # A training that can be gone on with is its person's, before there is one as well: deleting them deletes it.
        if not (content_of(folder / "run.json") or {}).get("person"):
            found.append(f"runs/{folder.name}")
    for folder in _folders(root / "results"):
        record = content_of(folder / "photograph.json") or {}
        if not persons & {*record.get("persons", ())}:
            found.append(f"results/{folder.name}")
    found += [f"jobs/{folder.name}" for folder in _folders(root / "jobs") if not jobs.get(folder.name)]
    found += [f"uploads/{name}" for name in _old_uploads(root, jobs.values())]
    return sorted(dict.fromkeys(found))


def _is_left_over(path: Path) -> bool:
    """Copies that are being put together, and whatever lies in folders of which nothing is known here."""
    top, *rest = path.parts
    if path.suffix == ".lock" or not rest or top in _OTHERS:
        return False
    if path.name.startswith(WRITING) or any(part.startswith(".") for part in rest[:-1]):
        return True
    if top == "runs":
        return rest[1:2] in (["person"], ["replaced"])
    return top not in ("persons", "results", "jobs", "uploads", "templates", "configurations")


def _files(root: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(root):
        yield from (Path(folder) / name for name in names)


def _folders(place: Path) -> list[Path]:
    return sorted(path for path in place.glob("*") if path.is_dir())


def _old_uploads(root: Path, jobs: Iterable[Mapping[str, Any] | None]) -> list[str]:
    named = {name for job in jobs for name in (job or {}).get("subject", {}).get("uploads", ())}
    young = time.time() - SECONDS_YOUNG
    files = (path for path in (root / "uploads").glob("*") if path.is_file())
    return [path.name for path in files if path.name not in named and path.stat().st_mtime < young]


def grow_older(root: Path, seconds: float) -> None:
    """Everything was written so much earlier."""
    for folder, _, names in os.walk(root):
        for path in (folder, *(os.path.join(folder, name) for name in names)):
            said = os.stat(path)
            os.utime(path, (said.st_atime - seconds, said.st_mtime - seconds))


def pictures_of(root: Path, person: str) -> frozenset[str]:
    """The hashes of the files that exist because of somebody's photos, and of nobody else's."""
    theirs = [root / "persons" / person]
    theirs += [path.parent for path in root.glob("runs/*/run.json") if (content_of(path) or {}).get("person") == person]
    theirs += [
        path.parent for path in root.glob("results/*/*.json") if person in (content_of(path) or {}).get("persons", ())
    ]
    theirs += [
        path.parent
        for path in root.glob("jobs/*/job.json")
        if person in (content_of(path) or {}).get("subject", {}).get("persons", ())
    ]
    mine, others = set(), set()
    for file in _files(root):
        if file.suffix in (".png", ".jpg", ".safetensors"):
            (mine if any(folder in file.parents for folder in theirs) else others).add(hash_of(file))
    return frozenset(mine - others)


def traces(root: Path, mark: bytes, pictures: frozenset[str] = frozenset()) -> list[str]:
    """The files that hold somebody's mark, or are one of their pictures."""
    found = []
    for file in _files(root):
        content = file.read_bytes()
        if mark in content or hashlib.sha256(content).hexdigest() in pictures:
            found.append(str(file.relative_to(root)))
    return sorted(found)


def archive_lacks(archive: Path, tree: Tree) -> str:
    """What is wrong with an export of somebody; nothing where every file of theirs is in it."""
    try:
        with zipfile.ZipFile(archive) as opened:
            packed = {name.partition("/")[2]: opened.read(name) for name in opened.namelist()}
    except (OSError, zipfile.BadZipFile) as error:
        return str(error)
    lacking = [name for name in tree if name not in packed]
    lacking += [
        name
        for name, content in packed.items()
        if name != "person.json" and name in tree and hashlib.sha256(content).hexdigest() != tree[name]
    ]
    return f"lacks {', '.join(lacking[:3])}" if lacking else ""
