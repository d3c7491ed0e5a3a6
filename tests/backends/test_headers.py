"""What a file is, told from names and shapes alone."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Mapping
from io import FileIO
from pathlib import Path
from typing import Any

import pytest

from easyphoto.architectures.base import Family
from easyphoto.architectures.header import Header
from easyphoto.architectures.sd15 import SD15
from easyphoto.architectures.sdxl import SDXL
from easyphoto.backends import headers
from easyphoto.backends.folders import base_model
from easyphoto.backends.headers import Prediction, prediction_of, read_header
from easyphoto.backends.tensor_files import open_tensors
from easyphoto.errors import InputError, WeightsMissing

UNET = "model.diffusion_model."
CLIP = "cond_stage_model.transformer.text_model.embeddings.position_embedding.weight"
SD15_SHAPES: dict[str, tuple[int, ...]] = {
    f"{UNET}input_blocks.0.0.weight": (320, 4, 3, 3),
    f"{UNET}input_blocks.1.1.transformer_blocks.0.attn1.to_k.weight": (320, 320),
    f"{UNET}input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": (320, 768),
    "first_stage_model.encoder.conv_in.weight": (128, 3, 3, 3),
    CLIP: (77, 768),
}
SDXL_SHAPES: dict[str, tuple[int, ...]] = {
    f"{UNET}input_blocks.0.0.weight": (320, 4, 3, 3),
    f"{UNET}input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight": (640, 2048),
    f"{UNET}label_emb.0.0.weight": (1280, 2816),
    "conditioner.embedders.0.transformer.text_model.embeddings.position_embedding.weight": (77, 768),
    "conditioner.embedders.1.model.positional_embedding": (77, 1280),
}


def header(shapes: Mapping[str, tuple[int, ...]], **metadata: str) -> Header:
    return Header("model.safetensors", shapes, {key.replace("__", "."): text for key, text in metadata.items()})


def write_hole(file: Path, shapes: Mapping[str, tuple[int, ...]], **changes: Any) -> Path:
    """A file with a true header whose tensors are a hole: it takes no room on the disk, whatever its length."""
    entries: dict[str, Any] = {}
    end = 0
    for name, shape in shapes.items():
        begin, end = end, end + 2 * int.__mul__(*[max(1, side) for side in (shape[0], _rest(shape))])
        entries[name] = {"dtype": "F16", "shape": shape, "data_offsets": [begin, end]}
    content = json.dumps({**entries, **changes}).encode()
    with file.open("wb") as stream:
        stream.write(struct.pack("<Q", len(content)) + content)
        stream.truncate(8 + len(content) + end)
    return file


def _rest(shape: tuple[int, ...]) -> int:
    product = 1
    for side in shape[1:]:
        product *= side
    return product


@pytest.mark.parametrize(("shapes", "family"), [(SD15_SHAPES, SD15), (SDXL_SHAPES, SDXL)], ids=["sd15", "sdxl"])
def test_a_family_is_told_by_names_and_widths(tmp_path: Path, shapes: dict[str, tuple[int, ...]], family: Family):
    file = write_hole(tmp_path / "model.safetensors", shapes)

    assert base_model(str(file)) == (family, file)


def test_telling_the_family_reads_nothing_but_the_header(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    big = {**SD15_SHAPES, f"{UNET}out.big": (1_000_000_000, 4)}  # 8 GB, if it were there
    file = write_hole(tmp_path / "model.safetensors", big)
    read: list[int] = []

    class Counted(FileIO):
        def read(self, size: int | None = -1, /) -> bytes:
            content = super().read(-1 if size is None else size)
            read.append(len(content))
            return content

    monkeypatch.setattr(headers, "open_regular", Counted)
    base_model(str(file))

    length = struct.unpack("<Q", os.pread(os.open(file, os.O_RDONLY), 8, 0))[0]
    assert sum(read) == 8 + length
    assert sum(read) < 2_000


@pytest.mark.parametrize(
    ("marks", "metadata", "prediction"),
    [
        ({}, {}, Prediction()),
        ({"v_pred": (0,)}, {}, Prediction("v_prediction")),
        ({"v_pred": (0,), "ztsnr": (0,)}, {}, Prediction("v_prediction", zero_snr=True)),
        ({"ztsnr": (0,)}, {}, Prediction()),
        ({}, {"modelspec__prediction_type": "v"}, Prediction("v_prediction")),
        ({}, {"modelspec__prediction_type": "epsilon"}, Prediction()),
    ],
)
def test_the_prediction_is_told_by_the_marks(marks: Any, metadata: dict[str, str], prediction: Prediction):
    assert prediction_of(header({**SDXL_SHAPES, **marks}, **metadata)) == prediction


def test_a_file_that_was_cut_off_is_named(tmp_path: Path):
    file = write_hole(tmp_path / "model.safetensors", SD15_SHAPES)
    os.truncate(file, file.stat().st_size - 1)

    with pytest.raises(InputError, match="is incomplete"):
        read_header(file)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"short", "is a text: short"),
        (b"<html>not found</html>", "is a web page"),
        (b"\xff" * 40, "not a safetensors file"),
        (struct.pack("<Q", 100_000_001) + b"{}", "not a safetensors file"),
        (struct.pack("<Q", 50) + b"{}", "is incomplete"),
        (struct.pack("<Q", 4) + b"{oh}", "header of .* is broken"),
        (struct.pack("<Q", 2) + b"[]", "not a table of tensors"),
        (struct.pack("<Q", 8) + b'{"a": 1}', "header of .* is broken"),
    ],
)
def test_a_file_that_is_none_is_named(tmp_path: Path, content: bytes, said: str):
    file = tmp_path / "model.safetensors"
    file.write_bytes(content)

    with pytest.raises(InputError, match=said):
        read_header(file)


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F16", "shape": [2, 2], "data_offsets": [0, 9]},
        {"dtype": "F16", "shape": [2, 2], "data_offsets": [8, 0]},
        {"dtype": "F16", "shape": [-2, 2], "data_offsets": [0, 0]},
    ],
)
def test_a_header_that_contradicts_itself_is_refused(tmp_path: Path, entry: dict[str, Any]):
    file = write_hole(tmp_path / "model.safetensors", SD15_SHAPES, odd=entry)

    with pytest.raises(InputError, match="contradicts itself"):
        read_header(file)


def test_a_bare_name_is_looked_up_in_the_folders(tmp_path: Path):
    (tmp_path / "models" / "photo").mkdir(parents=True)
    file = write_hole(tmp_path / "models" / "photo" / "nice v1.safetensors", SD15_SHAPES)

    for name in ("nice v1", "nice v1.safetensors", "photo/nice v1.safetensors"):
        assert base_model(name, (tmp_path / "nowhere", tmp_path / "models")) == (SD15, file)
    with pytest.raises(WeightsMissing, match="no base model 'nice'"):
        base_model("nice", (tmp_path / "models",))


def test_a_relative_path_is_told_whole_because_a_training_works_in_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    file = write_hole(tmp_path / "near.safetensors", SD15_SHAPES)
    monkeypatch.chdir(tmp_path)

    assert base_model("near.safetensors") == (SD15, file)
    assert base_model("near", (Path("."),)) == (SD15, file)


@pytest.mark.parametrize("fault", ["two tensors in one place", "bytes after the last tensor"])
def test_what_only_the_library_notices_is_named_too(tmp_path: Path, fault: str):
    odd = {"dtype": "F16", "shape": [2], "data_offsets": [0, 4]}
    file = write_hole(tmp_path / "model.safetensors", SD15_SHAPES, **({"odd": odd} if "two" in fault else {}))
    if "bytes" in fault:
        os.truncate(file, file.stat().st_size + 64)

    with pytest.raises(InputError, match=r"model\.safetensors cannot be opened"), open_tensors(file):
        pass


def test_a_note_beside_the_file_says_the_family(tmp_path: Path):
    file = write_hole(tmp_path / "odd.safetensors", {"blocks.0": (4, 4)})
    (tmp_path / "odd.configs").mkdir()
    (tmp_path / "odd.configs" / "easyphoto.json").write_text('{"format": 1, "family": "sdxl"}')

    assert base_model(str(file)) == (SDXL, file)


def test_a_pipe_is_no_checkpoint_and_nothing_waits_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.safetensors")

    with pytest.raises(InputError, match="a pipe"):
        base_model(str(tmp_path / "a.safetensors"))


def test_a_header_larger_than_any_models_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with (tmp_path / "a.safetensors").open("wb") as stream:
        stream.write(struct.pack("<Q", 99_000_000))
        stream.truncate(100_000_000)

    with pytest.raises(InputError, match="a header of 99 MB"):
        read_header(tmp_path / "a.safetensors")


@pytest.mark.parametrize("text", [b"[" * 100_000, b'{"a": NaN}', b'{"a": "\xff"}', b'{"a": 1e999}', b"7"])
def test_a_header_that_is_no_table_is_said(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "a.safetensors").write_bytes(struct.pack("<Q", len(text)) + text)

    with pytest.raises(InputError, match=r"[Tt]he header of a\.safetensors is|is not a safetensors file"):
        read_header(tmp_path / "a.safetensors")
