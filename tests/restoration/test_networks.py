"""Networks through spandrel: what they are given, what comes back, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from easyphoto.errors import BackendError, MissingCapability, OutOfMemory, WeightsMissing
from easyphoto.progress import NullProgress
from easyphoto.restoration.networks import EnlargingNetwork, FaceNetwork
from tests.restoration.fakes import FakeNetwork, install, ramp_picture, uninstall

FILE = Path("network.pth")


def test_a_face_goes_in_and_comes_out_between_minus_one_and_one(monkeypatch: pytest.MonkeyPatch):
    seen: list[torch.Tensor] = []

    def negative(tensor: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        seen.append(tensor)
        return -tensor, []

    install(monkeypatch, FakeNetwork(negative, purpose="FaceSR"))
    face = Image.new("RGB", (512, 512), (255, 0, 51))

    made = FaceNetwork(FILE).restore(face)

    assert seen[0].shape == (1, 3, 512, 512)
    assert seen[0][0, :, 0, 0].tolist() == pytest.approx([1.0, -1.0, -0.6])
    assert made.getpixel((7, 7)) == (0, 255, 204)


def test_a_network_that_draws_noise_gives_the_same_face_twice(monkeypatch: pytest.MonkeyPatch):
    install(monkeypatch, FakeNetwork(lambda tensor: (tensor + torch.randn_like(tensor) / 4, []), purpose="FaceSR"))
    network, face = FaceNetwork(FILE), Image.fromarray(ramp_picture(512, 512))
    made: list[bytes] = []

    with torch.random.fork_rng():
        for seed in (1, 2):
            torch.manual_seed(seed)
            state = torch.random.get_rng_state()
            made.append(network.restore(face).tobytes())
            assert torch.equal(torch.random.get_rng_state(), state)

    assert made[0] == made[1]
    assert made[0] != face.tobytes()


def test_a_face_of_another_size_is_refused(monkeypatch: pytest.MonkeyPatch):
    install(monkeypatch, FakeNetwork(lambda tensor: tensor, purpose="FaceSR"))

    with pytest.raises(ValueError, match="64×64"):
        FaceNetwork(FILE).restore(Image.new("RGB", (64, 64)))


def test_a_picture_larger_than_a_tile_is_enlarged_whole(monkeypatch: pytest.MonkeyPatch):
    def nearest(tensor: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.interpolate(tensor, scale_factor=2, mode="nearest")

    network = FakeNetwork(nearest, purpose="SR", scale=2)
    install(monkeypatch, network)
    picture = ramp_picture(300, 270)

    upscaler = EnlargingNetwork(FILE)
    made = np.asarray(upscaler.upscale(Image.fromarray(picture), NullProgress()))

    assert upscaler.factor == 2
    assert (made == picture.repeat(2, axis=0).repeat(2, axis=1)).all()
    assert network.said == ["eval", "float"]


def test_on_cuda_it_runs_in_half_precision_where_it_may(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    network = FakeNetwork(lambda tensor: tensor, purpose="SR")
    install(monkeypatch, network)

    EnlargingNetwork(FILE)
    network.supports_half = False
    EnlargingNetwork(FILE)

    assert network.said == ["eval", "half", "eval", "float"]


def test_without_spandrel_the_advice_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    uninstall(monkeypatch)

    with pytest.raises(MissingCapability, match="torchvision of the same build as torch"):
        FaceNetwork(FILE)


@pytest.mark.parametrize(
    "network",
    [
        FakeNetwork(None, purpose="SR"),
        FakeNetwork(None, purpose="FaceSR", channels=1),
        ValueError("Unsupported model file extension"),
    ],
)
def test_a_file_that_holds_something_else_is_refused(monkeypatch: pytest.MonkeyPatch, network: FakeNetwork | Exception):
    install(monkeypatch, network)

    with pytest.raises(WeightsMissing, match="easyphoto weights check"):
        FaceNetwork(FILE)


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), OutOfMemory),
        (MemoryError(), OutOfMemory),
        (RuntimeError("shapes cannot be multiplied"), BackendError),
    ],
)
def test_what_goes_wrong_has_a_name(monkeypatch: pytest.MonkeyPatch, failure: Exception, error: type[Exception]):
    def fails(tensor: torch.Tensor) -> torch.Tensor:
        raise failure

    install(monkeypatch, FakeNetwork(fails, purpose="SR", scale=2))

    with pytest.raises(error):
        EnlargingNetwork(FILE).upscale(Image.new("RGB", (20, 20)), NullProgress())


def test_an_answer_that_is_no_number_is_refused(monkeypatch: pytest.MonkeyPatch):
    install(monkeypatch, FakeNetwork(lambda tensor: (tensor * float("nan"),), purpose="FaceSR"))

    with pytest.raises(BackendError, match="not numbers"):
        FaceNetwork(FILE).restore(Image.new("RGB", (512, 512)))
