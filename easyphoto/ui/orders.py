"""Buttons inside HTML: `<button data-easyphoto-order="remove 3" data-easyphoto-to="easyphoto_train_order">`.

`javascript/easyphoto.js` keeps the order and clicks the hidden button, whose handler receives the order's text. The
next order is sent when the previous one is answered, because gradio drops or mixes events that overtake each other.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from easyphoto.ui import compat
from easyphoto.ui.compat import HIDDEN

# The order replaces the first input; the others are passed on unchanged. Gradio 3 hands over the outputs' values too:
# sent back, all that the page shows would travel, and a file that the server has made would be refused.
TAKE_ORDER = (
    "(first, ...rest) => [window.easyphoto ? window.easyphoto.takeOrder('{id}') : '', ...rest.slice(0, {count})]"
)


@dataclass(frozen=True)
class Orders:
    text: Any
    """Holds the number of the order that was answered last."""
    button: Any
    id: str


def place_orders(prefix: str) -> Orders:
    """The HTML's buttons name `prefix` + `_order` as their target."""
    text = gr.Textbox("", label="order", elem_id=f"{prefix}_order_text", elem_classes=[HIDDEN])
    return Orders(text, gr.Button("order", elem_id=f"{prefix}_order", elem_classes=[HIDDEN]), f"{prefix}_order")


def connect_orders(
    orders: Orders, handler: Callable[..., dict[Any, Any]], *, outputs: set[Any], inputs: Sequence[Any] = ()
) -> None:
    """`handler(order, *inputs)` returns updates by component."""

    def answered(asked: str, *values: Any) -> dict[Any, Any]:
        number, _, order = (asked or "").partition("\n")
        return {orders.text: number, **handler(order, *values)}

    take = TAKE_ORDER.replace("{id}", orders.id).replace("{count}", str(len(inputs)))
    compat.listen(
        orders.button.click, answered, inputs=[orders.text, *inputs], outputs={orders.text, *outputs}, js=take
    )


def order_button(text: str, order: str, *, to: str, label: str = "", style: str = "", is_on: bool | None = None) -> str:
    """Return the HTML of such a button; `label` is for screen readers, `is_on` marks one of several choices."""
    named = f' aria-label="{escape(label)}" title="{escape(label)}"' if label else ""
    pressed = "" if is_on is None else f' aria-pressed="{str(is_on).lower()}"'
    return (
        f'<button type="button" class="easyphoto-order {escape(style)}" data-easyphoto-order="{escape(order)}"'
        f' data-easyphoto-to="{escape(to)}"{named}{pressed}>{escape(text)}</button>'
    )


def go_button(text: str, tab: str, *, order: str = "", to: str = "", style: str = "") -> str:
    """Return a button that opens the tab `tab` (train, photograph, persons, templates), and may send an order there."""
    sent = f' data-easyphoto-order="{escape(order)}" data-easyphoto-to="{escape(to)}"' if to else ""
    return (
        f'<button type="button" class="easyphoto-order {escape(style)}" data-easyphoto-tab="{escape(tab)}"{sent}>'
        f"{escape(text)}</button>"
    )


def mark_html(*, link: str = "") -> str:
    """Return a mark that the page follows once, as soon as it appears: to the link in the component `link`, so that a
    file is downloaded with the click that asked for it; or else by scrolling to what the mark stands in."""
    named = f' data-easyphoto-link="{escape(link)}"' if link else ""
    return f'<i hidden data-easyphoto-once="{secrets.token_hex(8)}"{named}></i>'
