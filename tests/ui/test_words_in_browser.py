"""Words, styles and a painted mask in headless Chromium, under each gradio of the hosts."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from easyphoto.storage.records import write_json
from easyphoto.workspace.folders import Workspace
from easyphoto.workspace.person_record import OBJECT
from tests.ui import test_browser as driver
from tests.ui.accessibility import findings
from tests.ui.gradio_envs import VERSIONS
from tests.ui.made_sessions import save_person
from tests.ui.page_client import NEWEST, ServedPage, served

TAB = "#easyphoto_photograph_"
TILES = f"{TAB}styles_tiles .easyphoto-result"
STYLES: tuple[dict[str, Any], ...] = (
    {"name": "Grey wall", "name_zh": "灰墙", "group": "portraits", "positive": "a grey wall"},
    {"name": "Red sweater", "name_zh": "红毛衣", "group": "fashion", "positive": "a knitted sweater"},
    {"name": "Ballroom", "name_zh": "舞厅", "positive": "a ballroom", "families": ["sdxl"]},
)
"""The last one is not for the miniature, which anna was trained on."""
LEFT, TOP, RIGHT, BOTTOM = 0.25, 0.4, 0.6, 0.6
"""The stroke: from the left along the top edge, then down, in shares of the picture."""
pytestmark = driver.pytestmark
browser = driver.browser


@pytest.fixture(scope="module", params=[*VERSIONS, NEWEST])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedPage]:
    """With anna and a cup. Nothing can paint: what is asked for ends as a job that failed, with its request."""
    folder = tmp_path_factory.mktemp(f"words-{request.param}")
    workspace = Workspace(folder / "workspace")
    save_person(workspace, "anna")
    save_person(workspace, "cup")
    for style in STYLES:
        write_json(workspace.styles / f"{style['name']}.json", {"format": 1, **style})
    workspace.save_person(replace(workspace.person("cup"), kind=OBJECT, words="easyphoto_object, cup", domain=None))
    with served(folder, request.param, workspace=workspace.root) as server:
        yield server


@pytest.fixture
def workspace(server: ServedPage) -> Workspace:
    return Workspace(server.workspace)


@pytest.fixture
def page(browser: Any, server: ServedPage) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.route("**/*", lambda route: route.continue_() if "127.0.0.1" in route.request.url else route.abort())
    page = context.new_page()
    page.said = []
    page.on("pageerror", lambda error: page.said.append(str(error)))
    page.goto(server.address, wait_until="domcontentloaded")
    driver.ready(page)
    driver.open_tab(page, "Photograph")
    yield page
    assert page.said == []
    context.close()


def test_a_style_is_found_marked_and_chosen_and_a_picture_is_drawn_from_words(page: Any, workspace: Workspace):
    source(page, "From words")
    page.wait_for_selector(TILES)
    everything = page.locator(TILES).count()
    assert page.locator(TILES, has_text="Ballroom").count() == 0
    assert "Not shown, because they are for other models" in page.inner_text(f"{TAB}styles_tiles [role=status]")
    assert findings(page) == []

    # In both languages, whichever the page speaks.
    for typed in ("KNITTED red", "毛衣"):
        page.locator(f"{TAB}styles_search :is(textarea, input)").fill(typed)
        page.wait_for_function(f"document.querySelectorAll('{TILES}').length === 2")
        assert page.locator(TILES).nth(1).get_attribute("aria-label") == "Red sweater, Fashion, not drawn yet"
        page.locator(f"{TAB}styles_search :is(textarea, input)").fill("")
        page.wait_for_function(f"document.querySelectorAll('{TILES}').length === {everything}")
    page.locator(f"{TAB}styles_search :is(textarea, input)").fill("sweater")
    page.wait_for_function(f"document.querySelectorAll('{TILES}').length === 2")
    page.click(".easyphoto-styles .easyphoto-star")
    page.wait_for_selector(".easyphoto-styles .easyphoto-star[aria-pressed=true]")
    page.locator(f"{TAB}styles_search :is(textarea, input)").fill("")
    page.wait_for_function(f"document.querySelectorAll('{TILES}').length === {everything}")
    # The first is none, the favourite is before all others.
    assert "Red sweater" in page.locator(TILES).nth(1).inner_text()

    page.locator(TILES).nth(1).click()
    page.wait_for_selector(".easyphoto-chosen >> text=Style: Red sweater")
    page.get_by_role("button", name="Without a style").click()
    page.wait_for_selector(".easyphoto-chosen", state="detached")
    page.locator(TILES).nth(1).click()
    page.wait_for_selector(".easyphoto-chosen")
    page.fill(f"{TAB}words :is(textarea, input)", "a violinist on a stage")

    asked = start(page, workspace, "photograph")
    assert (asked["persons"], asked["templates"]) == (["anna"], [])
    assert asked["settings"]["prompt"] == "a violinist on a stage"
    assert asked["drawing"]["style"] == "own-Red sweater"
    driver._shoot(page, "words")
    fits_a_phone(page, "words")


def test_a_mask_is_painted_by_mouse_and_goes_into_the_request(page: Any, workspace: Workspace):
    source(page, "An object into a picture")
    # The only object is chosen already.
    page.wait_for_selector(f"{TAB}placing_things input:checked")
    assert findings(page) == []
    page.locator(f"{TAB}start").click()
    page.wait_for_selector(f"{TAB}message [role=alert] >> text=No picture is chosen.")
    page.locator(f"{TAB}placing_templates label", has_text="At home").click()
    paint(page)

    asked = start(page, workspace, "place")
    assert (asked["name"], asked["template"], asked["box"]) == ("cup", "03-room.png", None)
    with Image.open(workspace.uploads / asked["mask"]) as kept:
        mask = np.asarray(kept.convert("L"))
    assert mask.shape == (640, 640)
    height, width = mask.shape
    painted = mask > 127
    for across, down in ((LEFT, TOP), (0.45, TOP), (RIGHT, TOP), (RIGHT, BOTTOM)):
        assert painted[int(down * height), int(across * width)], (across, down)
    for across, down in ((0.1, 0.1), (LEFT, BOTTOM), (0.9, TOP), (0.45, 0.9)):
        assert not painted[int(down * height), int(across * width)], (across, down)
    driver._shoot(page, "placing")
    fits_a_phone(page, "placing")


def fits_a_phone(page: Any, name: str) -> None:
    page.set_viewport_size({"width": 390, "height": 900})
    page.wait_for_function("document.documentElement.scrollWidth <= 390")
    # Gradio lets a button grow for 0.2 seconds.
    page.wait_for_timeout(300)
    low = [each for each in page.evaluate(driver.LOW_BUTTONS) if "placing_editor" not in each]
    assert [each for each in low if each.startswith("easyphoto")] == []
    driver._shoot(page, f"{name}-390")


def source(page: Any, label: str) -> None:
    page.locator(f"{TAB}source label", has_text=label).click()


def paint(page: Any) -> None:
    """Draw the stroke with the mouse, once the editor has its picture and keeps still."""
    canvas = page.locator(f"{TAB}placing_editor canvas").last
    canvas.wait_for(state="visible")
    page.locator(f"{TAB}placing_editor").scroll_into_view_if_needed()
    page.wait_for_timeout(2_000)
    left, top, width, height = page.evaluate(_PICTURE, f"{TAB}placing_editor")
    page.mouse.move(left + LEFT * width, top + TOP * height)
    page.mouse.down()
    page.mouse.move(left + RIGHT * width, top + TOP * height, steps=12)
    page.mouse.move(left + RIGHT * width, top + BOTTOM * height, steps=12)
    page.mouse.up()
    page.wait_for_timeout(1_000)


def start(page: Any, workspace: Workspace, kind: str) -> dict[str, Any]:
    """Press the button and return the request of the job of that kind, once there is one."""
    page.locator(f"{TAB}start").click()
    page.wait_for_selector(f"{TAB}card .easyphoto-card, {TAB}message [role=alert]")
    for _ in range(100):
        records = [json.loads(file.read_text("utf-8")) for file in workspace.jobs.glob("*/job.json")]
        found = [one for one in records if one["kind"] == kind]
        if found:
            return dict(found[0]["request"])
        time.sleep(0.1)
    raise AssertionError(f"no job {kind}: {page.inner_text(f'{TAB}message')}")


# Where the square picture lies: gradio 3 and 4 give the canvas its size, gradio 6 draws it amid a larger one.
_PICTURE = """(selector) => {
    const editor = document.querySelector(selector);
    const canvas = [...editor.querySelectorAll("canvas")].filter((each) => each.getClientRects().length).pop();
    const box = canvas.getBoundingClientRect();
    const zoom = [...editor.querySelectorAll("*")].map((each) => each.childElementCount ? "" : each.textContent.trim())
        .find((text) => /^\\d+%$/.test(text));
    if (!zoom) return [box.x, box.y, box.width, box.height];
    const side = 640 * parseInt(zoom, 10) / 100;
    return [box.x + (box.width - side) / 2, box.y + (box.height - side) / 2, side, side];
}"""
