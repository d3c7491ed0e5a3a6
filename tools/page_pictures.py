"""Takes a picture of every tab and dialog, wide and narrow, light and dark, under each gradio of the hosts.

For people to look at after a change of the page. The first run makes a person in FOLDER/workspace (half a minute); the
pictures are FOLDER/GRADIO-STATE-WIDTH-SHADE.png, all of one gradio beside one another in FOLDER/GRADIO.html. Needs what
the tests need, and a Chromium:

    python tools/page_pictures.py FOLDER [--gradio newest 4.40.0 3.41.2]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from easyphoto.app import EasyPhoto
from easyphoto.bench.demo import draw_photos
from easyphoto.commands.add_person import AddPerson
from easyphoto.commands.base import NullContext
from easyphoto.commands.train import TrainPerson
from easyphoto.persons.photo_sources import photo_files
from easyphoto.settings.training import TrainSettings
from easyphoto.workspace.folders import Workspace
from tests.ui import test_browser as driver
from tests.ui.gradio_envs import VERSIONS
from tests.ui.page_client import NEWEST, served

WIDTHS = (1280, 390)
MINUTES = 60_000
PERSONS = "#easyphoto_persons_"
PHOTOGRAPH = "#easyphoto_photograph_"


def main() -> None:
    from playwright.sync_api import sync_playwright

    reader = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reader.add_argument("folder", type=Path)
    reader.add_argument("--gradio", nargs="+", default=[NEWEST, *reversed(VERSIONS)])
    said = reader.parse_args()
    folder: Path = said.folder.resolve()
    photos = prepared(folder)
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=driver.CHROMIUM, args=list(driver.ARGUMENTS))
        for version in said.gradio:
            with served(folder, version) as server:
                pictures = Pictures(folder, version, opened(browser, server.address))
                for state in STATES if version == NEWEST else STATES[:-1]:
                    state(pictures, photos)
                pictures.write_page()
        browser.close()


def prepared(folder: Path) -> list[str]:
    """Return photos; the workspace has a person who is trained and one who is not."""
    photos, app = folder / "photos", EasyPhoto(Workspace(folder / "workspace"))
    if not photos.is_dir():
        draw_photos(photos, 0)
        settings = TrainSettings(steps=6, validations=1, validation_steps=3)
        TrainPerson("anna", photo_files(photos), settings=settings).run(app, NullContext())
        AddPerson("ben", photo_files(photos)).run(app, NullContext())
    return [str(photo) for photo in sorted(photos.iterdir())]


def opened(browser: Any, address: str) -> Any:
    page = browser.new_context(viewport={"width": WIDTHS[0], "height": 900}).new_page()
    page.goto(address, wait_until="domcontentloaded")
    return driver.ready(page)


class Pictures:
    """Takes every picture of one gradio."""

    def __init__(self, folder: Path, version: str, page: Any) -> None:
        self.folder, self.version, self.page = folder, version, page
        self.names: list[str] = []

    def take(self, state: str) -> None:
        for width in WIDTHS:
            self.page.set_viewport_size({"width": width, "height": 900})
            for shade in driver.SHADES:
                driver.show_shade(self.page, shade)
                name = f"{self.version}-{state}-{width}-{shade}.png"
                self.page.screenshot(path=str(self.folder / name), full_page=True)
                self.names.append(name)
                self._say_what_sticks_out(name, width)
        self.page.set_viewport_size({"width": WIDTHS[0], "height": 900})

    def write_page(self) -> None:
        figures = "".join(f'<figure><img src="{name}"><figcaption>{name}</figcaption></figure>' for name in self.names)
        style = "<style>body{columns:4 300px}figure{margin:0 0 16px;break-inside:avoid}img{width:100%}</style>"
        (self.folder / f"{self.version}.html").write_text(f"<!doctype html>{style}{figures}", "utf-8")
        print(f"{self.version}: {len(self.names)} pictures")

    def _say_what_sticks_out(self, name: str, width: int) -> None:
        across = self.page.evaluate("document.documentElement.scrollWidth")
        if across > width:
            print(f"{name}: scrolls sideways, {across} px")


def train(pictures: Pictures, photos: list[str]) -> None:
    page = pictures.page
    pictures.take("train-empty")
    page.set_input_files("#easyphoto_train_photos input[type=file]", photos)
    page.wait_for_selector(".easyphoto-verdicts", timeout=3 * MINUTES)
    page.click("#easyphoto_train_start")
    page.wait_for_selector("#easyphoto_train_message [role=alert]")
    pictures.take("train-verdicts")


def persons(pictures: Pictures, photos: list[str]) -> None:
    page = pictures.page
    driver.open_tab(page, "Persons")
    page.locator(f"{PERSONS}import .label-wrap").first.click()
    pictures.take("persons")
    for verb in ("Rename", "Delete"):
        page.locator(f'{PERSONS}tiles button[aria-label="{verb}: anna"]').click()
        page.wait_for_selector(f"{PERSONS}{verb.lower()}_yes")
        pictures.take(f"persons-{verb.lower()}")


def templates(pictures: Pictures, photos: list[str]) -> None:
    driver.open_tab(pictures.page, "Templates")
    pictures.take("templates")


def photograph(pictures: Pictures, photos: list[str]) -> None:
    page = pictures.page
    driver.open_tab(page, "Photograph")
    page.locator(f"{PHOTOGRAPH}persons label", has_text="anna").locator("input").check()
    page.locator(f"{PHOTOGRAPH}templates label", has_text="Two friends").locator("input").check()
    page.wait_for_selector(".easyphoto-taker")
    pictures.take("photograph")
    fold = page.locator(f"{PHOTOGRAPH}advanced .label-wrap").first
    fold.click()
    pictures.take("photograph-advanced")
    fold.click()


def results(pictures: Pictures, photos: list[str]) -> None:
    """Only under the newest gradio, where what paints is installed."""
    page = pictures.page
    page.locator(f"{PHOTOGRAPH}preset input[type=radio]").first.check()
    page.click(f"{PHOTOGRAPH}start")
    page.wait_for_selector(".easyphoto-result", timeout=5 * MINUTES)
    page.click(f"{PHOTOGRAPH}steps_button")
    page.wait_for_selector(".easyphoto-steps img")
    pictures.take("photograph-results")


STATES: tuple[Callable[[Pictures, list[str]], None], ...] = (train, persons, templates, photograph, results)


if __name__ == "__main__":
    main()
