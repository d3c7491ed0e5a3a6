"""What the web UI's pages serve: gradio's `/file=` hands out the host's folders to everybody who sees a page."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from easyphoto.messages import note
from easyphoto.webui.host_modules import host_module, loaded


def is_reached(root: Path) -> bool:
    """Return whether a page can request files below `root`."""
    if _keeps_dots_back() and any(part.startswith(".") for part in (*root.parts, *root.resolve().parts)):
        return False
    lines = [(path, *path.parents) for path in (root.absolute(), root.resolve())]
    served = tuple(served_folders())
    return any(_is_same(above, folder) for line in lines for above in line for folder in served) or any(
        root.resolve() in folder.resolve().parents for folder in served
    )


def reached_note(root: Path) -> str:
    return note(
        "workspace-within-reach",
        "The workspace {root} is in a folder that the web UI serves to everybody who can open one of its "
        "pages, photos included. Choose a folder outside of the web UI in Settings > EasyPhoto, and move "
        "it there.",
        root=root,
    )


def served_folders() -> Iterator[Path]:
    """Yield the host's folder and its data's, those of `--gradio-allowed-path`, and gradio's folder for uploads."""
    paths, flags = host_module("paths"), host_module("shared").cmd_opts
    named = (getattr(paths, "data_path", None), getattr(paths, "script_path", None), os.getcwd())
    said = getattr(flags, "gradio_allowed_path", None) or ()
    kept = os.environ.get("GRADIO_TEMP_DIR") or os.path.join(tempfile.gettempdir(), "gradio")
    yield from (Path(str(each)).absolute() for each in (*named, *said, kept) if each)


def keep_out(demo: Any, *roots: Path) -> None:
    """Block these folders in gradio, before anything it allows. Alternative spellings of a path may still get past."""
    blocked = getattr(demo, "blocked_paths", None)
    if isinstance(blocked, list):
        blocked += [str(path) for root in roots for path in {root.absolute(), root.resolve()}]


def _keeps_dots_back() -> bool:
    """Return whether gradio hides dotfiles: gradio 3 does, but on Windows they have a short name without the dot."""
    return os.name == "posix" and str(getattr(loaded("gradio"), "__version__", "4")).startswith("3.")


def _is_same(path: Path, folder: Path) -> bool:
    """Compare without regard to spelling, because some disks ignore case."""
    with suppress(OSError):
        return os.path.samefile(path, folder)
    return path == folder
