"""The queue of a tab: what goes on stands first, what has ended is folded away, and only what is the tab's is shown."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from html import unescape
from typing import Any

import gradio as gr
import pytest

from easyphoto.commands.draw_template import DrawTemplate
from easyphoto.jobs.askers import Requester, asked_by
from easyphoto.jobs.queue import JobQueue
from easyphoto.jobs.records import Job, State
from easyphoto.jobs.service import Service
from easyphoto.ui import job_rows, train_tab
from easyphoto.ui.job_rows import JobRows
from easyphoto.ui.language import Translator
from easyphoto.ui.queue_part import obeyed, place_queue, queue_updates
from tests.ui.made_sessions import make_session, save_person


@pytest.fixture
def gate(service: Service) -> Iterator[threading.Event]:
    """While it is closed, a job that draws a template goes on."""
    opened = threading.Event()
    yield opened
    opened.set()


def begin(service: Service, gate: threading.Event, asker: Requester | None = None) -> Job:
    queue = service.queue
    assert isinstance(queue, JobQueue)

    def work(context: Any) -> dict[str, Any]:
        while not gate.wait(0.01):
            context.check()
        return {"template": "own-x", "file": "x.png"}

    return queue.submit(DrawTemplate("x", "a beach"), work, asker=asker)


def orders_in(html: str) -> list[list[str]]:
    return [json.loads(unescape(one)) for one in re.findall(r'data-easyphoto-order="([^"]*)"', html)]


def rows_of(service: Service, *kinds: str, seen: str = "") -> dict[Any, Any]:
    with gr.Blocks():
        part = place_queue("easyphoto_x", kinds, Translator("en"))
    return dict(zip(("rows", "seen"), _read(part, service, seen), strict=True))


def _read(part: Any, service: Service, seen: str) -> tuple[Any, Any]:
    updates = queue_updates(part, service, None, seen)
    return updates.get(part.rows), updates[part.seen]


def test_jobs_that_go_on_stand_first_and_ended_ones_are_folded_away(service: Service, gate: threading.Event):
    save_person(service.app.workspace, "anna")
    ended, going = make_session(service), begin(service, gate)

    html = rows_of(service, "photograph")["rows"]

    before, _, fold = html.partition("<details")
    assert orders_in(before) == [["cancel", going.id]]
    assert orders_in(fold) == [["show", ended.id], ["forget", ended.id]]
    assert "Earlier: 1" in fold
    assert 'data-active="true"' in html
    # The page's script keeps it open by this name when the rows are replaced.
    assert 'data-easyphoto-fold="easyphoto_x_jobs_order"' in fold


def test_a_tab_shows_its_own_kinds_and_cancels_all_that_is_the_visitors(service: Service, gate: threading.Event):
    save_person(service.app.workspace, "anna")
    make_session(service)
    going = begin(service, gate)

    assert orders_in(rows_of(service, "train")["rows"]) == [["cancel", going.id]]
    assert orders_in(rows_of(service, "template")["rows"])[:2] == [["show", going.id], ["cancel", going.id]]
    assert obeyed(service, json.dumps([job_rows.CANCEL, going.id])) is None
    while not service.queue.get(going.id).state.is_over:
        pass
    assert service.queue.get(going.id).state is State.CANCELLED


def test_of_other_peoples_jobs_a_tab_says_only_how_many_there_are(service: Service, gate: threading.Event):
    begin(service, gate, asker=Requester(browser="b" * 32))

    with asked_by(Requester(browser="a" * 32)):
        html = rows_of(service.for_clients(), "template")["rows"]

    assert "Other people&#x27;s jobs in the queue: 1" in html
    assert orders_in(html) == []


def test_rows_that_have_not_changed_are_not_sent_again(service: Service):
    save_person(service.app.workspace, "anna")
    make_session(service)
    first = rows_of(service, "photograph")

    assert rows_of(service, "photograph", seen=first["seen"])["rows"] is None


def test_a_very_long_past_is_cut_and_says_so():
    jobs = [
        Job(str(number), "photograph", "photograph anna", State.DONE, "2026-01-01T00:00:00Z", "o")
        for number in range(45)
    ]

    html = JobRows(Translator("en"), ("photograph",), "to").html(jobs, None)

    assert "Earlier: 45" in html
    assert len(re.findall("<li", html)) == 40
    assert "5 older ones are not listed." in html


def test_the_train_tab_has_the_queue_too(service: Service):
    with gr.Blocks() as blocks:
        tab = train_tab.build(service, Translator("en"))
        train_tab.connect(tab, service)

    assert tab.queue.kinds == train_tab.KINDS
    assert any(each.elem_id == "easyphoto_train_jobs" for each in blocks.blocks.values() if hasattr(each, "elem_id"))
