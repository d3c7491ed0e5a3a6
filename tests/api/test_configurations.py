"""Saved settings over HTTP: the same files as in the page and on the command line."""

from __future__ import annotations

import json

import pytest

from easyphoto.settings.inference import InferenceSettings
from easyphoto.settings.options import Options
from easyphoto.settings.training import PreprocessSettings, TrainSettings
from easyphoto.workspace.configurations import PHOTOGRAPH, TRAIN, Configurations, configuration_of
from tests.api.calls import V1, error_of

ONE = f"{V1}/configurations/train/quick"


def written(**changes: object) -> dict:
    options = Options("miniature")
    return {**configuration_of(TRAIN, "x", options, TrainSettings(steps=40), PreprocessSettings()).record(), **changes}


def test_settings_are_saved_listed_handed_out_and_deleted(client, workshop):
    saved = client.put(ONE, json={"configuration": written()})

    assert saved.status_code == 200
    assert saved.json() == client.get(ONE).json()
    # Under the name of the path, whatever the file is called.
    assert saved.json()["configuration"] == {**written(), "name": "quick"}
    entry = {"kind": "train", "name": "quick"}
    assert client.get(f"{V1}/configurations").json() == {"configurations": [entry]}
    assert Configurations(workshop.service.app.workspace, TRAIN).get("quick").settings == TrainSettings(steps=40)

    assert client.put(ONE, json={"configuration": written(base=None)}).json()["configuration"]["base"] is None
    assert client.delete(ONE).json() == {"deleted": ["configurations/train/quick.json"]}
    assert error_of(client.get(ONE)) == (404, "UnknownConfiguration")
    assert error_of(client.delete(ONE)) == (404, "UnknownConfiguration")


@pytest.mark.parametrize(
    ("path", "configuration", "code"),
    [
        (ONE, {}, "BadRecord"),
        (ONE, written(kind="photograph"), "BadRecord"),
        (ONE, written(settings={"steps": 0}), "BadSettings"),
        (ONE, written(photos=["a.png"]), "BadSettings"),
        (ONE, written(base="/etc/passwd"), "BadSettings"),
        (ONE, [], "BadRequest"),
        (f"{V1}/configurations/clay/quick", written(), "BadRequest"),
        (f"{V1}/configurations/train/con", written(), "BadName"),
        (f"{V1}/configurations/train/a%5Cb", written(), "BadName"),
    ],
)
def test_what_does_not_fit_is_refused_and_not_saved(client, workshop, path, configuration, code):
    assert error_of(client.put(path, json={"configuration": configuration})) == (422, code)
    assert not workshop.service.app.workspace.configurations.exists()


def test_no_path_of_this_machine_is_handed_out(client, workshop):
    saved = configuration_of(PHOTOGRAPH, "mine", Options("/home/anna/models/v1.ckpt"), InferenceSettings())
    Configurations(workshop.service.app.workspace, PHOTOGRAPH).save(saved)

    answer = client.get(f"{V1}/configurations/photograph/mine")

    assert answer.json()["configuration"]["base"] == "v1.ckpt"
    assert "/home/anna" not in answer.text


def test_what_another_version_wrote_is_taken_as_far_as_it_is_known(client):
    answer = client.put(ONE, json={"configuration": written(made_by="EasyPhoto 9.9", wings=2)})

    assert [note.partition(".")[0] for note in answer.json()["notes"]] == ["Unknown setting: wings"]
    assert json.loads(answer.text)["configuration"]["settings"]["steps"] == 40
