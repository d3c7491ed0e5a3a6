"""The Train tab in headless Chromium, under each gradio of the hosts: photos, verdicts, a training, its card."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ui.accessibility import contrast, findings
from tests.ui.gradio_envs import VERSIONS
from tests.ui.page_client import NEWEST, served

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SHOTS_VARIABLE = "EASYPHOTO_SCREENSHOTS"
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-quic", "--no-first-run",
    "--disable-component-update", "--disable-sync", "--no-proxy-server",
)  # fmt: skip
PATIENCE = 180_000
# What is there once a tab is: its pictures come when it is opened.
IN_TAB = {
    "Train": "#easyphoto_train_start",
    "Photograph": "#easyphoto_photograph_templates label",
    "Persons": "#easyphoto_persons_tiles :is(article, .easyphoto-empty)",
    "Templates": "#easyphoto_templates_tiles article",
}
SHADES = ("light", "dark")
LEAST_CONTRAST = 4.5
# What a finger can hardly hit; the arrow beside a slider is gradio's own, and the slider does the same.
LOW_BUTTONS = """() => [...document.querySelectorAll('[id^="easyphoto_"] button')]
    .filter((button) => button.getClientRects().length)
    .filter((button) => !button.closest('[aria-hidden="true"], .head, .overflow-menu'))
    .filter((button) => !/reset/i.test(button.className + button.ariaLabel) && button.offsetHeight < 40)
    .map((button) => button.id || button.innerText)"""
# Gradio 3 to 5 ask for fonts elsewhere; the test lets nothing out.
ELSEWHERE = ("fonts.g", "ERR_FAILED", "cdnjs")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine: apt install chromium"),
]


@pytest.fixture(scope="module", params=[*VERSIONS, NEWEST])
def address(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A page that is served by that gradio."""
    with served(tmp_path_factory.mktemp(f"gradio-{request.param}"), request.param) as server:
        yield f"{server.address}/"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield opened
        opened.close()


@pytest.fixture
def open_page(browser: Any, address: str) -> Iterator[Callable[..., Any]]:
    """Opens the page in a window; what its console complains of ends up in `page.said`."""
    contexts = []

    def opened(width: int = 1280, *, dark: bool = False) -> Any:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light"
        )
        contexts.append(context)
        page = context.new_page()
        page.said = []
        context.route("**/*", lambda route: route.continue_() if "127.0.0.1" in route.request.url else route.abort())
        page.on("pageerror", lambda error: page.said.append(str(error)))
        page.on("console", lambda line: page.said.append(line.text) if line.type == "error" else None)
        page.goto(address + ("?__theme=dark" if dark else ""), wait_until="domcontentloaded")
        return ready(page)

    yield opened
    for context in contexts:
        context.close()


def ready(page: Any) -> Any:
    """The page once its components and its script are there; on a slow machine that takes long."""
    page.set_default_timeout(PATIENCE)
    page.wait_for_selector("#easyphoto_train_start")
    page.wait_for_function("window.easyphoto !== undefined")
    return page


def test_every_tab_fits_its_window_and_can_be_used_by_everybody(open_page: Callable[..., Any]):
    page = open_page()

    for tab in IN_TAB:
        page.set_viewport_size({"width": 1280, "height": 900})
        open_tab(page, tab)
        _unfold(page)
        for shade in SHADES:
            show_shade(page, shade)
            assert findings(page) == [], shade
            _shoot(page, f"empty-{tab.lower()}-{shade}")
        for width in (390, 360):
            page.set_viewport_size({"width": width, "height": 900})
            page.wait_for_function(f"document.documentElement.scrollWidth <= {width}")
            # Gradio lets a button grow for 0.2 seconds.
            page.wait_for_timeout(300)
            assert page.evaluate(LOW_BUTTONS) == []
            _shoot(page, f"empty-{tab.lower()}-{width}")
    assert _complaints(page) == []


def test_the_words_of_buttons_and_hints_are_told_from_their_background(open_page: Callable[..., Any]):
    page = open_page()
    start = "#easyphoto_train_start"

    for shade in SHADES:
        show_shade(page, shade)
        for selector in ("#easyphoto_train_add", "#easyphoto_tabs .easyphoto-hint", "#easyphoto_train_base input"):
            assert contrast(page, selector) >= LEAST_CONTRAST, (shade, selector)
        # At rest, under the pointer, while the first click is being answered, and as "Delete for good" is.
        for change in ("", "button.disabled = true", "button.classList.replace('primary', 'stop')"):
            page.locator(start).evaluate(f"(button) => {{ {change}; }}")
            for place in (lambda: page.mouse.move(0, 0), lambda: page.hover(start, force=True)):
                place()
                page.wait_for_timeout(300)
                assert contrast(page, start) >= LEAST_CONTRAST, (shade, change)
            page.locator(start).evaluate(
                "(button) => { button.disabled = false; button.classList.replace('stop', 'primary'); }"
            )


