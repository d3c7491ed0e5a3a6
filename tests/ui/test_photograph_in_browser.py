"""The Photograph tab in headless Chromium: a trained person, portraits, their steps, and the same settings again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from easyphoto.images.pictures import picture_record
from easyphoto.workspace.folders import Workspace
from tests.trained import copy_of_trained
from tests.ui import test_browser as driver
from tests.ui.accessibility import findings
from tests.ui.page_client import NEWEST, served

TAB = "#easyphoto_photograph_"
pytestmark = driver.pytestmark
browser = driver.browser


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """With anna in it, whose face was learned for a few steps."""
    return copy_of_trained(tmp_path_factory, tmp_path_factory.mktemp("trained") / "workspace")


@pytest.fixture(scope="module")
def address(workspace: Workspace) -> Iterator[str]:
    """The page under the newest gradio: only there is what paints installed."""
    with served(workspace.root.parent, NEWEST, workspace=workspace.root) as server:
        yield f"{server.address}/"


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    page = context.new_page()
    page.said = []
    page.on("pageerror", lambda error: page.said.append(str(error)))
    page.goto(address, wait_until="domcontentloaded")
    open_tab(page)
    yield page
    context.close()


def test_a_portrait_is_made_shown_step_by_step_and_repeated(page: Any, tmp_path: Path):
    choose(page, "templates", "Two friends")
    page.wait_for_selector(".easyphoto-taker")
    # Who is the only one is chosen already, and takes the larger face.
    assert [pressed(page, face) for face in (0, 1)] == ["leave as it is", "anna"]

    page.locator(".easyphoto-face").nth(0).get_by_text("anna").click()
    page.wait_for_function(
        "[...document.querySelectorAll('.easyphoto-taker[aria-pressed=true]')].map((each) => each.innerText).join() "
        "=== 'anna,leave as it is'"
    )
    fill(page, "seed", "7")
    page.locator(f"{TAB}advanced .label-wrap").first.click()
    fill(page, "first_steps", "2")
    fill(page, "second_steps", "2")
    # The miniature leaves the second pass out unless it is asked for.
    fill(page, "second_strength", "0.3")
    page.click(f"{TAB}start")
    page.wait_for_selector(f".easyphoto-result, {TAB}card [data-state=failed]", timeout=600_000)
    assert page.locator(".easyphoto-result").count() > 0, page.inner_text(f"{TAB}card")

    assert findings(page) == []
    assert page.locator(".easyphoto-steps img").count() == 0
    page.click(f"{TAB}steps_button")
    page.wait_for_selector(".easyphoto-steps img")
    assert {"crop", "first pass", "second pass"} <= set(page.locator(".easyphoto-steps figcaption").all_inner_texts())

    with page.expect_download() as download:
        page.click(".easyphoto-download")
    kept = tmp_path / "kept.png"
    download.value.save_as(kept)
    record = picture_record(kept)
    assert record is not None
    assert (record["seed"], [seat["face"] for seat in record["seats"]]) == (7, [0])

    check_that_it_is_repeated(page, kept)
    assert page.said == []
    driver._shoot(page, "portraits")


def check_that_it_is_repeated(page: Any, kept: Path) -> None:
    """On a page that knows nothing of it."""
    page.reload(wait_until="domcontentloaded")
    open_tab(page)
    page.locator(f"{TAB}repeat .label-wrap").first.click()
    with page.expect_file_chooser() as chooser:
        page.click(f"{TAB}record")
    chooser.value.set_files(str(kept))
    page.wait_for_selector(f"{TAB}record_said .easyphoto-good")

    assert page.locator(f"{TAB}seed input").first.input_value() == "7"
    assert [pressed(page, face) for face in (0, 1)] == ["anna", "leave as it is"]
    assert page.locator(f"{TAB}templates label", has_text="Two friends").locator("input").is_checked()


def test_the_dialogs_of_a_person_can_be_used_by_everybody(page: Any):
    driver.open_tab(page, "Persons")
    for verb in ("Rename", "Delete"):
        page.get_by_role("button", name=f"{verb}: anna").click()
        page.wait_for_selector(f"#easyphoto_persons_{verb.lower()}_yes")
        assert findings(page) == []
        driver._shoot(page, f"person-{verb.lower()}")


def open_tab(page: Any) -> None:
    driver.ready(page).get_by_role("tab", name="Photograph", exact=True).first.click()
    page.wait_for_selector(f"{TAB}templates label")


def choose(page: Any, group: str, label: str) -> None:
    page.locator(f"{TAB}{group} label", has_text=label).locator("input").check()


def pressed(page: Any, face: int) -> str:
    return page.locator(".easyphoto-face").nth(face).locator('[aria-pressed="true"]').inner_text()


def fill(page: Any, name: str, text: str) -> None:
    field = page.locator(f"{TAB}{name} textarea, {TAB}{name} input").first
    field.fill(text)
    field.press("Tab")
