"""Buttons inside HTML, and what looks the workspace up again when a tab is opened."""

from typing import Any

import gradio as gr
import pytest

from easyphoto.jobs.service import Service
from easyphoto.ui import compat, train_tab
from easyphoto.ui.language import Translator
from easyphoto.ui.orders import connect_orders, go_button, mark_html, place_orders
from easyphoto.ui.page import build_page


def test_an_answer_names_the_order_that_it_answers(monkeypatch: pytest.MonkeyPatch):
    heard: list[tuple[Any, dict[str, Any]]] = []
    monkeypatch.setattr(compat, "listen", lambda event, handler, **words: heard.append((handler, words)))
    with gr.Blocks():
        orders, shown = place_orders("easyphoto_x"), gr.HTML()

    connect_orders(orders, lambda order: {shown: order}, outputs={shown})

    handler, words = heard[0]
    assert handler("7\nremove a.jpg") == {orders.text: "7", shown: "remove a.jpg"}
    assert words["outputs"] == {orders.text, shown}
    assert "takeOrder('easyphoto_x_order')" in words["js"]


def test_what_the_answer_goes_into_is_not_sent_along(monkeypatch: pytest.MonkeyPatch):
    """A person's second export was refused by gradio 3's page: it sent the first one's file along."""
    heard: list[dict[str, Any]] = []
    monkeypatch.setattr(compat, "listen", lambda event, handler, **words: heard.append(words))
    with gr.Blocks():
        orders, held, shown = place_orders("easyphoto_x"), gr.State(), gr.File()

    connect_orders(orders, lambda order, value: {}, inputs=[held], outputs={shown})

    assert heard[0]["js"].endswith("...rest.slice(0, 1)]")


def test_a_mark_is_followed_once_to_a_link_or_to_where_it_stands():
    one, other, link = mark_html(), mark_html(), mark_html(link="easyphoto_persons_exported")

    assert one != other
    assert "data-easyphoto-link" not in one
    assert 'data-easyphoto-link="easyphoto_persons_exported"' in link


def test_every_tab_can_be_looked_up_again_without_the_page_being_loaded(service: Service):
    page = build_page(service, standalone=False)

    placed = {getattr(block, "elem_id", None) for block in page.blocks.blocks.values()}
    tabs = ("train", "photograph", "persons", "templates")
    assert {f"easyphoto_{tab}_renew" for tab in tabs} <= placed


def test_a_base_that_was_typed_stays_when_the_tab_is_opened_again(service: Service):
    with gr.Blocks():
        tab = train_tab.build(service, Translator("en"))

    again = train_tab.renewal(tab, service)
    updates = again.handler("/models/mine.safetensors")

    assert "value" not in updates[tab.form.base]
    assert again.handler(None)[tab.form.base]["value"] == "miniature — drawings only, ships with EasyPhoto"
    assert set(updates) == again.outputs


def test_a_button_that_opens_a_tab_may_carry_an_order_there():
    plain, sent = go_button("Train <a>", "train"), go_button("Go", "photograph", order='["a"]', to="x_order")

    assert 'data-easyphoto-tab="train"' in plain
    assert "data-easyphoto-order" not in plain
    assert "Train &lt;a&gt;" in plain
    assert 'data-easyphoto-tab="photograph" data-easyphoto-order="[&quot;a&quot;]" data-easyphoto-to="x_order"' in sent
