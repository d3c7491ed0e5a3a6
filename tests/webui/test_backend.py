"""The contract of every backend, kept in each of the four web UIs."""

from __future__ import annotations

from pathlib import Path

import pytest

from easyphoto.architectures.sd15 import SD15
from easyphoto.webui import checkpoints
from easyphoto.webui.backend import WebuiBackend
from tests.backends.contract import BackendContract
from tests.webui.conftest import MakeHost
from tests.webui.fake_host import FLAVOURS
from tests.webui.fake_host.loras import write_lora


@pytest.mark.parametrize("flavour", FLAVOURS)
class TestWebuiBackend(BackendContract):
    @pytest.fixture
    def backend(self, flavour: str, host: MakeHost) -> WebuiBackend:
        host(flavour)
        return WebuiBackend(checkpoints.require("plain"), SD15)

    @pytest.fixture
    def lora(self, tmp_path: Path) -> Path:
        return write_lora(tmp_path / "any.safetensors")

    @pytest.fixture
    def second_lora(self, tmp_path: Path) -> Path:
        return write_lora(tmp_path / "second.safetensors", salt="second")
