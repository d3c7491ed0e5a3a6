"""The Train tab's first part: photos in, verdicts out, faces chosen, photos removed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from easyphoto.errors import BadPicture, BadReference, EasyPhotoError, InputError, UnknownJob
from easyphoto.jobs.askers import STRANGER
from easyphoto.jobs.records import Job, State
from easyphoto.jobs.service import Service
from easyphoto.messages import text
from easyphoto.ui import compat
from easyphoto.ui.card import card_html, error_html
from easyphoto.ui.client_files import PICTURE_TYPES, FileDrop, brought
from easyphoto.ui.compat import HIDDEN
from easyphoto.ui.language import Translator
from easyphoto.ui.orders import Orders, place_orders
from easyphoto.ui.train_kind import PREFIX
from easyphoto.ui.verdicts import Checked, let_go_html, verdicts_html


@dataclass(frozen=True)
class PhotoSet:
    """The user's photos: upload names, the chosen face of each, and the chosen reference photo."""

    photos: tuple[str, ...] = ()
    faces: Mapping[str, int] | None = None
    reference: str | None = None

    def record(self) -> dict[str, Any]:
        return {"photos": list(self.photos), "faces": dict(self.faces or {}), "reference": self.reference}

    @classmethod
    def of(cls, record: Mapping[str, Any] | None) -> PhotoSet:
        record = record or {}
        faces = dict(record.get("faces", {}))
        return cls(tuple(record.get("photos", ())), faces, record.get("reference"))

    @property
    def without_faces(self) -> PhotoSet:
        """The photos of a scene or an object, of which no face and no reference is chosen."""
        return PhotoSet(self.photos)

    def with_photos(self, names: Sequence[str]) -> PhotoSet:
        return replace(self, photos=tuple(dict.fromkeys((*self.photos, *names))))

    def ordered(self, order: str) -> PhotoSet:
        """Apply `remove NAME`, `reference NAME` or `face NUMBER NAME`; choosing the same again undoes the choice."""
        verb, _, rest = order.partition(" ")
        if verb == "remove" and rest in self.photos:
            faces = {photo: number for photo, number in (self.faces or {}).items() if photo != rest}
            reference = None if self.reference == rest else self.reference
            return PhotoSet(tuple(photo for photo in self.photos if photo != rest), faces, reference)
        if verb == "reference" and rest in self.photos:
            return replace(self, reference=None if self.reference == rest else rest)
        number, _, photo = rest.partition(" ")
        if verb == "face" and photo in self.photos and number.isdecimal():
            faces = dict(self.faces or {})
            if faces.pop(photo, None) != int(number):
                faces[photo] = int(number)
            return replace(self, faces=faces)
        raise InputError(text("This photo is no longer in the list."), advice=text("Drop it again."))


@dataclass(frozen=True)
class PhotoPart:
    drop: Any
    held: Any
    """The record of a PhotoSet, kept in the browser's session."""
    check: Any
    """Id of the shown check."""
    card: Any
    tick: Any
    clear: Any
    again: Any
    message: Any
    orders: Orders

    @property
    def outputs(self) -> set[Any]:
        return {self.drop, self.held, self.check, self.card, self.clear, self.again, self.message}


def place_photos(words: Translator) -> PhotoPart:
    drop = FileDrop(
        label=words("5 to 20 photos"),
        file_count="multiple",
        file_types=PICTURE_TYPES,
        elem_id=f"{PREFIX}_photos",
        height=140,
    )
    consent = words(
        "Only add photos of people who agreed. They are kept in a private folder on the machine that runs EasyPhoto, "
        "and go when you delete the person in the tab Persons."
    )
    gr.HTML(f'<p class="easyphoto-hint">{escape(consent)}</p>', elem_id=f"{PREFIX}_consent")
    message = gr.HTML("", elem_id=f"{PREFIX}_photos_message")
    card = gr.HTML("", elem_id=f"{PREFIX}_check_card")
    with gr.Row(elem_classes=["easyphoto-buttons"]):
        again = gr.Button(words("Check again"), elem_id=f"{PREFIX}_again", size="sm", visible=False)
        clear = gr.Button(words("Remove all photos"), elem_id=f"{PREFIX}_clear", size="sm", visible=False)
    tick = gr.Button("tick", elem_id=f"{PREFIX}_check_tick", elem_classes=[HIDDEN])
    held, check = gr.State(PhotoSet().record()), gr.State(None)
    return PhotoPart(drop, held, check, card, tick, clear, again, message, place_orders(PREFIX))


