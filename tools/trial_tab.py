"""Goes through EasyPhoto's tab in a running web UI with a real browser, as a user does, and prints what it saw.

A person is trained in the tab, a portrait is made of them, a second training is cancelled, and a result is sent to
img2img. Needs playwright and a Chromium. Ends with 1 where something failed:

    python tools/trial_tab.py http://127.0.0.1:7860 --photos DIR --shots DIR
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

TRAIN, PHOTOGRAPH = "#easyphoto_train_", "#easyphoto_photograph_"
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run", "--no-proxy-server")
# Gradio 3 and 4 ask for fonts and a script elsewhere, with or without EasyPhoto.
HOSTS_OWN = ("fonts.g", "cdnjs", "ERR_FAILED", "ERR_NAME_NOT_RESOLVED", "ERR_INTERNET_DISCONNECTED")
MINUTES = 60_000


def main() -> int:
    from playwright.sync_api import sync_playwright

    said = parsed()
    said.shots.mkdir(parents=True, exist_ok=True)
    trial = Trial(said)
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=said.chromium, args=list(ARGUMENTS))
        page = trial.opened(browser)
        for name, step in (
            ("the tab opens", trial.opens),
            ("photos become a trained person", trial.trains),
            ("a portrait is made", trial.photographs),
            ("a result is sent to img2img", trial.sends),
            ("a training is cancelled", trial.cancels),
            ("no error in the console", trial.is_quiet),
        ):
            trial.tries(name, step, page)
        trial.looks(browser)
        browser.close()
    return int(trial.has_failed)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address")
    parser.add_argument("--photos", type=Path, required=True, help="a folder with photos of one person")
    parser.add_argument("--template", default="At home", help="title of the template")
    parser.add_argument("--person", default="tabby")
    parser.add_argument("--steps", default="20", help="of the training")
    parser.add_argument("--shots", type=Path, required=True, help="where the screenshots go")
    parser.add_argument("--chromium", default=shutil.which("chromium") or shutil.which("google-chrome"))
    return parser.parse_args()


class Trial:
    def __init__(self, said: argparse.Namespace) -> None:
        self.said, self.has_failed = said, False
        self.complaints: list[str] = []

    def opened(self, browser: Any, width: int = 1280, *, dark: bool = False) -> Any:
        scheme = "dark" if dark else "light"
        page = browser.new_context(viewport={"width": width, "height": 1000}, color_scheme=scheme).new_page()
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on(
            "console",
            lambda line: (
                self.complaints.append(f"{line.text} ({line.location.get('url', '')})")
                if line.type == "error"
                else None
            ),
        )
        page.goto(f"{self.said.address}/?__theme={scheme}", wait_until="domcontentloaded")
        page.locator("#tabs > .tab-nav button", has_text="EasyPhoto").first.click(timeout=2 * MINUTES)
        page.wait_for_selector(f"{TRAIN}start", timeout=2 * MINUTES)
        return page

    def tries(self, name: str, step: Callable[[Any], str], page: Any) -> None:
        began = time.monotonic()
        try:
            outcome, saw = "passed", step(page)
        except Exception as error:  # whatever it is, the next step is tried
            outcome, saw = "FAILED", " ".join(str(error).split())[:300]
            self.has_failed = True
            page.screenshot(path=str(self.said.shots / f"failed-{name.replace(' ', '-')}.png"), full_page=True)
        sys.stdout.write(f"| {name} | {outcome} | {time.monotonic() - began:.0f} s | {saw} |\n")
        sys.stdout.flush()

    def opens(self, page: Any) -> str:
        page.wait_for_timeout(3000)
        return " / ".join(page.locator("#easyphoto_tabs > .tab-nav button").all_inner_texts())

    def trains(self, page: Any) -> str:
        self._give_photos(page)
        verdicts = page.inner_text(".easyphoto-summary")
        self._start_training(page, self.said.person, self.said.steps)
        page.wait_for_selector(f'{TRAIN}card [data-state="done"]', timeout=30 * MINUTES)
        page.screenshot(path=str(self.said.shots / "trained.png"), full_page=True)
        return f"{verdicts.splitlines()[0]}; the card says done"

    def photographs(self, page: Any) -> str:
        self._open(page, "Photograph")
        page.wait_for_selector(f"{PHOTOGRAPH}templates label", timeout=MINUTES)
        page.locator(f"{PHOTOGRAPH}persons label", has_text=self.said.person).locator("input").check()
        page.locator(f"{PHOTOGRAPH}templates label", has_text=self.said.template).locator("input").check()
        page.wait_for_selector(".easyphoto-taker", timeout=2 * MINUTES)
        page.click(f"{PHOTOGRAPH}start")
        # Results of an earlier session may be on show already.
        page.wait_for_selector(f'{PHOTOGRAPH}card [data-state="running"]', timeout=2 * MINUTES)
        page.wait_for_selector(f'{PHOTOGRAPH}card [data-state="done"]', timeout=20 * MINUTES)
        page.wait_for_selector(".easyphoto-result", timeout=MINUTES)
        page.click(f"{PHOTOGRAPH}steps_button")
        page.wait_for_selector(".easyphoto-steps img", timeout=MINUTES)
        page.screenshot(path=str(self.said.shots / "portrait.png"), full_page=True)
        return ", ".join(page.locator(".easyphoto-steps figcaption").all_inner_texts())

    def sends(self, page: Any) -> str:
        page.locator("button", has_text="img2img").locator("visible=true").last.click()
        page.wait_for_selector("#img2img_image img", timeout=MINUTES, state="attached")
        page.wait_for_timeout(2000)
        page.screenshot(path=str(self.said.shots / "sent.png"))
        return page.locator("#tabs > .tab-nav button.selected").first.inner_text()

    def cancels(self, page: Any) -> str:
        page.locator("#tabs > .tab-nav button", has_text="EasyPhoto").first.click()
        self._open(page, "Train")
        self._start_training(page, f"{self.said.person}-2", "5000")
        page.wait_for_selector(f'.easyphoto-card[aria-label="train {self.said.person}-2"] svg', timeout=10 * MINUTES)
        page.click(f"{TRAIN}cancel")
        page.wait_for_selector(f'{TRAIN}card [data-state="cancelled"]', timeout=5 * MINUTES)
        return "cancelled after its first steps"

    def is_quiet(self, page: Any) -> str:
        ours = [line for line in self.complaints if not any(words in line for words in HOSTS_OWN)]
        if ours:
            raise AssertionError("; ".join(ours))
        return f"{len(self.complaints)} lines, all of the web UI's own"

    def looks(self, browser: Any) -> None:
        for width in (1280, 390):
            for dark in (False, True):
                page = self.opened(browser, width, dark=dark)
                page.wait_for_timeout(2000)
                for tab in ("Train", "Photograph", "Persons", "Templates"):
                    self._open(page, tab)
                    page.wait_for_timeout(2500)
                    name = f"{tab.lower()}-{width}-{'dark' if dark else 'light'}.png"
                    page.screenshot(path=str(self.said.shots / name), full_page=True)
                page.context.close()

    def _give_photos(self, page: Any) -> None:
        photos = sorted(str(photo) for photo in self.said.photos.iterdir() if photo.is_file())
        page.set_input_files(f"{TRAIN}photos input[type=file]", photos)
        page.wait_for_selector(".easyphoto-verdicts", timeout=5 * MINUTES)

    def _start_training(self, page: Any, name: str, steps: str) -> None:
        self._type(page, "name", name)
        page.wait_for_selector(f"{TRAIN}name_said .easyphoto-good", timeout=MINUTES)
        self._type(page, "steps", steps)
        if not page.locator(f"{TRAIN}validations input").first.is_visible():
            page.locator(f"{TRAIN}advanced .label-wrap").first.click()
        # Validation pictures are most of a short training's time on a processor.
        self._type(page, "validations", "1")
        self._type(page, "validation_steps", "2")
        page.click(f"{TRAIN}start")
        page.wait_for_selector(f'{TRAIN}card [data-state="running"]', timeout=2 * MINUTES)

    def _type(self, page: Any, name: str, text: str) -> None:
        field = page.locator(f"{TRAIN}{name} textarea, {TRAIN}{name} input").first
        field.fill(text)
        field.press("Tab")

    def _open(self, page: Any, tab: str) -> None:
        page.locator("#easyphoto_tabs button", has_text=tab).first.click()


if __name__ == "__main__":
    sys.exit(main())
