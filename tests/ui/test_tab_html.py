"""What the tabs write as HTML: nothing of other people's texts is taken for markup, and everything has a name."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest
from PIL import Image

from easyphoto.commands.base import NullContext
from easyphoto.commands.delete_person import DeletePerson
from easyphoto.jobs.records import Job, State
from easyphoto.jobs.service import Service
from easyphoto.ui import assignments_html, job_rows, person_tiles
from easyphoto.ui.exports import remove_exports
from easyphoto.ui.job_rows import JobRows, ended_jobs, going_jobs
from easyphoto.ui.language import Translator
from easyphoto.ui.naming import label_of, told_apart
from easyphoto.ui.person_tiles import Doomed, PersonTiles, doomed_html, doomed_of
from easyphoto.ui.persons_tab import certain_names, exported_file
from easyphoto.ui.photograph_form import Choosing
from easyphoto.ui.ranking import Ranked
from easyphoto.ui.results_html import ResultsView, download_html, likeness_words
from easyphoto.ui.sessions import SessionPicture
from easyphoto.ui.templates_tab import name_of
from easyphoto.ui.thumbnails import Thumbnails
from easyphoto.workspace.folders import Workspace
from easyphoto.workspace.person_record import Person
from tests.fakes import new_person

HOSTILE = '"><script>alert(1)</script>'
PICTURE = Ranked("a.png", "03-room", 7, 1, 0.756, "sface", (HOSTILE,), ())


def job(id: str, state: State, kind: str = "photograph", title: str = "photograph anna") -> Job:
    return Job(id, kind, title, state, f"2026-01-01T00:00:0{id}.000Z", "owner", request={"templates": ["03-room.png"]})


def test_the_queue_shows_what_goes_on_first_and_the_last_results_after():
    jobs = [
        job("5", State.QUEUED),
        job("4", State.RUNNING, "train"),
        job("3", State.DONE),
        job("2", State.DONE, "check"),
    ]

    assert [one.id for one in going_jobs(jobs)] == ["4", "5"]
    assert [one.id for one in ended_jobs(jobs, ("photograph",))] == ["3"]
    assert [one.id for one in ended_jobs(jobs, ("photograph", "check"))] == ["3", "2"]


def test_a_row_offers_what_can_be_done():
    rows = JobRows(Translator(), ("photograph",), "orders", {"03-room": "At home"})

    html = rows.html([job("5", State.QUEUED), job("4", State.RUNNING, "train"), job("3", State.DONE)], "3")

    orders = [json.loads(unescape(one)) for one in re.findall(r'data-easyphoto-order="([^"]*)"', html)]
    assert orders == [["cancel", "4"], ["show", "5"], ["cancel", "5"], ["show", "3"], ["forget", "3"]]
    assert html.count('aria-current="true"') == 1
    assert 'data-active="true"' in html
    assert "At home" in html


def test_a_queue_in_which_all_is_over_is_at_rest():
    html = JobRows(Translator(), ("photograph",), "orders").html([job("3", State.DONE)], None)

    assert 'data-active="false"' in html


def test_an_order_comes_back_as_it_was_given():
    assert job_rows.read_order('["show", "5"]') == ("show", "5")
    assert person_tiles.read_order('["delete", "anna"]') == ("delete", "anna")
    assert assignments_html.read_order(assignments_html.order_of('own-"x', 1, "")) == ('own-"x', 1, None)
    assert assignments_html.read_order(assignments_html.order_of("04-two", 0, "anna")) == ("04-two", 0, "anna")


def test_texts_of_others_are_no_markup(tmp_path: Path, service: Service):
    file = tmp_path / "a.png"
    Image.new("RGB", (8, 8)).save(file)
    person = Person("anna", HOSTILE, "miniature", "2026-01-01T00:00:00Z", notes=(HOSTILE,))

    said = ResultsView(Translator(), Thumbnails(), "orders").details(SessionPicture("3", PICTURE, file))
    said += JobRows(Translator(), ("photograph",), "orders").html([job("3", State.DONE, title=HOSTILE)], None)
    said += PersonTiles(service, Translator(), Thumbnails(), "orders").html([person])

    assert "<script" not in said


def test_a_tile_says_what_the_persons_photos_are_where_that_is_recorded(service: Service):
    tiles = PersonTiles(service, Translator("zh"), Thumbnails(), "orders")
    anna = Person("anna", "anna", "miniature", "2026-01-01T00:00:00Z", domain="photographs")

    assert "<dt>图片类型</dt><dd>照片</dd>" in tiles.html([anna])
    assert "图片类型" not in tiles.html([replace(anna, domain=None)])


def test_who_was_added_is_shown_as_not_trained_which_is_no_fault(service: Service):
    person = Person(
        "anna", "Anna", "miniature", "2026-01-01T00:00:00Z", photos=("photos/1.jpg",), reference="dataset/reference.png"
    )
    tiles = PersonTiles(service, Translator(), Thumbnails(), "orders")

    added, trained = tiles.html([person]), tiles.html([replace(person, lora="lora.safetensors")])

    assert '<span class="easyphoto-tag" data-tone="plain">not trained</span>' in added
    assert "Known from photos only. After a training, portraits look more like them." in added
    assert 'data-tone="aside"' not in added
    assert "not trained" not in trained
    doomed = Doomed(photos=1, runs=0, results=0, jobs=1, uploads=1)
    assert "The folder with the photos: 1" in doomed_html(person, doomed, Translator(), name="bea")
    assert "LoRA" not in doomed_html(person, doomed, Translator(), name="bea")


def test_who_was_added_can_be_chosen_for_a_photograph(service: Service):
    workspace = service.app.workspace
    new_person(workspace, "nobody")
    workspace.save_person(
        replace(new_person(workspace, "anna"), photos=("photos/1.jpg",), reference="dataset/reference.png")
    )
    workspace.save_person(replace(new_person(workspace, "ben"), lora="lora.safetensors"))

    assert [pick.value for pick in Choosing(service, Translator()).person_picks()] == ["anna", "ben"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "likeness 0.76"),
        ({"rank": None}, "likeness 0.76 · not ranked"),
        ({"rank": None, "cosine": None}, "not ranked"),
    ],
)
def test_a_likeness_that_was_not_ranked_says_so(changes: dict[str, None], said: str):
    assert likeness_words(replace(PICTURE, **changes), Translator()) == said


def test_the_download_is_the_file_itself(tmp_path: Path):
    file = tmp_path / "a.png"
    file.write_bytes(b"PNG with its record")

    assert 'href="data:image/png;base64,UE5HIHdpdGggaXRzIHJlY29yZA=="' in download_html(file, "Download")


def test_a_thumbnail_follows_its_file(tmp_path: Path):
    file, thumbnails = tmp_path / "a.png", Thumbnails()
    Image.new("RGB", (64, 32), "red").save(file)
    before = thumbnails.link(file, 16)
    Image.new("RGB", (64, 32), "blue").save(file)
    os.utime(file, ns=(1, 1))

    assert thumbnails.link(file, 16) != before
    assert before.startswith("data:image/jpeg;base64,")


def test_the_question_counts_what_deleting_deletes(service: Service):
    workspace = service.app.workspace
    person = replace(new_person(workspace, "anna"), photos=("photos/1.jpg", "photos/2.jpg"))
    workspace.save_person(person)
    for place, record in (
        (workspace.runs / "r1" / "run.json", {"person": "anna"}),
        (workspace.runs / "r2" / "run.json", {"person": "joanna"}),
        (workspace.results / "s1" / "photograph.json", {"persons": ["ben", "anna"]}),
        (workspace.jobs / "j1" / "job.json", {"subject": {"persons": ["anna"], "uploads": ["u.jpg"]}}),
    ):
        place.parent.mkdir(parents=True)
        place.write_text(json.dumps({"format": 1, **record}), "utf-8")
    workspace.uploads.mkdir()
    (workspace.uploads / "u.jpg").write_bytes(b"photo")

    assert doomed_of(service, person) == Doomed(photos=2, runs=1, results=1, jobs=1, uploads=1)
    # The person's folder beside them.
    assert len(DeletePerson("anna").run(service.app, NullContext()).gone) == 5


def test_an_export_goes_with_its_person(service: Service, tmp_path: Path):
    new_person(service.app.workspace, "anna")

    file = exported_file(service, "anna", tmp_path / "exports")
    assert file.is_file()
    remove_exports(tmp_path / "exports", "anna")

    assert not file.exists()


@pytest.mark.parametrize(
    ("file", "name"),
    [("Garden Party.JPG", "garden-party"), ("C:\\photos\\Zoë.png", "zo"), ("../../x.png", "x"), ("花.png", "template")],
)
def test_a_templates_name_comes_from_its_file(file: str, name: str):
    assert name_of(file) == name


def test_of_other_people_s_jobs_only_their_number_is_said():
    rows = JobRows(Translator("en"), ("photograph",), "to")

    assert "Other people&#x27;s jobs in the queue: 2" in rows.html((), None, others=2)
    assert "Other people" not in rows.html((), None)


def test_two_persons_of_one_name_are_told_apart_by_their_ids(tmp_path):
    workspace = Workspace(tmp_path)
    for id, name in (("ben", "Ben"), ("ben-2", "ben"), ("anna", "Anna")):
        workspace.save_person(replace(new_person(workspace, id), name=name))
    anna, ben, other = workspace.list_persons()

    assert told_apart((anna, ben, other)) == {"anna": "Anna", "ben": "Ben (ben)", "ben-2": "ben (ben-2)"}
    assert label_of(workspace, other) == "ben (ben-2)"
    assert certain_names("ben (ben-2)", other) == ("ben-2",)  # another one has the name as well
    assert certain_names("Anna", anna) == ("Anna", "anna")
