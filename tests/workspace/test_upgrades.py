"""A workspace lasts: an earlier one is upgraded once, whatever interrupts that, and a later one is left alone."""

import json
import os
import threading
from pathlib import Path

import pytest

from easyphoto.errors import BadRecord, DiskFailure, MovedWorkspace, NewerWorkspace, NotAFolder, RunBusy
from easyphoto.storage.locks import file_lock
from easyphoto.training.run import RunFolder
from easyphoto.workspace import upgrades
from easyphoto.workspace.upgrades import FORMAT, KEPT, LOCK_FILE, open_workspace
from tests.fakes import new_person
from tests.killing import killed_at

POSIX = pytest.mark.skipif(os.name == "nt", reason="POSIX rights")


def write(path: Path, content: bytes | str = b"a face", mode: int = 0o644) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    path.chmod(mode)
    return path


def of_before(root: Path, lay: str = "/home/u/webui/easyphoto") -> Path:
    """A workspace as it was made until format 2, when it lay in `lay`."""
    write(root / "persons" / "anna" / "photos" / "1.jpg")
    write(root / "persons" / "anna" / "person.json", '{"format": 1, "id": "anna"}')
    write(root / "jobs" / ".owner-ab.lock", b"12", 0o666)
    write(root / "env" / "bin" / "tool", b"#!", 0o755)
    write(root / "persons" / "env" / "person.json", '{"format": 1, "id": "env"}')
    dataset = f"{lay}/runs/20250101T000000Z-anna/dataset"
    run = {"format": 1, "person": "anna", "dataset": dataset, "weights": f"{lay}/weights", "base": "miniature"}
    write(root / "runs" / "20250101T000000Z-anna" / "run.json", json.dumps(run))
    write(root / "runs" / "20250102T000000Z-ben" / "run.json", "{ damaged")
    elsewhere = {**run, "weights": "/mnt/models"}
    write(root / "runs" / "20250103T000000Z-eva" / "run.json", json.dumps(elsewhere))
    for folder in (root, *(path for path in root.rglob("*") if path.is_dir())):
        folder.chmod(0o755)
    return root


def seen_by_others(root: Path) -> list[str]:
    every = (root, *(path for path in root.rglob("*") if root / "env" not in path.parents))
    return [str(path.relative_to(root)) for path in every if path.lstat().st_mode & 0o077]


def tree(root: Path) -> dict[str, tuple[int, bytes]]:
    found = {}
    for path in sorted(root.rglob("*")):
        said = path.lstat()
        found[str(path.relative_to(root))] = (said.st_mode, path.read_bytes() if path.is_file() else b"")
    return found


@POSIX
def test_a_new_workspace_is_private_from_its_first_moment(tmp_path):
    tmp_path.chmod(0o755)

    workspace = open_workspace(tmp_path / "data" / "easyphoto")

    assert workspace.root.stat().st_mode & 0o777 == 0o700
    assert json.loads((workspace.root / "workspace.json").read_text()) == {"format": 2}
    assert seen_by_others(workspace.root) == []


@POSIX
def test_one_of_before_becomes_private_and_forgets_where_it_lay(tmp_path):
    root = of_before(tmp_path / "workspace")

    open_workspace(root)

    assert seen_by_others(root) == []
    assert (root / "env" / "bin" / "tool").stat().st_mode & 0o777 == 0o755
    run = json.loads((root / "runs" / "20250101T000000Z-anna" / "run.json").read_text())
    assert run["weights"] == "../../weights"
    assert json.loads((root / "runs" / "20250103T000000Z-eva" / "run.json").read_text())["weights"] == "/mnt/models"
    assert (root / "runs" / "20250102T000000Z-ben" / "run.json").read_text() == "{ damaged"
    assert not (root / KEPT).exists()


def test_a_run_finds_its_dataset_where_the_workspace_lies_now(tmp_path):
    folder = RunFolder(tmp_path / "20250101T000000Z-anna")

    for lay in ("/home/u/easyphoto/runs/20250101T000000Z-anna/dataset", r"C:\ui\runs\20250101T000000Z-anna\dataset"):
        assert folder.path(lay) == folder.root / "dataset"
    assert folder.path("dataset") == folder.root / "dataset"
    assert folder.path("/models/base.safetensors") == Path("/models/base.safetensors")


def test_windows_paths_of_before_are_forgotten_too(tmp_path):
    root = of_before(tmp_path, "C:/Users/u/webui/easyphoto")

    open_workspace(root)

    assert json.loads((root / "runs" / "20250101T000000Z-anna" / "run.json").read_text())["weights"] == "../../weights"


def test_an_upgrade_that_is_killed_anywhere_is_done_by_the_next_start_and_its_records_are_kept_until_then(tmp_path):
    number, kept = 0, 0
    while True:
        number += 1
        root = of_before(tmp_path / str(number))
        record = root / "runs" / "20250101T000000Z-anna" / "run.json"
        before = record.read_bytes()
        if not killed_at(number, lambda root=root: open_workspace(root)):
            break
        if record.read_bytes() != before and not (root / "workspace.json").exists():
            copy = root / KEPT / record.relative_to(root)
            assert copy.read_bytes() == before
            kept += 1

        open_workspace(root)

        assert json.loads((root / "workspace.json").read_text())["format"] == FORMAT
        assert json.loads(record.read_text())["weights"] == "../../weights"
        assert not (root / KEPT).exists()
        assert os.name == "nt" or seen_by_others(root) == []
    assert number > 20
    assert kept > 0


