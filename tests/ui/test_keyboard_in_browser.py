"""From an empty page to a portrait with Tab, Shift+Tab, Space, Enter and typing alone, in headless Chromium."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import TimeoutError

from tests.ui import test_browser as driver
from tests.ui.page_client import NEWEST, served

pytestmark = driver.pytestmark
browser = driver.browser
MOST_PRESSES = 150


def test_a_portrait_is_made_with_the_keyboard_alone(browser: Any, drawn_photos: list[Path], tmp_path: Path):
    with served(tmp_path, NEWEST) as server:
        context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
        page = context.new_page()
        page.goto(server.address, wait_until="domcontentloaded")
        driver.ready(page)

        _bring(page, [str(photo) for photo in drawn_photos if not photo.name.startswith("x-")])
        _add(page, "anna")
        _go_back_to(page, "#easyphoto_tab_photograph-button")
        page.keyboard.press("Enter")
        page.wait_for_selector("#easyphoto_photograph_templates label")
        # Who is the only one is chosen already.
        _go_to(page, "#easyphoto_photograph_templates input[type=checkbox]")
        page.keyboard.press("Space")
        page.wait_for_selector(".easyphoto-taker[aria-pressed=true]")
        _go_to(page, "#easyphoto_photograph_preset input[type=radio]")
        page.keyboard.press("Space")
        _go_to(page, "#easyphoto_photograph_start")
        page.keyboard.press("Enter")
        page.wait_for_selector(".easyphoto-result, #easyphoto_photograph_card [data-state=failed]", timeout=600_000)

        assert page.locator(".easyphoto-result").count() == 1, page.inner_text("#easyphoto_photograph_card")
        _go_to(page, ".easyphoto-result")
        page.keyboard.press("Enter")
        _go_to(page, ".easyphoto-download")
        with page.expect_download() as download:
            page.keyboard.press("Enter")
        assert download.value.suggested_filename.endswith(".png")
        driver._shoot(page, "keyboard")
        context.close()


def _bring(page: Any, photos: list[str]) -> None:
    # The script has looked at the page, and gradio has taken hold of what it has made: nobody is faster than that.
    page.wait_for_selector("#easyphoto_train_photos [data-easyphoto-named]")
    page.wait_for_selector(".easyphoto-guide")
    for last in (False, False, True):
        _go_to(page, "#easyphoto_train_photos :is(button, [role=button])")
        try:
            # Headless Chromium opens no chooser for a key that comes while it is still busy with the page.
            with page.expect_file_chooser(timeout=15_000) as chooser:
                page.keyboard.press("Enter")
        except TimeoutError:
            if last:
                raise
            page.mouse.click(1, 1)
        else:
            break
    chooser.value.set_files(photos)
    page.wait_for_selector(".easyphoto-verdicts")


def _add(page: Any, name: str) -> None:
    _go_to(page, "#easyphoto_train_name :is(input, textarea)")
    page.keyboard.type(name)
    _go_to(page, "#easyphoto_train_add")
    page.keyboard.press("Enter")
    page.wait_for_selector('#easyphoto_train_card [data-state="done"]', timeout=120_000)


def _go_to(page: Any, selector: str, *, key: str = "Tab") -> None:
    """Press the key until the focus is there, and is seen there."""
    for _ in range(MOST_PRESSES):
        page.keyboard.press(key)
        if page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            assert page.evaluate(_IS_SEEN), f"{selector}: nobody sees the focus"
            return
    pytest.fail(f"{selector} is not reached by {MOST_PRESSES} × {key}")


def _go_back_to(page: Any, selector: str) -> None:
    _go_to(page, selector, key="Shift+Tab")


# Of a choice the label is outlined, because it is what people see as the choice.
_IS_SEEN = """() => {
    const at = document.activeElement;
    return [at, at.closest("label")].some((each) => each && getComputedStyle(each).outlineStyle === "solid"
        && parseFloat(getComputedStyle(each).outlineWidth) >= 2);
}"""
