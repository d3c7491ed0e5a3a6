import runpy
import sys
import threading
from pathlib import Path
from types import ModuleType, SimpleNamespace

import gradio as gr
import pytest
from fastapi import APIRouter, FastAPI
from fastapi.testclient import TestClient

from easyphoto.api import application
from easyphoto.jobs.records import State
from easyphoto.jobs.service import Service
from easyphoto.ui.photograph_layout import SendTargets
from easyphoto.webui import register
from easyphoto.webui.options import workspace_folder
from easyphoto.webui.service import QUEUE, open_service
from tests.jobs.asked import Asked

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "easyphoto_webui.py"


@pytest.fixture
def built(monkeypatch):
    """Stands in for the page and the router; tells with what they were built."""
    asked = SimpleNamespace(services=[], accounts=[], standalone=[], failure=None, send=SendTargets({}, None))

    def build_page(service, *, standalone, below):
        asked.services.append(service)
        asked.standalone.append(standalone)
        if asked.failure is not None:
            raise asked.failure
        with gr.Blocks() as blocks:
            gr.HTML("the tabs of EasyPhoto")
        return SimpleNamespace(blocks=blocks, send=asked.send)

    def build_router(service, *, accounts, has_door):
        asked.services.append(service)
        asked.accounts.append(accounts)
        router = APIRouter()
        router.add_api_route("/easyphoto/v1/jobs", lambda: ["a job"])
        return router

    page = ModuleType("easyphoto.ui.page")
    page.build_page = build_page
    monkeypatch.setitem(sys.modules, "easyphoto.ui.page", page)
    monkeypatch.setattr(application, "build_router", build_router)
    return asked


@pytest.fixture(autouse=True)
def closed(monkeypatch):
    """No queue outlives its test."""
    yield
    queue = getattr(sys.modules.get("modules.shared"), QUEUE, None)
    if queue is not None:
        queue.close()


def executed(there):
    """The script as the host executes it, on cleared callbacks."""
    there.tabs.clear()
    return runpy.run_path(str(SCRIPT), run_name="easyphoto_webui.py")


def words_in(blocks):
    return " ".join(str(block.value) for block in blocks.blocks.values() if isinstance(block, gr.HTML))


def test_the_host_gets_a_tab_settings_routes_and_an_always_on_script(host, built):
    there = host()

    left = executed(there)

    assert {name: len(callbacks) for name, callbacks in there.tabs.items()} == {
        "ui_tabs": 1,
        "ui_settings": 1,
        "app_started": 1,
    }
    script = left["EasyPhotoScript"]()
    assert isinstance(script, sys.modules["modules.scripts"].Script)
    assert script.title() == "EasyPhoto"
    assert script.show(True) is sys.modules["modules.scripts"].AlwaysVisible


def test_registering_builds_nothing_and_writes_nothing(host, built):
    there = host()

    executed(there)

    assert built.services == []
    assert not (there.folder / "easyphoto").exists()


def test_the_tab_is_the_page_on_the_desk_of_the_users_workspace(host, built):
    there = host()
    executed(there)

    [(blocks, title, id)] = there.tabs["ui_tabs"][0]()

    assert (title, id) == ("EasyPhoto", "easyphoto")
    assert words_in(blocks) == "the tabs of EasyPhoto"
    assert built.standalone == [False]
    assert built.services[0].app.workspace.root == workspace_folder()


def test_a_tab_that_cannot_be_built_says_why_in_its_place(host, built):
    there = host()
    executed(there)
    built.failure = RuntimeError("no <gradio> at all")

    [(blocks, title, _)] = there.tabs["ui_tabs"][0]()

    assert title == "EasyPhoto"
    assert "RuntimeError: no &lt;gradio&gt; at all" in words_in(blocks)
    assert "press Reload UI" in words_in(blocks)


def test_settings_that_cannot_be_are_said_in_the_tab_and_in_the_log_without_a_traceback(host, built, caplog):
    there = host()
    there.options.data["easyphoto_detector"] = "eyes"
    executed(there)

    [(blocks, _, _)] = there.tabs["ui_tabs"][0]()

    assert "detector cannot be &#x27;eyes&#x27;" in words_in(blocks)
    assert [(record.levelname, record.exc_info) for record in caplog.records] == [("WARNING", None)]


def test_a_package_that_cannot_be_loaded_leaves_a_tab_with_words(host, monkeypatch):
    there = host()
    monkeypatch.setitem(sys.modules, "easyphoto.webui.register", None)

    left = executed(there)

    [(blocks, title, _)] = there.tabs["ui_tabs"][0]()
    assert "EasyPhotoScript" not in left
    assert title == "EasyPhoto"
    assert "could not be loaded" in words_in(blocks)


def test_the_host_keeps_no_values_of_the_tab_by_their_labels(host, built):
    there = host()
    executed(there)

    [(blocks, _, _)] = there.tabs["ui_tabs"][0]()

    kept = [component for component in blocks.blocks.values() if not component.do_not_save_to_config]
    assert blocks.blocks
    assert kept == []


def test_the_routes_stand_with_and_without_a_page(host, built):
    there = host()
    executed(there)
    answers = []
    for demo in ("a page", None):
        app = FastAPI()

        there.tabs["app_started"][0](demo, app)

        client = TestClient(app)
        answers.append((client.get("/easyphoto/v1/jobs").json(), client.get("/elsewhere").status_code))
    assert answers == [(["a job"], 404), (["a job"], 404)]


