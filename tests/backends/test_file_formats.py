"""A file is opened by what it holds, not by its name; what was saved in place of a model is said."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from easyphoto.architectures.sd15 import SD15
from easyphoto.backends.file_formats import FileFormat, format_of
from easyphoto.backends.folders import base_model, checkpoint_files
from easyphoto.backends.headers import header_of
from easyphoto.backends.tensor_files import open_tensors
from easyphoto.errors import InputError, WeightsMissing
from easyphoto.persons.lora_family import family_of_lora
from tests.backends.test_headers import SD15_SHAPES

SERVERS = "A server has probably sent it in place of the file. See what it says, and download the file again."
SITES = (
    "The site has sent it in place of the file. Log in there and accept the licence if it asks for that, then download "
    "the file itself."
)
POINTER = (
    b"version https://git-lfs.github.com/spec/v1\n"
    b"oid sha256:6ce0161689b3853acaa03779ec93eafe75a02f4ced659bee03f50797806fa2fa\nsize 4265146304\n"
)
LFS = "Run `git lfs pull` in the repository that it comes from, or download the file from its page."
CONVERTED = "Use the same model as .safetensors, in 16 bit."
UNPACK = "Unpack it, and name the file in it."
AGAIN = "Download or copy the file again."


def zipped(**files: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, each in files.items():
            archive.writestr(name.replace("__", "."), each)
    return content.getvalue()


def small() -> dict[str, torch.Tensor]:
    """A checkpoint's names and widths, in as few numbers as make them."""
    return {name: torch.zeros(shape, dtype=torch.int8).half() for name, shape in SD15_SHAPES.items()}


def pickled(state: dict[str, torch.Tensor]) -> bytes:
    content = io.BytesIO()
    torch.save({"state_dict": state, "epoch": 3}, content)
    return content.getvalue()


MISTAKEN: list[tuple[bytes, str]] = [
    (b"", f"empty. {AGAIN}"),
    (b"<!DOCTYPE html>\n<html><head><title>Sign in</title>", f"a web page. {SITES}"),
    (b"\xef\xbb\xbf  <HTML lang=en>", f"a web page. {SITES}"),
    (POINTER, f"a Git LFS pointer, which only stands for the file (4,265.1 MB). {LFS}"),
    (POINTER[:60], f"a Git LFS pointer, which only stands for the file. {LFS}"),
    (
        b"../../.git/annex/objects/aa/bb/SHA256E-s4--x.safetensors/SHA256E-s4--x.safetensors\n",
        "a git-annex pointer, which only stands for the file. "
        "Run `git annex get` in the repository that it comes from.",
    ),
    (b'{"error":"Access to model x is restricted."}', f"a text: Access to model x is restricted. {SERVERS}"),
    (b"Entry not found", f"a text: Entry not found. {SERVERS}"),
    ("模型不存在\n".encode(), f"a text: 模型不存在. {SERVERS}"),
    (
        b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code></Error>',
        f'a text: <?xml version="1.0" encoding="UTF-8"?> <Error><Code>AccessDenied</Code></Error>. {SERVERS}',
    ),
    (b"GGUF\x03\0\0\0" + bytes(600), f"a GGUF file, with quantised weights. {CONVERTED}"),
    (b"\x08\x07\x12\x07pytorch" + bytes(600), f"an ONNX network. {CONVERTED}"),
    (b"\x89HDF\r\n\x1a\n" + bytes(600), f"an HDF5 file, as Keras writes it. {CONVERTED}"),
    (b"\x1f\x8b\x08\0" + bytes(600), f"an archive (GZIP). {UNPACK}"),
    (b"7z\xbc\xaf\x27\x1c" + bytes(600), f"an archive (7Z). {UNPACK}"),
    (b"Rar!\x1a\x07\x01" + bytes(600), f"an archive (RAR). {UNPACK}"),
    (bytes(257) + b"ustar" + bytes(600), f"an archive (TAR). {UNPACK}"),
    (zipped(model__safetensors=b"x" * 600), f"an archive (ZIP). {UNPACK}"),
    (
        b"\x89PNG\r\n\x1a\n" + bytes(600),
        "a picture. Give the model's own file; beside it, sites often offer a preview of the same name.",
    ),
    (
        b"\0\x05\x16\x07\0\x02\0\0Mac OS X" + bytes(600),
        "what macOS keeps beside a file (._). Give the file without ._ in its name.",
    ),
    (
        b"L\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0F" + bytes(600),
        "a shortcut of Windows. Give the file that it leads to.",
    ),
    (
        b'{"metadata": {"total_size": 6938040682}, "weight_map": {',
        "the list of a model's parts, which lie beside it. Give the model's folder, or a checkpoint in one file.",
    ),
    (
        b'{\n  "_class_name": "StableDiffusionPipeline",\n',
        "a configuration, which describes the files beside it. Give the model's folder, or a checkpoint in one file.",
    ),
    (bytes(4096), f"a download that has not finished: it begins with zeros. {AGAIN}"),
]


