"""The queue in a tab: everything of the visitor's that waits or runs, and the ended jobs of the tab's own kinds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from easyphoto.errors import UnknownJob
from easyphoto.jobs.service import Service
from easyphoto.ui import job_rows
from easyphoto.ui.handlers import saying
from easyphoto.ui.job_rows import JobRows
from easyphoto.ui.language import Translator
from easyphoto.ui.orders import Orders, connect_orders, place_orders


@dataclass(frozen=True)
class QueuePart:
    rows: Any
    seen: Any
    """State: the rows shown, so that nothing is sent twice."""
    orders: Orders
    kinds: Sequence[str]
    words: Translator

    @property
    def outputs(self) -> set[Any]:
        return {self.rows, self.seen}


def place_queue(prefix: str, kinds: Sequence[str], words: Translator) -> QueuePart:
    rows = gr.HTML("", elem_id=f"{prefix}_jobs")
    return QueuePart(rows, gr.State(""), place_orders(f"{prefix}_jobs"), kinds, words)


def queue_updates(
    part: QueuePart, service: Service, shown: str | None, seen: str = "", *, titles: Mapping[str, str] | None = None
) -> dict[Any, Any]:
    """Return the queue's rows; only `seen` if they are unchanged. `shown` is the id of the job on show."""
    rows = JobRows(part.words, part.kinds, part.orders.id, titles or {}).html(
        service.queue.list(), shown, others=service.queue.of_others(), lanes=service.lanes()
    )
    return {part.seen: rows} if rows == seen else {part.seen: rows, part.rows: rows}


def connect_queue(
    part: QueuePart,
    service: Service,
    message: Any,
    shown: Callable[..., dict[Any, Any]],
    *,
    inputs: Sequence[Any],
    outputs: set[Any],
) -> None:
    """Connect the rows' buttons. `inputs` begins with the id of the job on show.

    `shown(id, is_new, *inputs)` returns the tab's updates after an order: the job to show, None if there is none, and
    whether the visitor asked to see it.
    """

    def ordered(order: str, on_show: str | None, *more: Any) -> dict[Any, Any]:
        wanted = obeyed(service, order)
        id = wanted or on_show
        return shown(id if id is not None and is_known(service, id) else None, wanted is not None, *more)

    connect_orders(
        part.orders, saying(message, part.words, ordered), inputs=inputs, outputs={message, *part.outputs, *outputs}
    )


def obeyed(service: Service, order: str) -> str | None:
    """Execute a row's order; returns the job to show, None to keep the shown one."""
    verb, id = job_rows.read_order(order)
    if verb == job_rows.CANCEL:
        service.queue.cancel(id)
    elif verb == job_rows.FORGET:
        service.queue.forget(id)
    return id if verb == job_rows.SHOW else None


def is_known(service: Service, id: str) -> bool:
    try:
        service.queue.get(id)
    except UnknownJob:
        return False
    return True
