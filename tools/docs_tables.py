"""Writes the tables of docs/*.md between their markers: settings, weights, command line, API. A test holds them."""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from easyphoto import errors
from easyphoto.api import errors as api_errors
from easyphoto.api.application import build_api
from easyphoto.api.errors import status_of
from easyphoto.app import EasyPhoto
from easyphoto.architectures.registry import FAMILIES
from easyphoto.cli.options import option_name, settings_table
from easyphoto.cli.parser import EVERYWHERE, build_parser
from easyphoto.errors import EasyPhotoError
from easyphoto.inference.identities.registry import ENGINES
from easyphoto.jobs.queue import JobQueue
from easyphoto.jobs.service import Service
from easyphoto.settings.devices import DeviceSettings
from easyphoto.settings.drawing import DrawingSettings
from easyphoto.settings.inference import InferenceSettings
from easyphoto.settings.options import FaceSettings, WeightSettings
from easyphoto.settings.placing import PlacingSettings
from easyphoto.settings.presets import PRESETS
from easyphoto.settings.training import PreprocessSettings, TrainSettings
from easyphoto.weights.catalog import CATALOG, SETS
from easyphoto.weights.entries import Commercial, WeightFile
from easyphoto.workspace.folders import Workspace

DOCS = Path(__file__).resolve().parent.parent / "docs"
SECTIONS = {
    WeightSettings: "weights",
    FaceSettings: "faces-on-photographs",
    PreprocessSettings: "photos",
    TrainSettings: "training",
    InferenceSettings: "pictures",
    DrawingSettings: "a-picture-drawn-from-words",
    PlacingSettings: "placing",
    DeviceSettings: "devices",
}
"""Settings → their heading's anchor in settings.md."""
MARKED = re.compile(r"<!-- (?P<name>[\w ]+) -->\n.*?<!-- end of (?P=name) -->", re.DOTALL)
ARGPARSES_OWN = ("positional arguments", "options")
"""Groups of options that are listed with their verb; each other group is a class of settings with its own table, except
EVERYWHERE, which the page explains once."""
BODIES = (
    "CheckRequest", "AddRequest", "TrainRequest", "ChooseRequest", "ResumeRequest", "PhotographRequest", "PlaceRequest",
    "DrawRequest",
    "TemplateRequest", "RenameRequest", "UploadedPicture", "InlinePicture", "UploadedPhoto", "InlinePhoto",
    "NamedTemplate", "KnownTemplate", "UploadedTemplate", "InlineTemplate", "BoxIn", "OptionsIn",
    "ConfigurationRequest",
)  # fmt: skip
ANSWERS = ("JobSummary", "JobAnswer", "PersonAnswer", "CheckpointsAnswer")


def main() -> None:
    made = tables()
    for page in sorted(DOCS.glob("*.md")):
        page.write_text(filled(page.read_text("utf-8"), made), "utf-8")


def filled(page: str, made: Mapping[str, list[str]]) -> str:
    """The page with every table as it is now. Raises KeyError for a marker that nothing is made for."""

    def table(marked: re.Match[str]) -> str:
        name = marked["name"]
        return "\n".join([f"<!-- {name} -->", *made[name], f"<!-- end of {name} -->"])

    return MARKED.sub(table, page)


def tables() -> dict[str, list[str]]:
    """Marker → lines."""
    document = openapi_document()
    return {
        **{kind.__name__: settings_table(kind) for kind in SECTIONS},
        "presets": preset_table(),
        "weights": weights_table(),
        "identities": identity_table(),
        "verbs": verb_sections(),
        "errors": error_table(),
        "routes": route_table(document),
        "bodies": schema_sections(document, BODIES),
        "answers": schema_sections(document, ANSWERS),
        "client": ["```python", *(DOCS / "client.py").read_text("utf-8").splitlines(), "```"],
    }


def preset_table() -> list[str]:
    lines = ["| preset | training | pictures |", "|---|---|---|"]
    for name in PRESETS[TrainSettings]:
        changes = (PRESETS[kind][name] for kind in (TrainSettings, InferenceSettings))
        cells = (", ".join(f"`{option_name(key)} {value}`" for key, value in each.items()) for each in changes)
        lines.append(f"| {name} | " + " | ".join(cell or "the defaults" for cell in cells) + " |")
    return lines


def weights_table() -> list[str]:
    """Sets and files as Markdown tables, for docs/weights.md."""
    lines = ["| set | files |", "|---|---|"]
    lines += [f"| `{name}` | {', '.join(map(set_file, ids))} |" for name, ids in SETS.items()]
    lines += ["", "| file | MB | licence | commercial use | sha256 | needed by |", "|---|---|---|---|---|---|"]
    lines += [
        f"| `{file.id}` | {_megabytes(file)} | {file.licence} | {file.commercial.value} | "
        f"{_hash_words(file)} | {file.needed_by} |"
        for file in CATALOG.values()
    ]
    return lines


def set_file(id: str) -> str:
    return f"`{id}`" if CATALOG[id].commercial is Commercial.YES else f"`{id}` (with `--licences research`)"


def identity_table() -> list[str]:
    """The train-free engines, for docs/identities.md."""
    lines = ["| way | name | it sees | for | commercial use |", "|---|---|---|---|---|"]
    for engine in ENGINES.values():
        families = [family for family in FAMILIES.values() if engine.id in family.identities]
        seen = [words for words, sees in (("a face vector", engine.vector), ("face pictures", engine.squares)) if sees]
        ids = [id for each in families if not each.ships for id in each.identities[engine.id].needed]
        free = all(CATALOG[id].commercial is Commercial.YES for id in ids)
        lines.append(
            f"| `{engine.id}` | {engine.label} | {' and '.join(seen)} | {', '.join(each.short for each in families)} | "
            f"{'yes' if free else 'no'} |"
        )
    return lines


