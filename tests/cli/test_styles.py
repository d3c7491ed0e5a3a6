"""`easyphoto styles`: lists, favourites, previews."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from easyphoto.cli.main import main
from easyphoto.commands.draw_style_previews import DrawnPreviews, DrawStylePreviews
from easyphoto.workspace.folders import Workspace
from easyphoto.workspace.styles import favourite_styles


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "w" / "styles"
    folder.mkdir(parents=True)
    harbour = {"format": 1, "name": "Harbour", "name_zh": "港口", "positive": "harbour", "group": "sea"}
    (folder / "harbour.json").write_text(json.dumps(harbour), "utf-8")
    return folder.parent


def lines_of(capsys: pytest.CaptureFixture[str], *typed: str) -> list[str]:
    assert main(list(typed)) == 0
    return capsys.readouterr().out.splitlines()


def test_each_style_is_a_line_with_its_names_and_whether_its_preview_was_drawn(root, capsys):
    lines = lines_of(capsys, "styles", "--workspace", str(root))

    assert lines[0].split() == ["style", "title", "group", "for", "preview"]
    office = next(line for line in lines if line.startswith("office "))
    assert office.split() == ["office", "Office", "work", "sd15,", "sdxl", "not", "drawn", "yet", "职场形象"]
    assert lines[-1].split() == ["own-harbour", "Harbour", "sea", "all", "not", "drawn", "yet", "港口"]


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        (["--search", "港口"], ["own-harbour"]),
        (["--group", "sea"], ["own-harbour"]),
        (["--search", "harbour", "--family", "sd15"], ["own-harbour"]),
        (["--search", "snow", "--group", "seasons"], ["snow"]),
    ],
)
def test_lists_are_narrowed(root, capsys, typed, found):
    lines = lines_of(capsys, "styles", *typed, "--workspace", str(root))

    assert [line.split()[0] for line in lines[1:]] == found


def test_nothing_found_is_said_and_an_unknown_type_of_model_is_refused(root, capsys):
    assert main(["styles", "--search", "submarine", "--workspace", str(root)]) == 0
    assert "No style fits." in capsys.readouterr().err
    assert main(["styles", "--family", "sd3", "--workspace", str(root)]) == 2
    assert "There is no type of model called 'sd3'." in capsys.readouterr().err


def test_favourites_are_marked_listed_first_and_unmarked(root, capsys):
    assert lines_of(capsys, "styles", "favourite", "霓虹之夜", "Harbour", "--workspace", str(root)) == [
        "neon",
        "own-harbour",
    ]
    assert favourite_styles(Workspace(root)) == {"neon", "own-harbour"}
    lines = lines_of(capsys, "styles", "--workspace", str(root))
    assert [line.split()[0] for line in lines[1:3]] == ["neon", "own-harbour"]
    assert "favourite" in lines[1]
    assert lines_of(capsys, "styles", "unfavourite", "neon", "--workspace", str(root)) == ["neon"]
    assert favourite_styles(Workspace(root)) == {"own-harbour"}


@pytest.mark.parametrize("action", ["show", "favourite", "unfavourite"])
def test_an_action_without_a_name_or_with_an_unknown_one_is_refused(root, capsys, action):
    assert main(["styles", action, "--workspace", str(root)]) == 2
    assert f"styles {action} needs a name." in capsys.readouterr().err
    assert main(["styles", action, "ofice", "--workspace", str(root)]) == 2
    assert "There is no style 'ofice'. Did you mean 'office'" in capsys.readouterr().err


def test_a_list_takes_no_name(root, capsys):
    assert main(["styles", "list", "office", "--workspace", str(root)]) == 2
    assert "easyphoto styles show office" in capsys.readouterr().err


def test_one_is_shown_with_its_words(root, capsys):
    lines = lines_of(capsys, "styles", "show", "office", "--workspace", str(root))

    assert "title      Office · 职场形象" in lines
    assert any(line.startswith("words      business portrait photo") for line in lines)
    assert "sizes      sd15 512x768, sdxl 832x1216" in lines
    assert "preview    not drawn yet" in lines


def test_programs_are_told_everything_and_what_is_broken(root, capsys):
    (root / "styles" / "bad.json").write_text("[", "utf-8")

    told = json.loads("\n".join(lines_of(capsys, "styles", "--search", "harbour", "--json", "--workspace", str(root))))

    assert told["format"] == 1
    assert told["styles"] == [
        {
            "id": "own-harbour", "name": "Harbour", "name_zh": "港口", "group": "sea", "medium": "photo",
            "positive": "harbour",
            "negative": "", "loras": [], "sizes": {}, "families": [], "licence": "", "author": "", "own": True,
            "favourite": False, "drawn_with": None, "preview": None,
        }
    ]  # fmt: skip
    assert [one["file"] for one in told["damaged"]] == ["bad.json"]


def test_people_are_told_what_is_broken_beside_the_list(root, capsys):
    (root / "styles" / "bad.json").write_text("[", "utf-8")

    assert main(["styles", "--search", "harbour", "--workspace", str(root)]) == 0

    said = capsys.readouterr()
    assert "The style bad.json cannot be used" in said.err
    assert said.out.splitlines()[-1].startswith("own-harbour")


def test_reading_styles_writes_nothing(tmp_path, capsys):
    lines_of(capsys, "styles", "--workspace", str(tmp_path / "new"))

    assert not (tmp_path / "new").exists()


def test_previews_are_asked_for_by_name_and_their_files_printed(root, capsys, monkeypatch):
    asked = []

    def run(command, app, context):
        asked.append((command, app.options.base))
        return DrawnPreviews("v1.ckpt", {"office": Path("/w/office.png")}, {})

    monkeypatch.setattr(DrawStylePreviews, "run", run)

    typed = ["styles", "preview", "office", "--again", "--base", "v1.ckpt", "--workspace", str(root)]
    assert lines_of(capsys, *typed) == ["/w/office.png"]
    assert asked == [(DrawStylePreviews(("office",), again=True), "v1.ckpt")]
    assert main(["styles", "preview", "ofice", "--workspace", str(root)]) == 2
    assert len(asked) == 1
