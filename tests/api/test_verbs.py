"""What takes long is answered with a job at once, and done with what the request says."""

import io
import json

import pytest
from PIL import Image

from easyphoto.commands.fetch_weights import FetchedWeights, FetchWeights
from easyphoto.commands.setup_trainer import SetupTrainer
from easyphoto.errors import Diverged
from easyphoto.settings.inference import InferenceSettings
from easyphoto.settings.training import TrainSettings
from easyphoto.weights.catalog import UsedWeight
from tests import icc
from tests.api.calls import V1, error_of, finished, inline, photos, trained
from tests.services import encoded, picture


def test_a_person_is_checked_trained_and_photographed_over_http(client, workshop, tmp_path):
    checked = finished(client, client.post(f"{V1}/photos:check", json={"photos": photos()}))
    made = trained(client)
    asked = {"persons": ["anna"], "templates": [inline(99, (300, 200))], "settings": {"count": 2, "seed": 7}}
    pictures = finished(client, client.post(f"{V1}/photograph", json=asked))

    assert (checked["state"], len(checked["result"]["kept"])) == ("done", 5)
    assert (made["state"], made["result"]["person"]) == ("done", "anna")
    assert {one["seed"] for one in pictures["result"]["pictures"]} == {7, 8}
    file = client.get(f"{V1}/jobs/{pictures['id']}/files/{pictures['result']['pictures'][0]['file']}")
    (tmp_path / "picture.png").write_bytes(file.content)
    assert (file.headers["content-type"], Image.open(tmp_path / "picture.png").size) == ("image/png", (300, 200))


@pytest.mark.parametrize("way", ["inline", "upload", "template"])
def test_a_template_keeps_its_profile_however_it_came(client, way):
    profile, stream = icc.rgb_profile(icc.DISPLAY_P3, icc.SRGB_CURVE), io.BytesIO()
    Image.open(io.BytesIO(picture(99, (300, 200)))).save(stream, "PNG", icc_profile=profile)
    template = {"name": "wide.png", "data": encoded(stream.getvalue())}
    if way == "upload":
        template = {"upload": client.post(f"{V1}/uploads", json=template).json()["uploads"][0]["name"]}
    if way == "template":
        kept = client.post(f"{V1}/templates", json={"name": "wide", "picture": template})
        template = {"template": kept.json()["id"]}
    trained(client)

    job = finished(client, client.post(f"{V1}/photograph", json={"persons": ["anna"], "templates": [template]}))

    file = client.get(f"{V1}/jobs/{job['id']}/files/{job['result']['pictures'][0]['file']}")
    assert Image.open(io.BytesIO(file.content)).info["icc_profile"] == profile


def test_a_job_is_answered_with_202_and_where_it_is(client):
    answer = client.post(f"{V1}/photos:check", json={"photos": photos(1)})

    assert answer.status_code == 202
    assert answer.headers["location"] == f"{V1}/jobs/{answer.json()['id']}"
    assert answer.json()["kind"] == "check"
    finished(client, answer)


def test_earlier_uploads_stand_for_pictures(client):
    names = [client.post(f"{V1}/uploads", json=photo).json()["uploads"][0]["name"] for photo in photos()]

    asked = {"name": "anna", "photos": [{"upload": name} for name in names]}
    made = finished(client, client.post(f"{V1}/train", json=asked))

    assert made["state"] == "done", made["error"]
    assert made["request"]["photos"] == names


def test_a_data_prefix_and_line_breaks_are_taken(client):
    photo = inline(1)
    photo["data"] = "data:image/png;base64," + "\n".join(photo["data"][i : i + 76] for i in range(0, 10**6, 76))

    assert client.post(f"{V1}/uploads", json=photo).status_code == 201


def test_the_face_that_is_meant_is_told_with_its_photo(client):
    asked = {"photos": [{**inline(0), "face": 1}, inline(1)]}

    job = finished(client, client.post(f"{V1}/photos:check", json=asked))

    assert list(job["request"]["chosen_faces"].values()) == [1]
    assert job["request"]["photos"][0] in job["request"]["chosen_faces"]


