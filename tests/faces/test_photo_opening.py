"""Which parts the engine of photographs gets, what is said about those it could not have, and what doctor hears."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from easyphoto.errors import EnvironmentFailure, InputError, LicenceRefused, WeightsMissing
from easyphoto.faces import photo_covering, photo_opening
from easyphoto.faces.opening import engine_lines, open_engine
from easyphoto.faces.photo_opening import (
    open_detector,
    open_object_saliency,
    open_parser,
    open_photo_engine,
    open_saliency,
)
from easyphoto.progress import NullProgress, Progress
from easyphoto.settings.options import FaceSettings
from easyphoto.weights.catalog import LicenceSet, UsedWeight, weight_file
from easyphoto.weights.store import WeightStore


@dataclass(frozen=True)
class Shelf(WeightStore):
    """A store that has what it is told, whatever the content."""

    files: dict[str, Path] = field(default_factory=dict)

    def find(self, id: str) -> Path | None:
        return self.files.get(id) if self.allows(id) else None

    def require(self, id: str, progress: Progress) -> Path:
        return self.find(id) or super().require(id, progress)

    def used(self, id: str) -> UsedWeight:
        return UsedWeight(id, self.files[id].name, weight_file(id).licence, "00")


class Detector:
    id = "yunet"

    def __init__(self, file: Path, weights: tuple[UsedWeight, ...]) -> None:
        self.weights = weights


@pytest.fixture
def yunet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A file that is taken for YuNet's, and a home without any models."""
    from easyphoto.faces import yunet as module

    monkeypatch.setattr(module, "YuNet", Detector)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.setattr(photo_covering, "YuNetHalves", lambda file: None)
    (tmp_path / "yunet.onnx").touch()
    return tmp_path / "yunet.onnx"


def shelf(folder: Path, *, licences: LicenceSet = LicenceSet.COMMERCIAL_SAFE, **files: Path) -> Shelf:
    named = {id.replace("_", "-"): file for id, file in files.items()}
    return Shelf(folder, licences=licences, offline=True, files=named)


def broken(folder: Path) -> Path:
    (folder / "broken.onnx").write_bytes(b"no network")
    return folder / "broken.onnx"


def test_automatic_parts_that_are_not_at_hand_become_one_note_with_the_command(yunet: Path, tmp_path: Path) -> None:
    engine = open_photo_engine(shelf(tmp_path, yunet=yunet), NullProgress(), FaceSettings())

    assert engine.parts == ("yunet", "landmarks")
    assert [weight.id for weight in engine.weights] == ["yunet"]
    assert engine.notes == (
        "Missing: face recognition (people cannot be told apart); a cut-out model (outlines are guessed from "
        "colours). Run: easyphoto weights get photographs cut-out",
    )


def test_what_was_switched_off_is_not_missed(yunet: Path, tmp_path: Path) -> None:
    settings = FaceSettings(embedder="none", saliency="grabcut")

    assert open_photo_engine(shelf(tmp_path, yunet=yunet), NullProgress(), settings).notes == ()


def test_an_automatic_part_that_cannot_be_opened_is_a_note(yunet: Path, tmp_path: Path) -> None:
    store = shelf(tmp_path, yunet=yunet, u2net_human=broken(tmp_path))

    engine = open_photo_engine(store, NullProgress(), FaceSettings(embedder="none"))

    assert engine.parts == ("yunet", "landmarks")
    assert engine.notes[0].startswith("The cut-out model u2net cannot be used:")


