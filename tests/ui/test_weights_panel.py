"""What is missing for photographs stands in the page with a button, and no word of a command line."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from easyphoto.app import EasyPhoto
from easyphoto.errors import LicenceRefused, WeightsMissing
from easyphoto.jobs.queue import JobQueue
from easyphoto.jobs.records import State, error_record
from easyphoto.jobs.service import Service
from easyphoto.messages import joined, note, text
from easyphoto.settings.options import Options, WeightSettings
from easyphoto.ui import weights_panel
from easyphoto.ui.card import error_html, notes_html
from easyphoto.ui.fetch_buttons import weights_of_note
from easyphoto.ui.language import Translator
from easyphoto.ui.verdicts import Checked, verdicts_html
from easyphoto.ui.weight_needs import need_of, weight_needs
from easyphoto.ui.weights_panel import PanelState, downloads_of, going_job, obeyed, panel_html
from easyphoto.weights.catalog import weight_file
from easyphoto.weights.entries import Commercial
from easyphoto.weights.refusals import OFFLINE, missing
from easyphoto.weights.sources import url_of
from easyphoto.weights.store import WeightStore
from easyphoto.workspace.folders import Workspace
from tests.services import done
from tests.weights.shelf import open_server, safetensors_bytes, stalls_after

WORDS = Translator()


@pytest.fixture(autouse=True)
def alone(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of this machine's user is looked into, and the network may be asked."""
    empty = tmp_path_factory.mktemp("empty")
    for name in ("HF_HUB_CACHE", "MODELSCOPE_CACHE", "HOME"):
        monkeypatch.setenv(name, str(empty))
    for name in ("HF_HUB_OFFLINE", "EASYPHOTO_OFFLINE", "EASYPHOTO_WEIGHTS_MIRROR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody was trained already: before, the guided first run says what is missing."""
    monkeypatch.setattr(weights_panel, "is_in_use", lambda service: True)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    workspace = Workspace(tmp_path / "workspace")
    service = Service(EasyPhoto(workspace, mirrors=()), JobQueue(workspace))
    yield service
    service.queue.close()


def put(store: WeightStore, id: str) -> None:
    """A sparse file of the catalogue's name and size; what a page asks reads no content."""
    file = store.root / weight_file(id).path
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as stream:
        stream.truncate(weight_file(id).bytes or 10)


def test_without_an_embedder_the_panel_says_what_nobody_can_know(service: Service) -> None:
    put(service.app.store, "yunet")

    said = panel_html(service, PanelState(), WORDS)

    assert "Without it, photos of somebody else are not noticed" in said
    assert "261 MB · Apache-2.0 · commercial use allowed" in said
    assert 'data-easyphoto-order="get photographs"' in said
    assert ">Fetch</button>" in said
    assert "easyphoto weights" not in said


def test_without_a_detector_the_panel_says_that_no_face_is_found(service: Service) -> None:
    assert "Without it no face is found on a photograph" in panel_html(service, PanelState(), WORDS)


def test_where_nothing_that_matters_is_missing_there_is_no_panel(service: Service) -> None:
    put(service.app.store, "yunet")
    put(service.app.store, "sface")

    assert panel_html(service, PanelState(), WORDS) == ""


def test_the_panel_can_be_put_away_and_comes_back(service: Service) -> None:
    away = obeyed(service, "hide", PanelState())

    folded = panel_html(service, away, WORDS)
    assert "What is missing for real photographs" not in folded
    assert "Show it" in folded
    assert obeyed(service, "show", away) == PanelState()


def test_a_download_is_shown_cancelled_and_gone_on_with(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    server, shelf = open_server()
    monkeypatch.setenv("HF_ENDPOINT", shelf.url)
    content = safetensors_bytes(3_000_000)
    id = "diffusers_xl_canny_mid"
    for source in weight_file(id).sources:
        shelf.serve(url_of(source).removeprefix(shelf.url), stalls_after(2_000_000, content))

    state = obeyed(service, f"get {id}", PanelState())
    (job,) = service.queue.list()
    while service.queue.get(job.id).done == 0 or service.app.store.bytes_begun(id) < 1_900_000:
        time.sleep(0.01)
    going = panel_html(service, state, WORDS)
    obeyed(service, f"get {id}", state)

    assert len(service.queue.list()) == 1, "a second press starts nothing"
    assert 'role="progressbar"' in going
    assert 'data-active="true"' in going
    assert going_job(downloads_of(service)) == service.queue.get(job.id)

    service.queue.cancel(job.id)
    shelf.closing.set()
    assert done(service, job).state is State.CANCELLED
    stopped = panel_html(service, state, WORDS)
    assert ">Resume</button>" in stopped
    assert "2.0 MB of it are here" in stopped
    server.shutdown()
    server.server_close()


def test_offline_there_is_a_reason_in_the_buttons_place(service: Service) -> None:
    offline = replace(service, app=replace(service.app, options=Options(weights=WeightSettings(offline=True))))

    said = panel_html(offline, PanelState(), WORDS)

    assert "Nothing is downloaded: the offline switch is on." in said
    assert "get photographs" not in said
    with pytest.raises(WeightsMissing):
        obeyed(offline, "get photographs", PanelState())


def test_what_the_licences_refuse_is_named_and_not_offered(service: Service) -> None:
    need = need_of(service.app.store, "buffalo_l")

    assert need is not None
    assert (need.is_allowed, need.commercial) == (False, Commercial.NO)
    said = panel_html(service, PanelState(("buffalo_l",)), WORDS)
    assert "no commercial use" in said
    assert "Not allowed by the licence setting (commercial-safe)." in said
    with pytest.raises(LicenceRefused):
        obeyed(service, "get buffalo_l", PanelState())


def test_a_refused_file_that_another_stands_in_for_is_not_missed(service: Service) -> None:
    store = service.app.store
    for id in ("clip-merges", "vae-ft-mse", "control_v11p_sd15_canny", "control_v11f1e_sd15_tile"):
        put(store, id)
    put(store, "control_v11p_sd15_openpose")

    assert need_of(store, "sd15") is None


def test_what_is_optional_is_folded_away(service: Service) -> None:
    found = {need.name: need.is_needed for need in weight_needs(service.app.store, ())}

    assert found == {"photographs": True, "cut-out": False, "restore": False}
    said = panel_html(service, PanelState(), WORDS)
    assert said.index("<details>") < said.index("The outline of people")


def test_a_note_about_a_missing_part_has_a_button_in_place_of_the_command() -> None:
    absent = text("face recognition (people cannot be told apart)")
    said = note(
        "parts-missing", "Missing: {missing}. Run: easyphoto weights get {sets}", missing=joined([absent], "; "),
        sets="photographs",
    )  # fmt: skip

    html = notes_html([said], WORDS)

    assert weights_of_note(said) == ("photographs",)
    assert "Missing: face recognition (people cannot be told apart)." in html
    assert 'data-easyphoto-order="get photographs" data-easyphoto-to="easyphoto_weights_order"' in html
    assert "easyphoto weights get" not in html


def test_an_error_names_what_brings_the_file_and_keeps_its_words_for_the_command_line() -> None:
    error = missing(weight_file("yunet"), OFFLINE, Path("weights"))

    record = error_record(error)
    html = error_html(record, WORDS)

    assert record["weights"] == "yunet"
    assert "EASYPHOTO_WEIGHTS_MIRROR" in str(error)
    assert 'data-easyphoto-order="get yunet"' in html
    assert html.index("<summary>By hand</summary>") < html.index("EASYPHOTO_WEIGHTS_MIRROR")


def test_a_face_detector_is_fetched_with_what_it_is_used_with(service: Service) -> None:
    need = need_of(service.app.store, "yunet")

    assert need is not None
    assert need.name == "photographs"


def test_every_set_that_a_note_or_an_error_can_name_is_in_the_catalogue(service: Service) -> None:
    for name in ("photographs", "cut-out", "clip-merges", "vae-ft-mse", "clip-vit-h", "scrfd-10g", "ip-adapter-sd15"):
        assert need_of(service.app.store, name) is not None
    assert need_of(service.app.store, "nothing") is None


@pytest.mark.parametrize(("sets", "tone"), [("photographs", "ask"), ("cut-out", "good")])
def test_verdicts_are_amber_where_nobody_can_say_whose_faces_they_are(sets: str, tone: str) -> None:
    verdict = {
        "photo": "a.jpg",
        "kept": True,
        "explanation": "",
        "advice": "",
        "reason": None,
        "notes": (),
        "faces": (),
    }
    said = note(
        "parts-missing", "Missing: {missing}. Run: easyphoto weights get {sets}", missing="something", sets=sets
    )
    checked = Checked({"verdicts": [verdict], "notes": [said], "reference": "a.jpg"}, {}, ("a.jpg",), "a.jpg")

    html = verdicts_html(checked, {}, WORDS)

    assert f'class="easyphoto-verdict" data-tone="{tone}"' in html
