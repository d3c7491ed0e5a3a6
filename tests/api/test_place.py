"""An object is placed over HTTP: masks and boxes, what comes of them, and what is refused at once."""

import io

import numpy as np
import pytest
from PIL import Image

from tests.api.calls import V1, basic, error_of, finished, inline
from tests.commands.test_place import learned
from tests.services import encoded

TEMPLATE = inline(99, (300, 200))
BOX = {"left": 0.3, "top": 0.3, "width": 0.3, "height": 0.4}
QUICK = {"first_steps": 2, "second_steps": 2}


def mask(size=(300, 200), layer=False) -> dict[str, str]:
    painted = np.zeros((size[1], size[0]), bool)
    painted[60:140, 90:180] = True
    values = np.dstack([np.zeros((*painted.shape, 3), np.uint8), painted * 255]) if layer else painted * 255
    stream = io.BytesIO()
    Image.fromarray(values.astype(np.uint8)).save(stream, "PNG")
    return {"name": "mask.png", "data": encoded(stream.getvalue())}


@pytest.fixture
def cup(workshop):
    return learned(workshop.service.app, "cup")


def placed(client, **asked):
    return client.post(f"{V1}/place", json={"name": "cup", "template": TEMPLATE, "settings": QUICK, **asked})


def test_a_mask_and_the_box_around_it_give_the_same_picture(client, cup):
    jobs = [
        finished(client, placed(client, **where))
        for where in ({"mask": mask()}, {"mask": mask(layer=True)}, {"box": BOX})
    ]

    assert [job["state"] for job in jobs] == ["done"] * 3, jobs[0]["error"]
    files = [client.get(f"{V1}/jobs/{job['id']}/files/{job['result']['pictures'][0]['file']}") for job in jobs]
    pictures = [Image.open(io.BytesIO(file.content)).convert("RGB").tobytes() for file in files]
    assert pictures[0] == pictures[1] == pictures[2]


def test_the_job_tells_what_was_asked_and_what_came_of_it(client, cup):
    job = finished(client, placed(client, mask=mask(), settings={**QUICK, "count": 2, "seed": 7}))

    assert (job["kind"], job["title"], job["persons"]) == ("place", "place cup", ["cup"])
    assert job["request"]["name"] == "cup"
    assert job["request"]["template"].endswith(".png")
    assert job["request"]["mask"].startswith("mask-")
    assert job["request"]["box"] is None
    assert job["request"]["settings"]["count"] == 2
    assert [(one["seed"], one["score"], one["likeness"]) for one in job["result"]["pictures"]] == [
        (7, None, []), (8, None, []),
    ]  # fmt: skip
    assert {"template", "mask", "first pass", "result"} <= {
        stage["name"] for stage in job["result"]["pictures"][0]["stages"]
    }
    assert "report.html" in job["files"]


def test_a_template_may_be_named_uploaded_or_sent(client, cup):
    name = client.post(f"{V1}/uploads", json=TEMPLATE).json()["uploads"][0]["name"]

    for template in ({"template": "05-plain"}, {"upload": name}, TEMPLATE):
        job = finished(client, placed(client, template=template, box=BOX))
        assert job["state"] == "done", job["error"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({}, (422, "BadMask")),
        ({"box": BOX, "mask": mask()}, (422, "BadMask")),
        ({"mask": mask((200, 300))}, (422, "BadMask")),
        ({"box": {**BOX, "left": 0.9}}, (422, "BadMask")),
        ({"box": {**BOX, "width": 0}}, (422, "BadMask")),
        ({"box": {**BOX, "left": -0.1}}, (422, "BadRequest")),
        ({"box": [0.1, 0.1, 0.5, 0.5]}, (422, "BadRequest")),
        ({"box": {"left": 0.1}}, (422, "BadRequest")),
        ({"mask": {"name": "mask.png", "data": encoded(b"no picture")}}, (422, "BadPicture")),
        ({"mask": {"upload": "nothing.png"}}, (404, "UnknownUpload")),
        ({"mask": {"upload": "https://example.com/mask.png"}}, (422, "UrlRefused")),
        ({"box": BOX, "template": {"template": "nothing"}}, (404, "UnknownTemplate")),
        ({"box": BOX, "name": "cupp"}, (404, "UnknownScene")),
        ({"box": BOX, "settings": {"place_strength": 2}}, (422, "BadRequest")),
        ({"box": BOX, "settings": {"fusion": False}}, (422, "BadRequest")),
        ({"box": BOX, "preset": "fast"}, (422, "BadRequest")),
    ],
)
def test_what_cannot_be_placed_is_refused_and_no_job_is_made(client, cup, workshop, asked, said):
    answer = placed(client, **asked)

    assert error_of(answer) == said
    assert workshop.service.queue.list() == ()


def test_a_person_is_refused_with_the_way_for_persons(client, workshop):
    learned(workshop.service.app, "anna", kind="face")

    answer = placed(client, name="anna", box=BOX)

    assert error_of(answer) == (422, "WrongKind")
    assert "photograph" in answer.json()["error"]["advice"]


def test_nobody_places_anything_into_another_account_s_upload(open_client, cup):
    client = open_client({"anna": "secret", "ben": "other"})
    hers = client.post(f"{V1}/uploads", json=TEMPLATE, headers=basic("anna", "secret")).json()["uploads"][0]["name"]
    her_mask = client.post(f"{V1}/uploads", json=mask(), headers=basic("anna", "secret")).json()["uploads"][0]["name"]

    for asked in (
        {"template": {"upload": hers}, "box": BOX},
        {"template": TEMPLATE, "mask": {"upload": her_mask}},
    ):
        answer = client.post(f"{V1}/place", json={"name": "cup", **asked}, headers=basic("ben", "other"))
        assert error_of(answer) == (404, "UnknownUpload")