def test_where_the_best_embedder_cannot_be_opened_the_next_one_is_taken(
    yunet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from easyphoto.faces import sface

    class Second:
        id, scale = "sface", None

        def __init__(self, file: Path, *, id: str, scale: object, weights: tuple[UsedWeight, ...]) -> None:
            self.weights = weights

    monkeypatch.setattr(sface, "SFaceEmbedder", Second)
    store = shelf(tmp_path, yunet=yunet, auraface=broken(tmp_path), sface=broken(tmp_path))

    engine = open_photo_engine(store, NullProgress(), FaceSettings(saliency="grabcut"))

    assert engine.embedder == "sface"
    assert [note[: len("The face recognition auraface cannot be used: ")] for note in engine.notes] == [
        "The face recognition auraface cannot be used: "
    ]


def test_a_chosen_part_that_cannot_be_opened_is_an_error(yunet: Path, tmp_path: Path) -> None:
    store = shelf(tmp_path, yunet=yunet, u2net_human=broken(tmp_path))

    with pytest.raises(WeightsMissing, match=r"broken\.onnx cannot be read by onnxruntime"):
        open_photo_engine(store, NullProgress(), FaceSettings(embedder="none", saliency="u2net"))


def test_an_automatic_saliency_network_is_taken_where_it_is_at_hand(yunet: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    from tests.faces.onnx_files import write_pixelwise

    file = write_pixelwise(tmp_path / "u2net.onnx", np.ones((1, 3)), np.zeros(1), side=320, sigmoid=True)
    store = shelf(tmp_path, yunet=yunet, u2net_human=file, birefnet_lite=broken(tmp_path))

    engine = open_photo_engine(store, NullProgress(), FaceSettings(embedder="none"))

    assert engine.parts == ("yunet", "landmarks", "u2net")
    assert [weight.file for weight in engine.weights] == ["yunet.onnx", "u2net.onnx"]
    assert engine.notes == ()


def test_objects_are_cut_out_by_what_knows_more_than_people(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    from tests.faces.onnx_files import write_pixelwise

    file = write_pixelwise(tmp_path / "birefnet.onnx", np.ones((1, 3)), np.zeros(1), side=1024, sigmoid=True)
    both = shelf(tmp_path, u2net_human=broken(tmp_path), birefnet_lite=file)
    people_only = shelf(tmp_path, u2net_human=broken(tmp_path))

    network, notes = open_object_saliency(both, NullProgress(), FaceSettings())
    assert network is not None
    assert (network.id, notes) == ("birefnet", ())
    network, notes = open_object_saliency(people_only, NullProgress(), FaceSettings())
    assert network is None
    assert [str(note) for note in notes] == [
        "No cut-out model for objects is at hand: their outlines are guessed from colours. "
        "Run: easyphoto weights get birefnet-lite"
    ]
    assert open_object_saliency(both, NullProgress(), FaceSettings(saliency="grabcut")) == (None, ())
    # A model that was chosen is taken, or its error told.
    with pytest.raises(WeightsMissing, match=r"broken\.onnx cannot be read"):
        open_object_saliency(both, NullProgress(), FaceSettings(saliency="u2net"))


def parsing_network(folder: Path) -> Path:
    pytest.importorskip("onnx")
    from tests.faces.onnx_files import write_pixelwise

    return write_pixelwise(folder / "bisenet.onnx", np.ones((19, 3)), np.zeros(19), side=512)


def test_an_automatic_parsing_network_is_taken_where_it_is_at_hand_and_allowed(yunet: Path, tmp_path: Path) -> None:
    store = shelf(tmp_path, licences=LicenceSet.RESEARCH, yunet=yunet, bisenet=parsing_network(tmp_path))

    engine = open_photo_engine(store, NullProgress(), FaceSettings(embedder="none"))

    # It draws the outline itself, so no cut-out model is missed either.
    assert engine.parts == ("yunet", "bisenet")
    assert [weight.id for weight in engine.weights] == ["yunet", "bisenet"]
    assert engine.notes == ()
    assert "  parser landmarks: needs no file; auto takes bisenet" in list(engine_lines(store))


def test_an_automatic_parsing_network_that_the_licences_refuse_is_left_alone(yunet: Path, tmp_path: Path) -> None:
    store = shelf(tmp_path, yunet=yunet, bisenet=parsing_network(tmp_path))

    engine = open_photo_engine(store, NullProgress(), FaceSettings(embedder="none", saliency="grabcut"))

    assert engine.parts == ("yunet", "landmarks")
    assert engine.notes == ()


def test_a_parsing_network_that_cannot_be_opened_is_a_note_and_five_points_do(yunet: Path, tmp_path: Path) -> None:
    store = shelf(tmp_path, licences=LicenceSet.RESEARCH, yunet=yunet, bisenet=broken(tmp_path))

    engine = open_photo_engine(store, NullProgress(), FaceSettings(embedder="none", saliency="grabcut"))

    assert engine.parts == ("yunet", "landmarks")
    assert [note[: len("The face parser bisenet cannot be used: ")] for note in engine.notes] == [
        "The face parser bisenet cannot be used: "
    ]


def test_the_parser_chosen_by_name_is_taken_though_a_network_is_at_hand(yunet: Path, tmp_path: Path) -> None:
    store = shelf(tmp_path, licences=LicenceSet.RESEARCH, yunet=yunet, bisenet=broken(tmp_path))
    settings = FaceSettings(embedder="none", saliency="grabcut", parser="landmarks")

    assert open_photo_engine(store, NullProgress(), settings).parts == ("yunet", "landmarks")


@pytest.mark.parametrize(
    "chosen",
    [{"detector": "scrfd"}, {"detector": "retinaface"}, {"detector": "insightface"}, {"parser": "bisenet"}],
)
def test_the_commercial_safe_set_refuses_what_is_not_free(yunet: Path, tmp_path: Path, chosen: dict[str, str]) -> None:
    with pytest.raises(LicenceRefused):
        open_engine("photographs", shelf(tmp_path, yunet=yunet), NullProgress(), FaceSettings(**chosen))


def test_the_insightface_package_gets_the_store_s_file_or_its_own(
    yunet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Package:
        def __init__(self, file: Path, weights: tuple[UsedWeight, ...]) -> None:
            self.file, self.weights = file, weights

    monkeypatch.setattr(photo_opening, "InsightFaceDetector", Package)
    research = shelf(tmp_path, licences=LicenceSet.RESEARCH)

    with pytest.raises(WeightsMissing, match="easyphoto weights get scrfd-10g"):
        open_detector("insightface", research, NullProgress())

    pack = tmp_path / ".insightface" / "models" / "buffalo_l"
    pack.mkdir(parents=True)
    (pack / "det_10g.onnx").write_bytes(b"a pack's detector")
    own = open_detector("insightface", research, NullProgress())
    assert own.weights[0].file == "det_10g.onnx"
    # The sha256 of b"a pack's detector".
    assert own.weights[0].sha256.startswith(PACK_SHA256)

    research.files["scrfd-10g"] = yunet
    assert open_detector("insightface", research, NullProgress()).weights[0].id == "scrfd-10g"


PACK_SHA256 = "8222b876e5bbd61d"


def test_unknown_names_name_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="auto, yunet, scrfd, retinaface, insightface"):
        open_detector("eyes", shelf(tmp_path), NullProgress())
    with pytest.raises(InputError, match="auto, landmarks, bisenet"):
        open_parser("eyes", shelf(tmp_path), NullProgress())
    with pytest.raises(InputError, match="u2net, birefnet"):
        open_saliency("eyes", shelf(tmp_path), NullProgress())


def test_doctor_hears_what_is_there_refused_and_missing(yunet: Path, tmp_path: Path) -> None:
    lines = list(engine_lines(shelf(tmp_path, yunet=yunet)))

    assert "  detector yunet: yunet.onnx, Apache-2.0" in lines
    assert "  detector scrfd: refused by the licence set commercial-safe" in lines
    assert "  detector insightface: refused by the licence set commercial-safe" in lines
    assert "  saliency u2net: not at hand (easyphoto weights get u2net-human)" in lines
    assert "  parser landmarks: needs no file" in lines
    assert any(line.lstrip("! ").startswith("embedder auraface:") for line in lines)


def test_offline_without_yunet_doctor_marks_it(yunet: Path, tmp_path: Path) -> None:
    assert "! detector yunet: not at hand (easyphoto weights get yunet)" in list(engine_lines(shelf(tmp_path)))


def test_a_file_whose_package_is_missing_is_marked(
    yunet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photo_opening.importlib.util, "find_spec", lambda name: None)

    lines = list(engine_lines(shelf(tmp_path, yunet=yunet, u2net_human=yunet)))

    assert "! saliency u2net: its file is here, but onnxruntime is not installed" in lines


def test_without_onnxruntime_its_networks_say_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)

    with pytest.raises(EnvironmentFailure, match="pip install onnxruntime"):
        open_saliency("u2net", shelf(tmp_path, u2net_human=broken(tmp_path)), NullProgress())


def test_sessions_take_the_threads_of_the_environment_and_cuda_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from easyphoto.faces.onnx_session import open_session

    opened: list[tuple[str, int, list[str]]] = []

    class Options:
        log_severity_level = 2
        intra_op_num_threads = 0

        def add_session_config_entry(self, key: str, value: str) -> None: ...

    package = ModuleType("onnxruntime")
    package.SessionOptions = Options  # type: ignore[attr-defined]
    package.get_available_providers = lambda: [  # type: ignore[attr-defined]
        "TensorrtExecutionProvider", "CUDAExecutionProvider", "AzureExecutionProvider", "CPUExecutionProvider",
    ]  # fmt: skip
    package.InferenceSession = lambda file, options, providers: opened.append(  # type: ignore[attr-defined]
        (file, options.intra_op_num_threads, providers)
    )
    monkeypatch.setitem(sys.modules, "onnxruntime", package)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")

    open_session(broken(tmp_path))

    assert opened == [(str(tmp_path / "broken.onnx"), 3, ["CUDAExecutionProvider", "CPUExecutionProvider"])]
