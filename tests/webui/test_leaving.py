"""Removing EasyPhoto from a running web UI."""

from __future__ import annotations

import json
import sys

import gradio as gr
import pytest

from easyphoto.errors import HostBusy, InputError
from easyphoto.persons.deletion import Left
from easyphoto.persons.leaving import KEEPABLE, Removal
from easyphoto.ui.language import Translator
from easyphoto.webui import leaving_panel
from easyphoto.webui.leaving import listed, removed, webui_files
from easyphoto.webui.leaving_panel import KIND_WORDS, listing_html, place_leaving, removal_html
from easyphoto.webui.options import add_options
from easyphoto.webui.service import HOURLY, QUEUE, REMOVED, open_service
from tests.fakes import new_person

ENGLISH = Translator("en")


@pytest.fixture(autouse=True)
def closed():
    yield
    shared = sys.modules.get("modules.shared")
    for name, close in ((QUEUE, lambda queue: queue.close()), (HOURLY, lambda hourly: hourly[1].close(0.0))):
        if (held := getattr(shared, name, None)) is not None:
            close(held)


def at_home(there):
    """The web UI as it is after a while: a person, a LoRA of theirs, saved options, a journal."""
    (there.folder / "config.json").write_text(json.dumps({"sd_vae": "None", "easyphoto_offline": False}))
    (there.folder / "ui-config.json").write_text(
        json.dumps({"customscript/easyphoto_webui.py/txt2img/Enable/value": False, "txt2img/Steps/value": 20})
    )
    service = open_service()
    new_person(service.app.workspace, "anna")
    lora = service.app.workspace.persons / "anna" / "lora.safetensors"
    lora.write_bytes(b"a LoRA")
    service.app.host.publish(lora)
    return service


def test_all_of_it_goes_and_the_web_ui_is_as_it_was(host):
    there = host()
    service = at_home(there)
    add_options()
    there.options.data["easyphoto_offline"] = True
    root = service.app.workspace.root
    [published] = there.folder.rglob("easyphoto-anna-*")

    kinds = [each.kind for each in listed(())]
    removal = removed(())

    assert {"persons", "settings", "rest"} <= {*kinds}
    assert removal.left == ()
    assert not root.exists()
    assert not published.exists()
    # `easyphoto.json` beside a checkpoint is its owner's.
    assert {path.name for path in there.folder.rglob("*easyphoto*")} == {"easyphoto.json"}
    assert json.loads((there.folder / "config.json").read_text()) == {"sd_vae": "None"}
    assert json.loads((there.folder / "ui-config.json").read_text()) == {"txt2img/Steps/value": 20}
    # The host writes every option that it holds with the next one that is changed.
    assert [name for name in there.options.data if name.startswith("easyphoto")] == []


def test_nothing_makes_a_workspace_anew_in_this_process(host):
    there = host()
    root = at_home(there).app.workspace.root
    removed(())

    with pytest.raises(InputError, match="EasyPhoto was removed from this web UI"):
        open_service()

    assert not root.exists()


def test_jobs_that_run_are_not_cut_off(host, monkeypatch):
    there = host()
    root = at_home(there).app.workspace.root
    monkeypatch.setattr("easyphoto.webui.leaving.is_working", lambda queue: True)

    with pytest.raises(HostBusy, match="EasyPhoto still has jobs to do"):
        removed(())

    assert (root / "persons" / "anna").is_dir()
    assert not getattr(sys.modules["modules.shared"], REMOVED, False)


def test_the_web_uis_files_are_where_its_command_line_says(host, tmp_path):
    there = host()
    flags = sys.modules["modules.shared"].cmd_opts
    flags.ui_settings_file, flags.ui_config_file = str(tmp_path / "mine.json"), str(tmp_path / "ui.json")

    files = webui_files()

    assert (files.config, files.ui_config) == (tmp_path / "mine.json", tmp_path / "ui.json")
    assert files.data == there.folder


def fold(monkeypatch, **flags):
    """The fold's components by the end of their ids, and the handlers that its events call."""
    handlers = {}

    monkeypatch.setattr(
        leaving_panel.compat, "listen", lambda event, handler, **_: handlers.setdefault(len(handlers), handler)
    )
    vars(sys.modules["modules.shared"].cmd_opts).update(flags)
    with gr.Blocks() as blocks:
        place_leaving(ENGLISH)
    named = {each.elem_id.rpartition("_")[2]: each for each in blocks.blocks.values() if each.elem_id}
    return named, list(handlers.values())


def test_the_fold_lists_before_it_asks_and_removes_only_for_the_word(host, monkeypatch):
    there = host()
    root = at_home(there).app.workspace.root
    parts, (look, _, yes) = fold(monkeypatch)

    shown = look([])
    refused = yes([], "yes please")
    assert (root / "persons" / "anna").is_dir()
    kept = yes(["persons and their pictures"], " REMOVE ")

    assert "anna: photos, trainings, pictures" in shown[parts["found"]]
    assert "That is not the word. Type REMOVE." in refused[parts["message"]].replace("</strong><p>", " ")
    assert (root / "persons" / "anna").is_dir()
    assert "EasyPhoto is removed" in kept[parts["message"]]


def test_who_is_not_at_the_machine_is_told_the_command(host, monkeypatch):
    host()

    parts, handlers = fold(monkeypatch, listen=True)

    assert handlers == []
    assert "yes" not in parts


def test_every_kind_that_may_be_kept_can_be_ticked():
    from easyphoto.cli import uninstall

    assert tuple(KIND_WORDS) == KEEPABLE == uninstall.KEEPABLE


def test_what_could_not_be_removed_is_said():
    said = removal_html(Removal(("/a",), (Left("/b<", "it is open"),)), ENGLISH)

    assert "Not all of it could be removed. /b&lt;: it is open" in said
    assert listing_html((), ENGLISH) == '<p class="easyphoto-hint">There is nothing to remove.</p>'
