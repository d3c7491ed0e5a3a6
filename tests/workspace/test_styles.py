"""Styles: those that ship, the user's own, broken files, search and favourites."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from PIL import Image

from easyphoto.architectures.registry import FAMILIES
from easyphoto.commands.styles import drawn_with, listed_styles, style_entry
from easyphoto.drawings.scene import BACKGROUNDS, CLOTHES
from easyphoto.errors import BadRecord, UnknownStyle
from easyphoto.geometry import Size
from easyphoto.messages import text
from easyphoto.workspace.folders import Workspace
from easyphoto.workspace.style_files import MOST_BYTES, read_style
from easyphoto.workspace.styles import (
    GROUPS,
    MOST_STYLES,
    all_styles,
    change_favourite_style,
    damaged_styles,
    favourite_styles,
    found_styles,
    preview_place,
    style_named,
    styles_folder,
)

LEAST = {"format": 1, "name": "Harbour", "positive": "harbour, yellow oilskin"}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = Workspace(tmp_path / "w")
    made.styles.mkdir(parents=True)
    return made


def written(workspace: Workspace, file_name: str = "harbour.json", /, **changes: object) -> Path:
    file = workspace.styles / file_name
    file.write_text(json.dumps({**LEAST, **changes}, ensure_ascii=False), "utf-8")
    return file


def shipped(workspace: Workspace) -> list:
    return [style for style in all_styles(workspace) if not style.is_own]


def test_at_least_24_styles_ship_for_photographs_in_seven_groups_and_6_to_12_for_the_miniature(workspace):
    groups: dict[str, int] = {}
    for style in found_styles(shipped(workspace), family="sd15"):
        assert style.families == ("sd15", "sdxl")
        groups[style.group] = groups.get(style.group, 0) + 1

    assert sum(groups.values()) >= 24
    assert {"portraits", "work", "travel", "seasons", "fashion", "painting", "film"} == set(groups)
    assert min(groups.values()) >= 3
    drawn = found_styles(shipped(workspace), family="miniature")
    assert 6 <= len(drawn) <= 12
    assert {style.families for style in drawn} == {("miniature",)}
    assert damaged_styles(workspace) == ()


def test_each_style_that_ships_has_two_names_of_its_own_a_licence_and_words_that_nothing_executes(workspace):
    styles = shipped(workspace)

    for names in ([style.name for style in styles], [style.name_zh for style in styles], [s.positive for s in styles]):
        assert len(set(names)) == len(styles)
    for style in styles:
        assert style.licence == "CC0-1.0"
        assert style.group in GROUPS
        assert style.loras == ()
        assert re.search("[\u4e00-\u9fff]", style.name_zh), style.id
        assert not re.search(r"[<>{}|\[\]()]|__", style.positive + style.negative), style.id
        assert not re.search(r"\b(by|sexy|nude|beautiful|woman|man|girl|boy|young|old man)\b", style.positive), style.id


def test_each_style_that_ships_says_what_is_worn_where_and_in_what_light_within_75_tokens(workspace):
    for style in found_styles(shipped(workspace), family="sdxl"):
        parts = [part.strip() for part in style.positive.split(",")]
        assert len(parts) >= 5, style.id
        # A token of CLIP is a common word, or two of a rare one.
        assert len(re.findall(r"\w+", style.positive)) <= 50, style.id
        for family, size in style.sizes.items():
            multiple = FAMILIES[family].latent_multiple
            assert (size.width % multiple, size.height % multiple) == (0, 0)
            assert 0.7 < size.width * size.height / FAMILIES[family].resolution ** 2 < 1.6


def test_the_miniature_is_told_only_what_its_training_pictures_were_called(workspace):
    known = {f"{background} background" for background in BACKGROUNDS} | {"soft painting", "ink drawing", *CLOTHES}

    for style in found_styles(shipped(workspace), family="miniature"):
        assert set(style.positive.split(", ")) <= known
        assert set(style.negative.split(", ")) <= known


def test_a_file_needs_only_a_name_and_words(workspace):
    written(workspace)

    style = style_named(workspace, "own-harbour")

    assert (style.id, style.name, style.name_zh, style.group) == ("own-harbour", "Harbour", "Harbour", "other")
    assert (style.positive, style.negative, style.loras, dict(style.sizes)) == ("harbour, yellow oilskin", "", (), {})
    assert (style.families, style.licence, style.preview, style.is_own) == ((), "", None, True)
    assert style.fits("sd15")
    assert style.fits("miniature")


def test_a_file_may_say_everything(workspace):
    Image.new("RGB", (8, 8)).save(workspace.styles / "harbour.png")
    written(
        workspace,
        name_zh="港口",
        group="Sea",
        negative="painting",
        loras=[{"name": "boats", "weight": 0.5}, {"name": "nets"}],
        sizes={"sd15": [512, 768]},
        families=["sd15"],
        licence="CC-BY-4.0",
        author="Anna",
        preview="harbour.png",
    )

    style = style_named(workspace, "港口")

    assert (style.group, style.negative, style.author, style.licence) == ("sea", "painting", "Anna", "CC-BY-4.0")
    assert style.loras == (("boats", 0.5), ("nets", 1.0))
    assert style.written_loras == "boats:0.5, nets:1"
    assert style.sizes["sd15"] == Size(512, 768)
    assert (style.fits("sd15"), style.fits("sdxl")) == (True, False)
    assert style.preview == workspace.styles / "harbour.png"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"format": 2}, "Its format is unknown."),
        ({"name": " "}, "It needs a name and words."),
        ({"positive": ""}, "It needs a name and words."),
        ({"positive": 3}, "The file is damaged: positive is no str."),
        ({"positive": "rain <lora:other:1>"}, "The words “rain <lora:other:1>” contain < or >."),
        ({"negative": "<hypernet:x:1>"}, "The words “<hypernet:x:1>” contain < or >."),
        ({"positive": "a" * 1001}, f"The words “{'a' * 60}…” have 1001 characters."),
        ({"name": "x" * 61}, f"The words “{'x' * 60}…” have 61 characters."),
        ({"positve": "x"}, "Its field 'positve' is unknown."),
        ({"families": ["sd1.5"]}, "families cannot be 'sd1.5'."),
        ({"sizes": {"sd15": [512, 700]}}, "sizes cannot be [512, 700]."),
        ({"sizes": {"sd15": [64, 4096]}}, "sizes cannot be [64, 4096]."),
        ({"loras": [{"name": "../secret", "weight": 1}]}, "loras cannot be '../secret'."),
        ({"loras": [{"name": "a,b"}]}, "loras cannot be 'a,b'."),
        ({"loras": [{"name": "a", "weight": 3}]}, "weight cannot be 3.0."),
        ({"loras": [{"name": f"l{n}"} for n in range(9)]}, "It has 9 LoRAs, more than 8."),
        ({"preview": "../../photo.png"}, "preview cannot be '../../photo.png'."),
        ({"preview": "/etc/passwd"}, "preview cannot be '/etc/passwd'."),
        ({"preview": "person.json"}, "preview cannot be 'person.json'."),
    ],
    ids=str,
)
def test_a_file_that_does_not_fit_is_reported_by_name_and_hides_no_other(workspace, changes, why):
    written(workspace, "broken.json", **changes)
    written(workspace)
    before = len(shipped(workspace))

    (damaged,) = damaged_styles(workspace)

    assert damaged.file == "broken.json"
    assert damaged.reason.startswith(f"The style broken.json cannot be used: {why}")
    assert [style.id for style in all_styles(workspace)[before:]] == ["own-harbour"]
    with pytest.raises(BadRecord, match=r"^The style broken\.json cannot be used"):
        style_named(workspace, "broken")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "It is no JSON"),
        (b"[1]", "The file is damaged: it is no record."),
        (b"\xff\xfe", "It is no JSON"),
        (b"{" * 2000, "It is no JSON"),
        (b" " * (MOST_BYTES + 1), f"has more than {MOST_BYTES} bytes"),
    ],
)
def test_what_is_no_json_is_reported_too(workspace, content, why):
    (workspace.styles / "broken.json").write_bytes(content)

    (damaged,) = damaged_styles(workspace)

    assert why in damaged.reason


def test_links_are_not_followed(workspace, tmp_path):
    outside = tmp_path / "secret.png"
    Image.new("RGB", (8, 8)).save(outside)
    (workspace.styles / "link.png").symlink_to(outside)
    written(workspace, preview="link.png")
    (workspace.styles / "linked.json").symlink_to(written(workspace, "real.json", name="Real"))
    place = preview_place(workspace, style_named(workspace, "real"))
    place.parent.mkdir()
    place.symlink_to(outside)

    assert style_named(workspace, "own-harbour").preview is None
    assert style_named(workspace, "own-real").preview is None
    assert [each.file for each in damaged_styles(workspace)] == ["linked.json"]


@pytest.mark.parametrize(
    ("file_name", "said"), [(b"caf\xe9.json", "caf%E9.json"), (b"two\nlines.json", "two\nlines.json")]
)
def test_a_file_whose_name_is_no_text_is_reported_and_hides_no_other(workspace, file_name, said):
    """Its name would be the style's id, and no answer could hold it."""
    written(workspace)
    try:
        (workspace.styles / os.fsdecode(file_name)).write_text(json.dumps(LEAST), "utf-8")
    except OSError:
        pytest.skip("this disk takes no such names")

    (damaged,) = damaged_styles(workspace)

    assert damaged.file == said
    assert "Its name contains characters that cannot be shown." in damaged.reason
    assert [style.id for style in all_styles(workspace) if style.is_own] == ["own-harbour"]


