"""Saved settings in headless Chromium, under each gradio: saved, loaded, downloaded and brought in again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.ui.test_browser import address, browser, open_page, pytestmark

__all__ = ["address", "browser", "open_page", "pytestmark"]
FOLD, NAME = "#easyphoto_train_saved", "#easyphoto_train_saved_name :is(textarea, input)"
STEPS = "#easyphoto_train_steps :is(textarea, input)"
CHECKED = "[...document.querySelectorAll('#easyphoto_train_preset input')].filter(each => each.checked).length"


def test_settings_are_saved_loaded_downloaded_and_brought_in_again(open_page: Callable[..., Any], tmp_path: Path):
    page = open_page()
    open_fold(page)
    page.fill(STEPS, "41")
    page.fill(NAME, "Soft light")
    page.click("#easyphoto_train_saved_save")
    page.wait_for_selector(f"{FOLD} .easyphoto-good >> text=Soft light is saved.")

    # In another visitor's page.
    page = open_page(390)
    open_fold(page)
    page.click(f"{FOLD} [aria-label='Load: Soft light']")
    page.wait_for_selector(f"{FOLD} .easyphoto-good >> text=Soft light is loaded.")
    assert page.input_value(STEPS) == "41"
    assert page.evaluate(CHECKED) == 0

    with page.expect_download() as begun:
        page.click(f"{FOLD} [aria-label='Export: Soft light']")
    assert begun.value.suggested_filename == "Soft light.json"
    begun.value.save_as(tmp_path / "out.json")
    content = json.loads((tmp_path / "out.json").read_text("utf-8"))
    (tmp_path / "in.json").write_text(json.dumps({**content, "name": "Later", "settings": {"steps": 77}}), "utf-8")

    with page.expect_file_chooser() as asked:
        page.locator("button#easyphoto_train_saved_import, #easyphoto_train_saved_import button").first.click()
    asked.value.set_files(tmp_path / "in.json")
    page.wait_for_selector(f"{FOLD} .easyphoto-good >> text=in.json is filled in, and not saved yet.")
    assert page.input_value(STEPS) == "77"
    assert page.input_value(NAME) == "Later"
    assert page.locator(f"{FOLD} .easyphoto-saved li").count() == 1


def open_fold(page: Any) -> None:
    page.evaluate(f"document.querySelector('{FOLD}').querySelector('button, .label-wrap').click()")
    page.wait_for_selector(NAME, state="visible")
