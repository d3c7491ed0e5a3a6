"""The boxes of checkpoints say what each one is, and a page of this machine's own user finds others in its folders."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from easyphoto.app import EasyPhoto
from easyphoto.architectures.registry import FAMILIES
from easyphoto.backends import folders as folders_module
from easyphoto.errors import ForeignFile
from easyphoto.host.base import ThisMachine
from easyphoto.jobs.queue import JobQueue
from easyphoto.jobs.service import Service
from easyphoto.settings.options import WeightSettings
from easyphoto.ui.base_names import BaseNames
from easyphoto.ui.file_chooser import checked_file, entries_of, place_chooser, start_folder
from easyphoto.ui.language import Translator
from easyphoto.workspace.folders import Workspace
from tests.ldm_layout import write_checkpoint
from tests.weights.shelf import safetensors_bytes

NAMES = BaseNames(Translator())


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    workspace = Workspace(tmp_path / "workspace")
    host = ThisMachine("en", True, (workspace.checkpoints,))
    service = Service(EasyPhoto(workspace, mirrors=(), host=host), JobQueue(workspace))
    yield service
    service.queue.close()


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small Stable Diffusion 1.5 in one file."""
    family = next(family for family in FAMILIES.from_files if family.label == "Stable Diffusion 1.5")
    return write_checkpoint(tmp_path_factory.mktemp("one"), family)[0]


def put(service: Service, name: str, content: bytes) -> Path:
    file = service.app.workspace.checkpoints / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file


def put_checkpoint(service: Service, name: str, checkpoint: Path) -> Path:
    """With the configurations that a small one needs beside it."""
    file = put(service, name, checkpoint.read_bytes())
    shutil.copytree(checkpoint.with_suffix(".configs"), file.with_suffix(".configs"))
    return file


def test_checkpoints_of_the_workspace_are_listed_with_their_families(service: Service, checkpoint: Path) -> None:
    put_checkpoint(service, "v1-5.safetensors", checkpoint)
    put(service, "sub/odd.safetensors", safetensors_bytes(10))
    # Nobody can say what a pickle is without unpacking it.
    put(service, "old.ckpt", b"\x80\x02}q\x00.")
    put(service, "empty.ckpt", b"")

    assert NAMES.choices(service) == [
        "miniature — drawings only, ships with EasyPhoto",
        "empty.ckpt — cannot be used",
        "old.ckpt",
        "odd.safetensors — cannot be used",
        "v1-5.safetensors — Stable Diffusion 1.5",
    ]


def test_a_choice_is_taken_by_its_name_and_what_is_typed_as_it_is() -> None:
    assert NAMES.named("v1-5.safetensors — Stable Diffusion 1.5") == "v1-5.safetensors"
    assert NAMES.named("miniature — drawings only, ships with EasyPhoto") == "miniature"
    assert NAMES.named(" /models/my — best.safetensors ") == "/models/my — best.safetensors"
    assert NAMES.named("/models/my — best.safetensors — Stable Diffusion XL") == "/models/my — best.safetensors"
    assert NAMES.named(None) == ""


def test_a_listed_checkpoint_is_found_by_its_name(service: Service, checkpoint: Path) -> None:
    file = put_checkpoint(service, "sub/v1-5.safetensors", checkpoint)

    family, found = service.app.host.base_model("v1-5.safetensors", WeightSettings())

    assert (family.label, found) == ("Stable Diffusion 1.5", file)


def test_two_files_of_one_name_are_told_apart_by_their_folders(service: Service) -> None:
    first, second = put(service, "a/same.ckpt", b""), put(service, "b/same.ckpt", b"")

    assert service.app.host.checkpoint_files() == {"same.ckpt": first, str(Path("b/same.ckpt")): second}


def test_a_header_is_read_once(service: Service, checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_checkpoint(service, "v1-5.safetensors", checkpoint)
    read, family_of, names = [], folders_module.family_of, BaseNames(Translator())
    monkeypatch.setattr(folders_module, "family_of", lambda path: (read.append(path), family_of(path))[1])

    assert names.choices(service) == names.choices(service)

    assert len(read) == 1


def test_a_page_is_built_without_reading_a_header(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    from easyphoto.ui.page import build_page

    put(service, "odd.safetensors", safetensors_bytes(10))
    monkeypatch.setattr(folders_module, "family_of", lambda path: pytest.fail("a header was read"))

    build_page(service, standalone=False)


def test_a_folder_shows_its_folders_and_checkpoints_and_nothing_else(service: Service, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    (folder / "Deep").mkdir(parents=True)
    (folder / ".hidden").mkdir()
    for name in ("b.safetensors", "A.ckpt", "letter.txt", ".secret.ckpt"):
        (folder / name).write_bytes(b"")

    assert entries_of(service, folder) == ([folder / "Deep"], [folder / "A.ckpt", folder / "b.safetensors"])
    assert checked_file(service, folder / "A.ckpt") == folder / "A.ckpt"
    for other in (folder / "letter.txt", folder / "Deep", folder / "none.ckpt"):
        with pytest.raises(ForeignFile):
            checked_file(service, other)


def test_the_chooser_starts_where_checkpoints_are_else_at_home(service: Service) -> None:
    assert start_folder(service) == Path.home()

    file = put(service, "sub/v1-5.ckpt", b"")

    assert start_folder(service) == file.parent


def test_nobody_else_looks_into_the_folders_of_this_machine(service: Service, tmp_path: Path) -> None:
    """On a page that others reach there is no button, and an order that is sent all the same is refused."""
    shared = replace(service, app=replace(service.app, host=ThisMachine("en", False)))
    (tmp_path / "a.ckpt").write_bytes(b"")

    assert place_chooser("p", Translator(), is_local=False) is None
    with pytest.raises(ForeignFile):
        entries_of(shared, tmp_path)
    with pytest.raises(ForeignFile):
        checked_file(shared, tmp_path / "a.ckpt")