def test_of_too_many_styles_it_is_said_that_some_are_not_read(workspace):
    for number in range(MOST_STYLES + 2):
        written(workspace, f"{number:04}.json")

    (damaged,) = damaged_styles(workspace)

    assert damaged.file == "0500.json"
    assert damaged.reason == "Of your 502 styles only the first 500 by name are read."


def test_an_own_style_overrides_none_that_ships(workspace):
    written(workspace, "office.json", name="Office")

    assert not style_named(workspace, "office").is_own
    assert style_named(workspace, "own-office").is_own


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("snow", {"snow", "mountains"}),
        ("SNOW scarf", {"snow"}),
        ("雪景", {"snow"}),
        ("水墨", {"ink-wash"}),
        ("旅行", set()),
        ("neon rain", {"neon"}),
        ("no such thing", set()),
    ],
)
def test_styles_are_found_by_words_in_both_languages(workspace, search, found):
    assert {style.id for style in found_styles(shipped(workspace), search=search, family="sd15")} == found


def test_styles_are_found_by_group_and_family(workspace):
    written(workspace, families=["sdxl"], group="sea")

    assert [style.id for style in found_styles(all_styles(workspace), group="SEA")] == ["own-harbour"]
    assert found_styles(all_styles(workspace), group="sea", family="sd15") == ()
    travel = found_styles(all_styles(workspace), group="travel")
    assert {style.group for style in travel} == {"travel"}
    assert "beach" in {style.id for style in travel}


