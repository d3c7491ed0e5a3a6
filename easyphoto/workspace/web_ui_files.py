"""What EasyPhoto leaves in a web UI's own folder: lines of its configuration, LoRAs in its list, and its journal."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from easyphoto.errors import BadRecord
from easyphoto.messages import text
from easyphoto.storage.files import write_text
from easyphoto.workspace.moving import is_workspace, read_journal

JOURNAL, EARLIER = "easyphoto-workspace.json", "easyphoto"
"""In the web UI's data folder: where its workspace lies, and the workspace itself until format 2."""
HOMES = "easyphoto-webui"
"""In the user's data folder, with one workspace per web UI, because each has its own training environment."""
CONFIG, UI_CONFIG = "config.json", "ui-config.json"
PREFIX_OF_OPTIONS = "easyphoto_"
PREFIX_OF_LINES = "customscript/easyphoto_webui.py/"
"""Until 0.7 the web UI wrote the first values of the fold into its file, and read them ever after."""
PUBLISHED = re.compile(r"easyphoto-[a-z0-9][a-z0-9_-]*-(?P<start>[0-9a-f]{10})\.safetensors")


@dataclass(frozen=True)
class WebuiFiles:
    """The files of one web UI, some of which its command line can move."""

    data: Path
    config: Path
    ui_config: Path
    loras: Path | None

    @property
    def journal(self) -> Path:
        return self.data / JOURNAL


def files_below(data: Path) -> WebuiFiles:
    """Return the files where a web UI has them that was started without flags for them."""
    return WebuiFiles(data, data / CONFIG, data / UI_CONFIG, data / "models" / "Lora")


def workspace_recorded(files: WebuiFiles) -> Path | None:
    """Return where the web UI's workspace lies: as its settings say, else its journal. Raises BadRecord."""
    said = str(_read(files.config).get(f"{PREFIX_OF_OPTIONS}workspace") or "").strip()
    if said:
        return files.data / Path(said).expanduser()
    journal = read_journal(files.journal)
    if journal is not None:
        return Path(journal.place)
    earlier = files.data / EARLIER
    return earlier if is_workspace(earlier) else None


def lines_of(file: Path) -> tuple[str, ...]:
    """Return the keys of EasyPhoto in one of the web UI's JSON files. Raises BadRecord."""
    return tuple(key for key in _read(file) if key.startswith((PREFIX_OF_OPTIONS, PREFIX_OF_LINES)))


def without_lines(file: Path) -> tuple[str, ...]:
    """Remove EasyPhoto's keys and no others; returns them. Raises BadRecord and DiskFailure."""
    gone = frozenset(lines_of(file))
    if gone:
        target = file.resolve()  # a link stays a link
        mode = target.stat().st_mode
        kept = {key: value for key, value in _read(file).items() if key not in gone}
        write_text(target, json.dumps(kept, indent=4, ensure_ascii=False))
        os.chmod(target, mode & 0o777)
    return tuple(sorted(gone))


def loras_by_name(files: WebuiFiles) -> Iterator[tuple[Path, str]]:
    """Yield files of the LoRA folder that are called as published LoRAs, with the start of the hash in their names."""
    if files.loras is None or not files.loras.is_dir():
        return
    for file in sorted(files.loras.iterdir()):
        match = PUBLISHED.fullmatch(file.name)
        if match and file.is_file():
            yield file, match["start"]


def _read(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise BadRecord(
            text("{file} cannot be read: {cause}.", file=file, cause=str(error)),
            advice=text("Repair it, or remove EasyPhoto's lines by hand."),
        ) from error
    return content if isinstance(content, dict) else {}