@pytest.mark.parametrize("said", [{"format": 3}, {"format": 99, "persons": []}])
def test_a_later_one_is_refused_by_name_and_nothing_is_touched(tmp_path, said):
    root = of_before(tmp_path / "workspace")
    write(root / "workspace.json", json.dumps(said))
    before = tree(root)

    with pytest.raises(
        NewerWorkspace, match=r"later version of EasyPhoto \(format \d+; this version knows 2\)"
    ) as told:
        open_workspace(root)

    assert told.value.exit_code == 2
    assert "Update EasyPhoto" in told.value.advice
    assert tree(root) == before


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": "2"}', '{"format": true}', '{"format": 0}', "{}"])
def test_a_damaged_mark_is_named_and_nothing_is_touched(tmp_path, content):
    root = of_before(tmp_path / "workspace")
    write(root / "workspace.json", content)
    before = tree(root)

    with pytest.raises(BadRecord, match=r"workspace\.json"):
        open_workspace(root)

    assert tree(root) == before


def test_the_old_place_says_where_the_workspace_went(tmp_path):
    write(tmp_path / "workspace.json", '{"format": 2, "moved_to": "/home/u/there"}')

    with pytest.raises(MovedWorkspace, match="was moved to /home/u/there"):
        open_workspace(tmp_path)


def test_a_file_where_the_workspace_is_meant_is_named(tmp_path):
    write(tmp_path / "file")

    for root in (tmp_path / "file", tmp_path / "file" / "below", tmp_path / "file" / "far" / "below"):
        with pytest.raises(NotAFolder) as told:
            open_workspace(root)
        assert told.value.exit_code == 2


def test_a_disk_that_takes_nothing_is_named(tmp_path, monkeypatch):
    def refused(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "mkdir", refused)
    with pytest.raises(DiskFailure, match=r"cannot be made: Permission denied\. Check the permissions") as told:
        open_workspace(tmp_path / "workspace")

    assert told.value.exit_code == 5


def test_todays_format_is_opened_by_reading_one_file(tmp_path, monkeypatch):
    root = open_workspace(of_before(tmp_path / "workspace")).root

    def walked(*_, **__):
        raise AssertionError("nothing is looked through, and nothing written")

    for name in ("scandir", "listdir", "chmod", "mkdir"):
        monkeypatch.setattr(os, name, walked)

    assert open_workspace(root).root == root


@POSIX
def test_a_folder_with_other_things_keeps_its_rights_and_the_persons_in_it_are_private(tmp_path):
    root = tmp_path / "pictures"
    write(root / "holiday.jpg")
    (root / "others").mkdir()
    for folder in (root, root / "others"):
        folder.chmod(0o755)

    workspace = open_workspace(root)
    new_person(workspace, "anna")

    assert [oct(path.stat().st_mode & 0o777) for path in (root, root / "others", root / "holiday.jpg")] == [
        "0o755", "0o755", "0o644",
    ]  # fmt: skip
    assert (workspace.persons.stat().st_mode & 0o777, workspace.runs.stat().st_mode & 0o777) == (0o700, 0o700)


def test_a_disk_without_rights_is_no_reason_to_refuse(tmp_path, monkeypatch):
    root = of_before(tmp_path / "workspace")

    def refused(*_, **__):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "chmod", refused)
    monkeypatch.setattr(Path, "chmod", refused)

    assert open_workspace(root).list_persons() is not None
    assert json.loads((root / "workspace.json").read_text())["format"] == FORMAT


def test_who_comes_while_it_is_upgraded_waits(tmp_path, monkeypatch):
    root = of_before(tmp_path / "workspace")
    opened, steps = [], []
    monkeypatch.setattr(upgrades, "STEPS", {1: lambda upgrade: steps.append(upgrade)})
    with file_lock(root / LOCK_FILE):
        thread = threading.Thread(target=lambda: opened.append(open_workspace(root)))
        thread.start()
        thread.join(0.3)
        assert opened == []
        (root / "workspace.json").write_text('{"format": 2}')
    thread.join(10)

    assert len(opened) == 1
    assert steps == []


def test_who_waits_for_long_is_told(tmp_path, monkeypatch):
    root = of_before(tmp_path / "workspace")
    monkeypatch.setattr(upgrades, "SECONDS_TO_WAIT", 0.2)

    with file_lock(root / LOCK_FILE), pytest.raises(RunBusy):
        open_workspace(root)


@POSIX
def test_links_are_not_followed_to_other_peoples_files(tmp_path):
    root, outside = of_before(tmp_path / "workspace"), write(tmp_path / "outside" / "mine.txt")
    (root / "persons" / "link").symlink_to(outside.parent)

    open_workspace(root)

    assert (outside.stat().st_mode & 0o777, outside.parent.stat().st_mode & 0o777) == (0o644, 0o755)


def test_a_system_without_rights_is_upgraded_all_the_same(tmp_path, monkeypatch):
    root = of_before(tmp_path / "workspace")

    def touched(*_, **__):
        raise AssertionError("on Windows a mode says nothing, and 0o400 would make files read-only")

    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(os, "name", "other")
        elsewhere.setattr(os, "chmod", touched)
        new_person(open_workspace(root), "eva")

    assert json.loads((root / "workspace.json").read_text())["format"] == FORMAT
    assert os.access(root / "persons" / "eva" / "person.json", os.W_OK)
