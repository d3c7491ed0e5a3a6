"""Buttons under the setting `scene`: each learned scene and object, put into the text or taken out of it by a click."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from easyphoto.errors import BadSettings
from easyphoto.jobs.service import Service
from easyphoto.persons.scenes import WrittenScene, written_scenes
from easyphoto.ui.language import Translator
from easyphoto.ui.naming import told_apart
from easyphoto.ui.orders import Orders, connect_orders, order_button, place_orders
from easyphoto.workspace.person_record import Person

WEIGHT = 0.8
"""Which a click writes: clearly seen, and people may change it."""


@dataclass(frozen=True)
class SceneChips:
    field: Any
    chips: Any
    orders: Orders
    words: Translator

    def listed(self, service: Service, written: str | None) -> dict[Any, Any]:
        return {self.chips: self.html(scenes_of(service), written or "")}

    def html(self, scenes: Sequence[Person], written: str) -> str:
        if not scenes:
            return ""
        names, there = told_apart(scenes), {each.name.casefold() for each in written_or_none(written)}
        buttons = "".join(
            order_button(
                names[one.id], one.id, to=self.orders.id, is_on=bool({one.id, one.name.casefold()} & there),
                label=self.words("Scene or object: {name}", name=names[one.id]),
            )
            for one in scenes
        )  # fmt: skip
        label = escape(self.words("Learned scenes and objects"))
        return (
            f'<div class="easyphoto-orders easyphoto-chips" role="group" lang="{self.words.tag}"'
            f' aria-label="{label}">{buttons}</div>'
        )


def place_chips(prefix: str, field: Any, words: Translator) -> SceneChips:
    """`field` is the setting's text."""
    prefix = f"{prefix}_scenes"
    return SceneChips(field, gr.HTML("", elem_id=f"{prefix}_said"), place_orders(prefix), words)


def connect_chips(chips: SceneChips, service: Service) -> None:
    def pressed(id: str, written: str | None) -> dict[Any, Any]:
        scene = next((one for one in scenes_of(service) if one.id == id), None)
        text = toggled(written or "", scene) if scene else written or ""
        return {chips.field: text, **chips.listed(service, text)}

    connect_orders(chips.orders, pressed, inputs=[chips.field], outputs={chips.field, chips.chips})


def scenes_of(service: Service) -> tuple[Person, ...]:
    """Return the scenes and objects that can be used."""
    return tuple(one for one in service.app.workspace.list_persons() if not one.shows_face and one.is_trained)


def written_or_none(written: str) -> tuple[WrittenScene, ...]:
    """Return the text's parts; none while it cannot be read."""
    try:
        return written_scenes(written)
    except BadSettings:
        return ()


def toggled(written: str, scene: Person) -> str:
    """Return the text with the scene, or without it where it was in it; the rest stays as it was typed."""
    parts = [part.strip() for part in written.split(",") if part.strip()]
    own = {scene.id, scene.name.casefold()}
    left = [
        part for part in parts if part.rpartition(":")[0].strip().casefold() not in own and part.casefold() not in own
    ]
    return ", ".join(left if len(left) < len(parts) else [*parts, f"{scene.id}:{WEIGHT:g}"])