def test_the_reference_is_named_as_the_upload_or_as_the_picture_that_was_sent(client):
    upload = client.post(f"{V1}/uploads", json=inline(3)).json()["uploads"][0]["name"]
    asked = {"photos": [*photos(3), {"upload": upload}]}

    by_upload = finished(client, client.post(f"{V1}/photos:check", json={**asked, "reference": upload}))
    by_name = finished(client, client.post(f"{V1}/train", json={"name": "anna", **asked, "reference": "photo 1.png"}))

    assert by_upload["result"]["reference"] == upload
    assert by_upload["result"]["reference_chosen"] is True
    assert by_name["state"] == "done", by_name["error"]
    assert by_name["request"]["reference"] == by_name["request"]["photos"][1]


def test_a_reference_that_was_not_sent_is_refused(client):
    asked = {"photos": photos(2), "reference": "photo 7.png"}

    refused = client.post(f"{V1}/photos:check", json=asked)

    assert error_of(refused) == (422, "BadReference")
    assert refused.json()["error"]["values"] == {"name": "photo 7.png", "count": 2}
    assert refused.json()["texts"]["photo 7.png is not among the 2 photos."] == {
        "template": "{name} is not among the {count} photos.", "values": {"name": "photo 7.png", "count": 2},
    }  # fmt: skip
    assert error_of(client.post(f"{V1}/train", json={"name": "anna", **asked})) == (422, "BadReference")


def test_a_template_says_which_of_its_faces_is_whose(client):
    trained(client)
    asked = {"persons": ["anna"], "templates": [{**inline(98, (300, 200)), "faces": [0]}, {"template": "01-lights"}]}

    job = finished(client, client.post(f"{V1}/photograph", json=asked))

    assert job["state"] == "done", job["error"]
    assert job["request"]["assignments"] == [[0], None]
    assert job["request"]["templates"][1] == "01-lights.jpg" or job["request"]["templates"][1].startswith("01-lights")


def test_a_template_that_is_named_twice_is_refused(client):
    trained(client)
    asked = {"persons": ["anna"], "templates": [{"template": "01-lights"}, {"template": "01-lights", "faces": [1]}]}

    assert error_of(client.post(f"{V1}/photograph", json=asked)) == (422, "BadRequest")


def test_settings_go_on_top_of_the_preset(client):
    asked = {"name": "anna", "photos": photos(), "preset": "fast", "settings": {"rank": 8, "learning_rate": 0.01}}

    settings = finished(client, client.post(f"{V1}/train", json=asked))["request"]["settings"]

    assert (settings["steps"], settings["validations"], settings["rank"]) == (400, 4, 8)
    assert settings["learning_rate"] == 0.01
    assert settings["batch"] == TrainSettings().batch


def test_whole_numbers_are_numbers_too(client):
    asked = {"name": "anna", "photos": photos(), "settings": {"alpha": 4}}

    assert finished(client, client.post(f"{V1}/train", json=asked))["request"]["settings"]["alpha"] == 4


def test_without_a_base_a_training_takes_the_hosts_best_and_a_photograph_the_persons_own(client):
    made = trained(client)
    pictures = finished(
        client, client.post(f"{V1}/photograph", json={"persons": ["anna"], "templates": [inline(9, (300, 200))]})
    )

    assert made["request"]["options"]["base"] == "miniature"
    assert pictures["request"]["options"]["base"] is None
    assert pictures["request"]["settings"]["count"] == InferenceSettings().count


def test_a_training_that_failed_is_resumed(client, workshop):
    workshop.trainer.error = Diverged("The loss is no number.", advice="Lower the learning rate.")
    failed = trained(client)
    workshop.trainer.error = None

    resumed = finished(client, client.post(f"{V1}/resume", json={"run": failed["run"]}))

    assert failed["error"] == {
        "code": "Diverged", "message": "The loss is no number.", "advice": "Lower the learning rate.", "values": {},
        "details": None,
        "weights": "",
    }  # fmt: skip
    assert (resumed["state"], resumed["result"]["person"]) == ("done", "anna")


