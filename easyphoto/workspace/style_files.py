"""Reads a style from its file, which may be anybody's: bounded, of known fields, and without a path into this machine.

{"format": 1, "name": "Office", "name_zh": "职场形象", "group": "work", "positive": "…", "negative": "…",
 "medium": "photo", "loras": [{"name": "suits", "weight": 0.6}], "sizes": {"sd15": [512, 768]},
 "families": ["sd15", "sdxl"], "licence": "CC0-1.0", "author": "…", "preview": "office.jpg"}

`format`, `name` and `positive` are needed. Without `families` it is for every model.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any

from easyphoto.architectures.base import Family
from easyphoto.architectures.registry import FAMILIES
from easyphoto.errors import BadRecord, BadWords, EasyPhotoError
from easyphoto.geometry import Size
from easyphoto.messages import Text, text
from easyphoto.settings.drawing import LEAST_SIDE, MOST_SIDE, SIDE_STEP
from easyphoto.settings.inference import MOST_LORA_WEIGHT
from easyphoto.spelling import known_names
from easyphoto.storage.files import cause_of, read_regular, readable_name
from easyphoto.storage.records import parsed, typed
from easyphoto.workspace.file_names import is_file_name
from easyphoto.workspace.prompt_words import checked_words

FORMAT = 1
SUFFIX = ".json"
OWN = "own-"
"""Prefix of the ids of the user's own styles."""
OTHER = "other"
PHOTO, ARTWORK = "photo", "artwork"
MEDIA = (PHOTO, ARTWORK)
"""What a style asks for: a photograph, or a painting or a drawing."""
PREVIEW_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
MOST_BYTES, MOST_PREVIEW_BYTES = 64 << 10, 8 << 20
MOST_NAME, MOST_PROMPT, MOST_LORAS = 60, 1000, 8


@dataclass(frozen=True)
class Style:
    """Words and LoRAs for clothes, place and light."""

    id: str
    name: str
    name_zh: str
    positive: str
    negative: str = ""
    loras: tuple[tuple[str, float], ...] = ()
    """Names of LoRAs, none of them a path, with their weights."""
    sizes: Mapping[str, Size] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    """Family → the size in pixels that suits the style; a family's usual one where it is not named."""
    families: tuple[str, ...] = ()
    """Ids of the families whose words these are; empty: every family."""
    group: str = OTHER
    medium: str = PHOTO
    """One of MEDIA."""
    licence: str = ""
    author: str = ""
    preview: Path | None = None
    """The picture beside its file, or the one that was drawn here; None: not drawn yet."""
    is_own: bool = False
    """Whether it belongs to the user; the others ship with EasyPhoto."""

    def fits(self, family: str) -> bool:
        return not self.families or family in self.families

    def asked_of(self, family: Family) -> Family:
        """The family with the words that suit the style's medium."""
        return family.for_artwork() if self.medium == ARTWORK else family

    @property
    def written_loras(self) -> str:
        """The LoRAs as the setting `scene` names them: `suits:0.6, rain:0.5`."""
        return ", ".join(f"{name}:{weight:g}" for name, weight in self.loras)


@dataclass(frozen=True)
class DamagedStyle:
    """A style whose file cannot be used."""

    file: str
    reason: Text


@dataclass(frozen=True)
class _Lora:
    name: str
    weight: float = 1.0


@dataclass(frozen=True)
class _Written:
    """A file's fields."""

    format: int
    name: str
    positive: str
    name_zh: str = ""
    group: str = ""
    medium: str = PHOTO
    negative: str = ""
    loras: tuple[_Lora, ...] = ()
    sizes: Mapping[str, tuple[int, int]] = field(default_factory=lambda: MappingProxyType({}))
    families: tuple[str, ...] = ()
    licence: str = ""
    author: str = ""
    preview: str | None = None


def read_style(file: Path, *, is_own: bool) -> Style:
    """The style in a file, whose name makes the id. Raises BadRecord that names the file and what is wrong."""
    try:
        return _style(file, _written(file), is_own)
    except (BadRecord, BadWords) as error:
        said = text("The style {file} cannot be used: {error}", file=readable_name(file), error=error.message)
        raise BadRecord(said, advice=error.advice) from error


def usable_preview(file: Path) -> Path | None:
    """The file, if it is one that may be shown: a regular file and no link, because a link may lead anywhere."""
    try:
        is_usable = not file.is_symlink() and file.is_file() and file.stat().st_size <= MOST_PREVIEW_BYTES
    except OSError:
        return None
    return file if is_usable else None


