"""`poses`: the list for people and for programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from easyphoto.cli.main import main
from easyphoto.workspace.poses import all_poses


def test_every_pose_has_a_line_with_what_it_is_called_in_both_languages(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["poses", "--workspace", str(tmp_path)]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["pose", "title", "people", "size"]
    assert lines[1].split() == ["portrait", "Portrait", "1", "512x512", "肖像"]
    assert lines[-1].split() == ["three-in-a-row", "Three", "in", "a", "row", "3", "768x512", "三人并排"]
    assert len(lines) == 1 + len(all_poses())


def test_programs_are_told_all_facts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["poses", "--json", "--workspace", str(tmp_path)]) == 0

    told = json.loads(capsys.readouterr().out)
    assert told["format"] == 1
    assert told["poses"][3] == {
        "id": "standing", "name": "Standing", "name_zh": "站立", "width": 512, "height": 768, "people": 1,
        "author": "the EasyPhoto authors", "licence": "CC0-1.0",
    }  # fmt: skip
