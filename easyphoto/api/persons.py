"""Persons over HTTP: list, portrait, export, import, rename, delete."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import anyio
from fastapi import Query, Request, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from easyphoto.api.answers import names_below, person_answer
from easyphoto.api.errors import BadRequest, UnknownFile
from easyphoto.api.guard import ZIPS, kind_of
from easyphoto.api.paths import redacted_paths, told
from easyphoto.api.schemas import (
    CheckpointsAnswer,
    ConceptName,
    DamagedAnswer,
    LeftTold,
    Name,
    PersonAnswer,
    PersonDeletedAnswer,
    PersonsAnswer,
    RenameRequest,
    Words,
    WordsRequest,
)
from easyphoto.api.sending import file_answer
from easyphoto.api.waiting import counted
from easyphoto.commands.base import NullContext
from easyphoto.commands.change_words import ChangeWords
from easyphoto.commands.delete_person import DeletePerson
from easyphoto.commands.export_person import ExportPerson
from easyphoto.commands.import_persons import SHOWN, WORDS, ImportPersons
from easyphoto.commands.rename_person import RenamePerson
from easyphoto.errors import DiskFailure, EasyPhotoError
from easyphoto.jobs.service import Service
from easyphoto.jobs.uploads import MOST_ARCHIVE
from easyphoto.messages import text
from easyphoto.persons.checkpoints import checkpoints_of
from easyphoto.persons.importing import first_of
from easyphoto.persons.lora_import import SUFFIX
from easyphoto.progress import Cancelled
from easyphoto.storage.files import cause_of, private_opener
from easyphoto.storage.scratch import held_folder
from easyphoto.workspace.folders import Workspace
from easyphoto.workspace.person_record import Person

PIECE = 1 << 20
KIND = Query(None, description="Only persons (`face`), scenes or objects.")
NEW_NAME = Query(None, description="Another name; a LoRA file needs one.")
SHOWN_KIND = Query(None, description=SHOWN)
CALLED = Query(None, description=WORDS)


@dataclass(frozen=True)
class PersonRoutes:
    service: Service

    def list(self, kind: ConceptName | None = KIND) -> PersonsAnswer:
        everybody = [person for person in self._workspace.list_persons() if kind in (None, person.kind)]
        damaged = [DamagedAnswer(id=one.id, reason=told(one.reason)) for one in self._workspace.damaged_persons()]
        return PersonsAnswer(persons=[person_answer(self._workspace, person) for person in everybody], damaged=damaged)

    def get(self, id: str) -> PersonAnswer:
        return person_answer(self._workspace, self._workspace.person(id))

    def portrait(self, id: str) -> StreamingResponse:
        person = self._workspace.person(id)
        if person.portrait is None:
            raise UnknownFile(
                text("{name} has no portrait.", name=person.name),
                advice=text("Train them: the training makes the portrait."),
            )
        file = self._workspace.person_folder(person.id) / person.portrait
        return file_answer(
            file,
            gone=UnknownFile(
                text("The portrait of {name} is gone.", name=person.name), advice=text("Train them again.")
            ),
        )

    def checkpoints(self, id: str) -> CheckpointsAnswer:
        """The steps whose LoRAs the last training has kept; /persons:choose takes one of them."""
        found = checkpoints_of(self._workspace, self._workspace.person(id))
        return CheckpointsAnswer(run=found.folder.root.name, steps=list(found.steps), chosen=found.chosen)

    def sheet(self, id: str) -> StreamingResponse:
        """The test pictures of the last training, a row for each checkpoint."""
        person = self._workspace.person(id)
        gone = UnknownFile(
            text("The training of {name} has no test pictures.", name=person.name), advice=text("Train again.")
        )
        return file_answer(checkpoints_of(self._workspace, person).folder.sheet, gone=gone)

    def export(self, id: str) -> StreamingResponse:
        """The person as a ZIP file: photos, training set, LoRA if there is one. It can be imported again."""
        person = self._workspace.person(id)
        with ExitStack() as opened:
            folder = opened.enter_context(held_folder(self._workspace.passing))
            try:
                archive = ExportPerson(person.id, folder / f"{person.id}.zip").run(self.service.app, NullContext())
            except (EasyPhotoError, Cancelled):
                # A person deleted meanwhile is reported as unknown, whatever error the missing files have caused.
                self._workspace.person(id)
                raise
            headers = {
                "Content-Disposition": f'attachment; filename="{person.id}.zip"',
                "Content-Length": str(archive.stat().st_size),
            }
            sent = sent_and_gone(archive, opened.pop_all())
        return StreamingResponse(sent, media_type="application/zip", headers=headers)

    async def take_in(
        self,
        request: Request,
        name: Name | None = NEW_NAME,
        kind: ConceptName | None = SHOWN_KIND,
        words: Words | None = CALLED,
    ) -> PersonAnswer:
        """Import a person: the ZIP file of an export, or of a folder of the 2023 extension. Or a scene or an object:
        its LoRA file (.safetensors), such as a scene of the 2023 extension.
        """
        is_archive = kind_of(request) in ZIPS
        if not is_archive and not name:
            raise BadRequest(text("A LoRA file needs a name."), advice=text("Add ?name= to the address."))
        held = held_folder(self._workspace.passing)
        folder = await run_in_threadpool(held.__enter__)
        try:
            sent = folder / ("person.zip" if is_archive else f"scene{SUFFIX}")
            await _write(request, sent)
            command = ImportPersons(sent, name, concept=kind, words=words)
            return await run_in_threadpool(self._import, command)
        finally:
            # Also when the server closes meanwhile and cancels pending awaits.
            with anyio.CancelScope(shield=True):
                await run_in_threadpool(held.__exit__, None, None, None)

    def rename(self, id: str, request: RenameRequest) -> PersonAnswer:
        return self._answer(self.service.rename(RenamePerson(id, request.name)))

    def change_words(self, id: str, request: WordsRequest) -> PersonAnswer:
        """Change what describes them in prompts: hair, glasses, age."""
        return self._answer(ChangeWords(id, request.words).run(self.service.app, NullContext()))

    def delete(self, id: str, response: Response) -> PersonDeletedAnswer:
        """Delete the person with photos, trainings, jobs, uploads and results. This cannot be undone.

        Work on them is asked to stop. What could not be deleted yet is listed, with status 202, and deleted later. An
        id that only trainings and jobs name, as after a cancelled first training, is deleted as well.
        """
        found = self.service.delete(DeletePerson(id))
        if found.left:
            response.status_code = 202
        left = [LeftTold(what=one.what, why=redacted_paths(one.why)) for one in found.left]
        return PersonDeletedAnswer(deleted=names_below(self._workspace, found.gone), left=left)

    @property
    def _workspace(self) -> Workspace:
        return self.service.app.workspace

    def _import(self, command: ImportPersons) -> PersonAnswer:
        return self._answer(first_of(command.run(self.service.app, NullContext())))

    def _answer(self, person: Person) -> PersonAnswer:
        return person_answer(self._workspace, person)


def sent_and_gone(archive: Path, opened: ExitStack) -> Iterator[bytes]:
    """Yield the file's content; `opened` deletes its folder when it has been sent, or the client has gone."""
    with opened, archive.open("rb") as stream:
        while piece := stream.read(PIECE):
            yield piece


async def _write(request: Request, target: Path) -> None:
    """Write in pieces, because a person may be larger than the memory."""
    try:
        with open(target, "wb", opener=private_opener) as stream:
            async for piece in counted(request, MOST_ARCHIVE, request.state.held):
                await run_in_threadpool(stream.write, piece)
    except OSError as error:
        raise DiskFailure(
            text("The archive could not be written: {cause}.", cause=cause_of(error)), advice=text("Check free space.")
        ) from error
