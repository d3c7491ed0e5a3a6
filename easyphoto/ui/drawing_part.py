"""From words: what is to be seen, in which style and pose, and how it is drawn. A template then need not be brought."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from easyphoto.errors import InputError
from easyphoto.host.base import HostFacts
from easyphoto.jobs.service import Service
from easyphoto.messages import text
from easyphoto.settings.drawing import DrawingSettings
from easyphoto.ui import compat
from easyphoto.ui.base_names import BaseNames
from easyphoto.ui.client_files import PICTURE_TYPES, FileButton, brought
from easyphoto.ui.fields import SettingFields
from easyphoto.ui.handlers import saying
from easyphoto.ui.language import Translator
from easyphoto.ui.orders import Orders, connect_orders, order_button, place_orders
from easyphoto.ui.style_gallery import StyleGallery, connect_gallery, place_gallery
from easyphoto.workspace.poses import all_poses

FOLDED = ("pose_weight", "drawing_lora_weight", "drawing_steps", "drawing_cfg", "hires")


@dataclass(frozen=True)
class DrawingPart:
    prompt: Any
    gallery: StyleGallery
    pose: Any
    pose_upload: Any
    pose_picture: Any
    """State: name of the upload with the pose; empty without one."""
    pose_said: Any
    pose_orders: Orders
    fields: SettingFields[DrawingSettings]
    base: Any
    bases: BaseNames
    words: Translator

    @property
    def inputs(self) -> set[Any]:
        gallery = self.gallery
        return {self.prompt, self.pose, self.pose_picture, self.base, gallery.chosen, *self.fields.inputs}

    @property
    def outputs(self) -> set[Any]:
        """What `show` fills in."""
        shown = {self.prompt, self.pose, self.pose_picture, self.pose_said, self.base}
        return {*shown, *self.gallery.outputs, *self.fields.inputs}

    @property
    def no_pose(self) -> str:
        return no_pose(self.words)

    @property
    def same_base(self) -> str:
        return same_base(self.words)

    def read(self, values: Mapping[Any, Any]) -> DrawingSettings:
        """Raises BadSettings."""
        pose = compat.key_of(pose_labels(self.words), values[self.pose], otherwise="")
        return replace(
            self.fields.read(values),
            style=str(values[self.gallery.chosen] or ""),
            pose=pose,
            template_base=self.drawer(values),
        )

    def drawer(self, values: Mapping[Any, Any]) -> str:
        """Return the checkpoint that draws; "" for the one that paints the face."""
        base = self.bases.named(values.get(self.base))
        return "" if base == self.same_base else base

    def pose_file(self, values: Mapping[Any, Any], service: Service) -> Path | None:
        """Return the visitor's picture with the pose. Raises InputError where it is gone."""
        name = str(values[self.pose_picture] or "")
        return service.upload(name).path if name else None

    def show(self, drawing: DrawingSettings, prompt: str, service: Service) -> dict[Any, Any]:
        """Return updates by component."""
        pose = pose_labels(self.words).get(drawing.pose, self.no_pose)
        base = self.bases.shown(drawing.template_base, service) if drawing.template_base else self.same_base
        return {
            self.prompt: prompt,
            self.pose: compat.update(value=pose),
            self.pose_picture: "",
            self.pose_said: "",
            self.base: compat.update(value=base),
            **self.fields.show(drawing),
            **self.gallery.listed({self.gallery.chosen: drawing.style}),
        }


def no_pose(words: Translator) -> str:
    return words("left open")


def pose_labels(words: Translator) -> dict[str, str]:
    """Return the poses' names by id."""
    return {pose.id: words.one_of(pose.name, pose.name_zh) for pose in all_poses()}


def same_base(words: Translator) -> str:
    return words("the same as for the face")


