"""The results as HTML: what can be done with each, and that nothing of other people's texts is taken for markup."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path

import pytest
from PIL import Image

from easyphoto.geometry import Size
from easyphoto.jobs.records import Job, State
from easyphoto.ui.language import Translator
from easyphoto.ui.previews_html import previews_sheet
from easyphoto.ui.ranking import Ranked
from easyphoto.ui.result_pictures import Comparison, FacePair
from easyphoto.ui.results_html import ResultsView, read_order
from easyphoto.ui.sessions import Session, SessionPicture
from easyphoto.ui.thumbnails import Thumbnails

HOSTILE = '"><script>alert(1)</script>'
AT = "2026-01-01T12:30:00.000Z"


@pytest.fixture
def session(tmp_path: Path) -> Session:
    pictures = []
    for seed, is_favourite in ((7, True), (8, False)):
        file = tmp_path / f"{seed}.png"
        Image.new("RGB", (8, 8)).save(file)
        ranked = Ranked(file.name, "03-room", seed, seed - 6, 0.7, "sface", (), ())
        pictures.append(SessionPicture("j1", ranked, file, is_favourite))
    return Session(Job("j1", "photograph", "photograph anna", State.DONE, AT, "owner", ended=AT), tuple(pictures))


def view(language: str = "en") -> ResultsView:
    return ResultsView(Translator(language), Thumbnails(), "orders", {"03-room": "At home"})


def orders_in(html: str) -> list[list[str]]:
    return [json.loads(unescape(one)) for one in re.findall(r'data-easyphoto-order="([^"]*)"', html)]


def test_each_result_is_shown_marked_and_chosen_by_a_button_of_its_own(session: Session):
    html = view().session(session, ("j1", "7.png"), (("j1", "8.png"),))

    assert orders_in(html) == [
        ["favourites"], ["zip"], ["sheet"],
        ["show", "j1", "7.png"], ["star", "j1", "7.png"], ["tick", "j1", "7.png"],
        ["show", "j1", "8.png"], ["star", "j1", "8.png"], ["tick", "j1", "8.png"],
    ]  # fmt: skip
    # The favourites are not what is seen; the first picture is on show and has a star, the second is chosen.
    assert re.findall(r'aria-pressed="(\w+)"', html) == ["false", "true", "true", "false", "false", "false", "true"]
    assert "Download 1 chosen" in html
    assert f'datetime="{AT}"' in html


def test_a_choice_in_another_session_does_not_count_here(session: Session):
    assert "Download all" in view().session(session, ("j1", "7.png"), (("j2", "8.png"),))


def test_the_favourites_have_no_contact_sheet_and_say_how_a_picture_becomes_one(session: Session):
    some, none = view().favourites(session.pictures[:1], ("j1", "7.png"), ()), view().favourites((), ("", ""), ())

    assert ["sheet"] not in orders_in(some)
    assert "Download favourites" in some
    assert orders_in(none) == [["favourites"]]
    assert "The star on a picture makes it one." in none


def test_an_earlier_session_is_a_strip_of_small_pictures_that_can_be_shown(session: Session):
    html = view().earlier([session], ("j9", "1.png"))

    assert orders_in(html) == [["show", "j1", "7.png"], ["show", "j1", "8.png"]]
    assert "Photograph anna · At home" in html
    assert view().earlier([], ("", "")) == ""


def test_a_comparison_is_moved_by_a_range_and_needs_a_template():
    both = view().comparison(Comparison("data:after", "data:before", Size(300, 200)))
    alone = view().comparison(Comparison("data:after", None, Size(300, 200)))

    assert '<input type="range" min="0" max="100"' in both
    assert 'aria-label="How much of the template is seen"' in both
    assert "aspect-ratio:1.5000" in both
    assert 'type="range"' not in alone
    assert "data:before" not in alone


def test_everybodys_own_photo_stands_beside_their_face():
    html = view().faces([FacePair("Anna", "data:own", "data:made"), FacePair("Ben", "data:ben", None)])

    assert re.findall(r"<figcaption>(.*?)</figcaption>", html) == [
        "Anna: a photo", "Anna: the portrait", "Ben: a photo",
    ]  # fmt: skip
    assert view().faces([]) == ""


def test_names_are_no_markup(tmp_path: Path, session: Session):
    file = tmp_path / "a.png"
    Image.new("RGB", (8, 8)).save(file)
    ranked = Ranked(HOSTILE, HOSTILE, 7, 1, 0.7, HOSTILE, (HOSTILE,), ())
    picture = SessionPicture(HOSTILE, ranked, file)
    job = Job(HOSTILE, "photograph", HOSTILE, State.DONE, HOSTILE, "owner", ended=HOSTILE)
    odd, words = Session(job, (picture,)), Translator("en")

    said = view().session(odd, picture.key, ()) + view().earlier([odd], picture.key) + view().details(picture)
    said += view().faces([FacePair(HOSTILE, "data:", "data:")])
    said += previews_sheet([(file, HOSTILE), (file, "x")], words, Thumbnails())

    assert "<script" not in said


def test_an_order_comes_back_as_it_was_given():
    assert read_order('["star", "j1", "7.png"]') == ("star", "j1", "7.png")
    assert read_order('["zip"]') == ("zip", "", "")


def test_the_newest_preview_is_large_and_each_earlier_pass_is_seen_once(tmp_path: Path):
    files = []
    for number in range(4):
        files.append(tmp_path / f"{number}.png")
        Image.new("RGB", (700, 700), (60 * number, 0, 0)).save(files[-1])
    passes = ["first pass", "first pass", "second pass", "second pass"]

    html = previews_sheet(list(zip(files, passes, strict=True)), Translator("en"), Thumbnails())

    assert re.findall(r"<figcaption>(.*?)</figcaption>", html) == ["second pass", "first pass"]
    assert html.index("second pass") < html.index("easyphoto-painted") < html.index("first pass</figcaption>")
    assert previews_sheet([], Translator("en"), Thumbnails()) == ""
