"""The texts of the sources and the catalogues: `python tools/messages.py` says what is missing or obsolete,
`--write` brings the catalogues up to date: new texts come in without a translation, obsolete ones go.

Texts are the literals in `text("…")`, `note("code", "…")`, `phase("code", "…")` and, on the page, `words("…")`; the
values of the page's tables whose names end in _WORDS; and what settings say about themselves. An entry may also be any
whole literal of the package, as the names of steps are. Babel finds the calls as well:

    pybabel extract -k text -k words -k note:2 -k phase:2 -o messages.pot easyphoto
"""

from __future__ import annotations

import ast
import dataclasses
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from string import Formatter

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from easyphoto.settings.declarations import Settings
from easyphoto.settings.drawing import DrawingSettings
from easyphoto.settings.inference import InferenceSettings
from easyphoto.settings.options import FaceSettings, WeightSettings
from easyphoto.settings.placing import PlacingSettings
from easyphoto.settings.presets import PRESETS
from easyphoto.settings.training import PreprocessSettings, TrainSettings
from easyphoto.ui.catalogue import CatalogueEntry, catalogue_file, entries

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "easyphoto"
LANGUAGES = ("zh_CN",)
KINDS: tuple[type[Settings], ...] = (
    WeightSettings, FaceSettings, PreprocessSettings, TrainSettings, InferenceSettings,
    DrawingSettings, PlacingSettings,
)  # fmt: skip
# Which argument is the text.
CALLS = {"text": 0, "words": 0, "note": 1, "phase": 1}
FLAG = "#, python-brace-format"


@dataclass(frozen=True)
class Call:
    """One place that makes a text."""

    place: str
    """Module and line."""
    name: str
    text: str
    code: str = ""
    values: frozenset[str] | None = None
    """The names of its values; None where they are not written out."""


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def calls_in(path: Path) -> Iterator[Call]:
    """Raises ValueError for a text that is no literal: no tool would find it."""
    relative = path.relative_to(ROOT).as_posix()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.Call) or not isinstance(node.func, (ast.Name, ast.Attribute)):
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
        is_ours = isinstance(node.func, ast.Name) or name == "words"  # pictures have a method `text`
        if not is_ours or name not in CALLS or len(node.args) <= CALLS[name]:
            continue
        place, argument = f"{relative}:{node.lineno}", node.args[CALLS[name]]
        texts = list(_literals(argument))
        if not texts and name != "words":
            raise ValueError(f"{place}: the text is no literal.")
        names = [each.arg for each in node.keywords]
        values = None if None in names else frozenset(each for each in names if each)
        code = node.args[0].value if CALLS[name] and isinstance(node.args[0], ast.Constant) else ""
        for one in texts:
            yield Call(place, name, one, str(code), values)


