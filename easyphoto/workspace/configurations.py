"""Configurations: settings of a training or of a photograph, saved under a name and passed on as a JSON file.

workspace/ configurations/train/<name>.json · configurations/photograph/<name>.json

A file has every setting, not only those that differ from the defaults: what somebody saved stays what they saved where
a later version has other defaults. A file that people write may leave out what they do not care about. No person, photo
or template is in it, and no path of this machine leaves it: `Configuration.portable`.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path, PurePosixPath, PureWindowsPath
from types import MappingProxyType
from typing import Any

from easyphoto import __version__
from easyphoto.errors import BadName, BadRecord, BadSettings, EasyPhotoError, UnknownConfiguration
from easyphoto.messages import Text, joined, text
from easyphoto.settings.declarations import Settings, settings_from, settings_record
from easyphoto.settings.inference import InferenceSettings
from easyphoto.settings.options import AUTO, ENGINES, FaceSettings, Options, WeightSettings
from easyphoto.settings.training import PreprocessSettings, TrainSettings
from easyphoto.spelling import known_names
from easyphoto.storage.files import cause_of, disk_failure, matching, read_regular, write_text
from easyphoto.storage.records import parsed
from easyphoto.workspace.file_names import is_file_name
from easyphoto.workspace.folders import Workspace

VERSION = 1
MADE_BY = f"EasyPhoto {__version__}"
TRAIN, PHOTOGRAPH = "train", "photograph"
_OPTIONS: Mapping[str, type[Settings]] = MappingProxyType({"faces": FaceSettings, "weights": WeightSettings})
KINDS: Mapping[str, Mapping[str, type[Settings]]] = MappingProxyType(
    {
        TRAIN: {"settings": TrainSettings, "preprocess": PreprocessSettings, **_OPTIONS},
        PHOTOGRAPH: {"settings": InferenceSettings, **_OPTIONS},
    }
)
"""Kind → the settings that it holds, by their keys in the file."""
SUFFIX = ".json"
LONGEST_NAME = 60
MOST_BYTES = 1 << 20
WITHHELD = ("webui",)
"""Settings that name a folder of this machine; they are its owner's, and in no file."""
_FORBIDDEN = frozenset('<>:"/\\|?*')
_HEAD = ("easyphoto", "version", "kind", "name", "made_by", "base", "engine")