def _written(file: Path) -> _Written:
    if file.is_symlink():
        raise _wrong(text("It is a link."), text("Put the file itself there."))
    # It is part of the id, which answers and records hold as text.
    if not file.name.isprintable():
        raise _wrong(text("Its name contains characters that cannot be shown."), text("Rename the file."))
    try:
        content = parsed(read_regular(file, MOST_BYTES))
    except OSError as error:
        said = text("It cannot be read: {cause}.", cause=cause_of(error))
        raise _wrong(said, text("Check its permissions.")) from error
    except EasyPhotoError as error:
        raise _wrong(error.message) from error
    except ValueError as error:
        raise _wrong(text("It is no JSON: {error}.", error=str(error).rstrip("."))) from error
    written = typed(_Written, content, text("The file"))
    if written.format != FORMAT:
        raise _wrong(text("Its format is unknown."), text("It may come from a later version of EasyPhoto."))
    known = [each.name for each in fields(_Written)]
    for name in sorted(set(content) - set(known)):
        raise _wrong(text("Its field {name!r} is unknown.", name=name[:100]), known_names(name[:100], known))
    return written


def _style(file: Path, written: _Written, is_own: bool) -> Style:
    name = checked_words(written.name, most=MOST_NAME)
    positive = checked_words(written.positive, most=MOST_PROMPT)
    if not name or not positive:
        raise _wrong(text("It needs a name and words."))
    if len(written.loras) > MOST_LORAS:
        raise _wrong(text("It has {count} LoRAs, more than {most}.", count=len(written.loras), most=MOST_LORAS))
    if written.medium not in MEDIA:
        raise _refused("medium", written.medium, text("one of {names}", names=", ".join(MEDIA)))
    return Style(
        id=f"{OWN}{file.stem}" if is_own else file.stem,
        name=name,
        name_zh=checked_words(written.name_zh, most=MOST_NAME) or name,
        positive=positive,
        negative=checked_words(written.negative, most=MOST_PROMPT),
        loras=tuple(map(_lora, written.loras)),
        sizes=MappingProxyType({family: _size(sides) for family, sides in _of_families(written.sizes)}),
        families=tuple(family for family, _ in _of_families(dict.fromkeys(written.families))),
        group=checked_words(written.group, most=MOST_NAME).lower() or OTHER,
        medium=written.medium,
        licence=checked_words(written.licence, most=MOST_NAME),
        author=checked_words(written.author, most=MOST_NAME),
        preview=_preview(written.preview, file.parent),
        is_own=is_own,
    )


def _lora(written: _Lora) -> tuple[str, float]:
    is_plain = checked_words(written.name, most=MOST_NAME) == written.name and "," not in written.name
    if not is_plain or not is_file_name(written.name):
        raise _refused("loras", written.name, text("the name of a LoRA, without a path"))
    if not 0 <= written.weight <= MOST_LORA_WEIGHT:
        raise _refused("weight", written.weight, text("a number from 0 to {most}", most=MOST_LORA_WEIGHT))
    return written.name, written.weight


def _of_families(written: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    for family in written:
        if family not in FAMILIES:
            raise _refused("families", family, text("one of {names}", names=", ".join(FAMILIES)))
    return written.items()


def _size(sides: tuple[int, int]) -> Size:
    if not all(LEAST_SIDE <= side <= MOST_SIDE and side % SIDE_STEP == 0 for side in sides):
        wanted = text(
            "width and height in pixels, multiples of {step} from {least} to {most}",
            step=SIDE_STEP,
            least=LEAST_SIDE,
            most=MOST_SIDE,
        )
        raise _refused("sizes", list(sides), wanted)
    return Size(*sides)


def _preview(name: str | None, folder: Path) -> Path | None:
    """The picture that the file names; None where it is not there. Only a plain name is ever looked for."""
    if name is None:
        return None
    if not is_file_name(name) or Path(name).suffix.lower() not in PREVIEW_SUFFIXES:
        wanted = text("the name of a picture beside it ({suffixes})", suffixes=", ".join(PREVIEW_SUFFIXES))
        raise _refused("preview", name, wanted)
    return usable_preview(folder / name)


def _refused(key: str, value: object, wanted: Text) -> BadRecord:
    return _wrong(
        text("{name} cannot be {value}.", name=key, value=repr(value)[:100]),
        text("It must be {wanted}.", wanted=wanted),
    )


def _wrong(said: str, advice: Text | None = None) -> BadRecord:
    return BadRecord(said, advice=advice or text("Mend the file, or delete it."))
