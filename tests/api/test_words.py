"""Photographs without a template over HTTP: drawn from words, with the drawing in the job's answer."""

import io

import pytest
from PIL import Image

from easyphoto.images.pictures import picture_record
from tests.api.calls import V1, error_of, finished, inline, trained

WORDS = {"persons": ["anna"], "settings": {"prompt": "a violinist on a stage", "seed": 4}}


def test_a_picture_is_drawn_from_words_and_the_job_hands_out_drawing_and_result(client, tmp_path):
    trained(client)

    asked = {**WORDS, "drawing": {"size": "160x128", "save_template": "stage"}}
    job = finished(client, client.post(f"{V1}/photograph", json=asked))

    assert job["state"] == "done", job["error"]
    drawn = job["result"]["drawn"]
    assert drawn == [
        {"template": "drawn-4", "file": "drawn-4.png", "words": "a violinist on a stage", "seed": 4, "failed": [],
         "saved": "own-stage"}
    ]  # fmt: skip
    assert [one["template"] for one in job["result"]["pictures"]] == ["drawn-4"]
    file = client.get(f"{V1}/jobs/{job['id']}/files/drawn-4.png")
    assert Image.open(io.BytesIO(file.content)).size == (160, 128)
    (tmp_path / "result.png").write_bytes(
        client.get(f"{V1}/jobs/{job['id']}/files/{job['result']['pictures'][0]['file']}").content
    )
    assert picture_record(tmp_path / "result.png")["drawn"]["prompt"].startswith("a violinist on a stage")
    assert (job["request"]["templates"], job["request"]["drawing"]["size"]) == ([], "160x128")
    assert "own-stage" in [one["id"] for one in client.get(f"{V1}/templates").json()["templates"]]


@pytest.mark.parametrize("is_uploaded", [True, False])
def test_the_picture_of_a_pose_comes_like_a_template_and_goes_with_the_job(client, workshop, is_uploaded):
    trained(client)
    pose = inline(77)
    if is_uploaded:
        pose = {"upload": client.post(f"{V1}/uploads", json=pose).json()["uploads"][0]["name"]}

    job = finished(client, client.post(f"{V1}/photograph", json={**WORDS, "pose_picture": pose}))

    assert job["state"] == "done", job["error"]
    name = job["request"]["pose_picture"]
    assert (workshop.service.app.workspace.uploads / name).is_file()
    assert client.delete(f"{V1}/jobs/{job['id']}?forget=true").status_code == 200
    assert not (workshop.service.app.workspace.uploads / name).exists()


def test_the_picture_of_a_pose_goes_with_the_person(client, workshop):
    trained(client)
    job = finished(client, client.post(f"{V1}/photograph", json={**WORDS, "pose_picture": inline(77)}))

    client.delete(f"{V1}/persons/anna")

    assert not (workshop.service.app.workspace.uploads / job["request"]["pose_picture"]).exists()


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"settings": {}}, "InputError"),
        ({"drawing": {"template_base": "/models/v1.safetensors"}}, "BadSettings"),
        ({"drawing": {"template_base": "../v1.safetensors"}}, "BadSettings"),
        ({"drawing": {"size": "huge"}}, "BadSettings"),
        ({"drawing": {"style": "nothing of the kind"}}, "UnknownStyle"),
        ({"drawing": {"pose": "nothing of the kind"}}, "UnknownPose"),
        ({"drawing": {"save_template": "a/b"}}, "BadName"),
        ({"pose_picture": {"upload": "somebody's.png"}}, "UnknownUpload"),
        ({"pose_picture": {"name": "x.png", "data": "http://example.org/x.png"}}, "UrlRefused"),
    ],
)
def test_what_cannot_be_drawn_is_refused_at_once(client, workshop, asked, code):
    trained(client)
    jobs = len(client.get(f"{V1}/jobs").json()["jobs"])

    answer = client.post(f"{V1}/photograph", json={**WORDS, **asked})

    assert error_of(answer)[1] == code
    assert 400 <= answer.status_code < 500
    assert len(client.get(f"{V1}/jobs").json()["jobs"]) == jobs
