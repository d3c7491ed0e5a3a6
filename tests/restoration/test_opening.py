"""Which networks finish a picture, and what is said about those that cannot be had."""

from __future__ import annotations

from pathlib import Path

import pytest

from easyphoto.errors import InputError, WeightsMissing
from easyphoto.model_cache import ModelCache
from easyphoto.progress import NullProgress
from easyphoto.restoration import opening
from easyphoto.restoration.opening import open_finisher, open_restorer, open_upscaler, restoration_lines
from easyphoto.settings.inference import InferenceSettings
from tests.restoration.fakes import FakeNetwork, FakeStore, install, uninstall

PROGRESS = NullProgress()
BOTH = InferenceSettings(restore="gfpgan", upscale="realesrgan-x2plus")


def test_nothing_asked_for_opens_nothing(monkeypatch: pytest.MonkeyPatch):
    uninstall(monkeypatch)

    assert open_finisher(InferenceSettings(), FakeStore(), PROGRESS) is None


def test_the_settings_words_name_the_catalogue_s_files(monkeypatch: pytest.MonkeyPatch):
    asked = install(monkeypatch, FakeNetwork(None, purpose="FaceSR"))
    store = FakeStore(("gfpgan-1.4", "restoreformer"))

    open_restorer("restoreformer", store, PROGRESS)
    finisher = open_finisher(InferenceSettings(restore="gfpgan"), store, PROGRESS)

    assert asked == [Path("restoreformer.pth"), Path("gfpgan-1.4.pth")]
    assert finisher is not None
    assert [file.id for file in finisher.weights] == ["gfpgan-1.4"]
    assert (finisher.upscaler, finisher.notes) == (None, ())


def test_an_upscaler_knows_its_factor_and_its_file(monkeypatch: pytest.MonkeyPatch):
    install(monkeypatch, FakeNetwork(None, purpose="SR", scale=2))

    upscaler = open_upscaler("realesrgan-x2plus", FakeStore(("realesrgan-x2plus",)), PROGRESS)

    assert upscaler is not None
    assert upscaler.factor == 2
    assert upscaler.weights[0].file == "realesrgan-x2plus.pth"


def test_what_is_missing_becomes_a_note_and_the_rest_is_opened(monkeypatch: pytest.MonkeyPatch):
    install(monkeypatch, FakeNetwork(None, purpose="FaceSR"))

    finisher = open_finisher(BOTH, FakeStore(("gfpgan-1.4",)), PROGRESS)

    assert finisher is not None
    assert finisher.restorer is not None
    assert finisher.notes == ("The enlargement was left out. realesrgan-x2plus is not at hand.",)


def test_a_refused_licence_becomes_a_note(monkeypatch: pytest.MonkeyPatch):
    install(monkeypatch, FakeNetwork(None, purpose="FaceSR"))

    finisher = open_finisher(InferenceSettings(restore="gfpgan"), FakeStore(refused=("gfpgan-1.4",)), PROGRESS)

    assert finisher is not None
    assert finisher.notes == ("Face restoration was left out. gfpgan-1.4 is for research only.",)


def test_without_spandrel_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch):
    uninstall(monkeypatch)
    store = FakeStore(("gfpgan-1.4", "realesrgan-x2plus"))

    finisher = open_finisher(BOTH, store, PROGRESS)

    assert store.asked == []
    assert finisher is not None
    assert len(finisher.notes) == 2
    assert "spandrel" in finisher.notes[0]


def test_asked_for_by_itself_a_missing_file_is_an_error(monkeypatch: pytest.MonkeyPatch):
    install(monkeypatch, FakeNetwork(None, purpose="SR"))

    with pytest.raises(WeightsMissing):
        open_upscaler("realesrgan-x4plus", FakeStore(), PROGRESS)


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(InputError, match="Known: none, auto, drawn, gfpgan, restoreformer"):
        open_restorer("codeformer", FakeStore(), PROGRESS)


def test_auto_opens_nothing_by_itself_and_the_restorer_of_drawings_needs_no_spandrel(monkeypatch: pytest.MonkeyPatch):
    uninstall(monkeypatch)

    drawn = open_finisher(InferenceSettings(restore="drawn"), FakeStore(), PROGRESS)

    assert open_finisher(InferenceSettings(restore="auto"), FakeStore(), PROGRESS) is None
    assert drawn is not None
    assert [(file.id, file.file, file.licence) for file in drawn.weights] == [
        ("miniature-restorer-1", "face.safetensors", "Apache-2.0")
    ]
    assert drawn.notes == ()


def test_a_restorer_of_drawings_that_is_gone_is_a_note_and_a_problem_for_the_doctor(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setattr(opening, "drawn_file", lambda: tmp_path / "face.safetensors")

    finisher = open_finisher(InferenceSettings(restore="drawn"), FakeStore(), PROGRESS)

    assert finisher is not None
    assert (finisher.restorer, len(finisher.notes)) == (None, 1)
    assert finisher.notes[0].startswith("Face restoration was left out. face.safetensors cannot be read as a model")
    assert next(iter(restoration_lines(FakeStore()))).startswith("! drawn: missing in ")


def test_the_restorer_of_drawings_is_kept_between_jobs(monkeypatch: pytest.MonkeyPatch):
    cache = ModelCache(1 << 30)

    for _ in range(2):
        with cache.lease() as models:
            open_restorer("drawn", FakeStore(), PROGRESS, models)

    assert cache.loads == 1


def test_the_doctor_s_lines_say_what_is_there(monkeypatch: pytest.MonkeyPatch):
    uninstall(monkeypatch)

    lines = list(restoration_lines(FakeStore(("gfpgan-1.4",))))

    assert lines[0] == "  drawn: there"
    assert lines[1].startswith("  spandrel: Restoration and upscaling need spandrel, which cannot be loaded here")
    assert lines[2:] == [
        "  gfpgan: there",
        "  restoreformer: not at hand, fetched when chosen",
        "  realesrgan-x4plus: not at hand, fetched when chosen",
        "  realesrgan-x2plus: not at hand, fetched when chosen",
    ]


def test_the_doctor_says_what_the_licence_set_refuses(monkeypatch: pytest.MonkeyPatch):
    install(monkeypatch, FakeNetwork(None, purpose="FaceSR"))

    lines = list(restoration_lines(FakeStore(refused=("restoreformer",))))

    assert lines[1] == "  spandrel: there"
    assert lines[3].startswith("  restoreformer: refused by the licence set (")
