"""The results in headless Chromium, under each gradio of the hosts: compared, marked, downloaded, asked for anew."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from easyphoto.app import EasyPhoto
from easyphoto.jobs.queue import JobQueue
from easyphoto.jobs.service import Service
from easyphoto.settings.inference import InferenceSettings
from easyphoto.workspace.folders import Workspace
from tests.ui import test_browser as driver
from tests.ui.gradio_envs import VERSIONS
from tests.ui.made_sessions import make_session, save_person
from tests.ui.page_client import NEWEST, served

TAB = "#easyphoto_photograph_"
HEAD_ONLY = "<!doctype html><html><head><script src='own.js'></script></head><body></body></html>"
pytestmark = driver.pytestmark
browser = driver.browser


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory, drawn_photos: list[Path]) -> Workspace:
    """With anna, and two sessions of four pictures each."""
    workspace = Workspace(tmp_path_factory.mktemp("made") / "workspace")
    service = Service(EasyPhoto(workspace, mirrors=()), JobQueue(workspace))
    save_person(workspace, "anna", drawn_photos[0])
    for template in ("05-plain", "04-two"):
        make_session(service, template=template, settings=InferenceSettings(seed=7, count=4))
    service.queue.close()
    return workspace


@pytest.fixture(scope="module", params=[*VERSIONS, NEWEST])
def address(request: pytest.FixtureRequest, workspace: Workspace, tmp_path_factory: Any) -> Iterator[str]:
    folder = tmp_path_factory.mktemp(f"gradio-{request.param}")
    with served(folder, request.param, workspace=workspace.root) as server:
        yield f"{server.address}/"


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    context.route("**/*", lambda route: route.continue_() if "127.0.0.1" in route.request.url else route.abort())
    page = context.new_page()
    page.said = []
    page.on("pageerror", lambda error: page.said.append(str(error)))
    page.goto(address, wait_until="domcontentloaded")
    driver.ready(page)
    # Gradio 3 and 4 have no such role for a tab.
    old = page.locator(".tab-nav button", has_text="Photograph")
    (old if old.count() else page.get_by_role("tab", name="Photograph", exact=True)).first.click()
    page.wait_for_selector(f"{TAB}templates label")
    page.wait_for_selector(".easyphoto-compare img")
    yield page
    assert page.said == []
    context.close()


@pytest.mark.parametrize("script", sorted((driver.ROOT / "javascript").glob("*.js")), ids=lambda script: script.name)
def test_a_host_may_load_the_scripts_in_the_head_before_there_is_a_body(browser: Any, script: Path) -> None:
    page, said = browser.new_page(), list[str]()
    page.on("pageerror", lambda error: said.append(str(error)))
    page.route("http://127.0.0.1/*", lambda route: route.fulfill(body=HEAD_ONLY, content_type="text/html"))
    page.route("http://127.0.0.1/own.js", lambda route: route.fulfill(path=script, content_type="text/javascript"))

    page.goto("http://127.0.0.1/")

    assert page.evaluate("Object.keys(window).some((name) => name.startsWith('easyphoto'))")
    assert said == []
    page.close()


def test_results_stand_beside_the_settings_and_a_range_shows_the_template(page: Any):
    picture, form = (
        page.locator(".easyphoto-compare").bounding_box(),
        page.locator(f"{TAB}persons").first.bounding_box(),
    )
    assert picture["y"] + 200 < 900
    assert picture["x"] >= form["x"] + form["width"]
    assert page.locator(".easyphoto-result").count() == 4
    assert page.locator(".easyphoto-strip .easyphoto-small").count() == 4

    page.focus("[data-easyphoto-edge]")
    for key, at in (("PageUp", "10%"), ("ArrowRight", "11%"), ("End", "100%"), ("Home", "0%")):
        page.keyboard.press(key)
        assert (
            page.evaluate("document.querySelector('.easyphoto-compare').style.getPropertyValue('--easyphoto-at')") == at
        )
    page.mouse.click(picture["x"] + picture["width"] / 2, picture["y"] + 60)
    assert page.locator("[data-easyphoto-edge]").input_value() == "50"
    driver._shoot(page, "results")


def test_narrow_pictures_fill_their_width_and_tiles_stand_in_two_columns(page: Any):
    page.set_viewport_size({"width": 390, "height": 900})
    page.wait_for_function("document.documentElement.scrollWidth <= 390")

    box = page.locator(".easyphoto-compare").bounding_box()
    assert box["width"] > 280
    assert abs(box["width"] / box["height"] - 1.5) < 0.01
    # All in one go: the page may still move while it takes its new width.
    tops = page.eval_on_selector_all(".easyphoto-result", "tiles => tiles.map(one => one.getBoundingClientRect().top)")
    assert tops[0] == tops[1] < tops[2] == tops[3]
    driver._shoot(page, "results-390")


def test_pictures_are_starred_chosen_and_downloaded_in_one_step(page: Any, tmp_path: Path):
    _press(page, ".easyphoto-star >> nth=1", ".easyphoto-star[aria-pressed=true]")
    _press(page, ".easyphoto-tick >> nth=0", ".easyphoto-tick[aria-pressed=true]")

    with page.expect_download() as download:
        page.get_by_text("Download 1 chosen").click()
    download.value.save_as(tmp_path / "chosen.zip")
    with zipfile.ZipFile(tmp_path / "chosen.zip") as archive:
        assert archive.namelist() == ["04-two-anna-8.png", "settings.json"]

    with page.expect_download() as download:
        page.get_by_text("Contact sheet").click()
    download.value.save_as(tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width == 1552

    page.get_by_text("★ Favourites").click()
    page.wait_for_function("document.querySelectorAll('.easyphoto-result').length === 1")
    # It is kept: taken away again for the next version's page.
    page.click(".easyphoto-star")
    page.wait_for_selector("text=No favourites yet.")


def test_more_like_it_begins_at_once_and_an_open_fold_stays_open(page: Any):
    page.click(".easyphoto-earlier summary")
    assert page.locator(".easyphoto-earlier li").count() >= 2
    ended = page.locator(".easyphoto-earlier li").count()
    page.click(f"{TAB}more")

    # Nothing can paint here: the job ends as one that failed, with the next seed in its request.
    page.wait_for_selector(f"{TAB}card .easyphoto-card[data-state=failed]")
    page.wait_for_function(f"document.querySelectorAll('.easyphoto-earlier li').length === {ended + 1}")
    assert page.evaluate("document.querySelector('.easyphoto-earlier').open")


def _press(page: Any, button: str, then: str) -> None:
    page.locator(button).click()
    page.wait_for_selector(then)
