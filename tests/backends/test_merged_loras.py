"""A person's LoRA stays merged for the next picture that wants it, and goes before anything else is painted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from easyphoto.backends import lora_apply
from easyphoto.backends.base import InpaintRequest
from easyphoto.backends.conditions import LoraCondition
from easyphoto.backends.folders import base_model
from easyphoto.backends.local import LocalBackend, open_local
from easyphoto.model_cache import ModelCache
from easyphoto.progress import Cancelled, NullProgress
from tests.backends.contract import canny, inpaint_request, pixels
from tests.fakes import RecordingProgress
from tests.tiny_family import write_tiny_lora

LAYER = "mid_block.attentions.0.transformer_blocks.0.attn1.to_q.weight"


@pytest.fixture
def cache() -> ModelCache:
    torch.set_num_threads(1)
    return ModelCache(1 << 30)


@pytest.fixture
def backend(cache: ModelCache, tiny_base: Path) -> Iterator[LocalBackend]:
    with cache.lease() as lease:
        yield open_local(*base_model(str(tiny_base)), models=lease)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The LoRA files that are read, in order."""
    read: list[str] = []
    whole = lora_apply.read_changes

    def noted(use: LoraCondition, by_name: lora_apply.Targets) -> list[lora_apply.LoraDelta]:
        read.append(use.path.name)
        return whole(use, by_name)

    monkeypatch.setattr(lora_apply, "read_changes", noted)
    return read


def layer_of(backend: LocalBackend) -> torch.Tensor:
    return backend._components.unet.get_parameter(LAYER).detach().clone()


def with_lora(path: Path, weight: float = 0.9) -> InpaintRequest:
    return inpaint_request(conditions=(LoraCondition(path, weight),))


def alone(request: InpaintRequest, base: Path) -> bytes:
    """What a backend of its own paints."""
    return pixels(open_local(*base_model(str(base))).inpaint(request, NullProgress()).image).tobytes()


def test_the_passes_of_a_person_read_and_merge_their_lora_once(
    backend: LocalBackend, tiny_lora: Path, tiny_base: Path, reads: list[str]
) -> None:
    request = with_lora(tiny_lora)

    made = [pixels(backend.inpaint(request, NullProgress()).image).tobytes() for _ in range(3)]

    assert reads == [tiny_lora.name]
    assert set(made) == {alone(request, tiny_base)}


def test_another_person_is_painted_on_the_bare_base(
    backend: LocalBackend, tiny_lora: Path, tiny_base: Path, tmp_path: Path
) -> None:
    other = write_tiny_lora(tmp_path / "other.safetensors", seed=9)
    backend.inpaint(with_lora(tiny_lora), NullProgress())

    made = pixels(backend.inpaint(with_lora(other), NullProgress()).image).tobytes()

    assert made == alone(with_lora(other), tiny_base)
    assert made != alone(with_lora(tiny_lora), tiny_base)


@pytest.mark.parametrize("change", ["no LoRA", "another weight", "written anew"])
def test_what_is_merged_is_what_is_asked_for(
    backend: LocalBackend, tiny_base: Path, tmp_path: Path, change: str
) -> None:
    lora = write_tiny_lora(tmp_path / "anna.safetensors", seed=1)
    backend.inpaint(with_lora(lora), NullProgress())
    request = {"no LoRA": inpaint_request(), "another weight": with_lora(lora, 0.3)}.get(change, with_lora(lora))
    if change == "written anew":
        lora.unlink()
        write_tiny_lora(lora, seed=2)

    made = pixels(backend.inpaint(request, NullProgress()).image).tobytes()

    assert made == alone(request, tiny_base)


def test_it_goes_when_the_backend_is_closed_or_lends_its_device(backend: LocalBackend, tiny_lora: Path) -> None:
    bare = layer_of(backend)
    for gives_back in (backend.close, backend.prepare):
        backend.inpaint(with_lora(tiny_lora), NullProgress())
        assert not torch.equal(layer_of(backend), bare)

        gives_back()

        assert torch.equal(layer_of(backend), bare)
        assert backend._components.loras.bytes == 0


def test_it_goes_with_a_cancellation(backend: LocalBackend, tiny_lora: Path) -> None:
    bare = layer_of(backend)
    backend.inpaint(with_lora(tiny_lora), NullProgress())

    with pytest.raises(Cancelled):
        backend.inpaint(with_lora(tiny_lora), RecordingProgress(cancel_at=2))

    assert torch.equal(layer_of(backend), bare)


def test_a_job_that_closes_nothing_returns_the_bare_base(cache: ModelCache, tiny_base: Path, tiny_lora: Path) -> None:
    with cache.lease() as lease:
        backend = open_local(*base_model(str(tiny_base)), models=lease)
        bare = layer_of(backend)
        backend.inpaint(with_lora(tiny_lora), NullProgress())
    with cache.lease() as lease:
        again = open_local(*base_model(str(tiny_base)), models=lease)

        assert again._components is backend._components
        assert torch.equal(layer_of(again), bare)


def test_a_control_is_loaded_beside_the_bare_base(
    backend: LocalBackend, tiny_lora: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Control-LoRA is a difference to the UNet's weights: it would keep the person's for good."""
    bare, seen = layer_of(backend), []
    opened = type(backend._controls)._opened
    monkeypatch.setattr(
        type(backend._controls), "_opened", lambda self, place: (seen.append(layer_of(backend)), opened(self, place))[1]
    )
    backend.inpaint(with_lora(tiny_lora), NullProgress())

    backend.inpaint(inpaint_request(conditions=(LoraCondition(tiny_lora, 0.9),), controls=(canny(),)), NullProgress())

    assert len(seen) == 1
    assert torch.equal(seen[0], bare)


def test_a_value_that_cannot_be_restored_is_not_lent_again(cache: ModelCache) -> None:
    def broken(value: list[int]) -> None:
        raise RuntimeError("out of memory")

    with cache.lease() as lease:
        lease.borrow("base", lambda: [1], size=len, clean=broken)
    with cache.lease() as lease:
        assert lease.borrow("base", lambda: [2], size=len) == [2]
