"""Pickled checkpoints: tensors come out, programs stay in."""

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from easyphoto.backends import pickles
from easyphoto.backends.folders import base_model
from easyphoto.backends.headers import header_of
from easyphoto.backends.pickles import read_pickle
from easyphoto.backends.tensor_files import open_tensors
from easyphoto.errors import InputError


class Touches:
    """Unpickled, it makes a file: what a virus would do with a worse command."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.target),)


@pytest.mark.parametrize("old_format", [False, True], ids=["zip", "before torch 1.6"])
def test_a_program_in_a_checkpoint_is_not_run(tmp_path: Path, old_format: bool):
    target, file = tmp_path / "infected", tmp_path / "model.ckpt"
    state = {"state_dict": {"a": torch.zeros(2)}, "callbacks": Touches(target)}
    torch.save(state, file, _use_new_zipfile_serialization=not old_format)

    with pytest.raises(InputError, match=r"model\.ckpt") as refused:
        base_model(str(file))

    assert not target.exists()
    assert "safetensors" in refused.value.advice


def test_the_program_of_this_test_would_run_elsewhere(tmp_path: Path):
    pickle.loads(pickle.dumps(Touches(tmp_path / "infected")))

    assert (tmp_path / "infected").is_dir()


def test_a_bare_pickle_is_refused(tmp_path: Path):
    file = tmp_path / "model.ckpt"
    file.write_bytes(pickle.dumps(Touches(tmp_path / "infected")))

    with pytest.raises(InputError, match=r"format of torch 1\.6 and later"):
        read_pickle(file)
    assert not (tmp_path / "infected").exists()


def test_classes_of_foreign_packages_are_refused(tmp_path: Path):
    file = tmp_path / "model.ckpt"
    torch.save({"state_dict": {"a": torch.zeros(2)}, "when": Path("x")}, file)

    with pytest.raises(InputError, match="contains more than tensors"):
        read_pickle(file)


def test_a_zip_of_something_else_is_refused(tmp_path: Path):
    file = tmp_path / "model.ckpt"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("readme.txt", "hello")

    with pytest.raises(InputError, match=r"model\.ckpt"):
        read_pickle(file)


def test_tensors_come_out_and_counters_stay_behind(tmp_path: Path):
    file = tmp_path / "model.ckpt"
    torch.save({"state_dict": {"a": torch.arange(3.0), "step": 4}, "epoch": 2}, file)

    found = read_pickle(file)

    assert list(found) == ["a"]
    assert found["a"].tolist() == [0.0, 1.0, 2.0]


def test_groups_are_named_as_in_a_safetensors_file(tmp_path: Path):
    """As identity adapters are published; what is read back is the same by whichever way."""
    latents, key = torch.arange(6.0).reshape(1, 2, 3), torch.ones(2, 2)
    groups = {"image_proj": {"latents": latents, "step": 3}, "ip_adapter": {"1.to_k_ip.weight": key}}
    torch.save(groups, tmp_path / "adapter.bin")
    save_file({"image_proj.latents": latents, "ip_adapter.1.to_k_ip.weight": key}, tmp_path / "adapter.safetensors")

    for name in ("adapter.bin", "adapter.safetensors"):
        header = header_of(tmp_path / name)
        assert dict(header.shapes) == {"image_proj.latents": (1, 2, 3), "ip_adapter.1.to_k_ip.weight": (2, 2)}
        with open_tensors(tmp_path / name) as tensors:
            assert torch.equal(tensors["image_proj.latents"], latents)


def test_a_program_deep_in_a_group_is_not_run(tmp_path: Path):
    target = tmp_path / "infected"
    torch.save({"image_proj": {"a": torch.zeros(2), "b": Touches(target)}}, tmp_path / "adapter.bin")

    with pytest.raises(InputError, match=r"adapter\.bin contains more than tensors"):
        header_of(tmp_path / "adapter.bin")
    assert not target.exists()


def test_a_checkpoint_without_tensors_is_refused(tmp_path: Path):
    torch.save({"epoch": 2}, tmp_path / "model.ckpt")

    with pytest.raises(InputError, match="no named tensors"):
        read_pickle(tmp_path / "model.ckpt")


def test_an_old_torch_opens_no_pickle_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    torch.save({"a": torch.zeros(1)}, tmp_path / "model.ckpt")
    monkeypatch.setattr(pickles.torch, "__version__", "2.1.2+cu121")

    with pytest.raises(InputError, match=r"torch 2\.1\.2\+cu121 cannot open it safely"):
        read_pickle(tmp_path / "model.ckpt")
