"""The Persons tab without a browser: what can be imported from where, and where an export lies meanwhile."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pytest

from easyphoto.app import EasyPhoto
from easyphoto.commands.check import CheckPhotos
from easyphoto.errors import BadSettings
from easyphoto.host.base import ThisMachine
from easyphoto.jobs.askers import the_program
from easyphoto.jobs.service import Service
from easyphoto.settings.options import Options
from easyphoto.ui.exports import exports_folder, remove_exports
from easyphoto.ui.language import Translator
from easyphoto.ui.persons_tab import build, exported_file
from easyphoto.workspace.folders import Workspace
from easyphoto.workspace.person_record import Person
from tests.services import picture


def at(service: Service, *, is_local: bool) -> Service:
    return replace(service, app=replace(service.app, host=ThisMachine("en", is_local)))


@pytest.mark.parametrize("is_local", [True, False])
def test_a_folder_of_this_machine_is_asked_for_only_where_nobody_else_reaches_the_page(
    service: Service, is_local: bool
):
    with gr.Blocks():
        tab = build(at(service, is_local=is_local), Translator("en"))

    assert (tab.arrival.folder is not None) == is_local


def test_a_checkpoint_is_named_by_a_path_only_there_as_well(service: Service, tmp_path: Path):
    (tmp_path / "base.safetensors").write_bytes(b"")
    asked = Options(base=str(tmp_path / "base.safetensors"))
    photo = service.for_clients().keep("a.png", picture()).path

    with pytest.raises(BadSettings, match="The base cannot be"):
        at(service, is_local=False).for_clients().submit(CheckPhotos((photo,), options=asked))
    assert at(service, is_local=True).for_clients().submit(CheckPhotos((photo,), options=asked)).kind == "check"


def test_an_export_lies_where_nobody_can_guess_and_goes_with_the_next_one(tmp_path: Path):
    folder = exports_folder(SimpleNamespace(GRADIO_CACHE=str(tmp_path / "gradio")))
    workspace = Workspace(tmp_path / "workspace")
    workspace.save_person(Person("anna", "Anna", "miniature", "2026-01-01T00:00:00Z"))
    service = SimpleNamespace(app=EasyPhoto(workspace, mirrors=()), asking=the_program)

    first, second = exported_file(service, "anna", folder), exported_file(service, "anna", folder)

    assert second.name == "anna.zip"
    assert first.parent != second.parent
    assert len(second.parent.name) == 40
    assert list(tmp_path.rglob("*.zip")) == [second]
    assert second.parent.stat().st_mode & 0o777 == 0o700
    remove_exports(folder, "anna")
    assert list(folder.iterdir()) == []
