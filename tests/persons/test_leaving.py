"""Removing EasyPhoto: everything of ours goes, nothing of anybody else's does."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from easyphoto.app import EasyPhoto
from easyphoto.commands.base import NullContext
from easyphoto.commands.uninstall import Uninstall
from easyphoto.errors import InputError, RunBusy
from easyphoto.storage.locks import file_lock
from easyphoto.storage.records import write_json
from easyphoto.training.environment import STAMP
from easyphoto.workspace.folders import Workspace
from easyphoto.workspace.upgrades import open_workspace
from easyphoto.workspace.web_ui_files import WebuiFiles, files_below
from tests.fakes import new_person

SAVED = "configurations/train/mine.json"
CONFIG = {"sd_vae": "None", "easyphoto_offline": True, "easyphoto": "not ours", "easyphoto_workspace": ""}
UI_CONFIG = {
    "txt2img/Prompt/value": "",
    "customscript/easyphoto_webui.py/txt2img/Enable/value": False,
    "customscript/seed.py/txt2img/Seed/value": -1,
}


def filled(root: Path) -> Workspace:
    """A workspace with a person, and with something in most of its parts."""
    workspace = open_workspace(root)
    new_person(workspace, "anna")
    write_json(workspace.runs / "20260101T000000Z-anna" / "run.json", {"person": "anna"})
    for part in (
        "templates/own.png",
        "styles/own.json",
        "weights/a.safetensors",
        "reports/bug.txt",
        "uploads/x.jpg",
        f"env/{STAMP}",
        SAVED,
    ):
        file = root / part
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"123")
    return workspace


def webui(data: Path, root: Path) -> WebuiFiles:
    files = files_below(data)
    assert files.loras is not None
    files.loras.mkdir(parents=True)
    files.config.write_text(json.dumps(CONFIG, indent=4))
    files.ui_config.write_text(json.dumps(UI_CONFIG, indent=4))
    write_json(files.journal, {"place": str(root), "state": "settled", "source": ""})
    published = b"a LoRA"
    start = hashlib.sha256(published).hexdigest()[:10]
    (files.loras / f"easyphoto-anna-{start}.safetensors").write_bytes(published)
    (files.loras / "easyphoto-anna-0123456789.safetensors").write_bytes(b"called so by its owner")
    (files.loras / "style.safetensors").write_bytes(b"a style")
    return files


def left_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file() or path.is_symlink()}


def test_everything_is_listed_and_a_listing_changes_nothing(tmp_path: Path) -> None:
    workspace = filled(tmp_path / "workspace")
    files = webui(tmp_path / "webui", workspace.root)
    before = left_in(tmp_path)

    listed = Uninstall(files=files).listing(EasyPhoto(workspace, mirrors=()))

    assert [(each.kind, str(each.what)) for each in listed] == [
        ("persons", "anna: photos, trainings, pictures"),
        ("templates", "templates of your own"),
        ("styles", "styles of your own, and previews"),
        ("weights", "weights that were downloaded"),
        ("settings", "saved settings"),
        ("trainer", "the training environment"),
        ("rest", "jobs, uploads, reports, and the folder itself"),
        ("persons", "a LoRA in the web UI's list"),
        ("settings", "lines of EasyPhoto: 2"),
        ("settings", "lines of EasyPhoto: 1"),
        ("rest", "the record of where the workspace is"),
    ]
    assert [each.size for each in listed[1:6]] == [3, 3, 3, 3, 3]
    assert left_in(tmp_path) == before


def test_all_that_is_ours_goes_and_all_else_stays(tmp_path: Path) -> None:
    workspace = filled(tmp_path / "easyphoto-webui" / "webui-12345678")
    files = webui(tmp_path / "webui", workspace.root)
    workspace.root.with_suffix(".lock").write_text("")

    removal = Uninstall(files=files).run(EasyPhoto(workspace, mirrors=()), NullContext())

    assert removal.left == ()
    assert left_in(tmp_path) == {
        "webui/config.json",
        "webui/ui-config.json",
        "webui/models/Lora/easyphoto-anna-0123456789.safetensors",
        "webui/models/Lora/style.safetensors",
    }
    assert not (tmp_path / "easyphoto-webui").exists()
    assert json.loads(files.config.read_text()) == {"sd_vae": "None", "easyphoto": "not ours"}
    assert json.loads(files.ui_config.read_text()) == {
        key: value for key, value in UI_CONFIG.items() if "easyphoto" not in key
    }
    assert Uninstall(files=files).listing(EasyPhoto(workspace, mirrors=())) == ()


@pytest.mark.parametrize(
    ("kept", "stays"),
    [
        ("persons", {"persons/anna/person.json", "runs/20260101T000000Z-anna/run.json", "uploads/x.jpg"}),
        ("templates", {"templates/own.png"}),
        ("styles", {"styles/own.json"}),
        ("weights", {"weights/a.safetensors"}),
        ("trainer", {f"env/{STAMP}"}),
        ("settings", {SAVED}),
    ],
)
def test_what_is_kept_stays_with_the_workspace_that_can_be_opened_again(
    tmp_path: Path, kept: str, stays: set[str]
) -> None:
    workspace = filled(tmp_path / "workspace")
    files = webui(tmp_path / "webui", workspace.root)

    removal = Uninstall((kept,), files).run(EasyPhoto(workspace, mirrors=()), NullContext())

    there = left_in(workspace.root)
    assert removal.left == ()
    assert stays <= there
    assert "workspace.json" in there
    assert "reports/bug.txt" not in there
    assert files.journal.is_file()
    assert bool(open_workspace(workspace.root).list_persons()) == (kept == "persons")
    assert len(list(tmp_path.glob("webui/models/Lora/easyphoto-anna-*"))) == (2 if kept == "persons" else 1)


def test_kept_settings_stay_in_the_web_uis_files(tmp_path: Path) -> None:
    workspace = filled(tmp_path / "workspace")
    files = webui(tmp_path / "webui", workspace.root)

    Uninstall(("settings",), files).run(EasyPhoto(workspace, mirrors=()), NullContext())

    assert json.loads(files.config.read_text()) == CONFIG


def test_the_users_own_checkpoints_stay_and_are_named(tmp_path: Path) -> None:
    workspace = filled(tmp_path / "workspace")
    workspace.checkpoints.mkdir()
    (workspace.checkpoints / "v1-5.safetensors").write_bytes(b"4 GB")

    removal = Uninstall().run(EasyPhoto(workspace, mirrors=()), NullContext())

    assert left_in(workspace.root) == {"checkpoints/v1-5.safetensors"}
    assert [(left.what, str(left.why)) for left in removal.left] == [
        (str(workspace.checkpoints), "your own checkpoints are in it; move or delete them by hand")
    ]


def test_what_a_link_leads_to_stays(tmp_path: Path) -> None:
    workspace = filled(tmp_path / "workspace")
    elsewhere = tmp_path / "big-disk"
    elsewhere.mkdir()
    (elsewhere / "model.safetensors").write_bytes(b"1")
    (workspace.root / "demo").symlink_to(elsewhere)
    (workspace.templates / "linked").symlink_to(elsewhere)

    removal = Uninstall().run(EasyPhoto(workspace, mirrors=()), NullContext())

    assert removal.left == ()
    assert left_in(tmp_path) == {"big-disk/model.safetensors"}


def test_in_a_folder_with_other_things_only_persons_go_and_the_rest_is_said(tmp_path: Path) -> None:
    workspace = filled(tmp_path / "project")
    (workspace.root / "novel.txt").write_text("mine")
    (workspace.root / "results").mkdir()
    (workspace.root / "results" / "of-the-wedding.txt").write_text("mine")

    removal = Uninstall().run(EasyPhoto(workspace, mirrors=()), NullContext())

    assert {"novel.txt", "results/of-the-wedding.txt", "workspace.json"} <= left_in(workspace.root)
    assert not (workspace.persons / "anna").exists()
    assert [(left.what, str(left.why)) for left in removal.left if left.what.endswith("results")] == [
        (str(workspace.root / "results"), f"{workspace.root} holds other things as well; delete it by hand")
    ]


def test_an_environment_that_we_did_not_make_stays(tmp_path: Path) -> None:
    workspace = filled(tmp_path / "workspace")
    (workspace.env / STAMP).unlink()
    (workspace.env / "bin").mkdir()

    removal = Uninstall().run(EasyPhoto(workspace, mirrors=()), NullContext())

    assert [str(left.why) for left in removal.left] == ["it holds something that EasyPhoto did not make"]
    assert (workspace.env / "bin").is_dir()


def test_nothing_goes_while_somebody_works_there(tmp_path: Path) -> None:
    workspace = filled(tmp_path / "workspace")
    before = left_in(workspace.root)

    with (
        file_lock(workspace.jobs / ".owner-abc.lock", stays=False),
        pytest.raises(RunBusy, match="Stop the web UI, the page or the training first"),
    ):
        Uninstall().run(EasyPhoto(workspace, mirrors=()), NullContext())

    assert left_in(workspace.root) == before


def test_a_folder_that_is_no_workspace_is_refused(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()

    with pytest.raises(InputError, match=r"is not a workspace: it has no workspace\.json"):
        Uninstall().listing(EasyPhoto(Workspace(tmp_path), mirrors=()))
    with pytest.raises(InputError, match="Choose among: persons, templates, styles, weights, trainer, settings"):
        Uninstall(("photos",)).listing(EasyPhoto(Workspace(tmp_path / "nowhere"), mirrors=()))


def test_a_configuration_that_cannot_be_read_is_said_before_anything_goes(tmp_path: Path) -> None:
    workspace = filled(tmp_path / "workspace")
    files = webui(tmp_path / "webui", workspace.root)
    files.config.write_text("{")

    with pytest.raises(InputError, match=r"config\.json cannot be read"):
        Uninstall(files=files).run(EasyPhoto(workspace, mirrors=()), NullContext())

    assert (workspace.persons / "anna").is_dir()