def test_a_template_is_drawn_used_and_deleted(client):
    asked = {"name": "garden", "prompt": "a garden", "width": 64, "height": 64, "steps": 2}
    job = finished(client, client.post(f"{V1}/templates:draw", json=asked))

    assert job["result"]["template"] == "own-garden"
    assert client.get(f"{V1}/templates/own-garden/picture").headers["content-type"] == "image/png"
    assert client.delete(f"{V1}/templates/own-garden").json() == {"deleted": ["templates/garden.png"]}
    assert client.get(f"{V1}/templates/own-garden/picture").status_code == 404


def test_setup_makes_the_trainers_environment(client, monkeypatch, workshop):
    monkeypatch.setattr(SetupTrainer, "run", lambda self, app, context: {"torch": "2.1"})

    job = finished(client, client.post(f"{V1}/setup", json={}))

    assert job["result"] == {"versions": {"torch": "2.1"}}


@pytest.mark.parametrize(
    ("path", "asked", "refusal"),
    [
        ("/photograph", {"persons": ["ben"], "templates": [{"template": "01-lights"}]}, (404, "UnknownPerson")),
        ("/photos:check", {"photos": [{"upload": "none.png"}]}, (404, "UnknownUpload")),
        ("/resume", {"run": "20260101T000000Z-anna"}, (404, "UnknownRun")),
    ],
)
def test_what_is_unknown_is_404(client, path, asked, refusal):
    assert error_of(client.post(V1 + path, json=asked)) == refusal


def test_an_unknown_template_is_404(client):
    trained(client)

    asked = {"persons": ["anna"], "templates": [{"template": "nothing"}]}

    assert error_of(client.post(f"{V1}/photograph", json=asked)) == (404, "UnknownTemplate")


def test_files_of_a_form_are_uploads(client):
    files = [("file", ("我.png", picture(1), "image/png")), ("file", ("b.png", picture(2), "image/png"))]

    answer = client.post(f"{V1}/uploads", files=files, data={"note": "not a file"})

    assert answer.status_code == 201
    assert [upload["size"] for upload in answer.json()["uploads"]] == [len(picture(1)), len(picture(2))]
    assert answer.json()["uploads"][0]["name"].startswith("我-")


def test_weights_are_listed_with_licence_and_without_paths(client, workshop):
    answer = client.get(f"{V1}/weights").json()

    files = {file["id"]: file for file in answer["files"]}
    assert {"name": "photographs", "files": ["yunet", "auraface"]} in answer["sets"]
    assert files["yunet"] == {
        "id": "yunet", "file": "yunet_n_640_640.onnx", "bytes": 317_466, "licence": "Apache-2.0", "commercial": "yes",
        "needed_by": "faces.yunet (finds faces in photographs)", "is_allowed": True, "at_hand": False, "bytes_begun": 0,
    }  # fmt: skip
    assert (files["buffalo_l"]["commercial"], files["buffalo_l"]["is_allowed"]) == ("no", False)
    assert str(workshop.root) not in json.dumps(answer)


def test_weights_are_fetched_by_their_names_in_the_catalogue_alone(client, monkeypatch):
    used = UsedWeight("yunet", "yunet_n_640_640.onnx", "Apache-2.0", "0" * 64)
    monkeypatch.setattr(FetchWeights, "run", lambda self, app, context: FetchedWeights((used,)))
    monkeypatch.delenv("HF_HUB_OFFLINE")

    job = finished(client, client.post(f"{V1}/weights:fetch", json={"names": ["photographs"]}))

    assert job["request"]["names"] == ["photographs"]
    assert job["result"]["files"][0]["id"] == "yunet"
    assert error_of(client.post(f"{V1}/weights:fetch", json={"names": ["http://a/b"]})) == (422, "InputError")
    assert error_of(client.post(f"{V1}/weights:fetch", json={"names": ["buffalo_l"]})) == (503, "LicenceRefused")
