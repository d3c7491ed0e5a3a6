"""Metadata are changed, and no tensor."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from easyphoto.backends.headers import read_header
from easyphoto.backends.lora_metadata import write_with_metadata
from easyphoto.errors import DiskFailure, InputError
from tests.persons.arriving import write_lora


def test_what_is_new_is_added_and_the_rest_stays(tmp_path: Path) -> None:
    source = write_lora(tmp_path / "a.safetensors", ep_prompt="a room", ss_steps="7")

    target = write_with_metadata(source, tmp_path / "b.safetensors", {"ep_prompt": "a 房间", "more": "x"})

    assert read_header(target).metadata == {"ep_prompt": "a 房间", "ss_steps": "7", "more": "x"}
    before, after = load_file(source), load_file(target)
    assert before.keys() == after.keys()
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    source = write_lora(tmp_path / "a.safetensors", one="1", two="2")

    first, second = (
        write_with_metadata(source, tmp_path / name, {"x": "y"}).read_bytes()
        for name in ("b.safetensors", "c.safetensors")
    )

    assert first == second


def test_what_is_no_lora_file_or_has_no_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "text.safetensors").write_text("not a tensor in sight")
    with pytest.raises(InputError, match="is a text"):
        write_with_metadata(tmp_path / "text.safetensors", tmp_path / "b.safetensors", {})
    assert not (tmp_path / "b.safetensors").exists()

    (tmp_path / "file").write_text("")
    with pytest.raises(DiskFailure):
        write_with_metadata(write_lora(tmp_path / "a.safetensors"), tmp_path / "file" / "b.safetensors", {})
