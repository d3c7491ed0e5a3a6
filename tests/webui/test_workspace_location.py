"""The workspace of a web UI lies where no page of it reaches; one of before is moved there once, and that is said."""

import json
import logging
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from easyphoto.errors import NewerWorkspace
from easyphoto.storage.locks import file_lock
from easyphoto.ui.language import Translator
from easyphoto.webui import workspace_location as place_module
from easyphoto.webui.options import workspace_folder
from easyphoto.webui.script_persons import ready_persons
from easyphoto.webui.served_files import is_reached, keep_out
from easyphoto.webui.service import QUEUE, open_service
from easyphoto.webui.workspace_location import JOURNAL, settle, workspace_of
from tests.workspace.test_upgrades import of_before, write


@pytest.fixture
def there(host):
    """The web UI; no queue outlives its test."""
    yield host()
    queue = getattr(sys.modules["modules.shared"], QUEUE, None)
    if queue is not None:
        queue.close()


def test_a_fresh_web_ui_keeps_persons_outside_of_its_folders(there, tmp_path):
    service = open_service()

    root = service.app.workspace.root
    assert root.parent == tmp_path / "home" / "easyphoto-webui"
    assert not is_reached(root)
    assert said_of_the_workspace(service) == []
    assert not (there.folder / "easyphoto").exists()
    assert os.name == "nt" or root.stat().st_mode & 0o777 == 0o700


def said_of_the_workspace(service):
    """In the tab, beside what the host itself lacks."""
    return [warning for warning in service.facts().warnings if "workspace" in warning or "persons" in warning]


def test_one_of_before_is_moved_and_that_is_said_once_in_log_and_tab(there, caplog):
    earlier = of_before(there.folder / "easyphoto")
    with caplog.at_level(logging.WARNING):
        service = open_service()

    root = service.app.workspace.root
    said = f"Your persons were moved from {earlier} to {root}, where no page of the web UI can reach them."
    [told] = said_of_the_workspace(service)
    assert told == said
    assert [record.getMessage() for record in caplog.records] == [
        f"EasyPhoto: moving {earlier} to {root}. This is done once and may take minutes.",
        f"EasyPhoto: {said}",
    ]
    assert (root / "persons" / "anna" / "photos" / "1.jpg").read_bytes() == b"a face"
    assert not earlier.exists()
    assert workspace_folder() == root
    assert Translator("zh_CN").translate(told).startswith("人物数据已从 ")
    # "Reload UI".
    assert said_of_the_workspace(open_service()) == []


def test_the_workspace_is_found_when_the_web_ui_is_renamed(there, tmp_path):
    of_before(there.folder / "easyphoto")
    root = settle(there.folder).root
    renamed = there.folder.rename(tmp_path / "other-webui")

    assert workspace_of(renamed) == root
    assert settle(renamed).root == root


def test_a_place_that_somebody_has_already_is_left_to_them(there):
    of_before(there.folder / "easyphoto")
    taken = place_module._home(there.folder)
    write(taken / "persons" / "eva" / "person.json", "{}")

    root = settle(there.folder).root

    assert root == taken.with_name(f"{taken.name}-2")
    assert [folder.name for folder in sorted((root / "persons").iterdir())] == ["anna", "env"]
    assert [folder.name for folder in (taken / "persons").iterdir()] == ["eva"]


def test_while_a_training_runs_the_workspace_is_used_where_it_is_and_moved_later(there):
    earlier = of_before(there.folder / "easyphoto")

    with file_lock(earlier / "runs" / "20250101T000000Z-anna" / "run.lock"):
        settled = settle(there.folder)

    assert settled.root == earlier == workspace_of(there.folder)
    assert "could not be moved out of the web UI's folder yet. Another process" in settled.notes[0]
    assert Translator("zh_CN").translate(settled.notes[0]).startswith("人物数据暂时未能移出 Web UI 的文件夹。")
    assert settle(there.folder).root != earlier
    assert not earlier.exists()


def test_a_home_that_cannot_be_written_to_leaves_the_workspace_where_it_is(there, monkeypatch, tmp_path):
    earlier = of_before(there.folder / "easyphoto")
    write(tmp_path / "file")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "file"))

    settled = settle(there.folder)

    assert settled.root == earlier
    assert "could not be moved" in settled.notes[0]


@pytest.mark.skipif(os.name == "nt", reason="links")
def test_of_a_workspace_on_another_disk_only_the_link_goes(there, tmp_path):
    target = of_before(tmp_path / "big-disk" / "easyphoto")
    (there.folder / "easyphoto").symlink_to(target)

    settled = settle(there.folder)

    assert settled.root == target == workspace_of(there.folder)
    assert not os.path.lexists(there.folder / "easyphoto")
    assert "was removed, through which the web UI served files" in settled.notes[0]


