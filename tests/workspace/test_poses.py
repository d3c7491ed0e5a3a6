"""The poses that ship: what their files hold, and that a body can take them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from easyphoto.backends.skeletons import JOINTS
from easyphoto.errors import BadRecord, UnknownPose
from easyphoto.geometry import Size
from easyphoto.workspace.poses import Pose, all_poses, pose_named

POSES = all_poses()
# In metres, of somebody 1.75 m tall. A limb may be seen shorter than it is, and nearer to the camera a little longer.
LENGTHS = {
    ("neck", "shoulder"): 0.185, ("shoulder", "elbow"): 0.29, ("elbow", "wrist"): 0.26, ("hip", "knee"): 0.43,
    ("knee", "ankle"): 0.41, ("neck", "eye"): 0.205, ("neck", "hip"): 0.53,
}  # fmt: skip
NEARER = 1.2


def lengths_of(points: np.ndarray) -> dict[tuple[str, str], list[float]]:
    """The seen lengths of a figure's parts, on both sides."""
    joints = dict(zip(JOINTS, points, strict=True))
    found: dict[tuple[str, str], list[float]] = {}
    for ends in LENGTHS:
        for side in ("right", "left"):
            one, other = (joints[end] if end == "neck" else joints[f"{side} {end}"] for end in ends)
            if not np.isnan([one, other]).any():
                found.setdefault(ends, []).append(float(np.linalg.norm(one - other)))
    return found


def test_at_least_twelve_ship_with_names_in_both_languages_and_a_licence() -> None:
    assert len(POSES) >= 12
    for names in zip(*((pose.id, pose.name, pose.name_zh) for pose in POSES), strict=True):
        assert len(set(names)) == len(POSES)
    assert {pose.licence for pose in POSES} == {"CC0-1.0"}
    assert all(any("\u4e00" <= letter <= "\u9fff" for letter in pose.name_zh) for pose in POSES)
    assert {"standing", "sitting", "portrait", "close-up", "walking", "two-side-by-side"} <= {pose.id for pose in POSES}


@pytest.mark.parametrize("pose", POSES, ids=lambda pose: pose.id)
def test_every_figure_has_eighteen_places_inside_the_picture_and_a_face(pose: Pose) -> None:
    assert pose.size.width % 64 == pose.size.height % 64 == 0
    for points in pose.points():
        assert points.shape == (len(JOINTS), 2)
        seen = points[~np.isnan(points).any(axis=1)]
        assert ((seen >= 0) & (seen <= 1)).all()
        for name in ("nose", "neck", "right eye", "left eye"):
            assert not np.isnan(points[JOINTS.index(name)]).any(), name


@pytest.mark.parametrize("pose", POSES, ids=lambda pose: pose.id)
def test_no_limb_is_longer_than_a_persons(pose: Pose) -> None:
    for points in pose.points():
        seen = lengths_of(points * [pose.size.width, pose.size.height])
        scales = {ends: max(lengths) / LENGTHS[ends] for ends, lengths in seen.items()}

        middle = float(np.median(list(scales.values())))
        assert all(scale <= NEARER * middle for scale in scales.values()), scales


def test_right_and_left_are_the_persons_own() -> None:
    joints = dict(zip(JOINTS, pose_named("standing").points()[0], strict=True))

    for part in ("shoulder", "hip", "eye", "ear"):
        assert joints[f"right {part}"][0] < joints[f"left {part}"][0]
    assert joints["nose"][1] < joints["neck"][1] < joints["right hip"][1] < joints["right knee"][1]


def test_groups_have_a_figure_for_each() -> None:
    assert [len(pose_named(id).figures) for id in ("two-side-by-side", "three-in-a-row", "portrait")] == [2, 3, 1]


@pytest.mark.parametrize("written", ["standing", "Standing", " STANDING ", "站立"])
def test_a_pose_is_found_by_its_id_and_by_its_name_in_either_language(written: str) -> None:
    assert pose_named(written).id == "standing"


def test_an_unknown_pose_is_named_with_what_was_meant() -> None:
    with pytest.raises(UnknownPose) as refused:
        pose_named("standin")

    assert refused.value.message == "There is no pose 'standin'."
    assert refused.value.advice.startswith("Did you mean 'standing'?")
    with pytest.raises(UnknownPose, match="Known: portrait, close-up"):
        pose_named("xyz")


def test_a_pose_is_read_as_it_is_written(tmp_path: Path) -> None:
    people = [[[0.5, 0.25], None] + [[0.1, 0.2]] * 16]
    said = {"format": 1, "name": "Up", "name_zh": "上", "size": [512, 768], "author": "me", "licence": "CC0-1.0"}
    (tmp_path / "01-up.json").write_text(json.dumps({**said, "people": people}), "utf-8")

    (pose,) = all_poses(tmp_path)

    assert (pose.id, pose.name, pose.name_zh, pose.size) == ("up", "Up", "上", Size(512, 768))
    (points,) = pose.points()
    assert points[0].tolist() == [0.5, 0.25]
    assert np.isnan(points[1]).all()


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "01-up.json").write_text('{"format": 1, "name": "Up"}', "utf-8")

    with pytest.raises(BadRecord, match=r"01-up\.json is damaged"):
        all_poses(tmp_path)


def test_without_the_folder_there_are_none(tmp_path: Path) -> None:
    assert all_poses(tmp_path / "none") == ()
