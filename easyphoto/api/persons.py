"""Persons over HTTP: who there is, their portrait, taking them elsewhere and in again, renaming, deleting."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import anyio
from fastapi import Request
from fastapi.responses import FileResponse, StreamingResponse
from starlette.concurrency import run_in_threadpool

from easyphoto.api.answers import names_below, person_answer
from easyphoto.api.errors import UnknownFile
from easyphoto.api.guard import MOST_ARCHIVE, counted
from easyphoto.api.paths import told
from easyphoto.api.schemas import DamagedAnswer, DeletedAnswer, PersonAnswer, PersonsAnswer, RenameRequest
from easyphoto.errors import DiskFailure
from easyphoto.files import make_private_folder, private_opener
from easyphoto.jobs.desk import Desk
from easyphoto.workspace import Person, Workspace

PASSING = ".passing"
"""Folder of the workspace for archives on their way in or out."""
SECONDS_AN_ARCHIVE_LIVES = 3600
PIECE = 1 << 20


@dataclass(frozen=True)
class Persons:
    desk: Desk

    def list(self) -> PersonsAnswer:
        everybody = self.desk.app.persons()
        damaged = [DamagedAnswer(id=one.id, reason=told(one.reason)) for one in self.desk.app.damaged_persons()]
        return PersonsAnswer(persons=[person_answer(self._workspace, person) for person in everybody], damaged=damaged)

    def get(self, id: str) -> PersonAnswer:
        return person_answer(self._workspace, self._workspace.person(id))

    def portrait(self, id: str) -> FileResponse:
        person = self._workspace.person(id)
        if person.portrait is None:
            raise UnknownFile(f"{person.name} has no portrait.", advice="Train them; the portrait is painted then.")
        file = self._workspace.person_folder(person.id) / person.portrait
        if not file.is_file():
            raise UnknownFile(f"The portrait of {person.name} is gone.", advice="Train them again.")
        return FileResponse(file)

    def export(self, id: str) -> StreamingResponse:
        """The person as a ZIP file: photos, training set, LoRA. It can be imported again."""
        person = self._workspace.person(id)
        folder = passing_folder(self._workspace)
        try:
            archive = self.desk.app.export(person.id, folder / f"{person.id}.zip")
            size = archive.stat().st_size
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        headers = {
            "Content-Disposition": f'attachment; filename="{person.id}.zip"',
            "Content-Length": str(size),
        }
        return StreamingResponse(sent_and_gone(archive), media_type="application/zip", headers=headers)

    async def take_in(self, request: Request) -> PersonAnswer:
        """Import a person: the ZIP file of an export, or of a folder of the 2023 extension."""
        folder = await run_in_threadpool(passing_folder, self._workspace)
        try:
            archive = folder / "person.zip"
            await _write(request, archive)
            return await run_in_threadpool(self._import, archive)
        finally:
            # Also where the server closes meanwhile, and cuts off what is still awaited.
            with anyio.CancelScope(shield=True):
                await run_in_threadpool(shutil.rmtree, folder, True)

    def rename(self, id: str, request: RenameRequest) -> PersonAnswer:
        self._workspace.person(id)
        return self._answer(self.desk.rename(id, request.name))

    def delete(self, id: str) -> DeletedAnswer:
        """Delete the person with photos, trainings, jobs, uploads and results. It cannot be undone."""
        return DeletedAnswer(deleted=names_below(self._workspace, self.desk.delete(id)))

    @property
    def _workspace(self) -> Workspace:
        return self.desk.app.workspace

    def _import(self, archive: Path) -> PersonAnswer:
        return self._answer(self.desk.app.import_person(archive))

    def _answer(self, person: Person) -> PersonAnswer:
        return person_answer(self._workspace, person)


def passing_folder(workspace: Workspace) -> Path:
    """A fresh folder in the workspace; what earlier ones left when they were cut off is cleared away."""
    root = workspace.root / PASSING
    try:
        make_private_folder(root)
        for old in root.iterdir():
            # Another request may just have cleared it away.
            with suppress(FileNotFoundError):
                if time.time() - old.stat().st_mtime > SECONDS_AN_ARCHIVE_LIVES:
                    shutil.rmtree(old, ignore_errors=True)
        return Path(tempfile.mkdtemp(dir=root))
    except OSError as error:
        raise DiskFailure(f"{root} cannot be written: {error}.", advice="Check free space and rights.") from error


def sent_and_gone(archive: Path) -> Iterator[bytes]:
    """The file's content; the file and its folder go when it has been sent, or the client has gone."""
    try:
        with archive.open("rb") as stream:
            while piece := stream.read(PIECE):
                yield piece
    finally:
        shutil.rmtree(archive.parent, ignore_errors=True)


async def _write(request: Request, target: Path) -> None:
    """Piece by piece to disk, because a person may be larger than the memory."""
    try:
        with open(target, "wb", opener=private_opener) as stream:
            async for piece in counted(request, MOST_ARCHIVE):
                await run_in_threadpool(stream.write, piece)
    except OSError as error:
        raise DiskFailure(f"The archive could not be written: {error}.", advice="Check free space.") from error
