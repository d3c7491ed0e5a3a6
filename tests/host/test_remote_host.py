"""A web UI elsewhere as a host: it paints and finishes, everything else stays on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from easyphoto.architectures.miniature import MINIATURE
from easyphoto.architectures.sd15 import SD15
from easyphoto.errors import BackendError, BackendUnreachable, InputError
from easyphoto.host.remote import RemoteHost, remote_host, remote_lines
from easyphoto.images.pictures import as_picture
from easyphoto.progress import Cancelled, NullProgress
from easyphoto.restoration.base import FACE_SIDE
from easyphoto.settings.inference import InferenceSettings
from easyphoto.settings.options import WeightSettings
from easyphoto.weights.store import WeightStore, open_store
from easyphoto.workspace.folders import Workspace
from tests.backends.sdapi_server import Served, serving
from tests.backends.test_remote import HASTE
from tests.fakes import RecordingProgress


@pytest.fixture
def served() -> Iterator[Served]:
    with serving() as served:
        yield served


@pytest.fixture
def host(served: Served) -> RemoteHost:
    return remote_host(served.url, patience=HASTE)


@pytest.fixture
def store(tmp_path: Path) -> WeightStore:
    return open_store(tmp_path / "weights", (), WeightSettings(offline=True))


def noise(side: int = 32) -> Image.Image:
    return as_picture(np.random.default_rng(0).integers(0, 256, (side, side, 3)).astype(np.uint8))


def test_it_tells_what_the_web_ui_has_and_lacks(served: Served, host: RemoteHost) -> None:
    served.state.options["sd_model_checkpoint"] = "second.safetensors [bbbbbbbbbb]"

    facts = host.facts()

    assert (facts.kind, facts.name) == ("remote", f"the web UI at {served.url}")
    assert facts.checkpoints == ("second.safetensors [bbbbbbbbbb]", "first.safetensors [aaaaaaaaaa]")
    assert (facts.restorers, facts.upscalers) == (("CodeFormer", "GFPGAN"), ("Big 2x",))
    assert facts.warnings[0] == (
        "For Stable Diffusion 1.5 it lacks the controls openpose (control_v11p_sd15_openpose, in models/ControlNet)."
    )


def test_a_web_ui_that_is_off_is_a_warning_and_not_a_crash(served: Served, host: RemoteHost) -> None:
    served.vanish()

    facts = host.facts()

    assert facts.checkpoints == ()
    assert "Start the web UI with --api" in facts.warnings[0]
    assert next(remote_lines(host)).startswith("! ")


def test_a_password_on_an_open_line_is_warned_of_and_not_told(served: Served) -> None:
    # 127.0.0.1 under a name that is not this machine's for the eye.
    host = remote_host(served.url.replace("127.0.0.1", "127.0.0.1.nip.invalid"), "anna:word-7")

    assert host.address.is_open_to_listeners
    assert "word-7" not in repr(host)


def test_the_doctors_lines_name_everything(host: RemoteHost) -> None:
    lines = list(remote_lines(host))

    assert lines[0].endswith(": answers")
    assert "first.safetensors" in lines[1]
    assert "GFPGAN" in lines[2]
    assert any(line.startswith("! For Stable Diffusion XL") for line in lines)


def test_it_paints_there_and_trains_here(host: RemoteHost, store: WeightStore, tmp_path: Path) -> None:
    backend = host.open_backend("second", SD15, store, WeightSettings())

    assert backend.family == "sd15"
    assert host.trainer(Workspace(tmp_path)) is None
    assert host.base_model("miniature", WeightSettings())[0] is MINIATURE
    assert (host.publish(tmp_path), host.withdraw(tmp_path)) == (None, None)
    with host.lent_device("a training"):
        pass


def test_nothing_asked_for_is_no_finisher(served: Served, host: RemoteHost, store: WeightStore) -> None:
    assert host.open_finisher(InferenceSettings(), store, NullProgress()) is None
    assert served.state.asked == []


def test_its_restorer_and_upscaler_are_used_by_their_names(
    served: Served, host: RemoteHost, store: WeightStore
) -> None:
    settings = InferenceSettings(restore="gfpgan", upscale="big 2X")

    finisher = host.open_finisher(settings, store, NullProgress())

    assert finisher is not None
    assert finisher.restorer is not None
    assert finisher.upscaler is not None
    face, picture = noise(FACE_SIDE), noise()
    assert finisher.restorer.restore(face).tobytes() == Image.eval(face, lambda value: 255 - value).tobytes()
    assert finisher.upscaler.factor == 2
    assert finisher.upscaler.upscale(picture, NullProgress()).size == (64, 64)
    assert served.state.last("/sdapi/v1/extra-single-image")["upscaler_1"] == "Big 2x"
    assert [used.id for used in finisher.weights] == ["GFPGAN", "Big 2x"]


def test_a_restorer_without_its_model_is_an_error(served: Served, host: RemoteHost, store: WeightStore) -> None:
    served.state.unfit.add("GFPGAN")
    finisher = host.open_finisher(InferenceSettings(restore="GFPGAN"), store, NullProgress())

    assert finisher is not None
    assert finisher.restorer is not None
    with pytest.raises(BackendError, match="returned the face unchanged"):
        finisher.restorer.restore(noise(FACE_SIDE))


def test_an_upscaler_without_its_model_is_an_error(served: Served, host: RemoteHost, store: WeightStore) -> None:
    served.state.broken_upscaler = True
    finisher = host.open_finisher(InferenceSettings(upscale="Big 2x"), store, NullProgress())

    assert finisher is not None
    assert finisher.upscaler is not None
    with pytest.raises(BackendError, match="the picture without Big 2x"):
        finisher.upscaler.upscale(noise(), NullProgress())
    with pytest.raises(Cancelled):
        finisher.upscaler.upscale(noise(), RecordingProgress(cancel_at=1))


def test_what_neither_has_is_refused_with_both_lists(host: RemoteHost, store: WeightStore) -> None:
    with pytest.raises(InputError, match=r"realesrgan-x4plus.* The web UI has: Big 2x\."):
        host.open_finisher(InferenceSettings(upscale="huge"), store, NullProgress())


def test_ours_that_cannot_be_had_is_a_note(host: RemoteHost, store: WeightStore) -> None:
    finisher = host.open_finisher(InferenceSettings(restore="restoreformer"), store, NullProgress())

    assert finisher is not None
    assert finisher.restorer is None
    assert finisher.notes[0].startswith("Face restoration was left out. ")


def test_a_finisher_of_a_web_ui_that_is_off_is_said(served: Served, host: RemoteHost, store: WeightStore) -> None:
    served.vanish()

    with pytest.raises(BackendUnreachable):
        host.open_finisher(InferenceSettings(restore="GFPGAN"), store, NullProgress())
