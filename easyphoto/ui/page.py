"""The page: EasyPhoto's tabs in one gr.Blocks, for a host's top-level tab or standalone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from pathlib import Path
from types import ModuleType
from typing import Any

import gradio as gr

from easyphoto import __version__
from easyphoto.jobs.service import Service
from easyphoto.ui import compat, persons_tab, photograph_tab, templates_tab, train_tab
from easyphoto.ui.compat import HIDDEN
from easyphoto.ui.editions import NAMES, QUERY, Editions
from easyphoto.ui.language import Translator
from easyphoto.ui.photograph_layout import SendTargets
from easyphoto.ui.weights_panel import connect_panel, place_panel

ROOT = Path(__file__).resolve().parents[2]
STYLE, SCRIPTS = ROOT / "style.css", ROOT / "javascript"
TITLE = "EasyPhoto"
# Gradio 6 ships only two dozen letters of the weight that headings and buttons have.
BOLD = (
    '@font-face { font-family: "Source Sans Pro"; font-weight: 600;'
    ' src: url("static/fonts/SourceSansPro/SourceSansPro-Bold.woff2") format("woff2"); }'
)
# Gradio's own leads to gradio's API, which the door keeps closed; ours stands in its place.
NO_FOOTER = "footer:not(.easyphoto-foot) { display: none !important; }"


@dataclass(frozen=True)
class Page:
    blocks: gr.Blocks
    send: SendTargets


def build_page(
    service: Service,
    *,
    standalone: bool,
    language: str = "",
    below: Callable[[Translator], None] | None = None,
) -> Page:
    """Build the page in one language, by default the host's. A host's page includes style and script already.

    `below` places what a host adds below the tabs.

    Each visitor sees only their own jobs and photos; persons and templates are shared by all.
    """
    editions = Editions(service.facts().language)
    language = language or editions.at_root
    service, words = service.for_clients(), Translator(language)
    parts = (
        _Part("train", words("Train"), train_tab),
        _Part("photograph", words("Photograph"), photograph_tab),
        _Part("persons", words("Persons"), persons_tab),
        _Part("templates", words("Templates"), templates_tab),
    )
    with compat.blocks(TITLE) as blocks:
        gr.HTML(f'<i lang="{words.tag}"></i>', elem_id="easyphoto_language", elem_classes=[HIDDEN])
        root = "../" if editions.path(language) else "./"
        if standalone:
            _place_head(words, root)
        panel = place_panel(words)
        gr.HTML(away_html(words), elem_id="easyphoto_away")
        with gr.Tabs(elem_id="easyphoto_tabs"):
            placed = {part.id: _place_tab(part, service, words) for part in parts}
        for part in parts:
            _connect(part, placed[part.id], service)
        connect_panel(panel, service, [placed[part.id].renew for part in parts])
        if below is not None:
            below(words)
        if standalone:
            _place_foot(words, root)
            _load_script(blocks)
    return Page(blocks, placed["photograph"].built.send)


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


def _place_head(words: Translator, root: str) -> None:
    style = STYLE.read_text("utf-8") + NO_FOOTER + (BOLD if compat.version() >= (6,) else "")
    gr.HTML(f"<style>{style}</style>", elem_id="easyphoto_style")
    said = escape(words("A few photos of a person become portraits of them."))
    head = f"<div><h1>{TITLE}</h1><p>{said}</p></div>{_switch_html(words, root)}"
    gr.HTML(f'<header class="easyphoto-head">{head}</header>', elem_id="easyphoto_head")


def _switch_html(words: Translator, root: str) -> str:
    """Return links to the page in each language; the door remembers the choice."""
    links = []
    for language, name in NAMES.items():
        tag = Translator(language).tag
        current = ' aria-current="true"' if tag == words.tag else ""
        links.append(f'<a href="{root}?{QUERY}={language}" lang="{tag}" hreflang="{tag}"{current}>{name}</a>')
    # Named in both, because it is looked for by those who cannot read the page.
    return f'<nav class="easyphoto-languages" aria-label="Language / 语言">{"".join(links)}</nav>'


def _place_foot(words: Translator, root: str) -> None:
    api = f'<a href="{root}easyphoto/v1/openapi.json">{escape(words("API for programs"))}</a>'
    gr.HTML(f'<footer class="easyphoto-foot">EasyPhoto {__version__} · {api}</footer>', elem_id="easyphoto_foot")


def away_html(words: Translator) -> str:
    """Return where the script says that the server does not answer; empty until then."""
    said = words("EasyPhoto does not answer. What you just did may be lost: do it again when this message disappears.")
    return f'<div class="easyphoto-away" role="alert" lang="{words.tag}" data-easyphoto-away="{escape(said)}"></div>'


def _load_script(blocks: gr.Blocks) -> None:
    # A host loads every file of that folder by itself.
    script = "\n".join(file.read_text("utf-8") for file in sorted(SCRIPTS.glob("*.js")))
    script = f"() => {{ {script} }}"
    blocks.load(None, None, None, **compat.event_words(compat.version(), js=script))
