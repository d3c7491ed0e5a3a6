"""The page: EasyPhoto's tabs in one gr.Blocks, for a host's top-level tab or standalone."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from pathlib import Path
from types import ModuleType
from typing import Any

import gradio as gr

from easyphoto.jobs.service import Service
from easyphoto.jobs.uploads import MOST_ARCHIVE
from easyphoto.ui import compat, persons_tab, photograph_tab, templates_tab, train_tab
from easyphoto.ui.client_files import FileDrop, gradio_folder
from easyphoto.ui.language import Translator
from easyphoto.ui.live import HIDDEN
from easyphoto.ui.photograph_layout import SendTargets

ROOT = Path(__file__).resolve().parents[2]
STYLE, SCRIPT = ROOT / "style.css", ROOT / "javascript" / "easyphoto.js"
TITLE = "EasyPhoto"
# Gradio 6 ships only two dozen letters of the weight that headings and buttons have.
BOLD = (
    '@font-face { font-family: "Source Sans Pro"; font-weight: 600;'
    ' src: url("static/fonts/SourceSansPro/SourceSansPro-Bold.woff2") format("woff2"); }'
)


@dataclass(frozen=True)
class Page:
    blocks: gr.Blocks
    send: SendTargets


def build_page(service: Service, *, standalone: bool, below: Callable[[Translator], None] | None = None) -> Page:
    """Build the page. A host's page includes style and script already; a standalone page brings its own.

    `below` places what a host adds below the tabs.

    Each visitor sees only their own jobs and photos; persons and templates are shared by all.
    """
    service, words = service.for_clients(), Translator(service.facts().language)
    parts = (
        _Part("train", words("Train"), train_tab),
        _Part("photograph", words("Photograph"), photograph_tab),
        _Part("persons", words("Persons"), persons_tab),
        _Part("templates", words("Templates"), templates_tab),
    )
    with compat.blocks(TITLE) as blocks:
        if standalone:
            _place_head(words)
        with gr.Tabs(elem_id="easyphoto_tabs"):
            placed = {part.id: _place_tab(part, service, words) for part in parts}
        for part in parts:
            _connect(part, placed[part.id], service)
        if below is not None:
            below(words)
        if standalone:
            _load_script(blocks)
    return Page(blocks, placed["photograph"].built.send)


def mount_page(app: Any, blocks: gr.Blocks) -> Path:
    """Mount the page at the root; returns gradio's folder for uploads. Options that its version lacks are omitted."""
    wanted = {"max_file_size": MOST_ARCHIVE, "show_error": False, "run_history": False, "ssr_mode": False}
    known = inspect.signature(gr.mount_gradio_app).parameters
    gr.mount_gradio_app(app, blocks, path="/", **{name: value for name, value in wanted.items() if name in known})
    # Gradio 6 checks that a path in an event was uploaded only after its own `launch`.
    blocks.has_launched = True
    return gradio_folder(next(each for each in blocks.blocks.values() if isinstance(each, FileDrop)))


@dataclass(frozen=True)
class _Part:
    id: str
    title: str
    module: ModuleType


@dataclass(frozen=True)
class _Placed:
    renew: gr.Button
    """Clicked by `javascript/easyphoto.js` whenever the tab is opened."""
    built: Any


def _place_tab(part: _Part, service: Service, words: Translator) -> _Placed:
    with gr.Tab(part.title, id=part.id, elem_id=f"easyphoto_tab_{part.id}"):
        renew = gr.Button("renew", elem_id=f"easyphoto_{part.id}_renew", elem_classes=[HIDDEN])
        return _Placed(renew, part.module.build(service, words))


def _connect(part: _Part, placed: _Placed, service: Service) -> None:
    """Connect the tab; everything read from the workspace is refreshed whenever it is opened."""
    part.module.connect(placed.built, service)
    again = part.module.renewal(placed.built, service)
    compat.listen(placed.renew.click, again.handler, inputs=list(again.inputs), outputs=again.outputs)


def _place_head(words: Translator) -> None:
    style = STYLE.read_text("utf-8") + (BOLD if compat.version() >= (6,) else "")
    gr.HTML(f"<style>{style}</style>", elem_id="easyphoto_style")
    said = escape(words("A few photos of a person become portraits of them."))
    gr.HTML(f'<header class="easyphoto-head"><h1>{TITLE}</h1><p>{said}</p></header>', elem_id="easyphoto_head")


def _load_script(blocks: gr.Blocks) -> None:
    script = f"() => {{ {SCRIPT.read_text('utf-8')} }}"
    blocks.load(None, None, None, **compat.event_words(compat.version(), js=script))
