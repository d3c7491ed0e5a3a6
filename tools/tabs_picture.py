"""Takes docs/tabs.png: the tab Photograph in a browser, two portraits of the first person on each of three templates.

Needs playwright, a Chromium, and a web UI, or the page alone (`python start.py ui`), whose workspace has a person:

    python tools/tabs_picture.py http://127.0.0.1:7860 [CHROMIUM]
"""

from __future__ import annotations

import sys
from typing import Any

from PIL import Image

TAB = "#easyphoto_photograph_"
TEMPLATES = ("In the hills", "Studio", "City")
MINUTES = 60_000
FILE, HEIGHT, COLOURS = "docs/tabs.png", 1_580, 256


def main() -> None:
    from playwright.sync_api import sync_playwright

    address, chromium = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": HEIGHT})
        page.goto(f"{address}?__theme=light", wait_until="domcontentloaded")
        _open(page)
        _photograph(page)
        page.screenshot(path=FILE)
        browser.close()
    # Drawings and a page have few colours; every clone of the repository brings the file.
    with Image.open(FILE) as taken:
        small = taken.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    small.save(FILE, optimize=True)


def _open(page: Any) -> None:
    """In gradio 3 a tab's button has no role of its own."""
    page.wait_for_selector("#easyphoto_tabs", state="attached", timeout=MINUTES)
    page.wait_for_timeout(3_000)
    if page.locator("#tab_easyphoto").count():
        page.locator("#tabs > .tab-nav > button", has_text="EasyPhoto").click()
    page.locator("#easyphoto_tabs").get_by_text("Photograph", exact=True).locator("visible=true").first.click()


def _photograph(page: Any) -> None:
    page.wait_for_selector(f"{TAB}persons label")
    page.locator(f"{TAB}persons label").first.locator("input").check()
    for title in TEMPLATES:
        page.locator(f"{TAB}templates label", has_text=title).locator("input").check()
    count = page.locator(f"{TAB}count input").first
    count.fill("2")
    count.press("Tab")
    page.wait_for_function(f"document.querySelectorAll('.easyphoto-face').length === {len(TEMPLATES)}")
    if page.locator("#easyphoto_weights header button").count():
        page.locator("#easyphoto_weights header button").first.click()
    page.click(f"{TAB}start")
    page.mouse.move(0, 0)
    shown = f"document.querySelectorAll('.easyphoto-result').length >= {2 * len(TEMPLATES)}"
    page.wait_for_function(shown, timeout=10 * MINUTES)
    page.wait_for_timeout(2_000)


if __name__ == "__main__":
    main()
