"""The gallery of styles: what is offered for which model, found, marked and chosen."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any

import gradio as gr
import pytest
from PIL import Image

from easyphoto.jobs.records import Job, State
from easyphoto.jobs.service import Service
from easyphoto.storage.records import write_json
from easyphoto.ui.language import Translator
from easyphoto.ui.style_gallery import StyleGallery, place_gallery
from easyphoto.ui.style_tiles import order_of

HOSTILE = '"><script>alert(1)</script>'
STYLES: dict[str, dict[str, Any]] = {
    "wall": {"name": "Grey wall", "name_zh": "灰墙", "group": "portraits", "positive": "a grey wall"},
    "sweater": {"name": "Red sweater", "name_zh": "红毛衣", "group": "fashion", "positive": "a knitted sweater"},
    "ballroom": {"name": "Ballroom", "positive": "a ballroom", "families": ["sdxl"]},
}


@pytest.fixture
def service(service: Service, monkeypatch: pytest.MonkeyPatch) -> Service:
    """With these styles alone, which are the user's own."""
    monkeypatch.setattr("easyphoto.workspace.styles.styles_folder", lambda: service.app.workspace.root / "none")
    for name, style in STYLES.items():
        write_json(service.app.workspace.styles / f"{name}.json", {"format": 1, **style})
    return service


@pytest.fixture
def gallery(service: Service) -> StyleGallery:
    return placed(service)


def placed(service: Service, language: str = "en") -> StyleGallery:
    with gr.Blocks():
        return place_gallery("easyphoto_test", service, Translator(language))


def ids(html: str) -> list[str]:
    """The styles of the tiles, in order."""
    orders = [json.loads(unescape(one)) for one in re.findall(r'data-easyphoto-order="([^"]*)"', html)]
    return [id for verb, id in orders if verb == "choose"]


def test_a_style_that_the_model_does_not_know_is_hidden_and_counted(gallery: StyleGallery):
    shown = gallery.listed({gallery.family: "sd15"})
    everything = gallery.listed({gallery.family: ""})

    assert ids(shown[gallery.tiles]) == ["", "own-wall", "own-sweater"]
    assert "Styles: 2 · Not shown, because they are for other models: 1" in shown[gallery.tiles]
    assert ids(everything[gallery.tiles]) == ["", "own-wall", "own-sweater", "own-ballroom"]
    assert "other models" not in everything[gallery.tiles]


@pytest.mark.parametrize("language", ["en", "zh_CN"])
@pytest.mark.parametrize("typed", ["KNITTED red", "毛衣"])
def test_a_style_is_found_by_words_of_either_language(service: Service, typed: str, language: str):
    gallery = placed(service, language)

    assert ids(gallery.listed({gallery.search: typed})[gallery.tiles]) == ["", "own-sweater"]


def test_styles_are_narrowed_to_a_group_and_to_favourites(gallery: StyleGallery):
    gallery.ordered(order_of("star", "own-sweater"), {})

    assert ids(gallery.listed({gallery.group: "Portraits"})[gallery.tiles]) == ["", "own-wall"]
    assert ids(gallery.listed({gallery.favourites: True})[gallery.tiles]) == ["", "own-sweater"]
    # Before all others.
    assert ids(gallery.listed({})[gallery.tiles]) == ["", "own-sweater", "own-wall", "own-ballroom"]


def test_a_chosen_style_says_what_it_adds_and_is_taken_away_by_one_click(gallery: StyleGallery):
    chosen = gallery.ordered(order_of("choose", "own-sweater"), {})
    none = gallery.ordered(order_of("choose", ""), {gallery.chosen: "own-sweater"})

    assert chosen[gallery.chosen] == "own-sweater"
    assert "Style: Red sweater" in chosen[gallery.said]
    assert "a knitted sweater" in chosen[gallery.said]
    assert (none[gallery.chosen], none[gallery.said]) == ("", "")


def test_a_chosen_style_is_let_go_where_the_model_that_draws_does_not_know_it(gallery: StyleGallery):
    values = {gallery.chosen: "own-ballroom"}

    assert gallery.listed({**values, gallery.family: "sdxl"})[gallery.chosen] == "own-ballroom"
    assert gallery.listed({**values, gallery.family: "sd15"})[gallery.chosen] == ""


def test_a_tile_without_a_preview_says_so_and_one_with_it_shows_it(gallery: StyleGallery, service: Service):
    styles = service.app.workspace.styles
    Image.new("RGB", (64, 64), "red").save(styles / "wall.png")
    write_json(styles / "wall.json", {"format": 1, **STYLES["wall"], "preview": "wall.png"})

    shown = gallery.renewed({})

    labels = re.findall(r'aria-label="([^"]*(?:wall|sweater)[^"]*)" ?(?:title="[^"]*")?>', shown[gallery.tiles])
    assert "Grey wall, Portraits" in labels
    assert "Red sweater, Fashion, not drawn yet" in labels
    assert '[data-easyphoto-style="own-wall"]{--easyphoto-picture:url(data:image/jpeg' in shown[gallery.sheet]
    assert "own-sweater" not in shown[gallery.sheet]


def test_a_name_is_no_markup_and_a_damaged_file_is_reported(gallery: StyleGallery, service: Service):
    write_json(service.app.workspace.styles / "evil.json", {"format": 1, "name": HOSTILE, "positive": HOSTILE[2:3]})
    (service.app.workspace.styles / "broken.json").write_text("{", "utf-8")

    shown = gallery.renewed({gallery.chosen: "own-evil"})

    assert "<script" not in shown[gallery.tiles] + shown[gallery.said]
    assert "broken.json" in shown[gallery.damage]


def test_previews_are_shown_once_their_drawing_has_ended(gallery: StyleGallery):
    going = Job("1", "previews", "previews of styles", State.RUNNING, "2026-01-01T00:00:00.000Z", "owner")
    ended = Job("1", "previews", "previews of styles", State.DONE, "2026-01-01T00:00:00.000Z", "owner")
    other = Job("2", "photograph", "photograph anna", State.DONE, "2026-01-01T00:00:00.000Z", "owner")

    assert gallery.after(going, {}) == gallery.after(other, {}) == {}
    assert gallery.after(ended, {})[gallery.drawn] == "1"
    assert gallery.after(ended, {gallery.drawn: "1"}) == {}
