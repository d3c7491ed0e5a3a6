"""The templates that there are: those that ship, and the user's own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from easyphoto.errors import BadName, BadPicture, InputError, NameTaken
from easyphoto.messages import joined, text
from easyphoto.spelling import meant
from easyphoto.workspace.folders import Workspace, checked_id
from easyphoto.workspace.shipped import shipped_templates

OWN = "own-"
"""Prefix of the ids of the user's own templates."""


@dataclass(frozen=True)
class TemplateEntry:
    id: str
    title: str
    path: Path
    is_own: bool
    """Whether it belongs to the user; the others ship with EasyPhoto."""
    faces: int | None = None
    """How many faces it shows; None where nobody has counted."""


def all_templates(workspace: Workspace) -> tuple[TemplateEntry, ...]:
    """Return the templates that ship, then the user's own."""
    shipped = [TemplateEntry(one.file.stem, one.title, one.file, False, one.faces) for one in shipped_templates()]
    own = [TemplateEntry(f"{OWN}{file.stem}", file.stem, file, True) for file in own_templates(workspace)]
    return (*shipped, *own)


def template_entry(workspace: Workspace, id: str) -> TemplateEntry:
    """Raises InputError where there is none."""
    entries = all_templates(workspace)
    found = next((entry for entry in entries if entry.id == id), None)
    if found is None:
        near = meant(id, (entry.id for entry in entries))
        raise InputError(
            text("There is no template {name!r}.", name=id),
            advice=joined((*near, text("List the templates, or upload one.")), " "),
        )
    return found


def template_file(workspace: Workspace, written: str) -> Path:
    """The picture that somebody typed: a file's path, or the id, the title or the file's name of a template here.

    Raises BadPicture that names what may have been meant, among the templates and the pictures beside the path.
    """
    path = Path(written).expanduser()
    if path.exists():
        return path
    entries = all_templates(workspace)
    wanted = written.lower()
    for entry in entries:
        if wanted in (entry.id.lower(), entry.title.lower(), entry.path.name.lower()):
            return entry.path
    near = _meant_file(path) or meant(written, (entry.id for entry in entries))
    raise BadPicture(
        text("{source!s} does not exist.", source=written),
        advice=joined((*near, text("Check the path; easyphoto templates lists those that are here.")), " "),
    )


def _meant_file(path: Path) -> tuple[str, ...]:
    """The pictures in the same folder whose name is nearly that."""
    from easyphoto.images.pictures import picture_files

    beside = picture_files(path.parent) if path.parent.is_dir() else ()
    return meant(str(path), (str(file) for file in beside))


def new_template(workspace: Workspace, name: str, number: int = 1) -> Path:
    """The file of a new template of the user's own; the second of a name is called name-2. Raises BadName without a
    name, and NameTaken if it is in use."""
    try:
        id = checked_id(name)
    except BadName as error:
        said = text("{name!r} cannot be a template's name.", name=name)
        raise BadName(said if name.strip() else text("The template has no name yet."), advice=error.advice) from error
    numbered = id if number == 1 else f"{id}-{number}"
    target = workspace.templates / f"{numbered}.png"
    if any(own.stem.lower() == target.stem for own in own_templates(workspace)):
        raise NameTaken(
            text("There is already a template {name!r}.", name=name if number == 1 else numbered),
            advice=text("Choose another name."),
        )
    return target


def own_templates(workspace: Workspace) -> tuple[Path, ...]:
    """Return the user's own template pictures, by name.

    Links are left out: the file that one leads to, anywhere on this machine, would be handed out to everybody who sees
    the templates.
    """
    from easyphoto.images.pictures import picture_files

    found = picture_files(workspace.templates) if workspace.templates.is_dir() else ()
    return tuple(file for file in found if not file.is_symlink())
