"""Every text is said in both languages: a new one comes with its translation."""

import sys
from pathlib import Path

import pytest

from easyphoto.messages import joined, note, text
from easyphoto.ui.catalogue import CatalogueEntry, catalogue, entries
from easyphoto.ui.language import Translator

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

import messages as tool


@pytest.fixture(scope="module")
def found() -> list[CatalogueEntry]:
    return tool.read("zh_CN")


def test_the_catalogue_has_every_text_of_the_sources_and_no_other(found: list[CatalogueEntry]):
    """Where this fails: python tools/messages.py --write"""
    # Not their order, which changes whenever a function moves.
    assert sorted(entry.text for entry in found) == sorted(entry.text for entry in tool.renewed("zh_CN"))


def test_the_catalogue_is_written_as_its_tool_writes_it(found: list[CatalogueEntry]):
    assert tool.catalogue_file("zh_CN").read_text("utf-8") == tool.content_of(found, "zh_CN")


def test_an_error_is_made_of_texts():
    """A string would stay English in every language."""
    assert tool.plain_errors() == []


def test_a_text_gets_the_values_that_it_names_and_a_code_stands_for_one_text():
    assert tool.wrong_calls() == []


def test_every_text_has_a_translation(found: list[CatalogueEntry]):
    assert [entry.text for entry in found if not entry.said] == []


def test_a_translation_has_the_fields_of_its_text(found: list[CatalogueEntry]):
    wrong = [entry.text for entry in found if entry.said and tool.fields_of(entry.said) != tool.fields_of(entry.text)]

    assert wrong == []


def test_the_texts_of_the_page_and_of_settings_are_all_translated():
    page = [path for path in tool.modules() if "ui" in path.parts]
    texts = {call.text for path in page for call in tool.calls_in(path) if call.name == "words"}
    texts |= {said for path in page for said in tool.tables_in(path)}
    texts |= set(tool.settings_texts()) - {""}

    assert sorted(texts - set(catalogue("zh_CN"))) == []


def test_a_text_is_found_in_its_call():
    [call] = [
        call for path in tool.modules() for call in tool.calls_in(path) if call.text == "There is no preset {name!r}."
    ]

    assert (call.name, call.values, call.code) == ("text", {"name"}, "")


def test_english_is_said_as_it_is_written():
    words = Translator("en")

    assert words("Start training") == "Start training"
    assert words("Kept: {count}", count=3) == "Kept: 3"
    assert words.translate("training · loss 0.1") == "training · loss 0.1"
    assert words.translate(text("Kept: {count}", count=3)) == "Kept: 3"


def test_chinese_is_spoken_to_every_chinese_tag():
    assert Translator("zh_CN")("Start training") == "开始训练"
    assert Translator("zh-Hans (Stable)")("Start training") == "开始训练"
    assert Translator("zh_CN").tag == "zh-CN"


def test_a_text_is_translated_by_its_template():
    words = Translator("zh_CN")
    blurred = text("The face is blurred (sharpness {sharpness:.2f}, needed {limit:.2f}).", sharpness=0.0912, limit=0.12)

    assert blurred == "The face is blurred (sharpness 0.09, needed 0.12)."
    assert words.translate(blurred) == "人脸模糊（清晰度 0.09，需要 0.12）。"


def test_texts_among_the_values_are_translated_and_names_are_not():
    words = Translator("zh_CN")
    said = text("It is nearly the same picture as {name}, which {because}.", name="Done", because=text("is sharper"))

    assert words("Done") == "已完成"
    assert words.translate(said) == "与 Done 几乎是同一张，而后者更清晰。"


def test_what_is_joined_is_translated_part_by_part():
    words = Translator("zh_CN")

    said = joined([text("is sharper"), text("comes first"), "a.jpg"], " · ")

    assert words.translate(said) == "更清晰 · 排在前面 · a.jpg"


def test_a_text_without_a_translation_stays_english_and_its_values_are_translated():
    said = note("a-code", "Nobody said this of {side} before.", side=text("left"))

    assert Translator("zh_CN").translate(said) == "Nobody said this of 左 before."


def test_an_ordinary_string_is_translated_as_a_whole():
    assert Translator("zh_CN").translate("near-duplicate") == "近似重复"
    assert Translator("zh_CN").translate("nobody has said this before") == "nobody has said this before"


def test_a_catalogue_is_read_as_gettext_writes_it():
    content = (
        'msgid ""\nmsgstr ""\n"Language: zh_CN\\n"\n\n'
        "#: easyphoto/a.py\n#, python-brace-format\n"
        'msgid ""\n"A \\"long\\" text "\n"of {name}."\nmsgstr "{name}\\n"\n\n'
        'msgid "not yet"\nmsgstr ""\n\n#~ msgid "gone"\n#~ msgstr "x"\n'
    )

    assert list(entries(content)) == [
        CatalogueEntry("", "Language: zh_CN\n"),
        CatalogueEntry('A "long" text of {name}.', "{name}\n", ("#: easyphoto/a.py", "#, python-brace-format")),
        CatalogueEntry("not yet", ""),
    ]


def test_plural_forms_are_refused():
    with pytest.raises(ValueError, match="msgid_plural"):
        list(entries('msgid "a"\nmsgid_plural "b"\nmsgstr[0] "c"\n'))
