"""The host's restorers and upscalers; what they leave undone in silence is an error here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from easyphoto.errors import BackendError, InputError
from easyphoto.model_cache import ModelCache
from easyphoto.progress import NullProgress
from easyphoto.restoration.base import FACE_SIDE
from easyphoto.settings.inference import InferenceSettings
from easyphoto.webui.finisher import HostRestorer, HostUpscaler, open_host_finisher
from easyphoto.webui.host import WebuiHost
from easyphoto.weights.store import WeightStore
from tests.restoration.fakes import FakeNetwork, FakeStore, install
from tests.webui.conftest import MakeHost


def noise(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 255, (height, width, 3)).astype(np.uint8))


def opened(tmp_path: Path, restore: str = "none", upscale: str = "none"):
    settings = InferenceSettings(restore=restore, upscale=upscale)
    return open_host_finisher(settings, WeightStore(tmp_path / "weights", offline=True), NullProgress())


def test_nothing_asked_for_is_nothing(host: MakeHost, tmp_path: Path) -> None:
    host()

    assert opened(tmp_path) is None


@pytest.mark.parametrize(
    ("restore", "upscale"), [("GFPGAN", "R-ESRGAN 4x+"), ("gfpgan", "realesrgan-x4plus")], ids=["hosts", "ours"]
)
def test_networks_go_by_the_hosts_names_and_by_ours(host: MakeHost, tmp_path: Path, restore: str, upscale: str) -> None:
    host()

    finisher = opened(tmp_path, restore, upscale)

    assert isinstance(finisher.restorer, HostRestorer)
    assert isinstance(finisher.upscaler, HostUpscaler)
    assert finisher.upscaler.factor == 4


def test_what_the_host_has_not_falls_back_to_ours_and_is_noted_where_it_cannot_be_had(
    host: MakeHost, tmp_path: Path
) -> None:
    host()

    finisher = opened(tmp_path, "restoreformer", "realesrgan-x2plus")

    assert (finisher.restorer, finisher.upscaler) == (None, None)
    assert [note.split(" was")[0] for note in finisher.notes] == ["Face restoration", "The enlargement"]


def test_a_network_of_ours_is_lent_to_the_next_job_too(host: MakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    host()
    read = install(monkeypatch, FakeNetwork(None, purpose="FaceSR"))
    store, cache = FakeStore(("restoreformer",)), ModelCache(1 << 30)

    for _ in range(2):
        with cache.lease() as models:
            finisher = WebuiHost().open_finisher(
                InferenceSettings(restore="restoreformer"), store, NullProgress(), models
            )
            assert finisher is not None
            assert finisher.restorer is not None

    assert read == [Path("restoreformer.pth")]


@pytest.mark.parametrize(
    ("restore", "upscale", "known"),
    [
        ("beauty", "none", "Known: none, auto, drawn, gfpgan, restoreformer, .*GFPGAN"),
        ("none", "magic", r"Known: none, realesrgan-x4plus, realesrgan-x2plus, .*R-ESRGAN 4x\+"),
    ],
)
def test_an_unknown_name_is_refused_with_those_there_are(
    host: MakeHost, tmp_path: Path, restore: str, upscale: str, known: str
) -> None:
    host()

    with pytest.raises(InputError, match=known):
        opened(tmp_path, restore, upscale)


def test_a_face_is_restored_in_the_hosts_queue(host: MakeHost, tmp_path: Path) -> None:
    fake, face = host(), noise(FACE_SIDE, FACE_SIDE)

    restored = opened(tmp_path, "GFPGAN").restorer.restore(face)

    assert (np.asarray(restored) == 255 - np.asarray(face)).all()
    assert fake.lock.taken == 1


def test_a_restorer_without_its_file_is_an_error(host: MakeHost, tmp_path: Path) -> None:
    fake = host()
    fake.restorer.has_file = False

    with pytest.raises(BackendError, match="returned the face unchanged"):
        opened(tmp_path, "GFPGAN").restorer.restore(noise(FACE_SIDE, FACE_SIDE))

    assert not fake.lock.is_held


def test_a_picture_of_any_size_grows_by_the_whole_factor(host: MakeHost, tmp_path: Path) -> None:
    host()
    picture = noise(43, 21)

    large = opened(tmp_path, upscale="R-ESRGAN 4x+").upscaler.upscale(picture, NullProgress())

    assert large.size == (172, 84)
    assert (np.asarray(large)[::4, ::4] == np.asarray(picture)).all()


@pytest.mark.parametrize("says_so", [True, False])
def test_an_upscaler_without_its_file_is_an_error_said_or_not(host: MakeHost, tmp_path: Path, says_so: bool) -> None:
    fake = host()
    fake.scaler.has_file, fake.scaler.says_so = False, says_so

    with pytest.raises(BackendError, match="no file" if says_so else "did not enlarge"):
        opened(tmp_path, upscale="R-ESRGAN 4x+").upscaler.upscale(noise(40, 24), NullProgress())
