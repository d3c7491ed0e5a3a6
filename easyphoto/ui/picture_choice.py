"""Choices with pictures: gradio's own check boxes, so that keyboard and screen reader work, with a picture on each.

The pictures come from a generated style sheet, because a check box cannot hold one. Of a single choice they are radio
buttons.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from easyphoto.ui import compat
from easyphoto.ui.compat import HIDDEN
from easyphoto.ui.thumbnails import Thumbnails

SIDE = 240


@dataclass(frozen=True)
class Pick:
    value: str
    label: str
    picture: Path | None = None
    """None: only the label is shown."""


@dataclass(frozen=True)
class PictureChoice:
    """`group` holds the chosen values, in the order of choosing; of a single choice the value itself, or None."""

    group: Any
    style: Any
    seen: Any
    """State: `key_of` the offered picks."""
    elem_id: str
    thumbnails: Thumbnails
    is_single: bool = False

    @property
    def outputs(self) -> set[Any]:
        return {self.group, self.style, self.seen}

    def show(self, picks: Sequence[Pick], chosen: Sequence[str]) -> dict[Any, Any]:
        """Return updates by component; values of `chosen` that no longer exist are left out."""
        there = {pick.value for pick in picks}
        value: Any = [each for each in chosen if each in there]
        if self.is_single:
            value = next(iter(value), None)
        choices = [(pick.label, pick.value) for pick in picks]
        return {
            self.group: compat.update(choices=choices, value=value, visible=bool(picks)),
            self.style: sheet(self.elem_id, picks, self.thumbnails),
            self.seen: key_of(picks),
        }


def place_choice(
    label: str,
    picks: Sequence[Pick],
    *,
    elem_id: str,
    thumbnails: Thumbnails,
    chosen: Sequence[str] = (),
    is_single: bool = False,
) -> PictureChoice:
    group = (gr.Radio if is_single else gr.CheckboxGroup)(
        [(pick.label, pick.value) for pick in picks],
        value=next(iter(chosen), None) if is_single else list(chosen),
        label=label,
        elem_id=elem_id,
        elem_classes=["easyphoto-pictures"],
        visible=bool(picks),
    )
    style = gr.HTML(sheet(elem_id, picks, thumbnails), elem_id=f"{elem_id}_style", elem_classes=[HIDDEN])
    return PictureChoice(group, style, gr.State(key_of(picks)), elem_id, thumbnails, is_single)


def key_of(picks: Sequence[Pick]) -> str:
    """Return a key that changes when the offer or its pictures change."""
    changed = [pick.picture.stat().st_mtime_ns if pick.picture is not None else 0 for pick in picks]
    return repr([(pick.value, pick.label, at) for pick, at in zip(picks, changed, strict=True)])


def latest(event: Callable[..., Any]) -> Callable[..., Any]:
    """Return the event so that its last firing is never lost; by default gradio 4 and later drop one during a call."""
    return partial(event, trigger_mode="always_last") if compat.version() >= (4,) else event


def sheet(elem_id: str, picks: Sequence[Pick], thumbnails: Thumbnails) -> str:
    rules = [
        f"#{elem_id} label:nth-of-type({number}){{--easyphoto-picture:url({thumbnails.link(pick.picture, SIDE)})}}"
        for number, pick in enumerate(picks, start=1)
        if pick.picture is not None
    ]
    return f"<style>{''.join(rules)}</style>"