def test_what_comes_to_the_old_place_later_is_named_and_not_touched(there):
    of_before(there.folder / "easyphoto")
    root = settle(there.folder).root
    earlier = of_before(there.folder / "easyphoto")

    settled = settle(there.folder)

    assert settled.root == root
    assert settled.notes[0].startswith(f"There is another workspace in {earlier}, within reach of everybody")
    assert (earlier / "persons" / "anna").is_dir()


def test_a_damaged_journal_loses_nobody(there):
    root = settle(there.folder).root
    write(there.folder / JOURNAL, "{ damaged")

    assert workspace_of(there.folder) == root


def test_in_a_container_that_forgets_its_home_the_data_folder_keeps_the_persons(there, monkeypatch, tmp_path):
    monkeypatch.setattr(place_module, "_CONTAINER_MARKS", (write(tmp_path / "mark"),))
    monkeypatch.setattr(place_module, "_disk_of", lambda path: 2 if there.folder in (path, *path.parents) else 1)
    of_before(there.folder / "easyphoto")

    assert settle(there.folder).root == there.folder / ".easyphoto"


def test_a_chosen_workspace_stays_and_where_pages_reach_it_that_is_said(there, caplog):
    chosen = of_before(there.folder / "people")
    there.options.data["easyphoto_workspace"] = "people"

    with caplog.at_level(logging.WARNING):
        service = open_service()
        open_service()

    assert service.app.workspace.root == chosen
    [said] = said_of_the_workspace(service)
    assert said.startswith(f"The workspace {chosen} is in a folder that the web UI serves to everybody")
    assert Translator("zh_CN").translate(said).startswith(f"工作区 {chosen} 所在的文件夹")
    assert sum(said in record.getMessage() for record in caplog.records) == 1


def test_a_chosen_workspace_elsewhere_is_nothing_to_say(there, tmp_path):
    there.options.data["easyphoto_workspace"] = str(tmp_path / "elsewhere")

    service = open_service()

    assert said_of_the_workspace(service) == []


@pytest.mark.parametrize(
    ("version", "name", "is_served"),
    [("3.41.2", "people", True), ("3.41.2", ".people", os.name == "nt"), ("4.40.0", ".people", True)],
)
def test_dots_in_front_keep_files_back_in_gradio_3_alone(there, monkeypatch, version, name, is_served):
    monkeypatch.setattr("easyphoto.webui.served_files.loaded", lambda _: SimpleNamespace(__version__=version))

    assert is_reached(there.folder / name) is is_served


def test_folders_that_the_owner_allowed_are_reached_and_links_and_spelling_do_not_hide_it(there, monkeypatch, tmp_path):
    flags = sys.modules["modules.shared"].cmd_opts
    (tmp_path / "served").mkdir()
    monkeypatch.setattr(flags, "gradio_allowed_path", [str(tmp_path / "served")], raising=False)
    (tmp_path / "link").symlink_to(tmp_path / "served")
    monkeypatch.setattr("easyphoto.webui.served_files.loaded", lambda _: SimpleNamespace(__version__="4.40.0"))

    assert is_reached(tmp_path / "served" / "deep" / "people")
    assert is_reached(tmp_path / "link" / "people")
    assert is_reached(tmp_path / "link" / ".." / "served" / "people")
    assert not is_reached(tmp_path / "served-not")
    # A served folder inside of the workspace serves a part of it.
    assert is_reached(tmp_path)


def test_gradio_is_asked_to_keep_the_workspace_back_all_the_same(tmp_path):
    demo = SimpleNamespace(blocked_paths=["/kept"])

    keep_out(demo, tmp_path / "people")
    keep_out(None, tmp_path / "people")

    assert demo.blocked_paths == ["/kept", str(tmp_path / "people")]


def test_a_later_workspace_is_refused_in_words_everywhere_and_not_touched(there):
    from easyphoto.webui.register import tabs

    root = of_before(settle(there.folder).root)
    write(root / "workspace.json", '{"format": 3}')
    before = sorted(str(path) for path in root.rglob("*"))

    with pytest.raises(NewerWorkspace):
        open_service()
    [(blocks, _, _)] = tabs()
    words = " ".join(str(block.value) for block in blocks.blocks.values() if hasattr(block, "value"))

    assert "made by a later version of EasyPhoto" in words
    assert "Update EasyPhoto" in words
    assert ready_persons() == ()
    assert sorted(str(path) for path in root.rglob("*")) == before


def test_the_routes_answer_for_a_later_workspace_with_its_name(there):
    from fastapi import FastAPI
    from fastapi.testclient import TestClient

    from easyphoto.webui.register import add_routes

    write(settle(there.folder).root / "workspace.json", '{"format": 3}')
    app = FastAPI()
    add_routes(None, app)

    answer = TestClient(app).get("/easyphoto/v1/persons")

    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "NewerWorkspace")
    assert str(Path.home()) not in json.dumps(answer.json())
