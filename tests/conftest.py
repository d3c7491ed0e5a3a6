"""What all tests share. Torch's threads are told to wait without spinning before anything imports torch."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SERVERS = ("address", "page")
"""Fixtures of a module whose parameter is the gradio that serves."""

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("HF_HUB_OFFLINE", "1")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep whole files in one process, because their fixtures are dear, but apart what each gradio's server serves.

    What is slow begins first, so that no process is left alone with it at the end.
    """
    for item in items:
        parameters = getattr(getattr(item, "callspec", None), "params", {})
        server = next((str(parameters[name]) for name in SERVERS if name in parameters), "")
        item.add_marker(pytest.mark.xdist_group(f"{item.path.relative_to(HERE)} {server}".strip()))
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny random family in the diffusers layout, with ControlNets for canny, color and tile."""
    from tests.tiny_family import write_tiny_family

    return write_tiny_family(tmp_path_factory.mktemp("tiny") / "base")


@pytest.fixture(scope="session")
def tiny_sdxl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same for SDXL, with a ControlNet for canny."""
    from tests.tiny_family import write_tiny_sdxl

    return write_tiny_sdxl(tmp_path_factory.mktemp("tiny-sdxl") / "base")


@pytest.fixture(scope="session")
def tiny_lora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A kohya LoRA file that fits `tiny_base`."""
    from tests.tiny_family import write_tiny_lora

    return write_tiny_lora(tmp_path_factory.mktemp("lora") / "tiny.safetensors")


@pytest.fixture(scope="session")
def face_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture encoder of ViT-H's width for identity adapters."""
    from tests.backends.face_files import write_encoder

    return write_encoder(tmp_path_factory.mktemp("encoder"))