def _megabytes(file: WeightFile) -> str:
    return f"{file.bytes / 1e6:.1f}" if file.bytes else "–"


def _hash_words(file: WeightFile) -> str:
    return f"{file.sha256[:8]}…" if file.sha256 else "first use"


def verb_sections() -> list[str]:
    """Each verb with the options that are its own, and links to the tables of settings that it takes."""
    lines: list[str] = []
    for name, parser in build_parser().verbs.items():
        groups = {group.title or "": group._group_actions for group in parser._action_groups if group._group_actions}
        own = [action for title in ARGPARSES_OWN for action in groups.get(title, ()) if action.dest != "help"]
        lines += [f"### {name}", "", parser.description or "", ""]
        lines += ["| argument | what it is |", "|---|---|"] if own else []
        lines += [f"| `{_argument(action)}` | {_help(action)} |" for action in own]
        alike = (*ARGPARSES_OWN, EVERYWHERE)
        linked = [f"[{title}](settings.md#{_anchor(title)})" for title in groups if title not in alike]
        lines += ["", f"Settings: {', '.join(linked)}.", ""] if linked else [""]
    return lines[:-1]


def _argument(action: argparse.Action) -> str:
    values = action.metavar if isinstance(action.metavar, str) else "|".join(action.choices or ())
    value = values + ("…" if action.nargs in ("+", "*") else "")
    return _cell(f"{action.option_strings[0]} {value}".strip() if action.option_strings else value)


def _help(action: argparse.Action) -> str:
    said = (action.help or "").replace("%%", "%")
    return _cell(said + (" (required)" if action.required and action.option_strings else ""))


def error_table() -> list[str]:
    """Errors of the whole package, and those that only the API has, which no command ends with."""
    meanings = dict(re.findall(r"^[│├└─ ]*(\w+) +(?:\d +)?([^\d\s].*)$", errors.__doc__ or "", re.MULTILINE))
    lines = ["| code | status | exit code | what happened |", "|---|---|---|---|"]
    kinds = (kind for kind in _below(EasyPhotoError) if kind.__module__ in (errors.__name__, api_errors.__name__))
    for kind in sorted(kinds, key=lambda kind: (status_of(kind("")), kind.exit_code, kind.__name__)):
        if kind is EasyPhotoError:
            continue
        exit_code = kind.exit_code if kind.__module__ == errors.__name__ else "–"
        words = meanings.get(kind.__name__) or (kind.__doc__ or "").strip().split("\n")[0]
        words = words[:1].lower() + words[1:].split(";")[0].rstrip(".")
        lines.append(f"| `{kind.__name__}` | {status_of(kind(''))} | {exit_code} | {words} |")
    return lines


def _below(kind: type[EasyPhotoError]) -> set[type[EasyPhotoError]]:
    return {kind, *(lower for each in kind.__subclasses__() for lower in _below(each))}


def openapi_document() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder))
        queue = JobQueue(workspace)
        try:
            return build_api(Service(EasyPhoto(workspace, mirrors=()), queue)).openapi()
        finally:
            queue.close()


def route_table(document: Mapping[str, Any]) -> list[str]:
    lines = ["| route | what it does | answer |", "|---|---|---|"]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            words = f"{operation['summary']}. {' '.join(operation.get('description', '').split())}".strip()
            answers = ", ".join(code for code in operation["responses"] if code.startswith("2"))
            lines.append(f"| `{method.upper()} {path.removeprefix('/easyphoto')}` | {_cell(words)} | {answers} |")
    return lines


def schema_sections(document: Mapping[str, Any], names: tuple[str, ...]) -> list[str]:
    lines: list[str] = []
    for name in names:
        lines += [f"### {name}", "", "| field | type | what it is |", "|---|---|---|"]
        lines += list(_field_rows(document["components"]["schemas"][name], is_asked=name in BODIES))
        lines.append("")
    return lines[:-1]


def _field_rows(schema: Mapping[str, Any], *, is_asked: bool) -> Iterator[str]:
    for name, field in schema["properties"].items():
        is_optional = is_asked and name not in schema.get("required", ())
        kind = _type(field).removesuffix(" or null") if is_optional else _type(field)
        default = f"Default: {field['default']}." if is_asked and field.get("default") else ""
        words = f"{field.get('description', '')} {default}".strip()
        yield f"| `{name}`{' (optional)' if is_optional else ''} | {kind} | {_cell(words)} |"


def _type(field: Mapping[str, Any]) -> str:
    if "$ref" in field:
        name = field["$ref"].rsplit("/", 1)[1]
        places = {kind.__name__: f"settings.md#{place}" for kind, place in SECTIONS.items()}
        places |= {body: f"#{body.lower()}" for body in BODIES}
        return f"[{name}]({places[name]})" if name in places else name
    if "anyOf" in field:
        return " or ".join(_type(each) for each in field["anyOf"])
    if "enum" in field:
        return ", ".join(f"`{each}`" for each in field["enum"])
    if field.get("type") == "array":
        return f"list of {_type(field['items'])}"
    return str(field.get("type", "any"))


def _anchor(title: str) -> str:
    return title.lower().replace(" ", "-")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    main()
