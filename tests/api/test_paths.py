"""Answers name files, and never where they lie on this machine."""

import json
from pathlib import Path, PurePath

import pytest

from easyphoto.api.paths import redacted_paths, told
from easyphoto.errors import DiskFailure
from easyphoto.messages import text, texts_in
from easyphoto.storage.files import write_text
from tests.api.calls import JSON, V1, events_of, finished, photos


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/home/anna/x/lora.safetensors cannot be read.", "lora.safetensors cannot be read."),
        ("No space: '/home/anna/x.png'.", "No space: 'x.png'."),
        (r"C:\\Users\\anna\\x.png is gone.", "x.png is gone."),
        (r"C:\Users\anna\x.png is gone.", "x.png is gone."),
        (r"\\server\share\x.png", "x.png"),
        ("It lies in models/Lora, and in user_weights.", "It lies in models/Lora, and in user_weights."),
        ("See http://127.0.0.1:7860/sdapi/v1/x.", "See http://127.0.0.1:7860/sdapi/v1/x."),
        ("Send them to /easyphoto/v1/uploads.", "Send them to /easyphoto/v1/uploads."),
        ("1/2 of it, and/or more", "1/2 of it, and/or more"),
    ],
)
def test_a_path_becomes_its_last_name(text, expected):
    assert redacted_paths(text) == expected


@pytest.mark.parametrize("home", ["/home/Anna Smith", r"C:\Users\Anna Smith"])
def test_a_name_of_two_words_does_not_stay_behind(monkeypatch, home):
    monkeypatch.setattr(Path, "home", lambda: PurePath(home))
    slash = "/" if "/" in home else "\\"

    for between in (slash, slash * 2 if slash == "\\" else slash):
        path = f"{home}{slash}data{slash}x.png".replace(slash, between)
        assert redacted_paths(f"No space: '{path}'.") == "No space: 'x.png'."


def test_every_text_of_a_value_is_looked_at():
    value = {"notes": ("/a/b/c.png", "fine"), "deep": [{"file": "/a/b/c.png"}], "count": 1, "none": None}

    assert told(value) == {"notes": ["c.png", "fine"], "deep": [{"file": "c.png"}], "count": 1, "none": None}


def test_what_a_text_was_made_from_tells_no_folder_either():
    said = told(text("{file} does not exist. {reason}", file="/a/b/c.png", reason=text("See {place}.", place="/d/e/f")))

    assert said == "c.png does not exist. See f."
    assert texts_in(said) == {
        "c.png does not exist. See f.": {
            "template": "{file} does not exist. {reason}",
            "values": {"file": "c.png", "reason": {"text": "See f."}},
        },
        "See f.": {"template": "See {place}.", "values": {"place": "f"}},
    }


def test_a_folder_that_only_the_sentence_shows_as_one_takes_the_values_with_it():
    said = told(text("{folder}/{name} is gone.", folder="/a", name="c.png"))

    assert said == "c.png is gone."
    assert texts_in(said) == {}


def test_a_job_that_failed_does_not_tell_where_the_workspace_lies(client, workshop):
    workshop.trainer.error = DiskFailure(f"{workshop.root}/runs/x.txt is full.", advice=f"Clear {workshop.root}/runs.")

    job = finished(client, client.post(f"{V1}/train", json={"name": "anna", "photos": photos()}))
    events = client.get(f"{V1}/jobs/{job['id']}/events").text

    assert job["error"] == {
        "code": "DiskFailure",
        "message": "x.txt is full.",
        "advice": "Clear runs.",
        "values": {},
        "details": None,
        "weights": "",
    }
    assert [event["error"]["message"] for event in events_of(events) if event["type"] == "error"] == ["x.txt is full."]
    assert str(workshop.root.parent) not in json.dumps(job) + events


@pytest.mark.parametrize("content", [b"no archive", b"PK\x05\x06" + bytes(18)])
def test_a_refused_archive_does_not_tell_where_it_was_unpacked(client, workshop, content):
    answer = client.post(f"{V1}/persons:import", content=content, headers={"Content-Type": "application/zip"})

    assert answer.status_code == 422
    assert str(workshop.root.parent) not in answer.text


def test_a_broken_record_is_said_without_its_place_and_hides_nobody_else(client, workshop):
    write_text(workshop.root / "persons" / "bela" / "person.json", "{")
    write_text(workshop.root / "jobs" / "damaged" / "job.json", "{")

    listed = client.get(f"{V1}/persons")
    assert (listed.json()["persons"], [one["id"] for one in listed.json()["damaged"]]) == ([], ["bela"])
    assert str(workshop.root) not in listed.text
    assert client.get(f"{V1}/jobs").json() == {"jobs": [], "next": None}
    for path in ("persons/bela", "jobs/damaged"):
        answer = client.get(f"{V1}/{path}")
        assert answer.status_code == 422
        assert str(workshop.root.parent) not in answer.text


def test_an_answer_is_never_taken_for_another_kind(client):
    assert client.get(f"{V1}/persons").headers["X-Content-Type-Options"] == "nosniff"
    assert client.post(f"{V1}/train", content="{", headers=JSON).status_code in (400, 422)