def test_nothing_of_the_api_is_built_before_somebody_asks(host, built):
    host()
    app = FastAPI()

    register.add_routes(None, app)
    before = list(built.accounts)
    TestClient(app).get("/easyphoto/v1/jobs")
    TestClient(app).get("/easyphoto/v1/jobs")

    assert before == []
    assert built.accounts == [None]


def test_without_its_api_the_host_gets_no_routes_but_without_a_page_it_is_one(host, built):
    there = host()
    flags = sys.modules["modules.shared"].cmd_opts
    answers = []
    for flags.api, flags.nowebui in ((False, False), (False, True), (True, False)):
        executed(there)
        app = FastAPI()
        routes = len(app.router.routes)

        there.tabs["app_started"][0](None, app)

        answers.append((len(app.router.routes) - routes, TestClient(app).get("/easyphoto/v1/jobs").status_code))
    assert answers == [(0, 404), (1, 200), (1, 200)]


def test_routes_that_cannot_be_built_do_not_keep_the_host_from_answering(host, built, monkeypatch):
    there = host()
    executed(there)
    monkeypatch.setattr(application, "build_router", lambda *_, **__: 1 / 0)
    app = FastAPI()
    app.add_api_route("/sdapi/v1/options", lambda: "the host's")

    there.tabs["app_started"][0](None, app)

    client = TestClient(app, raise_server_exceptions=False)
    assert client.get("/easyphoto/v1/jobs").status_code == 500
    assert client.get("/sdapi/v1/options").json() == "the host's"


def test_a_reload_of_the_page_finds_the_same_queue_and_its_jobs_go_on(host, built):
    there = host()
    executed(there)
    there.tabs["ui_tabs"][0]()
    going, done = threading.Event(), threading.Event()
    job = built.services[0].queue.submit(Asked("check", "slow"), lambda _: going.set() or (done.wait(10) and {}))
    assert going.wait(10)

    executed(there)
    there.tabs["ui_tabs"][0]()
    app = FastAPI()
    there.tabs["app_started"][0]("a new page", app)
    TestClient(app).get("/easyphoto/v1/jobs")

    first, second, third = (service.queue for service in built.services)
    assert first is second is third
    assert second.get(job.id).state is State.RUNNING
    done.set()
    second.wait(job.id, after=2, seconds=10)
    assert second.get(job.id).state is State.DONE


def test_settings_changed_meanwhile_count_after_a_reload(host, built):
    there = host()
    before = open_service()

    there.options.data["easyphoto_licences"] = "research"
    after = open_service()

    assert (before.app.options.weights.licences, after.app.options.weights.licences) == ("commercial-safe", "research")
    assert before.queue is after.queue


def test_what_one_picture_loads_is_at_hand_for_the_next_and_for_the_jobs(host):
    """The always-on script opens a service for every picture; it embedded all photos of the person anew."""
    host()
    made = []

    for service in (open_service(), open_service()):
        with service.app.at_hand() as app:
            app.models.get("anna's faces", lambda: made.append(1) or "measured", size=len)

    assert made == [1]


def test_nothing_stays_loaded_for_the_workspace_before(host, tmp_path):
    there = host()
    before = open_service().app.cache
    there.options.data["easyphoto_workspace"] = str(tmp_path / "elsewhere")

    assert open_service().app.cache is not before


def test_another_workspace_is_taken_up_when_no_job_is_left(host, tmp_path):
    there = host()
    before, done = open_service(), threading.Event()
    job = before.queue.submit(Asked("check", "slow"), lambda _: done.wait(10) and {})
    there.options.data["easyphoto_workspace"] = str(tmp_path / "elsewhere")

    during = open_service()
    done.set()
    while not before.queue.get(job.id).state.is_over:
        before.queue.wait(job.id, after=2, seconds=1)
    after = open_service()

    assert isinstance(during, Service)
    assert during.app.workspace.root == before.app.workspace.root
    assert after.app.workspace.root == after.queue.workspace.root == tmp_path / "elsewhere"


class Infotext(ModuleType):
    """`modules.infotext_utils`: which tabs there are, and which buttons were bound to them."""

    def __init__(self, tabs):
        super().__init__("modules.infotext_utils")
        self.paste_fields, self.bound = dict.fromkeys(tabs), []
        self.ParamBinding = SimpleNamespace
        self.register_paste_params_button = self.bound.append


@pytest.mark.parametrize("module", ["infotext_utils", "generation_parameters_copypaste"])
def test_the_buttons_send_the_picture_to_the_tabs_that_the_host_has(host, built, monkeypatch, module):
    there = host()
    infotext = Infotext(["txt2img", "img2img", "extras"])
    monkeypatch.setitem(sys.modules, f"modules.{module}", infotext)
    built.send = SendTargets({"img2img": "one", "inpaint": "two", "extras": "three"}, "the picture")
    executed(there)

    there.tabs["ui_tabs"][0]()

    assert [(bound.tabname, bound.paste_button, bound.source_image_component) for bound in infotext.bound] == [
        ("img2img", "one", "the picture"),
        ("extras", "three", "the picture"),
    ]


def test_a_host_without_sending_has_the_tab_all_the_same(host, built, caplog):
    there = host()
    built.send = SendTargets({"img2img": "one"}, "the picture")
    executed(there)

    [(blocks, _, _)] = there.tabs["ui_tabs"][0]()

    assert words_in(blocks) == "the tabs of EasyPhoto"
    assert "buttons to other tabs could not be connected" in caplog.text
