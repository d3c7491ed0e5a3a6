"""Scenes and objects that arrive as a LoRA file, or as an export, and leave as one."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from easyphoto.app import EasyPhoto
from easyphoto.backends.headers import read_header
from easyphoto.commands.base import NullContext
from easyphoto.commands.export_person import ExportPerson
from easyphoto.commands.import_persons import ImportPersons
from easyphoto.errors import BadSettings, InputError, NameTaken
from easyphoto.persons.importing import first_of
from easyphoto.workspace.folders import Workspace
from easyphoto.workspace.person_record import FACE, OBJECT, SCENE, Person
from tests.persons.arriving import write_earlier, write_lora


@pytest.fixture
def app(tmp_path: Path) -> EasyPhoto:
    return EasyPhoto(Workspace(tmp_path / "workspace"), mirrors=())


def arrived(app: EasyPhoto, source: Path, name: str | None = None, **said: str) -> Person:
    return first_of(ImportPersons(source, name, **said).run(app, NullContext()))  # type: ignore[arg-type]


def test_a_scene_of_2023_comes_with_its_words_and_its_preview(app: EasyPhoto, tmp_path: Path) -> None:
    lora = write_lora(
        tmp_path / "Castle_1.safetensors",
        ep_lora_version="scene",
        ep_prompt="['a castle, special_scene, scene', 'a tower, special_scene, scene']",
    )
    Image.new("RGB", (64, 96), "tan").save(tmp_path / "Castle_1.jpg")

    scene = arrived(app, lora)

    assert scene == app.workspace.person("castle_1")
    assert (scene.name, scene.kind, scene.family, scene.words) == (
        "Castle_1", SCENE, "sd15", "a castle, special_scene, scene",
    )  # fmt: skip
    folder = app.workspace.person_folder("castle_1")
    assert {path.name for path in folder.iterdir()} == {"person.json", "lora.safetensors", "portrait.png"}
    assert (folder / "lora.safetensors").read_bytes() == lora.read_bytes()
    assert scene.notes[0].endswith("The others: “a tower, special_scene, scene”.")
    assert "It is not known on which checkpoint the LoRA was trained" in scene.notes[1]


def test_any_other_lora_comes_where_its_kind_is_said(app: EasyPhoto, tmp_path: Path) -> None:
    lora = write_lora(tmp_path / "cat.safetensors", width=2048)

    with pytest.raises(InputError, match=r"cat.safetensors does not say what it shows. Say it: --kind scene"):
        arrived(app, lora)
    with pytest.raises(InputError, match="photos are missing"):
        arrived(app, lora, concept=FACE)
    cat = arrived(app, lora, "Minka", concept=OBJECT, words=" a  grey cat ")

    assert (cat.id, cat.kind, cat.family, cat.words, cat.portrait) == ("minka", OBJECT, "sdxl", "a grey cat", None)
    with pytest.raises(NameTaken):
        arrived(app, lora, "minka", concept=OBJECT)
    assert "does not say which words call it" in arrived(app, lora, "other", concept=SCENE).notes[0]


def test_what_says_itself_what_it_holds_takes_no_kind(app: EasyPhoto, tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="says itself what it holds"):
        arrived(app, write_earlier(tmp_path / "webui"), concept=SCENE)


def test_an_exported_scene_comes_back_as_it_was(app: EasyPhoto, tmp_path: Path) -> None:
    before = arrived(app, write_lora(tmp_path / "room.safetensors", ep_prompt="a room"))
    archive = ExportPerson("room", tmp_path / "room.zip").run(app, NullContext())
    app.workspace.save_person(before)

    after = arrived(app, archive, "room2")

    assert (after.kind, after.words, after.family) == (SCENE, "a room", "sd15")
    assert (app.workspace.person_folder("room2") / "lora.safetensors").is_file()


def test_a_lora_alone_leaves_with_the_words_by_which_the_2023_extension_lists_it(
    app: EasyPhoto, tmp_path: Path
) -> None:
    arrived(app, write_lora(tmp_path / "cat.safetensors", ss_steps="7"), concept=OBJECT, words="a grey cat")

    file = ExportPerson("cat", tmp_path / "out.safetensors").run(app, NullContext())

    assert read_header(file).metadata == {
        "ep_lora_version": "scene", "ep_prompt": "a grey cat", "easyphoto_kind": "object", "ss_steps": "7"
    }  # fmt: skip
    assert arrived(app, file, "again").kind == OBJECT


def test_who_has_no_lora_has_none_to_export(app: EasyPhoto, tmp_path: Path) -> None:
    app.workspace.person_folder("anna").mkdir(parents=True)
    app.workspace.save_person(Person("anna", "anna", "sd15", ""))

    with pytest.raises(InputError, match="anna has no LoRA"):
        ExportPerson("anna", tmp_path / "anna.safetensors").run(app, NullContext())
