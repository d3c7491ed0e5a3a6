"""The documents: short where they must be, made from the program where they can be, and no link leads nowhere."""

import re
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml
from docs_tables import MARKED, filled, tables

from easyphoto import __version__
from easyphoto.cli.parser import build_parser

ROOT = Path(__file__).resolve().parent.parent
PAGES = (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md")))
FORMS = tuple(sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")))
CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\((?!https?://)([^)\s]+)\)")


def prose(page: Path) -> str:
    """Without code, where brackets are no links."""
    return CODE.sub("", page.read_text("utf-8"))


def anchors(page: Path) -> set[str]:
    """The headings of a page as GitHub turns them into anchors."""
    text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def dead_links(page: Path) -> list[str]:
    dead = []
    for link in LINK.findall(prose(page)):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        is_there = target.is_relative_to(ROOT) and target.exists()
        if not is_there or (anchor and anchor not in anchors(target)):
            dead.append(link)
    return dead


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page):
    assert dead_links(page) == []


def test_a_dead_link_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr("tests.test_documents.ROOT", tmp_path)
    page, other = tmp_path / "page.md", tmp_path / "other.md"
    other.write_text("# One, two & three\n\n```\n# no heading\n```\n")
    page.write_text(
        "[a](other.md) [b](other.md#one-two--three) [c](gone.md) [d](other.md#four) [e](#five) [f](../outside.md)\n"
        "[g](https://example.org/gone) `[h](gone.md)` [i](other.md#no-heading)\n"
    )

    assert dead_links(page) == ["gone.md", "other.md#four", "#five", "../outside.md", "other.md#no-heading"]


@pytest.mark.parametrize("page", ["docs/internals.md", "CONTRIBUTING.md"])
def test_every_python_file_that_is_named_is_there(page):
    """Named by its end, as in `ui/compat.py`, or as a pattern."""
    named = re.findall(r"`(?:python )?([\w./*-]+\.py)\b", (ROOT / page).read_text("utf-8"))
    known = [path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py") if ".venv" not in path.parts]

    assert named
    assert [name for name in named if not any(fnmatch(f"/{path}", f"*/{name}") for path in known)] == []


def test_every_page_is_reached_from_the_readme():
    linked = {link.partition("#")[0] for link in LINK.findall(prose(ROOT / "README.md"))}
    pages = {page.relative_to(ROOT).as_posix() for page in PAGES}

    assert pages - linked == {"README.md"}


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 120


def test_the_tables_are_those_of_the_program():
    made = tables()
    pages = {page.name: page.read_text("utf-8") for page in (ROOT / "docs").glob("*.md")}
    marked = [found["name"] for text in pages.values() for found in MARKED.finditer(text)]

    assert {name: filled(text, made) for name, text in pages.items()} == pages, "run python tools/docs_tables.py"
    assert sorted(marked) == sorted(made)


def test_each_verb_is_introduced():
    text = (ROOT / "docs" / "command-line.md").read_text("utf-8")
    verbs = next(action.choices for action in build_parser()._actions if action.dest == "verb")

    assert sorted(re.findall(r"^\| \[`(\w+)`\]", text, re.MULTILINE)) == sorted(verbs)


def test_the_changelog_begins_with_this_version():
    headings = re.findall(
        r"^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d\d-\d\d$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE
    )

    assert headings[0] == __version__
    assert headings == sorted(headings, key=lambda number: [int(part) for part in number.split(".")], reverse=True)


def test_the_version_is_said_in_one_place():
    text = (ROOT / "pyproject.toml").read_text("utf-8")

    assert 'dynamic = ["version"]' in text
    assert 'version = { attr = "easyphoto.__version__" }' in text
    assert __version__ not in text


@pytest.mark.parametrize("form", [form for form in FORMS if form.name != "config.yml"], ids=lambda form: form.stem)
def test_a_form_can_be_shown_and_its_answers_told_apart(form):
    said = yaml.safe_load(form.read_text("utf-8"))
    fields = [field for field in said["body"] if field["type"] != "markdown"]
    ids = [field["id"] for field in fields]

    assert said["name"]
    assert said["description"]
    assert {field["type"] for field in said["body"]} <= {"markdown", "input", "textarea", "dropdown", "checkboxes"}
    assert all(field["attributes"]["label"] for field in fields)
    assert all(field["attributes"]["options"] for field in fields if field["type"] == "dropdown")
    assert len(ids) == len(set(ids))


def test_a_bug_is_reported_with_what_is_needed_to_mend_it():
    said = yaml.safe_load((ROOT / ".github" / "ISSUE_TEMPLATE" / "bug.yml").read_text("utf-8"))
    required = {field["id"] for field in said["body"] if field.get("validations", {}).get("required") and "id" in field}

    assert required == {"happened", "host", "doctor"}
    assert {"host_version", "gradio"} <= {field.get("id") for field in said["body"]}
