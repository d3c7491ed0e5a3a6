"""Takes docs/tabs.png: the tab Photograph in a browser, two portraits of the first person on each of three templates.

Needs playwright, a Chromium, and a page (`python start.py ui`) whose workspace has a trained person:

    python tools/tabs_picture.py http://127.0.0.1:7870 [CHROMIUM]
"""

from __future__ import annotations

import sys
from typing import Any

TAB = "#easyphoto_photograph_"
TEMPLATES = ("In the hills", "Studio", "City")
MINUTES = 60_000


def main() -> None:
    from playwright.sync_api import sync_playwright

    address, chromium = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(address, wait_until="domcontentloaded")
        _photograph(page)
        page.screenshot(path="docs/tabs.png", full_page=True)
        browser.close()


def _photograph(page: Any) -> None:
    page.get_by_role("tab", name="Photograph", exact=True).first.click()
    page.wait_for_selector(f"{TAB}persons label")
    page.locator(f"{TAB}persons label").first.locator("input").check()
    for title in TEMPLATES:
        page.locator(f"{TAB}templates label", has_text=title).locator("input").check()
    count = page.locator(f"{TAB}count input").first
    count.fill("2")
    count.press("Tab")
    page.wait_for_function(f"document.querySelectorAll('.easyphoto-face').length === {len(TEMPLATES)}")
    page.click(f"{TAB}start")
    shown = f"document.querySelectorAll('.easyphoto-result').length >= {2 * len(TEMPLATES)}"
    page.wait_for_function(shown, timeout=10 * MINUTES)
    page.wait_for_timeout(2_000)


if __name__ == "__main__":
    main()
