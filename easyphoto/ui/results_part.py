"""The components of the results: the picture on show, what can be done with it, and the sessions to choose from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from easyphoto.ui import compat
from easyphoto.ui.compat import HIDDEN
from easyphoto.ui.language import Translator
from easyphoto.ui.orders import Orders, place_orders

SEND_WORDS = {"img2img": "Send to img2img", "inpaint": "Send to inpaint", "extras": "Send to extras"}


@dataclass(frozen=True)
class Shown:
    """What one visitor's page shows of the results."""

    job: str = ""
    """Id; empty before there is a result."""
    file: str = ""
    followed: str = ""
    """The job that was shown last because it ended, and not because somebody chose it."""
    is_favourites: bool = False
    """Whether the favourites of all sessions stand below the picture, instead of its own session."""
    ticked: tuple[tuple[str, str], ...] = ()
    """Jobs and files of the pictures that are chosen for a download."""

    @property
    def key(self) -> tuple[str, str]:
        return self.job, self.file

    @classmethod
    def of(cls, value: object) -> Shown:
        return value if isinstance(value, Shown) else cls()


@dataclass(frozen=True)
class Results:
    group: Any
    nothing: Any
    shown: Any
    """State: the `Shown`."""
    orders: Orders
    viewer: Any
    picture: Any
    """The whole result, which the host's tabs take; unseen, because the viewer shows it with its template."""
    details: Any
    said: Any
    more: Any
    again: Any
    keep: Any
    steps_button: Any
    steps: Any
    faces: Any
    download: Any
    tiles: Any
    sends: Mapping[str, Any]

    @property
    def outputs(self) -> set[Any]:
        return {
            self.group, self.nothing, self.shown, self.viewer, self.picture, self.details, self.said, self.steps,
            self.faces, self.download, self.tiles,
        }  # fmt: skip


def place_results(prefix: str, words: Translator, sends: Sequence[str]) -> Results:
    nothing = gr.HTML(
        f'<p class="easyphoto-empty">{escape(words("Your portraits will appear here."))}</p>',
        elem_id=f"{prefix}_nothing",
    )
    with gr.Column(visible=False, elem_id=f"{prefix}_results") as group:
        viewer = gr.HTML("", elem_id=f"{prefix}_viewer")
        picture = compat.seen_image(label=words("Selected result"), elem_id=f"{prefix}_picture", elem_classes=[HIDDEN])
        details = gr.HTML("", elem_id=f"{prefix}_details")
        faces = gr.HTML("", elem_id=f"{prefix}_face_pairs")
        with gr.Row(elem_classes=["easyphoto-buttons"]):
            more = gr.Button(words("More like this"), size="sm", elem_id=f"{prefix}_more")
            again = gr.Button(words("Use its settings again"), size="sm", elem_id=f"{prefix}_again")
            keep = gr.Button(words("Save its settings …"), size="sm", elem_id=f"{prefix}_keep")
            steps_button = gr.Button(words("Show every step"), size="sm", elem_id=f"{prefix}_steps_button")
        buttons = _place_sends(prefix, words, sends)
        said = gr.HTML("", elem_id=f"{prefix}_result_said")
        steps = gr.HTML("", elem_id=f"{prefix}_steps")
        download = gr.File(label=words("Download"), visible=False, interactive=False, elem_id=f"{prefix}_download")
        tiles = gr.HTML("", elem_id=f"{prefix}_tiles")
    return Results(
        group, nothing, gr.State(Shown()), place_orders(f"{prefix}_results"), viewer, picture, details, said, more,
        again, keep, steps_button, steps, faces, download, tiles, buttons,
    )  # fmt: skip


def _place_sends(prefix: str, words: Translator, sends: Sequence[str]) -> dict[str, Any]:
    if not sends:
        return {}
    with gr.Row(elem_classes=["easyphoto-buttons"]):
        return {
            name: gr.Button(words(SEND_WORDS.get(name, name)), size="sm", elem_id=f"{prefix}_send_{name}")
            for name in sends
        }
