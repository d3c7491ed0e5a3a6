"""The words that describe a person, or call a scene or an object: typed or proposed, and saved when people say so."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from easyphoto.commands.base import NullContext
from easyphoto.commands.change_words import ChangeWords, ProposeWords
from easyphoto.jobs.records import Job, JobEvent, State
from easyphoto.jobs.service import Service
from easyphoto.ui import compat
from easyphoto.ui.card import message_html
from easyphoto.ui.handlers import Renewal, saying
from easyphoto.ui.language import Translator
from easyphoto.ui.live import LiveCard, connect_card, place_card, show_job, show_nothing
from easyphoto.ui.orders import Orders, connect_orders, order_button, place_orders
from easyphoto.workspace.person_record import Person


@dataclass(frozen=True)
class WordsDialog:
    """A dialog for one person's words."""

    group: Any
    said: Any
    answer: Any
    proposal: Any
    orders: Orders
    save: Any
    propose: Any
    close: Any
    live: LiveCard
    words: Translator

    @property
    def outputs(self) -> set[Any]:
        return {self.group, self.said, self.answer, self.proposal, self.propose, *self.live.outputs}

    def opened(self, person: Person, name: str) -> dict[Any, Any]:
        said = (
            self.words("How {name} is described in prompts, such as: grey hair, glasses.", name=name)
            if person.shows_face
            else self.words("The words that bring {name} into a picture.", name=name)
        )
        return {
            **show_nothing(self.live),
            self.group: compat.update(visible=True),
            self.said: f'<p class="easyphoto-hint">{escape(said)}</p>',
            self.answer: person.words,
            self.proposal: self.proposal_html(person),
            self.propose: compat.update(visible=person.shows_face),
        }

    def closed(self) -> dict[Any, Any]:
        return {self.group: compat.update(visible=False)}

    def proposal_html(self, person: Person) -> str:
        """Return what was seen on the photos, with the button that takes it over; it is saved by hand."""
        if not person.proposed_words:
            return ""
        said = self.words("Seen on the photos: {words}", words=person.proposed_words)
        label = self.words("Use these words")
        button = order_button(label, json.dumps([person.id, person.proposed_words]), to=self.orders.id)
        return (
            f'<div class="easyphoto-message" role="status" lang="{self.words.tag}">{escape(said)}'
            f'<span class="easyphoto-orders">{button}</span></div>'
        )


def place_words(prefix: str, words: Translator) -> WordsDialog:
    prefix = f"{prefix}_words"
    with gr.Column(visible=False, elem_id=prefix, elem_classes=["easyphoto-question"]) as group:
        said = gr.HTML("", elem_id=f"{prefix}_said")
        answer = gr.Textbox(
            "", label=words("Words"), info=words("In English. They are added to the words of pictures."), lines=2,
            elem_id=f"{prefix}_answer", interactive=True,
        )  # fmt: skip
        proposal = gr.HTML("", elem_id=f"{prefix}_proposal_said")
        with gr.Row(elem_classes=["easyphoto-buttons"]):
            save = gr.Button(words("Save"), variant="primary", size="sm", elem_id=f"{prefix}_yes")
            propose = gr.Button(words("Propose from the photos"), size="sm", elem_id=f"{prefix}_propose")
            close = gr.Button(words("Cancel"), size="sm", elem_id=f"{prefix}_no")
        live = place_card(prefix, words)
    return WordsDialog(group, said, answer, proposal, place_orders(prefix), save, propose, close, live, words)


def connect_words(part: WordsDialog, service: Service, message: Any, whose: Any, tiles: Renewal) -> None:
    """`whose` is the state with the person's id; `tiles` shows everybody anew."""
    words = part.words

    def saved(id: str | None, typed: str) -> dict[Any, Any]:
        person = ChangeWords(str(id), typed or "").run(service.app, NullContext())
        said = words("The words of {name} are saved.", name=person.name)
        return {**part.closed(), **tiles.handler(), message: message_html(said, is_good=True)}

    def proposed(id: str | None) -> dict[Any, Any]:
        return show_job(part.live, service, service.submit(ProposeWords(str(id))).id, words=words)

    def taken(order: str) -> dict[Any, Any]:
        return {part.answer: str(json.loads(order)[1])}

    def looked(job: Job, events: Sequence[JobEvent]) -> dict[Any, Any]:
        if job.state is not State.DONE or not job.result:
            return {}
        person = service.app.workspace.person(str(job.result["person"]))
        found = part.proposal_html(person)
        none = message_html(words("Nothing was found on the photos that could be put into words."))
        return {part.proposal: found or none, **tiles.handler()}

    outputs = {message, *part.outputs, *tiles.outputs}
    compat.listen(part.save.click, saying(message, words, saved), inputs=[whose, part.answer], outputs=outputs)
    compat.listen(part.propose.click, saying(message, words, proposed), inputs=[whose], outputs=outputs)
    compat.listen(part.close.click, part.closed, outputs={part.group})
    connect_orders(part.orders, saying(message, words, taken), outputs={message, part.answer})
    connect_card(part.live, service, words, kinds=(), extra=looked, extra_outputs=[part.proposal, *tiles.outputs])
