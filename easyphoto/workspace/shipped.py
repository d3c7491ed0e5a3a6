"""The template pictures that ship with the project, with author, licence and purpose."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from easyphoto.storage.records import read_json


@dataclass(frozen=True)
class Template:
    """One shipped picture with its author, licence and purpose."""

    file: Path
    title: str
    author: str
    licence: str
    faces: int
    validates: bool
    """Whether a training's test pictures are painted on it; results are shown on others."""


def templates_folder() -> Path:
    """The folder of shipped templates, beside the package like models/."""
    return Path(__file__).resolve().parents[2] / "templates"


def shipped_templates(folder: Path | None = None) -> tuple[Template, ...]:
    """All templates of `templates.json`, in its order; empty where the project was installed without them."""
    folder = folder or templates_folder()
    if not (folder / "templates.json").is_file():
        return ()
    entries = read_json(folder / "templates.json")["templates"]
    return tuple(
        Template(
            file=folder / entry["file"],
            title=entry["title"],
            author=entry["author"],
            licence=entry["licence"],
            faces=entry["faces"],
            validates=entry["validates"],
        )
        for entry in entries
    )


def validating_templates() -> tuple[Path, ...]:
    """The pictures on which a training's test pictures are painted."""
    return tuple(template.file for template in shipped_templates() if template.validates)
