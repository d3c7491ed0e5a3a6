"""What the looks bench says of given measurements."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from easyphoto.app import EasyPhoto
from easyphoto.bench import looks
from easyphoto.bench.looks import ARMS, changes_by_restoration, sheet, summary, table
from easyphoto.errors import InputError
from easyphoto.progress import NullProgress
from easyphoto.workspace.folders import Workspace


def look(person: float, *, stranger: float = 0.3, own: float | None = 0.5) -> dict:
    return {
        "person": person, "own_points": own, "stranger": stranger, "reference": 0.7,
        "rim": 0.5, "outline": 0.01, "detail": 0.95,
    }  # fmt: skip


def record(full: float, warp: float) -> dict:
    arms = {name: look(0.5) for name in ARMS}
    arms |= {"template": {**look(0.1, stranger=0.9), "outline": 0.03}, "warp": look(warp), "full": look(full)}
    return {
        "person": "bench-500",
        "held_out": 0.9,
        "pairs": [{"matched": matched, "arms": arms} for matched in (True, True, False, False)],
    }


def test_the_summary_has_the_promised_form():
    found = summary([record(0.74, 0.66), record(0.20, 0.58)])

    own = {
        "pairs": 4, "nearer": 2, "rim": 0.5, "outline": 0.01, "detail": 0.95, "scale": 0.4625, "warp_alone": 0.65,
        "start": 0.5, "outline_of_paste": 0.03,
        "unrestored": {"nearer": 4, "rim": 0.5, "outline": 0.01, "detail": 0.95, "scale": 0.5},
    }  # fmt: skip
    assert found == {**own, "other_skin": own}


def test_the_table_has_a_line_for_every_step_and_says_how_much_is_copied():
    lines = list(table([record(0.74, 0.66)]))

    assert lines[0] == "own skin and hair, 2 pairs"
    full = next(line for line in lines if line.startswith("full")).split()
    # scale, at the face's own points, nearer, rim, outline, detail, copied
    assert [float(number) for number in full[1:]] == [0.8, 0.5, 2.0, 0.5, 0.01, 0.95, -0.04]
    assert len(lines) == 2 * (2 + len(ARMS))


def test_what_the_restoration_changes_is_the_finished_result_less_the_unrestored_one():
    lines = list(changes_by_restoration([record(0.74, 0.66), record(0.20, 0.58)]))

    assert lines[0] == "full − unrestored, 2 persons"
    # The means of 0.74 − 0.5 and 0.20 − 0.5, which are also the ends of the interval.
    assert lines[1].split()[0] == "person"
    assert "-0.03" in lines[1]
    assert [line.split()[0] for line in lines[2:]] == ["stranger", "rim", "outline", "detail"]


def test_a_picture_on_which_no_face_is_found_leaves_the_mean_to_the_others():
    lost = record(0.74, 0.66)
    for pair in lost["pairs"]:
        pair["arms"] = {**pair["arms"], "full": look(0.74, own=None)}

    full = next(line for line in table([lost, record(0.74, 0.66)]) if line.startswith("full")).split()

    assert float(full[2]) == 0.5


def test_a_sheet_holds_every_picture_under_its_title():
    made = sheet(("one", "two"), [[Image.new("RGB", (100, 50), "red"), Image.new("RGB", (300, 300), "blue")]], side=100)

    assert made.size == (208, 128)
    assert made.getpixel((50, 40)) == (255, 0, 0)
    assert made.getpixel((154, 120)) == (0, 0, 255)


def test_the_bench_needs_a_person(tmp_path: Path):
    app = EasyPhoto(Workspace(tmp_path))

    with pytest.raises(InputError, match="0 persons"):
        looks.run(app, persons=0, first=500, progress=NullProgress(), say=lambda line: None)