def _literals(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _literals(node.body)
        yield from _literals(node.orelse)


def tables_in(path: Path) -> Iterator[str]:
    """What the page says by tables: `STATE_WORDS = {…: "Waiting"}`."""
    for node in ast.parse(path.read_text("utf-8")).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        is_table = any(isinstance(target, ast.Name) and target.id.endswith("_WORDS") for target in targets)
        if is_table and isinstance(node, (ast.Assign, ast.AnnAssign)) and isinstance(node.value, ast.Dict):
            for value in node.value.values:
                yield from _literals(value)


def settings_texts() -> Iterator[str]:
    for kind in KINDS:
        for each in dataclasses.fields(kind):  # type: ignore[arg-type]
            declared = each.metadata["declared"]
            yield from (declared.label, declared.help, *declared.choices)
    yield from (name.capitalize() for names in PRESETS.values() for name in names)


def found_texts() -> dict[str, str]:
    """Every text that wants a translation → the module that has it first, in the order of the modules."""
    found: dict[str, str] = {}
    for path in modules():
        relative = path.relative_to(ROOT).as_posix()
        texts = [call.text for call in calls_in(path)]
        texts += tables_in(path) if {"ui", "webui"} & {*path.parts} else []
        texts += settings_texts() if relative == "easyphoto/settings/declarations.py" else []
        for text in texts:
            if text.strip("{}") and _has_words(text):
                found.setdefault(text, relative)
    return found


def _has_words(text: str) -> bool:
    """Not one of fields and signs only."""
    return any(letter.isalpha() for literal, *_ in Formatter().parse(text) for letter in literal)


def written_literals() -> dict[str, str]:
    """Every whole string of the package and of the shipped templates → its module."""
    found: dict[str, str] = {}
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.setdefault(node.value, path.relative_to(ROOT).as_posix())
    templates = ROOT / "templates" / "templates.json"
    for each in json.loads(templates.read_text("utf-8"))["templates"]:
        for text in (each["title"], each["author"]):
            found.setdefault(text, "templates/templates.json")
    return found


def fields_of(text: str) -> frozenset[tuple[str, str]]:
    """The names of the values with their conversions, as !r."""
    return frozenset((name, conversion or "") for _, name, _, conversion in Formatter().parse(text) if name is not None)


def plain_errors() -> list[str]:
    """Where an error of ours is made of an ordinary string: nothing could translate it."""
    trees = {path: ast.parse(path.read_text("utf-8")) for path in modules()}
    errors = _error_names(trees.values())
    found = []
    for path, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in errors:
                said = [*node.args[:1], *(each.value for each in node.keywords if each.arg == "advice")]
                if any(isinstance(each, ast.JoinedStr) or any(_literals(each)) for each in said):
                    found.append(f"{path.relative_to(ROOT).as_posix()}:{node.lineno}")
    return found


def _error_names(trees: Iterable[ast.Module]) -> set[str]:
    classes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    names, before = {"EasyPhotoError"}, set[str]()
    while names != before:
        before = set(names)
        names |= {each.name for each in classes if any(isinstance(b, ast.Name) and b.id in before for b in each.bases)}
    return names


def wrong_calls() -> list[str]:
    """Values that a text does not name, or names and does not get; codes that stand for two texts."""
    said, codes = [], dict[str, str]()
    for path in modules():
        for call in calls_in(path):
            names = {name for name, _ in fields_of(call.text)}
            if call.values is not None and call.name != "words" and names != call.values:
                said.append(f"{call.place}: {sorted(names ^ call.values)} do not fit.")
            if call.code and codes.setdefault(call.code, call.text) != call.text:
                said.append(f"{call.place}: the code {call.code!r} has two texts.")
    return said


def read(language: str) -> list[CatalogueEntry]:
    return [entry for entry in entries(catalogue_file(language).read_text("utf-8")) if entry.text]


def renewed(language: str) -> list[CatalogueEntry]:
    """The catalogue as it should be, in the order of the sources."""
    known = {entry.text: entry for entry in read(language)}
    wanted = found_texts()
    literals = written_literals()
    places = {text: literals[text] for text in known if text in literals} | wanted
    order = {text: number for number, text in enumerate(wanted)}
    texts = sorted(places, key=lambda text: (places[text], order.get(text, len(order)), text))
    return [_entry(text, known[text].said if text in known else "", places[text]) for text in texts]


def _entry(text: str, said: str, place: str) -> CatalogueEntry:
    flags = (FLAG,) if fields_of(text) else ()
    return CatalogueEntry(text, said, (f"#: {place}", *flags))


def content_of(catalogue: list[CatalogueEntry], language: str) -> str:
    header = [
        'msgid ""', 'msgstr ""', f'"Language: {language}\\n"', '"MIME-Version: 1.0\\n"',
        '"Content-Type: text/plain; charset=UTF-8\\n"', '"Content-Transfer-Encoding: 8bit\\n"',
    ]  # fmt: skip
    blocks = ["\n".join(header)]
    for entry in catalogue:
        blocks.append("\n".join([*entry.comments, f"msgid {_quoted(entry.text)}", f"msgstr {_quoted(entry.said)}"]))
    return "\n\n".join(blocks) + "\n"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def main(arguments: list[str]) -> int:
    troubles = wrong_calls()
    for language in LANGUAGES:
        file, before = catalogue_file(language), read(language)
        after = renewed(language)
        if "--write" in arguments:
            file.write_text(content_of(after, language), "utf-8")
            before = after
        texts, known = {entry.text for entry in after}, {entry.text for entry in before}
        troubles += [f"{language}: not in the catalogue: {text}" for text in sorted(texts - known)]
        troubles += [f"{language}: obsolete: {text}" for text in sorted(known - texts)]
        untranslated = [entry.text for entry in after if not entry.said]
        print(f"{language}: {len(after)} texts, {len(untranslated)} without a translation")
    print("\n".join(troubles), file=sys.stderr)
    return 1 if troubles else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
