"""Networks from folders that another version of the libraries wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from easyphoto.architectures.base import models_folder
from easyphoto.backends.network_folders import load_network
from easyphoto.errors import WeightsMissing

PLACE: dict[str, Any] = {"dtype": torch.float32, "device": torch.device("cpu")}


class OldEncoder(nn.Module):
    """As transformers before 5.6 builds it: with a level of names that a later one's files lack."""

    def __init__(self, config: object = None) -> None:
        super().__init__()
        self.text_model = nn.ModuleDict({"embeddings": nn.Embedding(2, 3), "norm": nn.LayerNorm(3)})

    @classmethod
    def load_config(cls, folder: Path, **_: Any) -> dict[str, Any]:
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> OldEncoder:
        return cls()


def write(folder: Path, **tensors: torch.Tensor) -> Path:
    save_file({name.replace("__", "."): tensor for name, tensor in tensors.items()}, folder / "model.safetensors")
    return folder


def test_an_older_transformers_reads_the_encoder_that_a_later_one_wrote(tmp_path: Path):
    table = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    write(tmp_path, embeddings__weight=table, norm__weight=torch.ones(3), norm__bias=torch.zeros(3))

    encoder = load_network(OldEncoder, tmp_path, **PLACE)

    assert torch.equal(encoder.get_parameter("text_model.embeddings.weight"), table)
    assert not encoder.get_parameter("text_model.embeddings.weight").requires_grad


def test_an_encoder_that_lacks_a_tensor_under_either_name_is_refused(tmp_path: Path):
    write(tmp_path, embeddings__weight=torch.zeros(2, 3), norm__weight=torch.ones(3))

    with pytest.raises(WeightsMissing, match=r"Weights are missing in .*: text_model\.norm\.bias"):
        load_network(OldEncoder, tmp_path, **PLACE)


class EncoderThatKeepsPositions(OldEncoder):
    """As transformers before 4.31 builds it."""

    def __init__(self) -> None:
        super().__init__()
        self.text_model["embeddings"].register_buffer("position_ids", torch.arange(2))


def test_positions_that_an_older_transformers_makes_itself_are_not_missing(tmp_path: Path):
    write(tmp_path, embeddings__weight=torch.zeros(2, 3), norm__weight=torch.ones(3), norm__bias=torch.zeros(3))

    encoder = load_network(EncoderThatKeepsPositions, tmp_path, **PLACE)

    assert encoder.get_buffer("text_model.embeddings.position_ids").tolist() == [0, 1]


def test_the_miniatures_merges_are_written_as_older_libraries_read_them_too():
    """Web UIs pin a tokenizers of 2023, which refuses pairs; later ones read both."""
    table = json.loads((models_folder() / "miniature" / "tokenizer" / "tokenizer.json").read_text("utf-8"))

    assert table["model"]["merges"][:3] == ["i n", "e d</w>", "l o"]
