"""Scenes and objects by name, as the setting `scene` writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from easyphoto.architectures.registry import FAMILIES
from easyphoto.backends.conditions import LoraCondition
from easyphoto.errors import BadSettings, DiskFailure, UnknownScene, WrongFamily, WrongKind
from easyphoto.persons.scenes import check_face, scene_conditions, scene_ids
from easyphoto.workspace.folders import Workspace
from easyphoto.workspace.person_record import FACE, OBJECT, SCENE, Person
from tests.persons.arriving import write_lora

SD15 = FAMILIES["sd15"]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """With the scene `room`, the object `cup` and the person `anna`, all for SD 1.5."""
    workspace = Workspace(tmp_path / "workspace")
    for id, name, kind, words in (
        ("room", "Red room", SCENE, "a room with a red sofa"),
        ("cup", "Cup", OBJECT, "a blue cup"),
        ("anna", "Anna", FACE, ""),
    ):
        workspace.person_folder(id).mkdir(parents=True)
        write_lora(workspace.person_folder(id) / "lora.safetensors", width=768)
        workspace.save_person(Person(id, name, "sd15", "", lora="lora.safetensors", kind=kind, words=words))
    return workspace


def test_scenes_and_objects_become_loras_with_the_words_that_call_them(workspace: Workspace) -> None:
    found = scene_conditions(workspace, "room:0.6, Cup", 0.8, SD15)

    room, cup = (workspace.persons / id / "lora.safetensors" for id in ("room", "cup"))
    assert found == ((LoraCondition(room, 0.6), LoraCondition(cup, 0.8)), ("a room with a red sofa", "a blue cup"))
    assert scene_conditions(workspace, " ", 0.8, SD15) == ((), ())
    assert scene_ids(workspace, "Red room:0.6, cup, nothing") == ("room", "cup")


def test_a_scene_of_weight_0_is_left_out(workspace: Workspace) -> None:
    assert scene_conditions(workspace, "room:0", 0.8, SD15) == ((), ())


@pytest.mark.parametrize("written", ["room:much", "room:2.1", "room:-0.1", "room:nan", ":0.5", "room, Room:0.4"])
def test_what_is_no_weight_is_refused_with_an_example(workspace: Workspace, written: str) -> None:
    with pytest.raises(BadSettings, match=r"room:0.8, cup:0.5"):
        scene_conditions(workspace, written, 0.8, SD15)


def test_an_unknown_scene_is_named_with_what_was_meant(workspace: Workspace) -> None:
    with pytest.raises(UnknownScene, match=r"no scene or object 'rom'. Did you mean 'room'\? Known: cup, room."):
        scene_conditions(workspace, "rom:0.5", 0.8, SD15)
    with pytest.raises(UnknownScene, match=r"easyphoto train room --photos DIR --kind scene"):
        scene_conditions(Workspace(workspace.root / "empty"), "room", 0.8, SD15)


def test_a_person_is_no_scene_and_a_scene_no_person(workspace: Workspace) -> None:
    with pytest.raises(WrongKind, match=r"Anna is a person, not a scene or an object."):
        scene_conditions(workspace, "anna", 0.8, SD15)
    with pytest.raises(WrongKind, match=r"Red room is a scene, not a person. Use it beside a person: --scene room"):
        check_face(workspace.person("room"))
    with pytest.raises(WrongKind, match=r"Cup is an object, not a person."):
        check_face(workspace.person("cup"))
    check_face(workspace.person("anna"))


def test_a_scene_of_another_family_is_refused_by_name(workspace: Workspace) -> None:
    with pytest.raises(WrongFamily, match=r"Red room was trained for SD 1.5, not for SDXL."):
        scene_conditions(workspace, "room", 0.8, FAMILIES["sdxl"])


def test_a_scene_whose_file_is_gone_is_said(workspace: Workspace) -> None:
    (workspace.persons / "room" / "lora.safetensors").unlink()

    with pytest.raises(DiskFailure, match=r"The LoRA of Red room is gone."):
        scene_conditions(workspace, "room", 0.8, SD15)


def test_loras_of_further_folders_are_scenes_by_their_file_names(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "loras").mkdir()
    castle = write_lora(tmp_path / "loras" / "Castle_1.safetensors", width=768, ep_prompt="['a castle', 'a tower']")
    write_lora(tmp_path / "loras" / "easyphoto-anna-0123456789.safetensors", width=768)

    found = scene_conditions(workspace, "Castle_1:0.7", 0.8, SD15, also=(tmp_path / "loras",))

    assert found == ((LoraCondition(castle, 0.7),), ("a castle",))
    with pytest.raises(WrongFamily, match=r"Castle_1 was trained for SD 1.5"):
        scene_conditions(workspace, "Castle_1", 0.8, FAMILIES["sdxl"], also=(tmp_path / "loras",))
    with pytest.raises(UnknownScene, match=r"Did you mean 'Castle_1'\? Known: cup, room, Castle_1."):
        scene_conditions(workspace, "castle", 0.8, SD15, also=(tmp_path / "loras",))
