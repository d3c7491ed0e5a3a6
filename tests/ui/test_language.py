"""Every visible text is said in both languages."""

import ast
import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from easyphoto.settings import (
    PRESETS,
    FaceSettings,
    InferenceSettings,
    PreprocessSettings,
    TrainSettings,
    WeightSettings,
)
from easyphoto.ui.language import Translator
from easyphoto.ui.words_zh import HEARD, TEXTS
from easyphoto.ui.words_zh_settings import NAMES

UI = Path(__file__).resolve().parents[2] / "easyphoto" / "ui"
KINDS = (WeightSettings, FaceSettings, PreprocessSettings, TrainSettings, InferenceSettings)
PLACES = re.compile(r"\{(\w+)\}")


def literals(node: ast.AST) -> Iterator[str]:
    for each in ast.walk(node):
        if isinstance(each, ast.Constant) and isinstance(each.value, str):
            yield each.value


def said_by(path: Path) -> Iterator[str]:
    """First arguments of `words("…")`, and the values of tables whose names end in _WORDS."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and node.args and isinstance(node.func, (ast.Name, ast.Attribute)):
            name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
            if name == "words" and isinstance(node.args[0], (ast.Constant, ast.IfExp)):
                yield from literals(node.args[0])
        elif isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(target, ast.Name) and target.id.endswith("_WORDS") for target in targets):
                values = node.value.values if isinstance(node.value, ast.Dict) else [node.value]
                for value in values:
                    yield from literals(value)


@pytest.mark.parametrize("path", sorted(UI.glob("*.py")), ids=lambda path: path.name)
def test_a_text_of_the_page_has_a_translation(path: Path):
    missing = sorted({text for text in said_by(path) if text and text not in TEXTS})

    assert missing == []


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_setting_is_declared_in_both_languages(kind: type):
    declared = [each.metadata["declared"] for each in dataclasses.fields(kind)]
    texts = {text for one in declared for text in (one.label, one.help, *one.choices)} - {""}

    assert sorted(texts - NAMES - set(TEXTS)) == []


def test_a_preset_has_a_name_in_both_languages():
    assert {name.capitalize() for names in PRESETS.values() for name in names} <= set(TEXTS)


@pytest.mark.parametrize("text", sorted({**TEXTS, **HEARD}))
def test_a_translation_has_the_places_of_its_text(text: str):
    said = {**HEARD, **TEXTS}[text]

    assert set(PLACES.findall(said)) == set(PLACES.findall(text))


def test_english_is_said_as_it_is_written():
    words = Translator("en")

    assert words("Start training") == "Start training"
    assert words("Kept: {count}", count=3) == "Kept: 3"
    assert words.heard("training · loss 0.1") == "training · loss 0.1"


def test_chinese_is_spoken_to_every_chinese_tag():
    assert Translator("zh_CN")("Start training") == "开始训练"
    assert Translator("zh-Hans (Stable)")("Start training") == "开始训练"
    assert Translator("zh_CN").tag == "zh-CN"


def test_what_the_core_says_is_recognised_by_its_pattern():
    words = Translator("zh_CN")

    assert words.heard("The face is blurred (sharpness 0.09, needed 0.12).") == "人脸模糊（清晰度 0.09，需要 0.12）。"
    assert (
        words.heard("It is nearly the same picture as a.jpg, which shows the face larger.")
        == "与 a.jpg 几乎是同一张，而后者人脸更大。"
    )
    assert words.heard("training · loss 0.1234") == "训练中 · 损失 0.1234"
    assert words.heard("nobody has said this before") == "nobody has said this before"
