"""Exports a person as a ZIP file, or their LoRA alone."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from easyphoto.commands.base import Command, Context
from easyphoto.messages import text
from easyphoto.storage.files import atomic_path

if TYPE_CHECKING:
    from easyphoto.app import EasyPhoto


@dataclass(frozen=True)
class ExportPerson(Command):
    """Write the person's folder to a ZIP file, or the LoRA alone to a .safetensors file; `ImportPersons` reads both."""

    kind: ClassVar[str] = "export"
    name: str
    target: Path
    """The file, or a folder for the ZIP file."""

    @property
    def title(self) -> str:
        return text("export {name}", name=self.name)

    def run(self, app: EasyPhoto, context: Context) -> Path:
        """Return the file. Raises UnknownPerson, InputError for a LoRA that is not there."""
        from easyphoto.commands.at_work import at_work
        from easyphoto.persons.identity_vectors import EMBEDDINGS
        from easyphoto.persons.lora_export import write_lora_of
        from easyphoto.persons.lora_import import SUFFIX

        with at_work(app, (self.name,), context) as progress:
            person = app.workspace.person(self.name)
            folder = app.workspace.person_folder(person.id)
            target = self.target / f"{person.id}.zip" if self.target.is_dir() else self.target
            if target.suffix.lower() == SUFFIX:
                return write_lora_of(app.workspace, person, target)
            with atomic_path(target) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
                for file in sorted(path for path in folder.rglob("*") if path.is_file()):
                    progress.check()
                    if file.parent == folder / EMBEDDINGS:  # measured again where they are needed
                        continue
                    archive.write(file, Path(person.id) / file.relative_to(folder))
        return target