def test_photos_become_a_trained_person(open_page: Callable[..., Any], drawn_photos: list[Path]):
    page = open_page()

    page.set_input_files("#easyphoto_train_photos input[type=file]", [str(photo) for photo in drawn_photos])
    page.wait_for_selector(".easyphoto-verdicts")
    assert page.inner_text(".easyphoto-summary").startswith("8 of 12 photos kept")
    assert page.locator(".easyphoto-tag[data-tone=aside]").count() == 4
    assert findings(page) == []
    _shoot(page, "verdicts")

    # Two at once: the second waits until the first is answered.
    page.evaluate(
        """for (const name of ["x-no-face", "x-blurred"]) {
            document.querySelector(`[data-easyphoto-order^="remove ${name}"]`).click();
        }"""
    )
    page.wait_for_function("document.querySelectorAll('.easyphoto-tag[data-tone=aside]').length === 2")

    page.click("#easyphoto_train_start")
    page.wait_for_selector("#easyphoto_train_message [role=alert]")
    assert "There is no name yet" in page.inner_text("#easyphoto_train_message")

    _type(page, "name", "anna")
    page.wait_for_selector("#easyphoto_train_name_said .easyphoto-good")
    _type(page, "steps", "6")
    # Two presses at once are one press; nobody types a name as fast as a test.
    page.wait_for_timeout(2_000)
    page.click("#easyphoto_train_start")
    page.wait_for_selector('#easyphoto_train_card [data-state="running"]')
    # Whoever reloads the page finds the training again.
    page.reload(wait_until="domcontentloaded")
    page.wait_for_selector("#easyphoto_train_card .easyphoto-card")
    page.wait_for_selector('#easyphoto_train_card [data-state="done"]', timeout=400_000)

    assert "anna can be photographed now." in page.inner_text("#easyphoto_train_card")
    assert page.locator("#easyphoto_train_card svg").count() == 2
    assert page.locator("#easyphoto_train_sheet img").count() > 0
    assert findings(page) == []
    assert _complaints(page) == []
    _shoot(page, "trained")


def test_photos_that_are_long_under_way_arrive_whatever_is_asked_meanwhile(
    open_page: Callable[..., Any], drawn_photos: list[Path]
):
    page = open_page()
    slow = page.context.new_cdp_session(page)
    slow.send("Network.enable")
    slow.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 20, "downloadThroughput": -1, "uploadThroughput": 60_000},
    )
    page.set_input_files("#easyphoto_train_photos input[type=file]", [str(photo) for photo in drawn_photos[:6]])
    page.wait_for_timeout(1_000)
    page.locator("#easyphoto_train_preset label").first.click()

    page.wait_for_selector(".easyphoto-verdicts")
    assert "of 6 photos" in page.inner_text(".easyphoto-summary")


def test_a_reference_that_nobody_could_check_is_asked_about_and_another_one_is_chosen(
    open_page: Callable[..., Any], drawn_photos: list[Path]
):
    page = open_page(dark=True)
    # Two persons, a photo of each: nobody can say who is meant.
    two = [str(photo) for photo in drawn_photos if photo.name in ("00.jpg", "x-somebody-else.jpg")]
    page.set_input_files("#easyphoto_train_photos input[type=file]", two)
    page.wait_for_selector(".easyphoto-asked")
    assert page.inner_text(".easyphoto-asked h3") == "Is this the person you mean?"
    assert findings(page) == []
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_function(f"document.documentElement.scrollWidth <= {width}")
        _shoot(page, f"asked-{width}")

    page.click(".easyphoto-asked .easyphoto-order")
    page.wait_for_selector(".easyphoto-verdict[data-tone=good]")
    first = page.locator('[data-easyphoto-order^="reference "][aria-pressed=true]')
    assert first.count() == 1
    asked_about = first.get_attribute("data-easyphoto-order")

    page.locator('[data-easyphoto-order^="reference "][aria-pressed=false]').click()
    page.wait_for_function(
        """(before) => [...document.querySelectorAll('[data-easyphoto-order^="reference "][aria-pressed=true]')]
            .some((button) => button.dataset.easyphotoOrder !== before)""",
        arg=asked_about,
    )
    assert page.locator(".easyphoto-tag", has_text="reference photo").count() == 1
    assert _complaints(page) == []
    _shoot(page, "chosen-reference")


def test_photos_are_shown_again_to_the_browser_that_brought_them_and_to_no_other(
    open_page: Callable[..., Any], drawn_photos: list[Path]
):
    page = open_page()
    page.set_input_files("#easyphoto_train_photos input[type=file]", [str(photo) for photo in drawn_photos[:2]])
    page.wait_for_selector(".easyphoto-verdicts")

    page.reload(wait_until="domcontentloaded")
    page.wait_for_selector(".easyphoto-verdicts")
    other = open_page()
    other.wait_for_function("document.querySelector('#easyphoto_train_base input')")
    # Its first tick has been answered when the one after it is.
    for _ in range(2):
        with other.expect_response(lambda answer: "/run/" in answer.url):
            other.evaluate("document.querySelector('#easyphoto_train_check_tick').click()")
    assert other.locator(".easyphoto-verdicts").count() == 0
    assert _complaints(page) == []


