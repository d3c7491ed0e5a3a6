"""The guided first run: what is there, what is missing, the button that brings it, and that it goes away by itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from easyphoto.app import EasyPhoto
from easyphoto.host.base import HostFacts, ThisMachine
from easyphoto.jobs.queue import JobQueue
from easyphoto.jobs.service import Service
from easyphoto.ui import file_chooser, train_tab
from easyphoto.ui.file_chooser import usual_checkpoints
from easyphoto.ui.first_run import Guiding, drawn_photos
from easyphoto.ui.language import Translator
from easyphoto.ui.train_photos import PhotoSet
from easyphoto.workspace.folders import Workspace
from easyphoto.workspace.person_record import Person
from tests.services import done

MINIATURE = "miniature — drawings only, ships with EasyPhoto"


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for name in ("HF_HUB_OFFLINE", "EASYPHOTO_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    workspace = Workspace(tmp_path / "workspace")
    service = Service(EasyPhoto(workspace, mirrors=(), host=ThisMachine("en", True)), JobQueue(workspace))
    yield service
    service.queue.close()


@dataclass
class Tab:
    service: Service

    def __post_init__(self) -> None:
        with gr.Blocks():
            self.tab = train_tab.build(self.service, Translator("en"))
        self.guiding = Guiding(self.tab.guide, self.tab.photos, self.tab.form, self.service)

    def said(self, *, closed: bool = False, photos: tuple[str, ...] = (), base: str = MINIATURE) -> str:
        return str(self.guiding.shown(closed, PhotoSet(photos).record(), base)[self.tab.guide.said])

    def press(self, order: str) -> dict[Any, Any]:
        values: dict[Any, Any] = {component: component.value for component in self.guiding.order_inputs}
        values[self.tab.photos.held] = PhotoSet().record()
        values[self.tab.photos.check] = None
        return self.guiding.ordered(order, *(values[each] for each in self.guiding.order_inputs))


def test_an_empty_page_says_what_is_there_and_what_is_missing(service: Service) -> None:
    said = Tab(service).said()

    assert "✓ The miniature is here; it paints drawn people only." in said
    assert "○ For photographs a Stable Diffusion checkpoint is missing." in said
    assert "○ Missing for photographs: Finding and recognising faces, 261 MB" in said
    assert 'data-easyphoto-order="get photographs"' in said
    assert ">Choose a file …</button>" in said
    assert ">Try it with drawn people first</button>" in said


@dataclass(frozen=True)
class WithoutDiffusers(ThisMachine):
    """As AUTOMATIC1111 is: it has a checkpoint, and nothing that runs the miniature."""

    def facts(self) -> HostFacts:
        return replace(super().facts(), checkpoints=("v1-5.safetensors",))


def test_where_the_miniature_cannot_paint_drawn_people_are_not_offered(service: Service) -> None:
    webui = Service(EasyPhoto(service.app.workspace, mirrors=(), host=WithoutDiffusers("en", True)), service.queue)

    said = Tab(webui).said(base="v1-5.safetensors")

    assert "The miniature is here" not in said
    assert "Try it with drawn people first" not in said
    assert "Run python start.py ui in EasyPhoto&#x27;s folder" in said


def test_offline_says_so_in_place_of_a_button_that_would_fetch_nothing(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    offline = Service(EasyPhoto(service.app.workspace, mirrors=(), host=ThisMachine("en", True)), service.queue)

    said = Tab(offline).said()

    assert "Missing for photographs: Finding and recognising faces, 261 MB" in said
    assert "Nothing is downloaded: the offline switch is on." in said
    assert "Fetch what is missing" not in said


def test_it_goes_away_when_there_is_a_person_or_a_result_and_when_it_is_closed(service: Service) -> None:
    tab = Tab(service)
    assert tab.said(closed=True) == ""
    assert tab.press("close")[tab.tab.guide.closed] is True

    (service.app.workspace.results / "one").mkdir(parents=True)
    assert tab.said() == ""
    (service.app.workspace.results / "one").rmdir()
    assert tab.said() != ""
    service.app.workspace.save_person(Person("anna", "Anna", "miniature", "2026-01-01T00:00:00Z"))
    assert tab.said() == ""


def test_photos_tick_the_second_step_and_a_checkpoint_of_ones_own_the_first(service: Service) -> None:
    tab = Tab(service)

    said = tab.said(photos=("a.png", "b.png"), base="/models/v1-5.safetensors — Stable Diffusion 1.5")

    assert "Photos: 2" in said
    assert "Try it with drawn people first" not in said
    assert "✓ For photographs: /models/v1-5.safetensors — Stable Diffusion 1.5" in said
    assert "checkpoint is missing" not in said


def test_one_press_brings_a_drawn_persons_photos_with_name_and_base_and_looks_at_them(service: Service) -> None:
    tab = Tab(service)

    updates = tab.press("drawn")

    held = PhotoSet.of(updates[tab.tab.photos.held])
    assert (len(held.photos), updates[tab.tab.form.name], updates[tab.tab.form.base]) == (12, "demo", MINIATURE)
    checked = done(service, service.queue.get(updates[tab.tab.photos.check]), 240)
    assert sum(verdict["kept"] for verdict in checked.result["verdicts"]) == 8


def test_drawn_photos_are_uploads_like_others_and_nothing_else_is_left(service: Service) -> None:
    names = drawn_photos(service)

    assert len(names) == len(set(names)) == 12
    assert all(service.upload(name).path.is_file() for name in names)
    assert not (service.app.workspace.page / "drawn").exists()


def test_checkpoints_in_usual_places_are_offered_and_small_files_are_not(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_chooser, "LEAST_BYTES", 1000)
    home = Path.home()
    for name, size in (
        ("Downloads/lora.safetensors", 10),
        ("Downloads/v1-5.safetensors", 2000),
        ("models/xl.ckpt", 2000),
    ):
        (home / name).parent.mkdir(exist_ok=True)
        (home / name).write_bytes(bytes(size))

    assert set(usual_checkpoints(home)) == {home / "Downloads" / "v1-5.safetensors", home / "models" / "xl.ckpt"}
    assert ">Use v1-5.safetensors</button>" in Tab(service).said()


def test_where_others_reach_the_page_no_folder_of_this_machine_is_named(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = Service(EasyPhoto(service.app.workspace, mirrors=(), host=ThisMachine("en", False)), service.queue)

    said = Tab(shared).said()

    assert "Choose a file" not in said
    assert str(Path.home()) not in said


def test_with_photos_the_last_step_has_the_buttons_that_make_the_person(service: Service) -> None:
    tab = Tab(service)

    said = tab.said(photos=("a.png",))

    assert 'data-easyphoto-order="add" data-easyphoto-to="easyphoto_train_guide_order"' in said
    assert 'data-easyphoto-order="train"' in said
    assert 'data-easyphoto-order="add"' not in tab.said()


def test_its_buttons_do_what_the_form_says(service: Service) -> None:
    tab, asked = Tab(service), []
    tab.guiding = replace(tab.guiding, made={"add": lambda values: asked.append(values) or {}})

    tab.press("add")

    assert tab.tab.form.inputs <= set(asked[0])
