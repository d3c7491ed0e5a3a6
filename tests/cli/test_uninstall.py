from __future__ import annotations

import json
from pathlib import Path

import pytest

from easyphoto.cli.main import main
from easyphoto.storage.records import write_json
from easyphoto.training.environment import STAMP
from easyphoto.workspace.folders import PARTS
from easyphoto.workspace.upgrades import open_workspace
from tests.fakes import new_person


def test_a_dry_run_lists_and_removes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new_person(open_workspace(tmp_path / "w"), "anna")

    assert main(["uninstall", "--dry-run", "--workspace", str(tmp_path / "w")]) == 0

    said = capsys.readouterr()
    assert "anna: photos, trainings, pictures" in said.out
    assert "Nothing was removed." in said.err
    assert (tmp_path / "w" / "persons" / "anna").is_dir()


def test_removing_wants_to_be_meant(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new_person(open_workspace(tmp_path / "w"), "anna")

    assert main(["uninstall", "--workspace", str(tmp_path / "w")]) == 2
    assert (tmp_path / "w" / "persons" / "anna").is_dir()
    assert main(["uninstall", "--yes", "--workspace", str(tmp_path / "w")]) == 0

    assert not (tmp_path / "w").exists()
    assert f"removed  {tmp_path / 'w' / 'persons' / 'anna'}" in capsys.readouterr().out


def test_of_a_web_ui_the_workspace_is_found_and_its_files_are_cleaned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    new_person(open_workspace(tmp_path / "place"), "anna")
    data = tmp_path / "webui"
    data.mkdir()
    write_json(data / "easyphoto-workspace.json", {"place": str(tmp_path / "place"), "state": "settled", "source": ""})
    (data / "config.json").write_text(json.dumps({"easyphoto_offline": True, "sd_vae": "None"}))

    assert main(["uninstall", "--yes", "--webui", str(data)]) == 0

    assert not (tmp_path / "place").exists()
    assert sorted(path.name for path in data.iterdir()) == ["config.json"]
    assert json.loads((data / "config.json").read_text()) == {"sd_vae": "None"}


def test_where_there_is_nothing_nothing_is_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["uninstall", "--workspace", str(tmp_path / "w")]) == 0

    assert "There is nothing of EasyPhoto" in capsys.readouterr().err
    assert not (tmp_path / "w").exists()


def test_programs_are_told_what_would_be_removed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new_person(open_workspace(tmp_path / "w"), "anna")

    assert main(["uninstall", "--dry-run", "--json", "--workspace", str(tmp_path / "w")]) == 0
    told = json.loads(capsys.readouterr().out)
    assert main(["uninstall", "--json", "--yes", "--workspace", str(tmp_path / "w")]) == 2
    refused = json.loads(capsys.readouterr().err)

    assert (told["format"], told["workspace"]) == (1, str(tmp_path / "w"))
    assert [set(each) for each in told["leavings"]] == [{"kind", "what", "bytes", "path"}] * 2
    assert [(each["kind"], each["path"]) for each in told["leavings"]] == [
        ("persons", str(tmp_path / "w" / "persons" / "anna")),
        ("rest", str(tmp_path / "w")),
    ]
    assert refused["error"]["message"] == "uninstall --json only lists."
    assert (tmp_path / "w" / "persons" / "anna").is_dir()


def test_all_that_verbs_leave_is_listed_and_removed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One thing in every folder that a workspace may have."""
    root = tmp_path / "w"
    new_person(open_workspace(root), "anna")
    for part in PARTS:
        (root / part).mkdir(exist_ok=True)
        if part not in ("persons", "jobs", "trash", "changes", "env"):
            (root / part / "something.txt").write_text("left")
    (root / "env" / STAMP).write_text("{}")
    before = main(["uninstall", "--dry-run", "--workspace", str(root)]), capsys.readouterr().out

    assert main(["uninstall", "--yes", "--workspace", str(root)]) == 0

    assert before[0] == 0
    assert [line.split("  ")[0] for line in before[1].splitlines()[1:]] == [
        "persons", "templates", "styles", "weights", "settings", "trainer", "rest",
    ]  # fmt: skip
    assert list(tmp_path.iterdir()) == []
