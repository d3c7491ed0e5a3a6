"""Choosing by picture: gradio's own check boxes with a picture on each, so that keyboard and screen reader work.

The pictures are a style sheet of the moment, because a check box has nowhere else to put one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from easyphoto.ui import compat
from easyphoto.ui.live import HIDDEN
from easyphoto.ui.thumbnails import Thumbnails

SIDE = 240


@dataclass(frozen=True)
class Pick:
    value: str
    label: str
    picture: Path | None = None
    """None: nothing but the label."""


@dataclass(frozen=True)
class PictureChoice:
    """`group` holds the values chosen, in the order in which they were chosen."""

    group: Any
    style: Any
    seen: Any
    """State: what the page offers, by `key_of`."""
    elem_id: str
    thumbnails: Thumbnails

    @property
    def outputs(self) -> set[Any]:
        return {self.group, self.style, self.seen}

    def show(self, picks: Sequence[Pick], chosen: Sequence[str]) -> dict[Any, Any]:
        """Updates by component; of `chosen`, what is no longer there is left out."""
        there = {pick.value for pick in picks}
        value = [each for each in chosen if each in there]
        choices = [(pick.label, pick.value) for pick in picks]
        return {
            self.group: compat.update(choices=choices, value=value, visible=bool(picks)),
            self.style: sheet(self.elem_id, picks, self.thumbnails),
            self.seen: key_of(picks),
        }


def place_choice(
    label: str, picks: Sequence[Pick], *, elem_id: str, thumbnails: Thumbnails, chosen: Sequence[str] = ()
) -> PictureChoice:
    group = gr.CheckboxGroup(
        [(pick.label, pick.value) for pick in picks],
        value=list(chosen),
        label=label,
        elem_id=elem_id,
        elem_classes=["easyphoto-pictures"],
        visible=bool(picks),
    )
    style = gr.HTML(sheet(elem_id, picks, thumbnails), elem_id=f"{elem_id}_style", elem_classes=[HIDDEN])
    return PictureChoice(group, style, gr.State(key_of(picks)), elem_id, thumbnails)


def key_of(picks: Sequence[Pick]) -> str:
    """Changes when something else is offered, or looks different."""
    changed = [pick.picture.stat().st_mtime_ns if pick.picture is not None else 0 for pick in picks]
    return repr([(pick.value, pick.label, at) for pick, at in zip(picks, changed, strict=True)])


def latest(event: Callable[..., Any]) -> Callable[..., Any]:
    """The event so that its last firing is never lost; from gradio 4 on, one that comes during a call is by default."""
    return partial(event, trigger_mode="always_last") if compat.version() >= (4,) else event


def sheet(elem_id: str, picks: Sequence[Pick], thumbnails: Thumbnails) -> str:
    rules = [
        f"#{elem_id} label:nth-of-type({number}){{--easyphoto-picture:url({thumbnails.link(pick.picture, SIDE)})}}"
        for number, pick in enumerate(picks, start=1)
        if pick.picture is not None
    ]
    return f"<style>{''.join(rules)}</style>"
