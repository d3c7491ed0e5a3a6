"""Poses over HTTP: the list, and the skeleton of each."""

import io

from PIL import Image

from easyphoto.backends.skeletons import is_skeleton_drawing
from easyphoto.workspace.poses import all_poses
from tests.api.calls import V1, error_of


def test_the_list_says_what_there_is(client):
    told = client.get(f"{V1}/poses").json()["poses"]

    assert [each["id"] for each in told] == [pose.id for pose in all_poses()]
    assert told[0] == {
        "id": "portrait", "name": "Portrait", "name_zh": "肖像", "width": 512, "height": 512, "people": 1,
        "author": "the EasyPhoto authors", "licence": "CC0-1.0",
    }  # fmt: skip


def test_each_has_a_picture_of_its_size(client):
    for pose in all_poses():
        answer = client.get(f"{V1}/poses/{pose.id}/picture")

        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
        drawn = Image.open(io.BytesIO(answer.content))
        assert drawn.size == (pose.size.width, pose.size.height)
        assert is_skeleton_drawing(drawn.convert("RGB"))


def test_an_unknown_pose_is_named_with_what_was_meant(client):
    answer = client.get(f"{V1}/poses/standin/picture")

    assert error_of(answer) == (404, "UnknownPose")
    assert "'standing'" in answer.json()["error"]["advice"]
