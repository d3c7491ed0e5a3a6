"""The fixture `host`: a web UI of the asked kind, installed for one test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.webui.fake_host import FakeHost

MakeHost = Callable[..., FakeHost]


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeHost:
    """host(kind="a1111", controlnet=True, lora=True) → the installed FakeHost, whose attributes are the knobs."""

    # Where the workspace lies by default must not be the home of who runs the tests.
    for variable in ("HOME", "USERPROFILE", "LOCALAPPDATA", "XDG_DATA_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / "home"))

    def make(kind: str = "a1111", *, controlnet: bool = True, lora: bool = True) -> FakeHost:
        made = FakeHost(tmp_path / "webui", kind, controlnet=controlnet, lora=lora)
        made.install(monkeypatch)
        return made

    return make
