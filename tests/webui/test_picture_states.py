"""In a web UI the picture encoder sees what it sees elsewhere, whatever the file and the host's torch are."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from easyphoto.backends.pickles import read_pickle
from easyphoto.errors import InputError
from easyphoto.webui.picture_states import encoded
from tests.backends.test_picture_encoder import photo, published, reference, written
from tests.webui.conftest import MakeHost

SQUARES = (photo(224, 224), photo(224, 224, seed=1))


@pytest.fixture
def devices(host: MakeHost, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    host()
    module = sys.modules["modules.devices"]
    monkeypatch.setattr(module, "device", torch.device("cpu"), raising=False)
    monkeypatch.setattr(module, "dtype", torch.float32, raising=False)
    return module


def old_host(monkeypatch: pytest.MonkeyPatch, load: Any) -> None:
    """With torch 2.1.2, which cannot read pickles safely, and the host's own reader."""
    monkeypatch.setattr(torch, "__version__", "2.1.2+cu121")
    safe = ModuleType("modules.safe")
    safe.load = load  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "modules.safe", safe)
    monkeypatch.setattr(sys.modules["modules"], "safe", safe, raising=False)


def expected(network: Any) -> torch.Tensor:
    """The states as transformers computes them from the pixels that transformers prepares."""
    from transformers import CLIPImageProcessor

    prepared = CLIPImageProcessor()(images=list(SQUARES), return_tensors="pt")["pixel_values"]
    with torch.no_grad():
        states: torch.Tensor = network(prepared, output_hidden_states=True).hidden_states[-2]
    return states


def test_the_states_are_those_of_transformers(devices: ModuleType, tmp_path: Path) -> None:
    network = reference()
    file = written(tmp_path / "clip.safetensors", published(network))

    states = encoded(file, SQUARES)

    assert states.shape == (2, 257, 32)
    assert torch.allclose(states, expected(network), atol=1e-4)


def test_a_pickled_encoder_is_read_by_the_host_where_torch_is_too_old(
    devices: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = reference()
    file = written(tmp_path / "clip_h.pth", published(network))
    read: list[str] = []

    def load(name: str, **options: Any) -> Any:
        read.append(name)
        return torch.load(name, weights_only=True, **options)

    old_host(monkeypatch, load)
    with pytest.raises(InputError, match=r"torch 2\.1\.2\+cu121 cannot open it safely"):
        read_pickle(file)

    assert torch.allclose(encoded(file, SQUARES), expected(network), atol=1e-4)
    assert read == [str(file)]


def test_a_pickle_that_the_host_refuses_is_an_error(
    devices: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(tmp_path / "clip_h.pth", published(reference()))
    old_host(monkeypatch, lambda name, **options: None)

    with pytest.raises(InputError, match=r"clip_h\.pth holds more than tensors, and the web UI did not open it"):
        encoded(file, SQUARES)