@pytest.mark.parametrize(("content", "said"), MISTAKEN, ids=[said[:40] for _, said in MISTAKEN])
@pytest.mark.parametrize("name", ["v1-5.safetensors", "v1-5.ckpt", "v1-5.bin", "v1-5"])
def test_what_was_saved_in_place_of_a_checkpoint_is_named(tmp_path: Path, name: str, content: bytes, said: str):
    (tmp_path / name).write_bytes(content)

    with pytest.raises(InputError) as refused:
        base_model(str(tmp_path / name))

    assert str(refused.value) == f"{name} is {said}"


def test_a_long_text_is_quoted_in_part(tmp_path: Path):
    (tmp_path / "a.safetensors").write_text("é" * 4000, "utf-8")

    with pytest.raises(InputError) as refused:
        format_of(tmp_path / "a.safetensors")

    assert refused.value.message == f"a.safetensors is a text: {'é' * 80}…."


def test_a_pickle_named_as_safetensors_is_opened_as_a_pickle_and_the_other_way_round(tmp_path: Path):
    (tmp_path / "pickle.safetensors").write_bytes(pickled(small()))
    (tmp_path / "safe.ckpt").write_bytes(save(small()))
    (tmp_path / "safe.PT").write_bytes(save(small()))

    assert format_of(tmp_path / "pickle.safetensors") is FileFormat.PICKLE
    assert format_of(tmp_path / "safe.ckpt") is FileFormat.SAFETENSORS
    for name in ("pickle.safetensors", "safe.ckpt", "safe.PT"):
        assert base_model(str(tmp_path / name))[0] is SD15
        assert dict(header_of(tmp_path / name).shapes) == SD15_SHAPES
        with open_tensors(tmp_path / name) as tensors:
            assert set(tensors) == set(SD15_SHAPES)


def test_a_program_in_a_pickle_named_as_safetensors_is_not_run(tmp_path: Path):
    class Touches:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "infected"),)

    torch.save({"state_dict": small(), "callbacks": Touches()}, tmp_path / "nice.safetensors")

    with pytest.raises(InputError, match=r"^nice\.safetensors contains more than tensors and was not opened"):
        base_model(str(tmp_path / "nice.safetensors"))
    assert not (tmp_path / "infected").exists()


@pytest.mark.parametrize("name", ["a.ckpt", "a.safetensors"])
@pytest.mark.parametrize("kept", [700, 100_000])
def test_a_download_that_was_cut_off_is_incomplete_in_both_formats(tmp_path: Path, name: str, kept: int):
    (tmp_path / name).write_bytes((pickled if name == "a.ckpt" else save)(small())[:kept])

    with pytest.raises(InputError) as refused:
        base_model(str(tmp_path / name))

    assert refused.value.message.startswith(f"{name} is incomplete: ")
    assert refused.value.advice == AGAIN


def test_a_download_that_has_its_full_size_and_goes_on_is_incomplete(tmp_path: Path):
    (tmp_path / "a.safetensors").write_bytes(save(small()))
    (tmp_path / "a.safetensors.aria2").write_bytes(b"\0\1")

    with pytest.raises(InputError) as refused:
        base_model(str(tmp_path / "a.safetensors"))

    assert str(refused.value) == (
        "a.safetensors is incomplete: its download has not finished. Let the program finish that fetches it, or "
        "download the file again."
    )


def test_an_address_and_a_link_to_nothing_are_named(tmp_path: Path):
    (tmp_path / "v1-5.safetensors").symlink_to(tmp_path / "blobs" / "gone")

    with pytest.raises(WeightsMissing) as address:
        base_model("https://anna:word@hub.example/v1-5.safetensors")
    with pytest.raises(WeightsMissing) as link:
        base_model(str(tmp_path / "v1-5.safetensors"))

    assert str(address.value) == (
        "https://hub.example/v1-5.safetensors is an address: no checkpoints are downloaded. Download the file, and "
        "give its path."
    )
    assert str(link.value) == (
        f"{tmp_path}/v1-5.safetensors is a link to {tmp_path}/blobs/gone, which is not there. Download the file "
        "again, or give another."
    )


def test_a_pickled_lora_says_that_it_is_one(tmp_path: Path):
    (tmp_path / "anna.safetensors").write_bytes(pickled(small()))

    with pytest.raises(InputError, match=r"^anna\.safetensors is a pickle and not in the format safetensors\. Use the"):
        family_of_lora(tmp_path / "anna.safetensors")


def test_a_lora_that_is_a_web_page_says_so(tmp_path: Path):
    (tmp_path / "anna.safetensors").write_text("<!doctype html><html></html>")

    with pytest.raises(InputError, match=r"^anna\.safetensors is a web page\. The site has sent it"):
        family_of_lora(tmp_path / "anna.safetensors")


def test_the_list_of_checkpoints_knows_capitals_and_leaves_out_what_macos_adds(tmp_path: Path):
    for name in ("ONE.SAFETENSORS", "two.ckpt", "._two.ckpt", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")

    assert sorted(checkpoint_files((tmp_path,))) == ["ONE.SAFETENSORS", "two.ckpt"]
