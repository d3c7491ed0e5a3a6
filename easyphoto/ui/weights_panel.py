"""The panel "What is missing": what real photographs need, a button that fetches each, and how far it has come.

It stands above the tabs and is filled when one of them is opened, so that a web UI starts as fast as without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from easyphoto.architectures.base import Family
from easyphoto.architectures.registry import FAMILIES
from easyphoto.commands.fetch_weights import FetchWeights
from easyphoto.errors import EasyPhotoError
from easyphoto.jobs.records import Job, State, error_record
from easyphoto.jobs.service import Service
from easyphoto.ui import compat
from easyphoto.ui.card import announced, message_html, progress_html
from easyphoto.ui.fetch_buttons import GET, ORDER, PANEL
from easyphoto.ui.language import Translator
from easyphoto.ui.orders import Orders, connect_orders, order_button, place_orders
from easyphoto.ui.weight_needs import WeightNeed, need_of, weight_needs
from easyphoto.weights.entries import Commercial

HIDE, SHOW = "hide", "show"
COMMERCIAL_WORDS: Mapping[Commercial, str] = {
    Commercial.YES: "commercial use allowed",
    Commercial.NO: "no commercial use",
    Commercial.UNKNOWN: "commercial use not settled",
}


@dataclass(frozen=True)
class PanelState:
    """What one visitor's page shows besides what is missing."""

    named: tuple[str, ...] = ()
    """Sets and files that an error named, or that were asked for here."""
    is_hidden: bool = False

    @classmethod
    def of(cls, value: object) -> PanelState:
        return value if isinstance(value, PanelState) else cls()


@dataclass(frozen=True)
class WeightsPanel:
    card: Any
    seen: Any
    """The HTML that the page shows already, so that nothing is sent twice."""
    state: Any
    cancel: Any
    """Beside the HTML, which is renewed while a download goes on: a button in it would lose the keyboard's focus."""
    tick: Any
    orders: Orders
    words: Translator


def place_panel(words: Translator) -> WeightsPanel:
    with gr.Column(elem_id=PANEL):
        card = gr.HTML("", elem_id=f"{PANEL}_card")
        cancel = gr.Button(
            words("Cancel the download"), size="sm", visible=False, elem_id=f"{PANEL}_cancel", variant="stop"
        )
        tick = gr.Button("tick", elem_id=f"{PANEL}_tick", elem_classes=[compat.HIDDEN])
        orders = place_orders(PANEL)
    return WeightsPanel(card, gr.State(""), gr.State(PanelState()), cancel, tick, orders, words)


def connect_panel(panel: WeightsPanel, service: Service, renewals: Iterable[Any]) -> None:
    """`renewals` are the hidden buttons that are clicked when a tab is opened."""

    def shown(value: object, seen: str, message: str = "") -> dict[Any, Any]:
        html = panel_html(service, PanelState.of(value), panel.words, message=message)
        # The same again would close what the user has unfolded.
        if html == seen:
            return {panel.state: value}
        cancel = compat.update(visible=going_job(downloads_of(service)) is not None)
        return {panel.state: value, panel.seen: html, panel.card: html, panel.cancel: cancel}

    def ordered(order: str, value: object, seen: str) -> dict[Any, Any]:
        state = PanelState.of(value)
        try:
            return shown(obeyed(service, order, state), seen)
        except EasyPhotoError as error:
            return shown(state, seen, refusal_html(error, panel.words))

    def cancelled(value: object, seen: str) -> dict[Any, Any]:
        job = going_job(downloads_of(service))
        if job is not None:
            service.queue.cancel(job.id)
        return shown(value, seen)

    inputs, outputs = [panel.state, panel.seen], {panel.state, panel.seen, panel.card, panel.cancel}
    compat.listen(panel.cancel.click, cancelled, inputs=inputs, outputs=outputs)
    compat.listen(panel.tick.click, shown, inputs=inputs, outputs=outputs)
    for renewal in renewals:
        compat.listen(renewal.click, shown, inputs=inputs, outputs=outputs)
    connect_orders(panel.orders, ordered, inputs=inputs, outputs=outputs)


def obeyed(service: Service, order: str, state: PanelState) -> PanelState:
    """Obey `get NAME`, `hide` or `show`. Raises EasyPhotoError for what cannot be fetched."""
    verb, _, name = order.partition(" ")
    if verb in (HIDE, SHOW):
        return PanelState(state.named, verb == HIDE)
    need = need_of(service.app.store, name)
    if need is None:
        return state
    if not _is_going(job_of(downloads_of(service), need.name)):
        service.submit(FetchWeights((need.name,)))
    return PanelState(tuple(dict.fromkeys((*state.named, need.name))))


def is_in_use(service: Service) -> bool:
    """Return whether there is a person or a result. Before, the guided first run says what is missing."""
    workspace = service.app.workspace
    return bool(workspace.list_persons()) or (workspace.results.is_dir() and any(workspace.results.iterdir()))


def painted_families(service: Service) -> tuple[Family, ...]:
    """Return the families of files that this machine itself paints with: those of the persons."""
    if service.facts().kind != "standalone":
        return ()
    there = {person.family for person in service.app.workspace.list_persons()}
    return tuple(family for family in FAMILIES.from_files if family.id in there)


def needs_shown(service: Service, state: PanelState) -> tuple[WeightNeed, ...]:
    """Return what is missing, and of what an error named or was asked for whatever is missing still."""
    store = service.app.store
    found = {need.name: need for need in weight_needs(store, painted_families(service))}
    for name in state.named:
        if (need := need_of(store, name)) is not None:
            found.setdefault(need.name, need)
    return tuple(found.values())


