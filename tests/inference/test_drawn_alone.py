"""A photographed face that the miniature would have to draw without the reference photo."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from easyphoto.errors import NoFaceFound
from easyphoto.faces.engine import Domain
from easyphoto.faces.fuse import laid
from easyphoto.inference import prepare
from tests.inference.test_pipeline import SETTINGS, Studio, changed

TURNED = "one of the two faces is turned much farther than the other"


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    """With photographed persons."""
    studio = Studio(tmp_path)
    studio.engine.domain = Domain.PHOTOGRAPHS
    return studio


@pytest.fixture
def turned(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """The fusions, counted from 0, in which the template's face is turned too far."""
    which: set[int] = set()
    calls = iter(range(100))

    def refusing(*given, **named):
        if next(calls) in which:
            raise ValueError(TURNED)
        return laid(*given, **named)

    monkeypatch.setattr(prepare, "laid", refusing)
    return which


def test_it_stays_as_it_is_with_the_reason_and_the_others_are_painted(studio: Studio, turned: set[int]) -> None:
    turned.add(1)

    made = studio.photograph(studio.group, count=2)

    assert [name for _, name in made.seated] == ["person 9000"]
    (said,) = [note for note in made.notes if "would draw it" in note]
    assert said.endswith(f"the miniature alone would draw it. person 9006: fusion was left out ({TURNED}).")
    different = changed(made.best.image, studio.group)
    boxes = [face.box.as_ints() for face in made.faces]
    touched = [bool(different[top:bottom, left:right].any()) for left, top, right, bottom in boxes]
    assert [face for face, is_touched in enumerate(touched) if is_touched] == [made.seated[0][0]]


def test_where_no_other_is_there_nothing_is_painted_and_the_error_says_what_would_do(
    studio: Studio, turned: set[int]
) -> None:
    turned.add(0)

    with pytest.raises(NoFaceFound, match="the miniature alone would draw it") as raised:
        studio.photograph(studio.one)

    assert "turned like the reference photo's" in raised.value.advice
    assert "add --no-fusion (in the tab: Fusion; in the API: settings.fusion)" in raised.value.advice
    assert studio.requests() == []


def test_who_asks_for_no_photo_gets_what_the_model_makes_of_them(studio: Studio, turned: set[int]) -> None:
    turned.add(0)

    studio.photograph(studio.one, settings=replace(SETTINGS, fusion=False))

    assert studio.requests()


def test_a_drawn_person_is_painted_all_the_same(studio: Studio, turned: set[int]) -> None:
    studio.engine.domain = Domain.DRAWINGS
    turned.add(0)

    made = studio.photograph(studio.one)

    assert any(TURNED in note for note in made.best.notes)


def test_on_a_drawn_template_it_is_painted_because_a_drawing_fits_there(
    studio: Studio, turned: set[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    turned.add(0)
    monkeypatch.setattr(type(studio.engine), "remarks", lambda *_: ("looks drawn",))

    assert studio.photograph(studio.one).results