@dataclass(frozen=True)
class Configuration:
    kind: str
    """One of KINDS."""
    name: str
    parts: Mapping[str, Settings]
    """The settings by their keys in the file; all of `KINDS[kind]`."""
    base: str | None = None
    """As in `Options`."""
    engine: str = AUTO
    dropped: tuple[Text, ...] = field(default=(), compare=False)
    """What the file said and was not taken, in whole sentences."""

    @property
    def settings(self) -> Settings:
        return self.parts["settings"]

    @property
    def portable(self) -> Configuration:
        """Without a path: what leaves this machine names the checkpoint as its file is called."""
        return self if self.base is None else replace(self, base=_last_part(self.base))

    def named(self, name: str) -> Configuration:
        """Raises BadName."""
        return replace(self, name=checked_name(name))

    def record(self) -> dict[str, Any]:
        parts = {key: _written(self.parts[key]) for key in KINDS[self.kind]}
        head = {"easyphoto": "configuration", "version": VERSION, "kind": self.kind, "name": self.name}
        return {**head, "made_by": MADE_BY, "base": self.base, "engine": self.engine, **parts}

    def text(self) -> str:
        return json.dumps(self.record(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def configuration_of(kind: str, name: str, options: Options, *parts: Settings) -> Configuration:
    """The configuration of these settings. An identity that names persons is left out, and that is said.

    Raises BadName.
    """
    given = {type(part): part for part in (*parts, options.faces, options.weights)}
    kept = {key: given[part] for key, part in KINDS[kind].items()}
    kept["settings"], dropped = _without_persons(kept["settings"])
    return Configuration(kind, checked_name(name), kept, options.base, options.engine, tuple(dropped))


def checked_name(written: str) -> str:
    """The name of a configuration, which its file has too, on any disk. Raises BadName."""
    name = unicodedata.normalize("NFC", written.strip())
    fits = 0 < len(name) <= LONGEST_NAME and name.isprintable() and not name.startswith(".")
    if not fits or _FORBIDDEN & set(name) or not is_file_name(name) or not is_file_name(name + SUFFIX):
        raise BadName(
            text("Saved settings cannot be called {name!r}.", name=written[:100]),
            advice=text(
                'Use 1 to {most} letters, digits, spaces, _ and -, and none of < > : " / \\ | ? *', most=LONGEST_NAME
            ),
        )
    return name


def proposed_name(*parts: str) -> str:
    """A name of these words, as far as a name may have them; people may change it."""
    words = "".join(" " if sign in _FORBIDDEN or not sign.isprintable() else sign for sign in " ".join(parts))
    return " ".join(words.split())[:LONGEST_NAME].strip(" .")


@dataclass(frozen=True)
class Configurations:
    """The saved configurations of one kind."""

    workspace: Workspace
    kind: str

    def names(self) -> tuple[str, ...]:
        files = matching(self._folder, f"*{SUFFIX}")
        named = [file.stem for file in files if not file.name.startswith(".") and file.is_file()]
        return tuple(sorted(named, key=str.casefold))

    def has(self, name: str) -> bool:
        return self._known(checked_name(name)) is not None

    def get(self, name: str) -> Configuration:
        """Raises UnknownConfiguration, and what `read_configuration` raises."""
        known = self._named(name)
        return replace(read_configuration(self._file(known), kind=self.kind), name=known)

    def save(self, configuration: Configuration) -> Configuration:
        """Write it in place of one of the same name, if there is one; how that is spelt stays. Raises DiskFailure."""
        self.workspace.check_there()
        name = checked_name(configuration.name)
        saved = replace(configuration, name=self._known(name) or name)
        write_text(self._file(saved.name), saved.text())
        return saved

    def delete(self, name: str) -> Path:
        """Raises UnknownConfiguration."""
        file = self._file(self._named(name))
        try:
            file.unlink(missing_ok=True)
        except OSError as error:
            raise disk_failure(error) from error
        return file

    @property
    def _folder(self) -> Path:
        return self.workspace.configurations / self.kind

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}{SUFFIX}"

    def _known(self, name: str) -> str | None:
        """The name as it was saved: some disks know no case, so none is told apart on any."""
        return next((known for known in self.names() if known.casefold() == name.casefold()), None)

    def _named(self, name: str) -> str:
        known = self._known(checked_name(name))
        if known is None:
            raise unknown_configuration(name, self.names())
        return known


def unknown_configuration(name: str, known: Iterable[str]) -> UnknownConfiguration:
    return UnknownConfiguration(
        text("There are no saved settings {name!r}.", name=name), advice=known_names(name, known)
    )


def read_configuration(file: Path, *, kind: str | None = None) -> Configuration:
    """The configuration in a file. Raises as `configuration_from`, and InputError for one that cannot be read."""
    try:
        content = read_regular(file, MOST_BYTES)
    except OSError as error:
        raise BadRecord(
            text("{source} cannot be read: {cause}.", source=file, cause=cause_of(error)),
            advice=text("Check that it exists and can be read."),
        ) from error
    return configuration_in(content, kind=kind, source=file.name)


def configuration_in(content: bytes, *, kind: str | None, source: str) -> Configuration:
    """The configuration in a file's content. Raises as `configuration_from`."""
    try:
        found = parsed(content)
    except ValueError as error:
        raise BadRecord(
            text("{source} cannot be read: {error}", source=source, error=str(error)),
            advice=text("Use a JSON file that Export wrote."),
        ) from error
    return configuration_from(found, kind=kind, source=source)


def configuration_from(content: Any, *, kind: str | None, source: str) -> Configuration:
    """The configuration that a file holds, of that kind or of any; `source` names it in errors.

    Raises BadRecord, BadSettings and BadName.

    What this version does not know is an error in a file of this version, and in one that people wrote: a typing error
    would else be lost without a word. From a file of another version it is dropped, and said.
    """
    record = _checked_record(content, kind, source)
    reading = _Reading(source, is_lenient=record.get("made_by") not in (None, MADE_BY))
    kind = str(record["kind"])
    known = KINDS[kind]
    for key in sorted(set(record) - {*_HEAD, *known}):
        reading.refuse(_unknown(key, (*_HEAD, *known)))
    parts = {key: reading.settings(part, record.get(key, {})) for key, part in known.items()}
    parts["settings"], said = _without_persons(parts["settings"])
    base, engine = reading.base(record.get("base")), reading.engine(record.get("engine", AUTO))
    name = record.get("name")
    try:
        name = checked_name(name if isinstance(name, str) else Path(source).stem[:LONGEST_NAME])
    except BadName as error:
        raise _of(source, error) from error
    return Configuration(kind, name, parts, base, engine, (*reading.dropped, *said))


def _checked_record(content: Any, kind: str | None, source: str) -> Mapping[str, Any]:
    if not isinstance(content, dict) or content.get("easyphoto") != "configuration":
        raise BadRecord(
            text("There are no saved settings in {source}.", source=source),
            advice=text("Use a JSON file that Export wrote."),
        )
    version = content.get("version")
    if type(version) is not int or version > VERSION:
        raise BadRecord(
            text("{source} has an unknown format.", source=source),
            advice=text("It may come from a later version of EasyPhoto."),
        )
    found, wanted = content.get("kind"), tuple(KINDS) if kind is None else (kind,)
    if found not in wanted:
        raise BadRecord(
            text("The settings in {source} are for {kind}.", source=source, kind=repr(found)),
            advice=text("Settings for {kind} are needed here.", kind=joined(map(repr, wanted), " or ")),
        )
    return content


class _Reading:
    """Reads values; what is refused raises, or is noted where the file is another version's."""

    def __init__(self, source: str, *, is_lenient: bool) -> None:
        self._source, self._is_lenient = source, is_lenient
        self.dropped: list[Text] = []

    def refuse(self, error: EasyPhotoError) -> None:
        if not self._is_lenient:
            raise _of(self._source, error) from error
        self.dropped.append(error.said)

    def settings(self, kind: type[Settings], values: Any) -> Settings:
        if not isinstance(values, dict):
            self.refuse(
                BadSettings(text("Settings are a name and a value each."), advice=text("Write them as a JSON object."))
            )
            return kind()
        kept: dict[str, Any] = {}
        known = _names(kind)
        for name, value in values.items():
            try:
                if name not in known:
                    raise _unknown(name, known)
                settings_from(kind, {name: value})
                kept[name] = value
            except BadSettings as error:
                self.refuse(error)
        return settings_from(kind, kept)

    def base(self, value: Any) -> str | None:
        if value is None or (isinstance(value, str) and 0 < len(value) < 4096 and value.isprintable()):
            return value
        self.refuse(
            BadSettings(
                text("{name} cannot be {value}.", name="base", value=repr(value)[:100]),
                advice=text("It must be {wanted}.", wanted=text("text")),
            )
        )
        return None

    def engine(self, value: Any) -> str:
        if isinstance(value, str) and value in ENGINES:
            return value
        self.refuse(
            BadSettings(
                text("{name} cannot be {value}.", name="engine", value=repr(value)[:100]),
                advice=text("Choose one of: {choices}.", choices=", ".join(ENGINES)),
            )
        )
        return AUTO


def _unknown(name: str, known: tuple[str, ...]) -> BadSettings:
    return BadSettings(
        text("Unknown setting: {unknown}.", unknown=str(name)[:100]),
        advice=known_names(str(name)[:100], sorted(known)),
    )


def _of(source: str, error: EasyPhotoError) -> EasyPhotoError:
    """The error with the name of the file that it is in."""
    return type(error)(text("{source}: {error}", source=source, error=error.message), advice=error.advice)


def _without_persons(settings: Settings) -> tuple[Settings, list[Text]]:
    """The settings without the one that may name persons (`anna=faceid, ben=lora`), and that it was left out."""
    if not isinstance(settings, InferenceSettings) or "=" not in settings.identity:
        return settings, []
    said = text("The setting {name!r} names persons, and is left out.", name="identity")
    return replace(settings, identity=AUTO), [said]


def _names(kind: type[Settings]) -> tuple[str, ...]:
    return tuple(each.name for each in fields(kind) if each.name not in WITHHELD)  # type: ignore[arg-type]


def _written(settings: Settings) -> dict[str, Any]:
    return {name: value for name, value in settings_record(settings).items() if name not in WITHHELD}


def _last_part(base: str) -> str:
    return PurePosixPath(PureWindowsPath(base).name).name or base
