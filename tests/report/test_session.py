"""How like the person a result is, in the report's words."""

from __future__ import annotations

import numpy as np
from PIL import Image

from easyphoto.faces.engine import Likeness
from easyphoto.geometry import Box
from easyphoto.inference.results import Photograph, Photographs
from easyphoto.report.parts import Table
from easyphoto.report.session import session_section
from tests.fakes import face_at

PICTURE = Image.new("RGB", (64, 64), "teal")


def made(*likeness: Likeness | None) -> Photographs:
    photograph = Photograph(PICTURE, 7, likeness, (), (), np.zeros((64, 64), np.float32), {})
    faces = tuple(face_at(Box(0, 0, 32, 32)) for _ in likeness)
    return Photographs((photograph,), faces, ((0, "Anna"), (1, "Ben"))[: len(likeness)], (), {})


def table(photographs: Photographs) -> Table | None:
    parts = session_section("template.png", PICTURE, photographs).parts
    return next((part for part in parts if isinstance(part, Table)), None)


def test_shares_are_said_where_they_are_known() -> None:
    found = table(made(Likeness("auraface", 0.71234, percentile=62.5, strangers=99.7)))

    assert found is not None
    assert found.headings[3:] == ("above own photos", "above strangers", "measured with")
    assert found.rows == (("Anna", "not measured", "0.712", "62 %", "100 %", "auraface"),)


def test_what_nobody_can_tell_is_said_so() -> None:
    found = table(made(Likeness("auraface", 0.5), None))

    assert found is not None
    assert found.rows == (
        ("Anna", "not measured", "0.500", "cannot tell", "cannot tell", "auraface"),
        ("Ben", "not measured", "not measured", "", "", ""),
    )


def test_without_any_likeness_there_is_no_table() -> None:
    assert table(made(None)) is None


def test_the_pictures_note_keeps_all_that_is_known() -> None:
    record = made(Likeness("auraface", 0.5, strangers=99.0), None).best.record()

    assert record["likeness"] == [
        {"embedder": "auraface", "cosine": 0.5, "percentile": None, "strangers": 99.0},
        None,
    ]