def downloads_of(service: Service) -> tuple[Job, ...]:
    """Return the visitor's downloads, newest first."""
    return tuple(job for job in service.queue.list() if job.kind == FetchWeights.kind)


def job_of(downloads: Sequence[Job], name: str) -> Job | None:
    """Return the newest download of a set or file."""
    return next((job for job in downloads if job.request.get("names") == [name]), None)


def going_job(downloads: Sequence[Job]) -> Job | None:
    """Return the download that goes on, or comes next."""
    return next((job for job in reversed(downloads) if _is_going(job)), None)


def panel_html(service: Service, state: PanelState, words: Translator, *, message: str = "") -> str:
    """Return the panel; empty where nothing is missing and nothing was asked for."""
    needs, downloads = needs_shown(service, state), downloads_of(service)
    jobs = {need.name: job_of(downloads, need.name) for need in needs}
    is_wanted = {need.name: need.is_needed or need.name in state.named or _is_going(jobs[need.name]) for need in needs}
    first = [need for need in needs if is_wanted[need.name]]
    came = "".join(_came(service, job_of(downloads, name), name, words) for name in state.named)
    is_asked = bool(state.named) or any(map(_is_going, jobs.values()))
    if not (first or came or message) or not (is_asked or message or is_in_use(service)):
        return ""
    if state.is_hidden and not message:
        return _folded(words)
    store = service.app.store
    view = _Rows(words, store.is_offline, store.licences.value)
    rows = "".join(view.html(need, jobs[need.name]) for need in first)
    others = "".join(view.html(need, jobs[need.name]) for need in needs if not is_wanted[need.name])
    more = f"<details><summary>{escape(words('What else can be fetched'))}</summary>{others}</details>"
    hide = order_button(words("Not now"), HIDE, to=ORDER)
    said = next((announced(job, words) for job in jobs.values() if job is not None and _is_going(job)), "")
    head = f"<header><h2>{escape(words('What is missing for real photographs'))}</h2>{hide}</header>" if first else ""
    return (
        f'<section class="easyphoto-missing" lang="{words.tag}" data-active="{str(bool(said)).lower()}"'
        f' data-announce="{escape(said)}">{message}{came}{head}{rows}{more if first and others else ""}</section>'
    )


def refusal_html(error: EasyPhotoError, words: Translator) -> str:
    record = error_record(error)
    message, advice = words.translate(record["message"]), words.translate(record["advice"])
    return f'<div class="easyphoto-refusal" role="alert"><strong>{escape(message)}</strong> {escape(advice)}</div>'


def _is_going(job: Job | None) -> bool:
    return job is not None and not job.state.is_over


def _came(service: Service, job: Job | None, name: str, words: Translator) -> str:
    """Return that a download has ended well, with what to do next."""
    if job is None or job.state is not State.DONE or need_of(service.app.store, name) is not None:
        return ""
    said = words("Fetched: {name}. Photos that were looked at before can be checked again.", name=name)
    return message_html(said, is_good=True)


def _folded(words: Translator) -> str:
    said = words("Something is missing for real photographs.")
    return (
        f'<section class="easyphoto-missing" lang="{words.tag}" data-active="false" data-folded="true">'
        f"<span>{escape(said)}</span> {order_button(words('Show it'), SHOW, to=ORDER)}</section>"
    )


@dataclass(frozen=True)
class _Rows:
    words: Translator
    is_offline: bool
    licences: str

    def html(self, need: WeightNeed, job: Job | None) -> str:
        words, is_going = self.words, _is_going(job)
        failed = job.error if job is not None and job.state is State.FAILED else None
        title, without = words.translate(need.title), words.translate(need.without)
        parts = [f"<h3>{escape(title)}</h3><p>{escape(without)}</p>"]
        parts.append(f'<p class="easyphoto-facts">{self._facts(need)}</p>')
        if job is not None and is_going:
            parts.append(progress_html(job, words))
        elif failed:
            by_hand = (
                f"<details><summary>{escape(words('By hand'))}</summary>{escape(words.translate(failed['advice']))}"
            )
            said = escape(words.translate(failed["message"]))
            parts.append(f'<div class="easyphoto-refusal" role="alert">{said}{by_hand}</details></div>')
        return f'<article aria-label="{escape(title)}"><div>{"".join(parts)}</div>{self._button(need, job)}</article>'

    def _facts(self, need: WeightNeed) -> str:
        words = self.words
        size = words("{size} MB", size=f"{need.bytes / 1e6:,.0f}" if need.bytes >= 1e6 else f"{need.bytes / 1e6:.1f}")
        sized = size if need.is_size_certain else words("more than {size}", size=size)
        facts = [sized, ", ".join(need.licences), words(COMMERCIAL_WORDS[need.commercial])]
        if need.bytes_begun:
            facts.append(words("{size} MB of it are here", size=f"{need.bytes_begun / 1e6:,.1f}"))
        return " · ".join(escape(fact) for fact in facts)

    def _button(self, need: WeightNeed, job: Job | None) -> str:
        words, title = self.words, self.words.translate(need.title)
        if _is_going(job):
            return ""
        if not need.is_allowed:
            said = words("Not allowed by the licence setting ({licences}).", licences=self.licences)
            return f'<p class="easyphoto-why">{escape(said)}</p>'
        if self.is_offline:
            return f'<p class="easyphoto-why">{escape(words("Nothing is downloaded: the offline switch is on."))}</p>'
        return self._order(words("Resume") if need.bytes_begun else words("Fetch"), f"{GET} {need.name}", title)

    def _order(self, label: str, order: str, title: str) -> str:
        return order_button(label, order, to=ORDER, label=f"{label}: {title}", style="easyphoto-primary")