def taken_in(service: Service, value: Any) -> tuple[tuple[str, ...], list[EasyPhotoError]]:
    """Store the dropped files; returns the names of those stored and the errors of the rest. Raises ForeignFile."""
    names: list[str] = []
    refused: list[EasyPhotoError] = []
    for file in brought(value):
        try:
            names.append(service.keep(file.name, file.take()).name)
        except BadPicture as error:
            refused.append(error)
    return tuple(names), refused


def upload_paths(service: Service, photos: Sequence[str]) -> tuple[Path, ...]:
    return tuple(service.upload(name).path for name in photos)


def show_check(
    part: PhotoPart, service: Service, id: str | None, held: PhotoSet, words: Translator, *, person: str = ""
) -> dict[Any, Any]:
    """Return the check's progress, then its verdicts; `person` is the typed name, for the reference's question."""
    if id is None:
        return {part.card: ""}
    try:
        job = service.queue.get(id)
    except UnknownJob:
        return {part.card: "", part.check: None}
    if job.state is State.DONE and job.result is not None:
        return {part.card: verdicts_html(checked_of(service, job, held, person.strip()), held.faces or {}, words)}
    refused = held.reference if job.error and job.error.get("code") == BadReference.__name__ else None
    return {part.card: card_html(job, words, more=let_go_html(refused, words) if refused else "")}


def checked_of(service: Service, job: Job, held: PhotoSet, person: str = "") -> Checked:
    result = dict(job.result or {})
    asked = result.get("question") or {}
    close_up = _link(service, job, asked["file"]) if asked.get("file") else None
    named = {photo: name for photo, name in result.get("files", {}).items() if photo in held.photos}
    links = {photo: link for photo, name in named.items() if (link := _link(service, job, name)) is not None}
    return Checked(result, links, held.photos, held.reference, person, close_up)


def _link(service: Service, job: Job, name: str) -> str | None:
    """Return a picture that the job hands out; None if it is gone."""
    try:
        return compat.link_or_none(service.queue.file(job.id, name))
    except EasyPhotoError:
        return None


def unfinished_check(service: Service) -> Job | None:
    """Return this browser's newest check, for a page that was closed; None if its photos were used since.

    Unused photos are not shown to anybody else, not even to the same account in another browser.
    """
    asker = service.asking()
    for job in service.queue.list() if asker.browser != STRANGER.browser else ():
        if job.asker != asker:
            continue
        if job.kind in ("train", "resume", "add"):
            return None
        if job.kind == "check" and job.state in (State.DONE, State.RUNNING, State.QUEUED):
            return job
    return None


def held_by(service: Service, job: Job) -> PhotoSet:
    """Return the check's photos that still exist."""
    photos = tuple(name for name in job.request.get("photos", ()) if _is_there(service, name))
    faces = {photo: number for photo, number in job.request.get("chosen_faces", {}).items() if photo in photos}
    reference = job.request.get("reference")
    return PhotoSet(photos, faces, reference if reference in photos else None)


def _is_there(service: Service, name: str) -> bool:
    try:
        return service.upload(name).path.is_file()
    except InputError:
        return False


def refusals_html(refused: Sequence[EasyPhotoError], words: Translator) -> str:
    return "".join(error_html({"message": error.message, "advice": error.advice}, words) for error in refused)


def photo_buttons(part: PhotoPart, visible: bool) -> dict[Any, Any]:
    return {part.clear: compat.update(visible=visible), part.again: compat.update(visible=visible)}
