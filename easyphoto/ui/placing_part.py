"""An object or a pet in a picture: which one, in which picture, and where: painted with the mouse, or as a box."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from easyphoto.commands.place import PlaceObject
from easyphoto.errors import InputError
from easyphoto.geometry import Size
from easyphoto.images.decoding import upright_size
from easyphoto.images.painted_masks import BOX_SO, written_box
from easyphoto.jobs.records import Job
from easyphoto.messages import text
from easyphoto.settings.placing import PlacingSettings
from easyphoto.ui import compat
from easyphoto.ui.client_files import PICTURE_TYPES, FileButton, brought
from easyphoto.ui.fields import SettingFields
from easyphoto.ui.handlers import saying
from easyphoto.ui.language import Translator
from easyphoto.ui.mask_painting import background_of, mask_of, place_painting, png_of
from easyphoto.ui.naming import told_apart
from easyphoto.ui.orders import go_button
from easyphoto.ui.photograph_form import UPLOAD, Choosing, photo_of
from easyphoto.ui.picture_choice import Pick, PictureChoice, latest, place_choice
from easyphoto.ui.scene_chips import scenes_of
from easyphoto.ui.thumbnails import Thumbnails

UPLOADED = "mask.png"


@dataclass(frozen=True)
class PlacingPart:
    things: PictureChoice
    nothing: Any
    templates: PictureChoice
    upload: Any
    uploads: Any
    """State: names of the uploads among the pictures."""
    painting: Any
    editor: Any
    hint: Any
    box: Any
    fields: SettingFields[PlacingSettings]
    choosing: Choosing

    @property
    def words(self) -> Translator:
        return self.choosing.words

    @property
    def inputs(self) -> set[Any]:
        groups = {self.things.group, self.templates.group}
        return {*groups, self.uploads, self.editor, self.box, *self.fields.inputs}

    @property
    def outputs(self) -> set[Any]:
        """What `offered` renews."""
        return {*self.things.outputs, *self.templates.outputs, self.nothing}

    def thing_picks(self) -> list[Pick]:
        service = self.choosing.service
        things = scenes_of(service)
        names = told_apart(things)
        return [Pick(one.id, names[one.id], photo_of(service, one)) for one in things]

    def offered(self, thing: str | None, template: str | None, uploads: Sequence[str]) -> dict[Any, Any]:
        picks = self.thing_picks()
        chosen = [thing] if thing else [pick.value for pick in picks] if len(picks) == 1 else []
        templates = self.choosing.template_picks(uploads)
        return {
            self.nothing: compat.update(visible=not picks),
            **self.things.show(picks, chosen),
            **self.templates.show(templates, [template] if template else []),
        }

    def background(self, template: str | None, uploads: Sequence[str]) -> dict[Any, Any]:
        """Return the editor with the picture that is painted over; without one, a hint in its place."""
        entry = self.choosing.templates(uploads).get(template or "")
        shown = {self.hint: compat.update(visible=entry is None)}
        if entry is not None:
            shown[self.editor] = background_of(entry.path)
        return {**shown, self.painting: compat.update(visible=entry is not None)}

    def ask(self, values: Mapping[Any, Any]) -> Job:
        """Submit the job. Raises InputError, BadMask and BadSettings."""
        service, uploads = self.choosing.service, tuple(values[self.uploads] or ())
        thing, template = values[self.things.group], values[self.templates.group]
        if not thing:
            raise InputError(text("No object is chosen."), advice=text("Choose what is put into the picture."))
        entry = self.choosing.templates(uploads).get(template or "")
        if entry is None:
            raise InputError(text("No picture is chosen."), advice=text("Choose the picture that it goes into."))
        mask = mask_of(values[self.editor], Size(*upright_size(entry.path)))
        box = box_of(str(values[self.box] or ""))
        kept = None if mask is None else service.keep(UPLOADED, png_of(mask)).path
        return service.submit(
            PlaceObject(name=str(thing), template=entry.path, mask=kept, box=box, settings=self.fields.read(values))
        )


def place_placing(prefix: str, choosing: Choosing, words: Translator) -> PlacingPart:
    prefix, thumbnails = f"{prefix}_placing", Thumbnails()
    things = place_choice(words("Object or pet"), (), elem_id=f"{prefix}_things", thumbnails=thumbnails, is_single=True)
    nothing = gr.HTML(nothing_html(words), visible=False, elem_id=f"{prefix}_nothing")
    templates = place_choice(words("Picture"), (), elem_id=f"{prefix}_templates", thumbnails=thumbnails, is_single=True)
    upload = FileButton(words("Add a picture …"), file_types=PICTURE_TYPES, size="sm", elem_id=f"{prefix}_upload")
    hint = gr.HTML(_empty(words("Choose a picture: then paint where the object goes.")), elem_id=f"{prefix}_hint")
    # Hidden by what is around it: made visible itself, gradio 4's editor keeps its picture hidden.
    with gr.Column(visible=False, elem_id=f"{prefix}_painting") as painting:
        gr.HTML(f'<p class="easyphoto-hint">{escape(words("Paint over the place where it goes."))}</p>')
        editor = place_painting(words("Where it goes"), f"{prefix}_editor")
    box = gr.Textbox(
        "", label=words("or a box"), max_lines=1, elem_id=f"{prefix}_box", interactive=True,
        placeholder="0.2,0.3,0.4,0.4", info=words.translate(BOX_SO),
    )  # fmt: skip
    fields = SettingFields(PlacingSettings, words, prefix)
    fields.place("count", "seed", "prompt")
    folded = gr.Accordion(words("Advanced"), open=False, elem_id=f"{prefix}_advanced")
    with folded, gr.Row(elem_classes=["easyphoto-fields"]):
        fields.place_rest()
    return PlacingPart(things, nothing, templates, upload, gr.State(()), painting, editor, hint, box, fields, choosing)


def connect_placing(part: PlacingPart, message: Any) -> None:
    service = part.choosing.service

    def chosen(template: str | None, uploads: Sequence[str]) -> dict[Any, Any]:
        return part.background(template, uploads or ())

    def uploaded(upload: Any, thing: str | None, uploads: Sequence[str]) -> dict[Any, Any]:
        names = tuple(service.keep(file.name, file.take()).name for file in brought(upload))
        kept = tuple(dict.fromkeys((*(uploads or ()), *names)))
        template = f"{UPLOAD}{names[-1]}" if names else None
        return {
            part.uploads: kept,
            **part.offered(thing, template, kept),
            **part.background(template, kept),
        }

    _listen(latest(part.templates.group.input), chosen, part, message, [part.templates.group, part.uploads])
    _listen(part.upload.upload, uploaded, part, message, [part.upload, part.things.group, part.uploads])


def _listen(
    event: Callable[..., Any], handler: Callable[..., dict[Any, Any]], part: PlacingPart, message: Any, inputs: Any
) -> None:
    outputs = {message, part.uploads, part.painting, part.editor, part.hint, *part.outputs}
    compat.listen(event, saying(message, part.words, handler), inputs=inputs, outputs=outputs)


def box_of(typed: str) -> tuple[float, float, float, float] | None:
    """The box that was typed; None for an empty text. Raises BadMask."""
    return written_box(typed) if typed.strip() else None


def nothing_html(words: Translator) -> str:
    """Return what stands where objects would be chosen, with the way to the first one."""
    go = go_button(words("Train an object first"), "train", style="easyphoto-primary")
    return f'{_empty(words("No object is learned yet."))}<div class="easyphoto-orders">{go}</div>'


def _empty(said: str) -> str:
    return f'<p class="easyphoto-empty">{escape(said)}</p>'