def test_an_unknown_style_is_answered_with_what_may_have_been_meant(workspace):
    with pytest.raises(UnknownStyle, match=r"There is no style 'ofice'. Did you mean 'office'"):
        style_named(workspace, "ofice")
    with pytest.raises(UnknownStyle, match="Did you mean 'snow'"):
        style_named(workspace, "冬日雪")


def test_favourites_come_first_and_stay(workspace):
    assert favourite_styles(workspace) == frozenset()

    assert change_favourite_style(workspace, "Snow") is True
    assert change_favourite_style(workspace, "beach", wanted=True) is True
    assert change_favourite_style(workspace, "beach", wanted=True) is True

    assert favourite_styles(workspace) == {"snow", "beach"}
    assert [entry.style.id for entry in listed_styles(workspace)[:2]] == ["beach", "snow"]
    assert change_favourite_style(workspace, "beach") is False
    assert change_favourite_style(workspace, "beach", wanted=False) is False
    assert favourite_styles(workspace) == {"snow"}
    # The record is no style, and reported as none.
    assert damaged_styles(workspace) == ()
    with pytest.raises(UnknownStyle):
        change_favourite_style(workspace, "nosuch")


def test_a_damaged_record_of_favourites_hides_no_style(workspace):
    (workspace.styles / ".favourites.json").write_text("[")

    assert favourite_styles(workspace) == frozenset()
    assert listed_styles(workspace)


def test_a_style_says_whether_its_preview_was_drawn_and_with_what(workspace):
    assert drawn_with(style_entry(workspace, "office").style) is None
    for style in found_styles(shipped(workspace), family="miniature"):
        assert drawn_with(style) == "miniature"
        with Image.open(style.preview) as picture:
            assert picture.info["Comment"] == "made with AI"
            assert max(picture.size) <= 512


def test_a_preview_beside_an_own_file_does_not_claim_a_model(workspace):
    Image.new("RGB", (8, 8)).save(workspace.styles / "harbour.png")
    written(workspace, preview="harbour.png")

    assert drawn_with(style_named(workspace, "own-harbour")) == ""


def test_the_files_that_ship_are_small_and_each_is_used():
    names = {file.name for file in styles_folder().iterdir()}
    used = set()
    for file in sorted(styles_folder().glob("*.json")):
        assert file.stat().st_size < 4000
        style = read_style(file, is_own=False)
        used |= {file.name} | ({style.preview.name} if style.preview else set())

    assert names == used
    assert sum(file.stat().st_size for file in styles_folder().iterdir()) < 1_000_000


def test_groups_have_titles_that_can_be_translated():
    assert all(isinstance(title, type(text("x"))) for title in GROUPS.values())
