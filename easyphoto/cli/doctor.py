"""Diagnostics, the first thing to run after a failure: what is installed or missing, and the machine's speed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from easyphoto import __version__
from easyphoto.architectures.registry import FAMILIES
from easyphoto.cli.device_findings import device_lines
from easyphoto.devices import GIB
from easyphoto.errors import EasyPhotoError
from easyphoto.faces.opening import engine_lines
from easyphoto.inference.identities.registry import engine_lines as identity_lines
from easyphoto.machine import machine_words, measure_speed
from easyphoto.persons.upkeep import nobodys, orphans
from easyphoto.restoration.opening import restoration_lines
from easyphoto.settings.options import WeightSettings
from easyphoto.storage.journal import pending
from easyphoto.storage.scratch import size_of
from easyphoto.weights.places import default_mirrors
from easyphoto.weights.store import WeightStore, open_store
from easyphoto.weights.tables import weights_lines
from easyphoto.workspace.folders import Workspace
from easyphoto.workspace.upgrades import FORMAT, format_of

PACKAGES = (
    "torch", "diffusers", "transformers", "peft", "accelerate", "safetensors", "numpy", "pillow",
    "opencv-python-headless", "onnxruntime",
)  # fmt: skip


def examine(workspace: Workspace, settings: WeightSettings) -> Iterator[str]:
    """Yield the findings, one line each; problems begin with `!`."""
    yield f"EasyPhoto {__version__} on {machine_words()}"
    yield from _packages()
    yield from device_lines()
    yield from _models()
    yield from _weights(open_store(workspace.weights, default_mirrors(), settings))
    yield from _disk(workspace.root)
    yield from _place(workspace.root)
    yield from _order(workspace)
    try:
        yield f"  speed: {measure_speed().words()}"
    except ImportError:
        yield "! speed: not measured, torch is missing"


def finding_record(line: str) -> dict[str, Any]:
    """A finding as programs are told it."""
    return {"problem": line.startswith("!"), "text": line.removeprefix("!").strip()}


def _packages() -> Iterator[str]:
    for name in PACKAGES:
        try:
            yield f"  {name} {version(name)}"
        except PackageNotFoundError:
            yield f"! {name} is missing: pip install easyphoto[standalone]"


def _models() -> Iterator[str]:
    for family in FAMILIES.values():
        if not family.ships:
            continue
        folder = family.folder
        files = list(folder.rglob("*.safetensors"))
        size = sum(file.stat().st_size for file in files) / 1e6
        good = (folder / "unet").is_dir() and bool(files)
        state = f"{size:.0f} MB in" if good else "missing in"
        yield f"{' ' if good else '!'} model {family.id}: {state} {folder}"


def _weights(store: WeightStore) -> Iterator[str]:
    yield from weights_lines(store)
    yield from engine_lines(store)
    yield from identity_lines(store)
    yield from restoration_lines(store)


def _order(workspace: Workspace) -> Iterator[str]:
    """Yield orphaned files by kind, and traces of persons who do not exist.

    The next start of another verb removes the orphans; only the user may delete the traces.
    """
    if changes := pending(workspace.root):
        yield f"! {len(changes)} changes of persons were begun and not ended: easyphoto persons ends them"
    found: dict[str, list[Path]] = {}
    for orphan in orphans(workspace):
        found.setdefault(orphan.what, []).append(orphan.path)
    for what, paths in found.items():
        size = sum(map(size_of, paths)) / 1e6
        yield f"! {what}: {len(paths)}, {size:.1f} MB that nobody owns: easyphoto persons removes them"
    strangers = nobodys(workspace)
    for id, traces in strangers.items():
        size = sum(map(size_of, traces.all)) / 1e6
        yield (
            f"! {id} is no person, but something of theirs is there (trainings: {len(traces.runs)}, sessions: "
            f"{len(traces.results)}, jobs: {len(traces.jobs)}, {size:.1f} MB): easyphoto persons delete {id}"
        )
    if not (changes or found or strangers):
        yield "  everything in the workspace belongs to somebody"


def _disk(root: Path) -> Iterator[str]:
    existing = next(folder for folder in (root, *root.parents) if folder.exists())
    free = shutil.disk_usage(existing).free / GIB
    writable = os.access(existing, os.W_OK)
    good = free >= 2 and writable
    yield f"{' ' if good else '!'} workspace {root}: {free:.0f} GiB free{'' if writable else ', not writable'}"


def _place(root: Path) -> Iterator[str]:
    """Yield whether the workspace can be opened, and who else can read it."""
    try:
        found = format_of(root)
    except EasyPhotoError as error:
        yield f"! workspace: {error}"
        return
    if found is not None and found != FORMAT:
        yield f"  workspace: of an earlier version (format {found}); it is upgraded when it is first used"
    if found is not None and os.name == "posix" and root.stat().st_mode & 0o077:
        yield f"! workspace: other users of this machine can look into it; chmod -R go= {root}"
    webui = next((folder for folder in root.parents if _is_webui(folder)), None)
    if webui is not None:
        yield (
            f"! workspace: it lies in the web UI {webui}, whose pages may hand out its photos to everybody who sees "
            "them; move it elsewhere and name the place in Settings > EasyPhoto"
        )


def _is_webui(folder: Path) -> bool:
    return (folder / "webui.py").is_file() and (folder / "modules").is_dir()