def place_drawing(prefix: str, service: Service, words: Translator, facts: HostFacts) -> DrawingPart:
    prompt = gr.Textbox(
        "", label=words("What the picture shows"), lines=3, elem_id=f"{prefix}_words", interactive=True,
        placeholder=words("a violinist on a stage, evening light"),
        info=words("In English, like a picture's caption. The persons' faces are painted afterwards."),
    )  # fmt: skip
    gallery = place_gallery(prefix, service, words)
    pose, upload, picture, said, orders = _place_pose(prefix, words)
    short = {"size": "768x1024", "save_template": ""}
    fields = SettingFields(DrawingSettings, words, f"{prefix}_drawing", short=short)
    with gr.Row(elem_classes=["easyphoto-fields"]):
        fields.place("size", "save_template")
    bases = BaseNames(words)
    with gr.Accordion(words("More drawing settings"), open=False, elem_id=f"{prefix}_drawing_advanced"):
        same = same_base(words)
        base = gr.Dropdown(
            [same, *bases.plain(facts.checkpoints)], value=same, label=words("Template checkpoint"),
            allow_custom_value=True, interactive=True, elem_id=f"{prefix}_drawing_base",
            info=words("The model that draws the picture. The face is painted by the person's own model."),
        )  # fmt: skip
        with gr.Row(elem_classes=["easyphoto-fields"]):
            fields.place(*FOLDED)
    return DrawingPart(prompt, gallery, pose, upload, picture, said, orders, fields, base, bases, words)


def _place_pose(prefix: str, words: Translator) -> tuple[Any, Any, Any, Any, Orders]:
    with gr.Row(elem_classes=["easyphoto-joined"]):
        pose = gr.Dropdown(
            [no_pose(words), *pose_labels(words).values()], value=no_pose(words), label=words("Pose"), interactive=True,
            elem_id=f"{prefix}_pose", info=words("How the person stands or sits."), scale=5,
        )  # fmt: skip
        upload = FileButton(
            words("From a picture …"), file_types=PICTURE_TYPES, size="sm", scale=0, min_width=120,
            elem_id=f"{prefix}_pose_upload",
        )  # fmt: skip
    said = gr.HTML("", elem_id=f"{prefix}_pose_said")
    return pose, upload, gr.State(""), said, place_orders(f"{prefix}_pose")


def connect_drawing(part: DrawingPart, service: Service, message: Any) -> None:
    words = part.words
    connect_gallery(part.gallery, message)

    def posed(upload: Any) -> dict[Any, Any]:
        files = brought(upload)
        if not files:
            raise InputError(text("No picture arrived."), advice=text("Choose it again."))
        kept = service.keep(files[0].name, files[0].take())
        button = order_button(
            words("Without it"), "", to=part.pose_orders.id, label=words("Without the pose's picture")
        )
        said = escape(words("The pose is that of the person in {name}.", name=kept.title))
        shown = f'<p class="easyphoto-hint" role="status">{said} {button}</p>'
        return {part.pose_picture: kept.name, part.pose_said: shown, part.pose: compat.update(value=part.no_pose)}

    def without(order: str) -> dict[Any, Any]:
        return {part.pose_picture: "", part.pose_said: ""}

    def named(pose: str | None) -> dict[Any, Any]:
        """A pose by name takes the place of a picture."""
        return {} if pose in (None, part.no_pose) else without("")

    outputs = {message, part.pose_picture, part.pose_said, part.pose}
    compat.listen(part.pose_upload.upload, saying(message, words, posed), inputs=[part.pose_upload], outputs=outputs)
    connect_orders(part.pose_orders, saying(message, words, without), outputs=outputs)
    compat.listen(part.pose.input, saying(message, words, named), inputs=[part.pose], outputs=outputs)


def check_words(prompt: str, drawing: DrawingSettings, persons: Sequence[str]) -> None:
    """Raise InputError where there is nothing to draw, or nobody."""
    if not persons:
        raise InputError(text("Nobody is chosen."), advice=text("Choose who is photographed."))
    if not prompt.strip() and not drawing.style:
        raise InputError(text("There are no words yet."), advice=text("Say what the picture shows, or choose a style."))
