"""Styles over HTTP, and a person's words."""

from __future__ import annotations

import json

import pytest
from PIL import Image

from easyphoto.commands.base import NullContext
from easyphoto.commands.change_words import ChangeWords
from easyphoto.workspace.styles import favourite_styles
from tests.api.calls import V1, error_of, finished, photos, trained

STYLES = f"{V1}/styles"


@pytest.fixture
def own(workshop):
    """A style of the user's own, with a preview beside it."""
    folder = workshop.service.app.workspace.styles
    folder.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8)).save(folder / "harbour.png")
    content = {"format": 1, "name": "Harbour", "name_zh": "港口", "positive": "harbour", "preview": "harbour.png"}
    (folder / "harbour.json").write_text(json.dumps(content), "utf-8")
    return folder


def test_styles_are_listed_with_what_they_are_for(client, own):
    listed = client.get(STYLES).json()

    assert listed["damaged"] == []
    office = next(style for style in listed["styles"] if style["id"] == "office")
    assert (office["name"], office["name_zh"], office["group"]) == ("Office", "职场形象", "work")
    assert office["families"] == ["sd15", "sdxl"]
    assert office["sizes"] == {"sd15": [512, 768], "sdxl": [832, 1216]}
    assert (office["own"], office["favourite"], office["drawn_with"]) == (False, False, None)
    assert listed["styles"][-1]["id"] == "own-harbour"
    assert str(own) not in json.dumps(listed)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"search": "港口"}, ["own-harbour"]),
        ({"search": "snow", "group": "seasons"}, ["snow"]),
        ({"search": "snow", "family": "miniature"}, []),
        ({"group": "sea"}, []),
    ],
)
def test_styles_are_filtered(client, own, query, found):
    assert [style["id"] for style in client.get(STYLES, params=query).json()["styles"]] == found


def test_an_unknown_type_of_model_is_refused(client):
    assert error_of(client.get(STYLES, params={"family": "sd3"})) == (422, "InputError")


def test_a_broken_file_is_named_and_hides_no_other(client, own):
    (own / "bad.json").write_text("[")

    listed = client.get(STYLES, params={"search": "harbour"}).json()

    assert [style["id"] for style in listed["styles"]] == ["own-harbour"]
    assert [one["file"] for one in listed["damaged"]] == ["bad.json"]
    assert str(own) not in json.dumps(listed)
    assert error_of(client.get(f"{STYLES}/bad/preview")) == (422, "BadRecord")


def test_a_preview_is_sent_and_one_that_was_not_drawn_is_said_to_be_missing(client, own):
    sent = client.get(f"{STYLES}/own-harbour/preview")

    assert (sent.status_code, sent.headers["content-type"]) == (200, "image/png")
    assert sent.content == (own / "harbour.png").read_bytes()
    assert error_of(client.get(f"{STYLES}/office/preview")) == (404, "UnknownFile")
    assert error_of(client.get(f"{STYLES}/ofice/preview")) == (404, "UnknownStyle")
    assert error_of(client.get(f"{STYLES}/..%2F..%2Fsecret/preview"))[0] == 404


def test_favourites_are_marked_as_often_as_asked_and_unmarked(client, workshop):
    for _ in range(2):
        marked = client.put(f"{STYLES}/snow/favourite", json={})
        assert (marked.status_code, marked.json()["favourite"]) == (200, True)
    assert favourite_styles(workshop.service.app.workspace) == {"snow"}
    assert client.get(STYLES).json()["styles"][0]["id"] == "snow"

    for _ in range(2):
        assert client.delete(f"{STYLES}/snow/favourite").json()["favourite"] is False
    assert favourite_styles(workshop.service.app.workspace) == frozenset()
    assert error_of(client.put(f"{STYLES}/ofice/favourite", json={})) == (404, "UnknownStyle")
    assert error_of(client.delete(f"{STYLES}/ofice/favourite")) == (404, "UnknownStyle")


def test_another_sites_page_can_mark_none(client, workshop):
    refused = client.put(f"{STYLES}/snow/favourite", content="{}", headers={"content-type": "text/plain"})

    assert error_of(refused) == (415, "WrongMediaType")
    assert favourite_styles(workshop.service.app.workspace) == frozenset()


def test_previews_are_drawn_in_a_job(client, workshop):
    job = finished(client, client.post(f"{STYLES}:preview", json={"names": ["hills"]}))

    assert job["state"] == "done", job["error"]
    assert job["result"]["styles"] == ["hills"]
    assert client.get(f"{STYLES}/hills/preview").headers["content-type"] == "image/png"
    drawn = {style["id"]: style["drawn_with"] for style in client.get(STYLES).json()["styles"]}
    assert drawn["hills"] == job["result"]["drawn_with"]
    assert error_of(client.post(f"{STYLES}:preview", json={"names": ["ofice"]})) == (404, "UnknownStyle")


def test_a_persons_words_are_changed_and_shown(client):
    trained(client)

    changed = client.put(f"{V1}/persons/anna/words", json={"words": " grey hair,  glasses"})

    assert (changed.status_code, changed.json()["words"]) == (200, "grey hair, glasses")
    assert client.get(f"{V1}/persons/anna").json()["words"] == "grey hair, glasses"
    tag = client.put(f"{V1}/persons/anna/words", json={"words": "<lora:x:1>"})
    assert error_of(tag) == (422, "BadWords")
    assert error_of(client.put(f"{V1}/persons/anna/words", json={"words": "x" * 301})) == (422, "BadRequest")
    assert error_of(client.put(f"{V1}/persons/nobody/words", json={"words": ""})) == (404, "UnknownPerson")
    assert client.get(f"{V1}/persons/anna").json()["words"] == "grey hair, glasses"


def test_a_proposal_is_shown_beside_the_words_and_changes_them_only_on_request(client, workshop):
    finished(client, client.post(f"{V1}/persons", json={"name": "anna", "photos": photos()}))
    anna = client.get(f"{V1}/persons/anna").json()
    assert anna["words"] == ""
    assert anna["proposed_words"] != ""
    ChangeWords("anna", "glasses").run(workshop.service.app, NullContext())
    assert client.get(f"{V1}/persons/anna").json()["proposed_words"] == ""

    job = finished(client, client.post(f"{V1}/words:propose", json={"name": "anna"}))

    assert job["result"] == {"person": "anna", "words": "glasses", "proposed_words": anna["proposed_words"]}
    assert client.get(f"{V1}/persons/anna").json()["words"] == "glasses"
    assert error_of(client.post(f"{V1}/words:propose", json={"name": "nobody"})) == (404, "UnknownPerson")
