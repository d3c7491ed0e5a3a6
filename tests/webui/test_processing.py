"""What a request is in the host's own form."""

from __future__ import annotations

import pytest

from easyphoto.architectures.sd15 import SD15
from easyphoto.progress import NullProgress
from easyphoto.webui import checkpoints
from easyphoto.webui.backend import WebuiBackend
from tests.backends.contract import inpaint_request
from tests.webui.conftest import MakeHost
from tests.webui.fake_host.processing import Img2Img


def test_what_the_host_draws_for_its_autoencoder_hangs_on_the_seed_alone(
    host: MakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    host()
    drawn: list[float] = []
    monkeypatch.setattr(Img2Img, "init", lambda self, *_: drawn.append(float(torch.rand(()))))
    backend = WebuiBackend(checkpoints.require("plain"), SD15)

    for seed in (5, 6, 5):
        torch.rand(seed)  # as other pictures do
        backend.inpaint(inpaint_request(seed=seed), NullProgress())

    assert drawn[0] == drawn[2]
    assert drawn[0] != drawn[1]
