"""The Persons tab: all persons of the workspace; export, import, rename, delete."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from easyphoto.commands.base import NullContext
from easyphoto.commands.delete_person import DeletePerson
from easyphoto.commands.export_person import ExportPerson
from easyphoto.commands.import_persons import ImportPersons
from easyphoto.commands.rename_person import RenamePerson
from easyphoto.errors import InputError
from easyphoto.jobs.records import Job, State
from easyphoto.jobs.service import Service
from easyphoto.jobs.uploads import MOST_ARCHIVE
from easyphoto.messages import text
from easyphoto.ui import compat
from easyphoto.ui.card import message_html
from easyphoto.ui.client_files import FileDrop, brought, named_folder
from easyphoto.ui.exports import exports_folder, new_export, remove_exports
from easyphoto.ui.handlers import Renewal, saying
from easyphoto.ui.kind_filter import KindFilter, connect_filter, place_filter
from easyphoto.ui.language import Translator
from easyphoto.ui.live import LiveCard, connect_card, place_card, show_job
from easyphoto.ui.naming import label_of
from easyphoto.ui.orders import Orders, connect_orders, mark_html, place_orders
from easyphoto.ui.person_checkpoints import CheckpointsDialog, connect_checkpoints, place_checkpoints
from easyphoto.ui.person_tiles import (
    DELETE,
    EXPORT,
    RENAME,
    STEPS,
    WORDS,
    PersonTiles,
    doomed_html,
    doomed_of,
    read_order,
)
from easyphoto.ui.person_words import WordsDialog, connect_words, place_words
from easyphoto.ui.thumbnails import Thumbnails
from easyphoto.ui.train_kind import kind_labels
from easyphoto.workspace.person_record import OBJECT, SCENE, Damaged, Person

PREFIX = "easyphoto_persons"


@dataclass(frozen=True)
class Question:
    """A dialog for one person: a question, the answer, and two buttons."""

    group: Any
    said: Any
    answer: Any
    yes: Any
    no: Any


@dataclass(frozen=True)
class Import:
    upload: Any
    folder: Any | None
    """None if others can reach the page, because it takes a path on this machine."""
    name: Any
    shows: Any
    """What a LoRA file shows."""
    start: Any
    live: LiveCard


@dataclass(frozen=True)
class PersonsTab:
    tiles: Any
    orders: Orders
    whose: Any
    """State: the id of the person in question."""
    message: Any
    exported: Any
    rename: Question
    delete: Question
    called: WordsDialog
    steps: CheckpointsDialog
    filter: KindFilter
    arrival: Import
    view: PersonTiles
    words: Translator

    @property
    def listing(self) -> set[Any]:
        """What shows everybody."""
        return {self.tiles, self.filter.choice}


def build(service: Service, words: Translator) -> PersonsTab:
    view = PersonTiles(service, words, Thumbnails(), f"{PREFIX}_order")
    message = gr.HTML("", elem_id=f"{PREFIX}_message")
    exported = gr.File(label=words("Exported person"), visible=False, interactive=False, elem_id=f"{PREFIX}_exported")
    rename = _place_question(
        "rename",
        words("New name"),
        words("Rename"),
        words("Cancel"),
        info=words("Anything you like; the id stays the same."),
    )
    delete = _place_question(
        "delete", words("Type the name to confirm"), words("Delete for good"), words("Keep"), is_grave=True
    )
    called, steps = place_words(PREFIX, words), place_checkpoints(PREFIX, words, view.thumbnails)
    persons, damaged = everybody(service)
    filter = place_filter(PREFIX, words, persons)
    tiles = gr.HTML(view.html(persons, damaged), elem_id=f"{PREFIX}_tiles")
    gr.HTML(
        _hint(
            words(
                "To train somebody again, start a training under the same name; one that was cut off is resumed there."
            )
        )
    )
    arrival = _place_import(words, is_local=service.facts().is_local)
    orders, whose = place_orders(PREFIX), gr.State(None)
    return PersonsTab(
        tiles, orders, whose, message, exported, rename, delete, called, steps, filter, arrival, view, words
    )


def _place_question(
    name: str, asked: str, yes: str, no: str, *, info: str | None = None, is_grave: bool = False
) -> Question:
    prefix = f"{PREFIX}_{name}"
    with gr.Column(visible=False, elem_id=prefix, elem_classes=["easyphoto-question"]) as group:
        said = gr.HTML("", elem_id=f"{prefix}_said")
        answer = gr.Textbox("", label=asked, info=info, max_lines=1, elem_id=f"{prefix}_answer", interactive=True)
        with gr.Row(elem_classes=["easyphoto-buttons"]):
            certain = gr.Button(yes, variant="stop" if is_grave else "primary", size="sm", elem_id=f"{prefix}_yes")
            never = gr.Button(no, size="sm", elem_id=f"{prefix}_no")
    return Question(group, said, answer, certain, never)


def _place_import(words: Translator, *, is_local: bool) -> Import:
    with gr.Accordion(words("Import"), open=False, elem_id=f"{PREFIX}_import"):
        gr.HTML(
            _hint(words("A ZIP from Export, or what the EasyPhoto extension of 2023 kept in easyphoto-user-id-infos."))
        )
        with gr.Row(elem_classes=["easyphoto-columns"]):
            upload = FileDrop(
                label=words("ZIP file, or the LoRA of a scene or an object"), file_types=[".zip", ".safetensors"],
                elem_id=f"{PREFIX}_import_file", height=120,
            )  # fmt: skip
            with gr.Column():
                folder = (
                    gr.Textbox(
                        "", label=words("or a folder on this machine"), max_lines=1, elem_id=f"{PREFIX}_import_folder"
                    )
                    if is_local
                    else None
                )
                name = gr.Textbox(
                    "", label=words("Name"), placeholder=words("same as before"), max_lines=1,
                    elem_id=f"{PREFIX}_import_name", info=words("Only if one person is imported."),
                )  # fmt: skip
        shows = gr.Radio(
            [words("as it says itself"), *lora_kinds(words)], value=words("as it says itself"), interactive=True,
            label=words("What a LoRA file shows"), elem_id=f"{PREFIX}_import_kind",
        )  # fmt: skip
        start = gr.Button(words("Import"), variant="primary", elem_id=f"{PREFIX}_import_start")
        live = place_card(PREFIX, words)
    return Import(upload, folder, name, shows, start, live)


def lora_kinds(words: Translator) -> dict[str, str]:
    """Return the kinds of a LoRA file by their labels; a person is more than one file."""
    labels = kind_labels(words)
    return {labels[kind]: kind for kind in (SCENE, OBJECT)}


def connect(tab: PersonsTab, service: Service) -> None:
    _connect_orders(tab, service)
    _connect_rename(tab, service)
    _connect_delete(tab, service)
    _connect_import(tab, service)
    connect_words(tab.called, service, tab.message, tab.whose, renewal(tab, service))
    connect_checkpoints(tab.steps, service, tab.message, renewal(tab, service))
    connect_filter(tab.filter)


def renewal(tab: PersonsTab, service: Service) -> Renewal:
    return Renewal(lambda: _tiles(tab, service), tab.listing)


def everybody(service: Service) -> tuple[tuple[Person, ...], tuple[Damaged, ...]]:
    """Return the readable and the damaged persons."""
    workspace = service.app.workspace
    return workspace.list_persons(), workspace.damaged_persons()


def _tiles(tab: PersonsTab, service: Service) -> dict[Any, Any]:
    persons, damaged = everybody(service)
    return {tab.tiles: tab.view.html(persons, damaged), **tab.filter.offered(persons)}


def _connect_orders(tab: PersonsTab, service: Service) -> None:
    words = tab.words

    def ordered(order: str) -> dict[Any, Any]:
        verb, id = read_order(order)
        person = service.app.workspace.person(id)
        name = label_of(service.app.workspace, person)
        updates = {**_closed(tab), tab.whose: id}
        if verb == EXPORT:
            file = exported_file(service, person.id, exports_folder(tab.exported))
            updates[tab.exported] = compat.update(value=str(file), visible=True)
            said = words("{name} is being downloaded. If nothing happens, use the link.", name=name)
            updates[tab.message] = message_html(said, is_good=True) + mark_html(link=f"{PREFIX}_exported")
        elif verb == WORDS:
            updates |= tab.called.opened(person, name)
        elif verb == STEPS:
            updates |= tab.steps.opened(person, name, service)
        elif verb == RENAME:
            updates[tab.rename.group] = compat.update(visible=True)
            updates[tab.rename.said] = _hint(words("Rename {name}:", name=name))
            updates[tab.rename.answer] = person.name
        elif verb == DELETE:
            updates[tab.delete.group] = compat.update(visible=True)
            updates[tab.delete.said] = doomed_html(person, doomed_of(service, person), words, name=name)
            updates[tab.delete.answer] = compat.update(value="", placeholder=certain_names(name, person)[0])
        return updates

    outputs = {tab.message, tab.whose, tab.exported, *_questions(tab), *tab.called.outputs, *tab.steps.outputs}
    connect_orders(tab.orders, saying(tab.message, words, ordered), outputs=outputs)
    for question in (tab.rename, tab.delete):
        compat.listen(question.no.click, lambda: _closed(tab), outputs={tab.exported, *_questions(tab)})


def _questions(tab: PersonsTab) -> set[Any]:
    questions = {part for each in (tab.rename, tab.delete) for part in (each.group, each.said, each.answer)}
    return {*questions, tab.called.group, tab.steps.group}


def _closed(tab: PersonsTab) -> dict[Any, Any]:
    hidden = compat.update(visible=False)
    return {
        tab.rename.group: hidden,
        tab.delete.group: hidden,
        **tab.called.closed(),
        **tab.steps.closed(),
        tab.exported: compat.update(value=None, visible=False),
    }


def _connect_rename(tab: PersonsTab, service: Service) -> None:
    def renamed(id: str | None, name: str) -> dict[Any, Any]:
        person = service.rename(RenamePerson(str(id), name))
        said = tab.words("They are called {name} now.", name=person.name)
        return {**_closed(tab), **_tiles(tab, service), tab.message: message_html(said, is_good=True)}

    handler = saying(tab.message, tab.words, renamed)
    outputs = {tab.message, tab.exported, *tab.listing, *_questions(tab)}
    for event in (tab.rename.yes.click, tab.rename.answer.submit):
        compat.listen(event, handler, inputs=[tab.whose, tab.rename.answer], outputs=outputs)


def _connect_delete(tab: PersonsTab, service: Service) -> None:
    words = tab.words

    def deleted(id: str | None, answer: str) -> dict[Any, Any]:
        person = service.app.workspace.person(str(id))
        wanted = certain_names(label_of(service.app.workspace, person), person)
        if answer.strip() not in wanted:
            raise InputError(text("That is not the name."), advice=text("Type {name} to delete them.", name=wanted[0]))
        found = service.delete(DeletePerson(person.id))
        remove_exports(exports_folder(tab.exported), person.id)
        tab.view.thumbnails.forget()
        said = words("{name} is deleted: {count} folders and files.", name=person.name, count=len(found.gone))
        if found.left:
            what = ", ".join(left.what for left in found.left)
            said += " " + words("Not gone yet, and deleted later: {what}.", what=what)
        done = message_html(said, is_good=not found.left)
        return {**_closed(tab), **_tiles(tab, service), tab.whose: None, tab.message: done}

    outputs = {tab.message, tab.whose, tab.exported, *tab.listing, *_questions(tab)}
    compat.listen(
        tab.delete.yes.click,
        saying(tab.message, words, deleted),
        inputs=[tab.whose, tab.delete.answer],
        outputs=outputs,
    )


def certain_names(label: str, person: Person) -> tuple[str, ...]:
    """Return what may be typed to delete the person, who is listed as `label`; a name that others have does not do."""
    return (person.name, person.id) if label == person.name else (person.id,)


def _connect_import(tab: PersonsTab, service: Service) -> None:
    part, words = tab.arrival, tab.words

    def started(values: Mapping[Any, Any]) -> dict[Any, Any]:
        files = brought(values[part.upload])
        typed = (values[part.folder] or "").strip() if part.folder is not None else ""
        if not files and not typed:
            if part.folder is None:
                raise InputError(text("There is nothing to import."), advice=text("Choose a ZIP file."))
            advice = text("Choose a ZIP file, or give a folder.")
            raise InputError(text("There is nothing to import."), advice=advice)
        source = files[0].at_most(MOST_ARCHIVE) if files else named_folder(typed)
        name, kind = (values[part.name] or "").strip() or None, lora_kinds(words).get(values[part.shows])
        job = service.submit(ImportPersons(source, name, concept=kind))
        return {part.upload: None, **show_job(part.live, service, job.id, words=words)}

    connect_card(
        part.live,
        service,
        words,
        kinds=(ImportPersons.kind,),
        body=lambda job, events: import_html(job, words),
        extra=lambda job, events: _tiles(tab, service) if job.state.is_over else {},
        extra_outputs=list(tab.listing),
    )
    compat.listen(
        part.start.click,
        saying(tab.message, words, started),
        inputs={part.upload, part.name, part.shows} | ({part.folder} if part.folder is not None else set()),
        outputs={tab.message, part.upload, *part.live.outputs},
    )


def import_html(job: Job, words: Translator) -> str:
    if job.state is not State.DONE or not job.result:
        return ""
    came = ", ".join(job.result["persons"]) or words("nobody")
    lines = [words("Imported: {names}", names=came)]
    lines += [f"{one['name']}: {words.translate(one['reason'])}" for one in job.result["left_out"]]
    return "".join(f"<p>{escape(line)}</p>" for line in lines)


def exported_file(service: Service, id: str, folder: Path) -> Path:
    """Export the person to an unguessable path; an older export of theirs is replaced."""
    remove_exports(folder, id)
    file = new_export(folder, f"{id}.zip", (id,), service.asking().tag)
    return ExportPerson(id, file).run(service.app, NullContext())


def _hint(text: str) -> str:
    return f'<p class="easyphoto-hint">{escape(text)}</p>'
