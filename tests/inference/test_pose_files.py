"""OpenPose's JSON as its programs write it, and as nobody should."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from easyphoto.backends.skeletons import JOINTS
from easyphoto.errors import BadPose
from easyphoto.geometry import Size
from easyphoto.inference.pose_files import is_pose_file, read_pose_file


def joints(count: int = 18, *, scale: float = 1.0) -> list[float]:
    """Joint n lies at (10 n + 10, 20 n + 20)."""
    return [value for n in range(count) for value in ((10 * n + 10) * scale, (20 * n + 20) * scale, 0.8)]


def written(folder: Path, content: Any) -> Path:
    file = folder / "pose.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return file


def person(numbers: list[float], **more: Any) -> dict[str, Any]:
    return {"people": [{"pose_keypoints_2d": numbers}], **more}


CANVAS = {"canvas_width": 400, "canvas_height": 600}


def test_eighteen_joints_in_pixels(tmp_path: Path) -> None:
    size, (figure,), notes = read_pose_file(written(tmp_path, person(joints(), **CANVAS)))

    assert (size, notes) == (Size(400, 600), ())
    assert figure.tolist() == [[10 * n + 10, 20 * n + 20] for n in range(18)]


def test_fractions_of_the_canvas(tmp_path: Path) -> None:
    numbers = [value for n in range(18) for value in (0.02 * n, 0.05 * n, 1.0)]
    numbers[:2] = 0.5, 0.25

    _, (figure,), _ = read_pose_file(written(tmp_path, person(numbers, **CANVAS)))

    assert figure[0].tolist() == [200, 150]
    assert figure[10] == pytest.approx([80, 300])


def test_the_list_that_a_web_ui_saves(tmp_path: Path) -> None:
    size, figures, _ = read_pose_file(written(tmp_path, [person(joints(), **CANVAS)]))

    assert (size, len(figures)) == (Size(400, 600), 1)


def test_twenty_five_joints_are_brought_into_the_order_of_eighteen(tmp_path: Path) -> None:
    _, (figure,), _ = read_pose_file(written(tmp_path, person(joints(25), **CANVAS)))

    by_name = {name: round(float(x) / 10 - 1) for name, (x, _) in zip(JOINTS, figure, strict=True)}
    assert (by_name["left wrist"], by_name["right hip"], by_name["left ankle"]) == (7, 9, 14)
    assert (by_name["right eye"], by_name["left eye"], by_name["right ear"], by_name["left ear"]) == (15, 16, 17, 18)


def test_what_was_not_found_is_not_seen(tmp_path: Path) -> None:
    numbers = joints()
    numbers[3:6] = 0, 0, 0
    numbers[6:9] = 55, 66, 0

    _, (figure,), _ = read_pose_file(written(tmp_path, person(numbers, **CANVAS)))

    assert np.isnan(figure[1:3]).all()
    assert not np.isnan(figure[3:]).any()


def test_without_a_canvas_the_figures_get_one_with_a_margin(tmp_path: Path) -> None:
    size, (figure,), _ = read_pose_file(written(tmp_path, person(joints())))

    # 170 by 340 pixels, and a twelfth of 340 on every side.
    assert size == Size(227, 397)
    assert figure.min(axis=0) == pytest.approx([340 / 12, 340 / 12])


def test_several_people_and_those_without_a_joint(tmp_path: Path) -> None:
    people = [{"pose_keypoints_2d": each} for each in (joints(), [0.0] * 54, None, joints(scale=0.5))]

    _, figures, _ = read_pose_file(written(tmp_path, {"people": people, **CANVAS}))

    assert [figure[0].tolist() for figure in figures] == [[10, 20], [5, 10]]


def test_hands_are_left_out_and_that_is_said(tmp_path: Path) -> None:
    people = [{"pose_keypoints_2d": joints(), "hand_left_keypoints_2d": [1.0, 2.0, 0.5]}]

    _, _, notes = read_pose_file(written(tmp_path, {"people": people, **CANVAS}))

    assert notes == ("Of pose.json hands and faces are left out; the bodies are drawn.",)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("{", "it is no JSON"),
        ("[" * 100_000, "it is no JSON"),
        ([], "it is no output of OpenPose"),
        ([7], "it is no output of OpenPose"),
        ({"people": 7}, "it is no output of OpenPose"),
        ({"people": []}, "there are no people in it"),
        ({"people": [{}, 7]}, "there are no people in it"),
        (person([0.0] * 54), "there are no people in it"),
        (person([1.0, 2.0]), "a person has 2 numbers instead of 54 or 75"),
        (person(["x"] * 54), "a joint is no number"),  # type: ignore[list-item]
        (person([1e300] * 54), "a joint is no number"),
        ({"people": [{"pose_keypoints_2d": "abc"}]}, "a joint is no number"),
    ],
)
def test_what_shows_no_pose_is_named(tmp_path: Path, content: Any, why: str) -> None:
    with pytest.raises(BadPose) as refused:
        read_pose_file(written(tmp_path, content))

    assert refused.value.message == f"pose.json shows no pose: {why}."


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadPose, match=r"none\.json shows no pose: it cannot be read"):
        read_pose_file(tmp_path / "none.json")


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "pose.json"
    file.write_bytes(b" " * ((4 << 20) + 1))

    with pytest.raises(BadPose):
        read_pose_file(file)


@pytest.mark.parametrize("canvas", [(0, 5), ("4", 5), (1e9, 5), (400, None)])
def test_a_canvas_that_cannot_be_is_as_none(tmp_path: Path, canvas: tuple[Any, Any]) -> None:
    said = person(joints(), canvas_width=canvas[0], canvas_height=canvas[1])

    assert read_pose_file(written(tmp_path, said))[0] == Size(227, 397)


def test_a_file_is_read_as_a_pose_by_its_ending() -> None:
    assert [is_pose_file(Path(name)) for name in ("a.json", "A.JSON", "a.png")] == [True, True, False]
