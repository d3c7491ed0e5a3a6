"""The gallery of styles: searched, narrowed to a group or to favourites, and offered for the model that draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from easyphoto.commands.draw_style_previews import DrawStylePreviews
from easyphoto.jobs.records import Job
from easyphoto.jobs.service import Service
from easyphoto.ui import compat
from easyphoto.ui.card import notes_html
from easyphoto.ui.handlers import saying
from easyphoto.ui.language import Translator
from easyphoto.ui.orders import Orders, connect_orders, place_orders
from easyphoto.ui.picture_choice import latest
from easyphoto.ui.style_tiles import NONE, STAR, StyleTiles, read_order
from easyphoto.ui.thumbnails import Thumbnails
from easyphoto.workspace.style_files import Style
from easyphoto.workspace.styles import (
    GROUPS,
    all_styles,
    change_favourite_style,
    favourite_styles,
    found_styles,
    read_styles,
)


@dataclass(frozen=True)
class StyleGallery:
    fold: Any
    chosen: Any
    """State: the style's id."""
    family: Any
    """State: id of the family that draws; "" where nobody knows it."""
    said: Any
    search: Any
    group: Any
    favourites: Any
    sheet: Any
    tiles: Any
    damage: Any
    draw: Any
    drawn: Any
    """State: the drawing of previews whose pictures are shown already."""
    orders: Orders
    view: StyleTiles
    service: Service

    @property
    def words(self) -> Translator:
        return self.view.words

    @property
    def inputs(self) -> list[Any]:
        return [self.chosen, self.family, self.search, self.group, self.favourites]

    @property
    def outputs(self) -> set[Any]:
        return {self.chosen, self.family, self.said, self.tiles}

    def listed(self, values: Mapping[Any, Any], styles: Sequence[Style] | None = None) -> dict[Any, Any]:
        """Return the tiles as the fields narrow them; `styles` where they were read already. A chosen style that does
        not fit the family is let go."""
        family = str(values.get(self.family) or "")
        workspace = self.service.app.workspace
        styles, marked = all_styles(workspace) if styles is None else styles, favourite_styles(workspace)
        fitting = found_styles(styles, family=family)
        chosen = next((style for style in fitting if style.id == values.get(self.chosen)), None)
        found = found_styles(fitting, group=self._group(values), search=str(values.get(self.search) or ""))
        if values.get(self.favourites):
            found = tuple(style for style in found if style.id in marked)
        id = chosen.id if chosen else NONE
        hidden = len(styles) - len(fitting)
        return {
            self.chosen: id,
            self.family: family,
            self.said: self.view.chosen(chosen),
            self.tiles: self.view.html(
                sorted(found, key=lambda style: style.id not in marked), chosen=id, favourites=marked, hidden=hidden
            ),
        }

    def renewed(self, values: Mapping[Any, Any]) -> dict[Any, Any]:
        """Return the tiles with their previews, and which files cannot be used."""
        styles = read_styles(self.service.app.workspace)
        damaged = [self.words.translate(one.reason) for one in styles.damaged]
        return {
            **self.listed(values, styles.usable),
            self.sheet: self.view.sheet(styles.usable),
            self.damage: notes_html(damaged, self.words) if damaged else "",
        }

    def after(self, job: Job, values: Mapping[Any, Any]) -> dict[Any, Any]:
        """Return the tiles once more when a drawing of previews has ended, and nothing for any other job."""
        if job.kind != DrawStylePreviews.kind or not job.state.is_over or values.get(self.drawn) == job.id:
            return {}
        return {**self.renewed(values), self.drawn: job.id}

    def ordered(self, order: str, values: Mapping[Any, Any]) -> dict[Any, Any]:
        """Choose a style, or mark it. Raises UnknownStyle."""
        verb, id = read_order(order)
        if verb == STAR:
            change_favourite_style(self.service.app.workspace, id)
            return self.listed(values)
        return self.listed({**values, self.chosen: id})

    def _group(self, values: Mapping[Any, Any]) -> str:
        labels = {group: self.view.group(group) for group in GROUPS}
        return compat.key_of(labels, values.get(self.group), otherwise="")


def place_gallery(prefix: str, service: Service, words: Translator) -> StyleGallery:
    """The tiles are filled in when the tab is opened, because their previews take a while."""
    prefix = f"{prefix}_styles"
    view = StyleTiles(words, Thumbnails(), f"{prefix}_order")
    said = gr.HTML("", elem_id=f"{prefix}_said")
    with gr.Accordion(words("Styles: clothes, place and light"), open=True, elem_id=prefix) as fold:
        with gr.Row(elem_classes=["easyphoto-fields"]):
            search = gr.Textbox(
                "", label=words("Search"), max_lines=1, elem_id=f"{prefix}_search", interactive=True,
                placeholder=words("beach, suit, winter …"),
            )  # fmt: skip
            everything = words("All groups")
            group = gr.Dropdown(
                [everything, *(words.translate(title) for title in GROUPS.values())], value=everything,
                label=words("Group"), elem_id=f"{prefix}_group", interactive=True,
            )  # fmt: skip
            favourites = gr.Checkbox(
                False, label=words("Only favourites"), elem_id=f"{prefix}_favourites", interactive=True
            )
        sheet = gr.HTML("", elem_id=f"{prefix}_sheet", elem_classes=[compat.HIDDEN])
        tiles = gr.HTML("", elem_id=f"{prefix}_tiles")
        damage = gr.HTML("", elem_id=f"{prefix}_damage_said")
        draw = gr.Button(words("Draw previews"), size="sm", elem_id=f"{prefix}_draw")
    return StyleGallery(
        fold, gr.State(NONE), gr.State(""), said, search, group, favourites, sheet, tiles, damage, draw,
        gr.State(""), place_orders(prefix), view, service,
    )  # fmt: skip


def connect_gallery(gallery: StyleGallery, message: Any) -> None:
    words, inputs = gallery.words, gallery.inputs

    def narrowed(values: Mapping[Any, Any]) -> dict[Any, Any]:
        return gallery.listed(values)

    def ordered(order: str, *values: Any) -> dict[Any, Any]:
        return gallery.ordered(order, dict(zip(inputs, values, strict=True)))

    for event in (gallery.search.change, gallery.group.input, gallery.favourites.input):
        compat.listen(
            latest(event), saying(message, words, narrowed), inputs=set(inputs), outputs={message, *gallery.outputs}
        )
    connect_orders(gallery.orders, saying(message, words, ordered), inputs=inputs, outputs={message, *gallery.outputs})
