"""Whoever is photographed may have a name in any script; the id, which names folders and files, is made from it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from easyphoto.errors import BadName, UnknownPerson
from easyphoto.workspace.folders import Workspace
from easyphoto.workspace.person_ids import checked_id, id_for
from easyphoto.workspace.person_record import Person
from tests.fakes import new_person


@pytest.mark.parametrize(
    ("name", "id"),
    [
        ("anna", "anna"), (" Anna ", "anna"), ("Anna Schmidt", "anna-schmidt"), ("anna  SCHMIDT", "anna-schmidt"),
        ("O'Brien", "o-brien"), ("J. Smith", "j-smith"), ("张伟", "person-a3a0bafd"), ("José", "jose-d994e1d0"),
        ("JOSE\u0301", "jose-d994e1d0"), ("Анна", "person-80e29e9a"), ("anna_b-2", "anna_b-2"),
    ],
)  # fmt: skip
def test_a_name_gives_the_same_id_everywhere(name: str, id: str) -> None:
    assert id_for(name) == id
    assert checked_id(id) == id
    assert id_for(id) == id


def test_names_that_differ_in_letters_that_are_lost_have_different_ids() -> None:
    names = ("José", "Jose", "Josè", "张伟", "王芳", "Анна", "Анне")

    assert len({id_for(name) for name in names}) == len(names)


@pytest.mark.parametrize(
    "name", ["", " ", ".", "..", "../张伟", "张/伟", "张\\伟", "C:张", "con", "NUL", "张\n伟", "\u202e张伟", "x" * 65,
             "张" * 65, "-anna", "👩", "!!!"],
)  # fmt: skip
def test_a_path_and_what_is_no_name_are_refused(name: str) -> None:
    with pytest.raises(BadName, match=r"cannot be a person's (id|name)"):
        id_for(name)


@pytest.mark.parametrize("name", ["", " ", "👩", "!!!", "张" * 65, "x" * 300])
def test_what_is_refused_for_any_script_is_not_told_to_use_latin_letters(name: str) -> None:
    with pytest.raises(BadName) as refused:
        id_for(name)

    assert refused.value.message == f"{name[:64]!r} cannot be a person's name."
    assert refused.value.advice == "Give a name of 1 to 64 characters, in any script, with a letter or digit in it."


def called(workspace: Workspace, id: str, name: str) -> Person:
    person = replace(new_person(workspace, id), name=name)
    workspace.save_person(person)
    return person


def test_a_person_is_found_by_id_and_by_name(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    called(workspace, id_for("张伟"), "张伟")
    called(workspace, "anna", "Änne Übel")

    assert workspace.person("张伟").id == "person-a3a0bafd"
    assert workspace.person("person-a3a0bafd").name == "张伟"
    assert workspace.person("änne übel").id == "anna"
    assert workspace.id_of("Änne Übel") == "anna"
    with pytest.raises(UnknownPerson):
        workspace.person("王芳")


def test_an_id_goes_before_a_name_and_a_name_of_two_is_nobodys(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    called(workspace, "ben", "Anna")
    called(workspace, "carl", "Anna")

    assert workspace.id_of("Anna") == "anna"
    called(workspace, "anna", "Dora")
    assert workspace.id_of("anna") == "anna"
    assert workspace.id_of("Dora") == "anna"
