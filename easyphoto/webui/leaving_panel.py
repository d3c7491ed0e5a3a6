"""The fold "Remove EasyPhoto" below the tabs: it lists first, and asks for a word before it removes."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import gradio as gr

from easyphoto.errors import InputError
from easyphoto.messages import text
from easyphoto.ui import compat
from easyphoto.ui.card import message_html
from easyphoto.ui.handlers import saying
from easyphoto.ui.language import Translator
from easyphoto.webui.facts import has_login, is_local
from easyphoto.webui.host_modules import host_module
from easyphoto.webui.leaving import listed, removed

if TYPE_CHECKING:
    from easyphoto.persons.leaving import Leaving, Removal

PREFIX = "easyphoto_leaving"
ANSWER = "REMOVE"
KIND_WORDS = {
    "persons": "persons and their pictures",
    "templates": "own templates",
    "styles": "own styles",
    "weights": "downloaded weights",
    "trainer": "the training environment",
    "settings": "settings",
}
"""By the word of what may be kept."""


def place_leaving(words: Translator) -> None:
    flags = host_module("shared").cmd_opts
    with gr.Accordion(words("Remove EasyPhoto"), open=False, elem_id=PREFIX):
        gr.HTML(
            _hint(
                words(
                    "Deleting the extension's folder leaves the web UI as it was, except for what is kept "
                    "elsewhere: your persons and their pictures, their LoRAs in the web UI's list, weights, the "
                    "training environment, and settings. Here all of that is removed. Delete the extension's "
                    "folder afterwards."
                )
            )
        )
        if not is_local(flags) or has_login(flags):
            gr.HTML(_hint(words("Others reach this page, so it is done on the machine itself: easyphoto uninstall")))
            return
        labels = {words(said): kind for kind, said in KIND_WORDS.items()}
        keep = gr.CheckboxGroup(list(labels), value=[], label=words("Keep"), elem_id=f"{PREFIX}_keep")
        look = gr.Button(words("List what there is"), elem_id=f"{PREFIX}_look", size="sm")
        message = gr.HTML("", elem_id=f"{PREFIX}_message")
        found = gr.HTML("", elem_id=f"{PREFIX}_found")
        with gr.Column(visible=False, elem_id=f"{PREFIX}_question", elem_classes=["easyphoto-question"]) as question:
            asked = words("Type {answer} to confirm", answer=ANSWER)
            answer = gr.Textbox("", label=asked, max_lines=1, elem_id=f"{PREFIX}_answer", interactive=True)
            yes = gr.Button(words("Remove for good"), variant="stop", size="sm", elem_id=f"{PREFIX}_yes")

    def looked(kept: Sequence[str]) -> dict[Any, Any]:
        there = listed([labels[label] for label in kept])
        return {found: listing_html(there, words), question: compat.update(visible=bool(there)), answer: ""}

    def taken(kept: Sequence[str], typed: str) -> dict[Any, Any]:
        if (typed or "").strip() != ANSWER:
            raise InputError(text("That is not the word."), advice=text("Type {answer}.", answer=ANSWER))
        made = removed([labels[label] for label in kept])
        return {found: "", question: compat.update(visible=False), message: removal_html(made, words)}

    outputs = {message, found, question, answer}
    compat.listen(look.click, saying(message, words, looked), inputs=[keep], outputs=outputs)
    # Another choice makes the listing untrue.
    compat.listen(keep.change, lambda: {found: "", question: compat.update(visible=False)}, outputs={found, question})
    compat.listen(yes.click, saying(message, words, taken), inputs=[keep, answer], outputs=outputs)


def listing_html(there: Sequence[Leaving], words: Translator) -> str:
    if not there:
        return _hint(words("There is nothing to remove."))
    rows = "".join(
        f"<tr><td>{escape(words.translate(each.what))}</td><td>{_size(each.size)}</td>"
        f"<td><code>{escape(str(each.path))}</code></td></tr>"
        for each in there
    )
    heads = "".join(f"<th>{escape(each)}</th>" for each in (words("What"), words("Size"), words("Where")))
    total = escape(words("Together {size}.", size=_size(sum(each.size for each in there))))
    return (
        f'<div class="easyphoto-leaving"><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'
        f"<p>{total}</p></div>"
    )


def removal_html(made: Removal, words: Translator) -> str:
    if not made.left:
        said = words(
            "EasyPhoto is removed: {count} things. Stop the web UI and delete the extension's folder.",
            count=len(made.gone),
        )
        return message_html(said, is_good=True)
    left = "; ".join(f"{each.what}: {words.translate(each.why)}" for each in made.left)
    return message_html(words("Not all of it could be removed. {left}", left=left))


def _size(size: int) -> str:
    if size >= 1_000_000_000:
        return f"{size / 1e9:.1f} GB"
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else "< 0.1 MB" if size else ""


def _hint(said: str) -> str:
    return f'<p class="easyphoto-hint">{escape(said)}</p>'