def test_a_training_that_was_cancelled_is_offered_again(open_page: Callable[..., Any], drawn_photos: list[Path]):
    page = open_page()

    page.set_input_files("#easyphoto_train_photos input[type=file]", [str(photo) for photo in drawn_photos[:6]])
    page.wait_for_selector(".easyphoto-verdicts")
    _type(page, "name", "ben")
    _type(page, "steps", "5000")
    page.dblclick("#easyphoto_train_start")
    page.wait_for_selector('.easyphoto-card[aria-label="train ben"] svg')
    assert page.locator("#easyphoto_train_message [role=alert]").count() == 0  # it was pressed once
    page.wait_for_function("/^\\d+ % · EasyPhoto$/.test(document.title)")
    page.click("#easyphoto_train_start")
    page.wait_for_selector("#easyphoto_train_message [role=alert]")
    assert "ben is being trained or added already." in page.inner_text("#easyphoto_train_message")
    page.click("#easyphoto_train_cancel")
    page.wait_for_selector('#easyphoto_train_card [data-state="cancelled"]')

    page.click("#easyphoto_train_resume_start")
    page.wait_for_selector('.easyphoto-card[aria-label="resume ben"][data-active="true"]')
    page.get_by_role("button", name="Cancel", exact=True).click()
    page.wait_for_selector('#easyphoto_train_card [data-state="cancelled"]')
    assert _complaints(page) == []
    _shoot(page, "cancelled")


def open_tab(page: Any, name: str) -> None:
    tabs = page.locator("#easyphoto_tabs :is([role=tablist], .tab-nav) > button")
    tabs.filter(has_text=name).first.click()
    page.wait_for_selector(f"#easyphoto_tab_{name.lower()} {IN_TAB[name]}")


def show_shade(page: Any, shade: str) -> None:
    """As every gradio does it; quicker than another page."""
    page.evaluate("(isDark) => document.body.classList.toggle('dark', isDark)", shade == "dark")
    # Gradio lets a button's colour change for 0.2 seconds.
    page.wait_for_timeout(300)


def _unfold(page: Any) -> None:
    page.evaluate(
        """for (const fold of document.querySelectorAll("#easyphoto_tabs .label-wrap:not(.open)")) {
            if (fold.getClientRects().length) fold.click();
        }"""
    )
    # Folds glide open.
    page.wait_for_timeout(500)


def test_what_was_typed_outlives_a_reload_and_a_preset_leaves_it_alone(open_page: Callable[..., Any]):
    page = open_page()
    _type(page, "name", "carl")
    _type(page, "resolution", "384")
    page.wait_for_selector("#easyphoto_train_name_said .easyphoto-good")

    page.reload(wait_until="domcontentloaded")
    page.wait_for_selector("#easyphoto_train_name_said .easyphoto-good")
    page.locator("#easyphoto_train_preset label").first.click()
    page.wait_for_selector("#easyphoto_train_preset_said .easyphoto-hint")

    fields = [
        page.locator(f"#easyphoto_train_{name} :is(textarea, input)").first for name in ("name", "resolution", "steps")
    ]
    assert [field.input_value() for field in fields] == ["carl", "384", "400"]
    assert "Steps auto → 400" in page.inner_text("#easyphoto_train_preset_said")
    assert _complaints(page) == []


def test_a_server_that_does_not_answer_is_spoken_of_until_it_does(open_page: Callable[..., Any]):
    page = open_page()
    place = page.locator("#easyphoto_away [role=alert]")
    assert place.inner_text() == ""

    page.context.set_offline(True)
    page.click("#easyphoto_train_start")
    page.wait_for_selector("#easyphoto_away [role=alert]:not(:empty)")
    assert place.is_visible()
    assert "does not answer" in place.inner_text()

    page.context.set_offline(False)
    page.wait_for_selector("#easyphoto_away [role=alert]:not(:empty)", state="detached")


def _type(page: Any, name: str, text: str) -> None:
    page.locator(f"#easyphoto_train_{name} textarea, #easyphoto_train_{name} input").first.fill(text)


def _complaints(page: Any) -> list[str]:
    return [line for line in page.said if not any(words in line for words in ELSEWHERE)]


def _shoot(page: Any, name: str) -> None:
    """For people to look at; only where a folder is named for them."""
    folder = os.environ.get(SHOTS_VARIABLE)
    if folder:
        page.screenshot(path=f"{folder}/{page.evaluate('window.gradio_config.version')}-{name}.png", full_page=True)
