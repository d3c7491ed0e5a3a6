"""The styles that there are, those that ship and the user's own, and which of them are favourites."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from easyphoto.architectures.base import Family
from easyphoto.errors import BadRecord, EasyPhotoError, UnknownStyle, WrongFamily
from easyphoto.messages import Text, text
from easyphoto.spelling import folded, known_names
from easyphoto.storage.files import matching, readable_name
from easyphoto.storage.locks import file_lock
from easyphoto.storage.records import read_json, write_json
from easyphoto.workspace.folders import Workspace, texts_in
from easyphoto.workspace.style_files import OTHER, SUFFIX, DamagedStyle, Style, read_style, usable_preview

DRAWN = ".drawn"
"""Folder of the workspace's styles with the previews that were drawn here, each under its style's id."""
FAVOURITES_FILE, LOCK_FILE = ".favourites.json", ".favourites.lock"
MOST_STYLES = 500
"""Most of the user's own styles that are read."""
SECONDS_TO_WAIT = 5.0
GROUPS: Mapping[str, Text] = MappingProxyType(
    {
        "portraits": text("Portraits"),
        "work": text("Work"),
        "travel": text("Travel"),
        "seasons": text("Seasons"),
        "fashion": text("Fashion"),
        "painting": text("Painting"),
        "film": text("Film"),
        "drawings": text("Drawings"),
        OTHER: text("Other"),
    }
)
"""Group → its title, in the order of the gallery. Another group of a file is shown as it is written there."""


def styles_folder() -> Path:
    """The folder of shipped styles, beside the package like templates/."""
    return Path(__file__).resolve().parents[2] / "styles"


@dataclass(frozen=True)
class StylesRead:
    """All style files, read once."""

    usable: tuple[Style, ...]
    """Those that ship, by group, then the user's own."""
    damaged: tuple[DamagedStyle, ...]
    """Files that cannot be used."""

    def named(self, written: str) -> Style:
        """The style with that id, or of that name in either language. Raises UnknownStyle and BadRecord."""
        wanted = folded(written)
        for names in (lambda style: (style.id,), lambda style: (style.name, style.name_zh)):
            for style in self.usable:
                if wanted in map(folded, names(style)):
                    return style
        for one in self.damaged:
            if wanted in (folded(one.file), folded(one.file.removesuffix(SUFFIX))):
                raise BadRecord(one.reason)
        also = {name: style.id for style in self.usable for name in (style.name, style.name_zh)}
        raise UnknownStyle(
            text("There is no style {name!r}.", name=written[:100]),
            advice=known_names(written[:100], (style.id for style in self.usable), also=also),
        )


def all_styles(workspace: Workspace) -> tuple[Style, ...]:
    """The styles that ship, by group, then the user's own; files that cannot be used are in `damaged_styles`."""
    return read_styles(workspace).usable


def damaged_styles(workspace: Workspace) -> tuple[DamagedStyle, ...]:
    """Files that cannot be used, which every list of styles reports, so that none vanishes in silence."""
    return read_styles(workspace).damaged


def style_named(workspace: Workspace, written: str) -> Style:
    """As `StylesRead.named`."""
    return read_styles(workspace).named(written)


def check_fits(style: Style, family: Family) -> None:
    """Raises WrongFamily where the style's words are for other models."""
    if style.fits(family.id):
        return
    raise WrongFamily(
        text(
            "The style {name} is for {known}, not for {family}.",
            name=style.name,
            known=", ".join(style.families),
            family=family.short,
        ),
        advice=text("Choose a checkpoint that it is for, with --base (in the API: options.base)."),
    )


def found_styles(styles: Iterable[Style], *, family: str = "", group: str = "", search: str = "") -> tuple[Style, ...]:
    """Those that fit the family, are in the group, and have every word of `search`, in either language."""
    words = folded(search).split()
    return tuple(
        style
        for style in styles
        if (not family or style.fits(family))
        and (not group or style.group == group.lower())
        and all(word in _searched(style) for word in words)
    )


def favourite_styles(workspace: Workspace) -> frozenset[str]:
    """Ids of the favourites; none for a damaged record. One whose style is gone stays, for when it comes back."""
    file = workspace.styles / FAVOURITES_FILE
    if file.is_file():
        with suppress(EasyPhotoError):
            return frozenset(texts_in(read_json(file), "styles"))
    return frozenset()


def change_favourite_style(workspace: Workspace, id: str, *, wanted: bool | None = None) -> bool:
    """Mark the style or take its mark away; without `wanted`, whichever it is not. Returns whether it is a favourite.

    Raises UnknownStyle, DiskFailure, RunBusy.
    """
    return mark_style(workspace, style_named(workspace, id), wanted=wanted)


def mark_style(workspace: Workspace, style: Style, *, wanted: bool | None = None) -> bool:
    """As `change_favourite_style`, of a style that was read."""
    workspace.check_there()
    with file_lock(workspace.styles / LOCK_FILE, wait=SECONDS_TO_WAIT):
        marked = set(favourite_styles(workspace))
        is_marked = style.id not in marked if wanted is None else wanted
        (marked.add if is_marked else marked.discard)(style.id)
        write_json(workspace.styles / FAVOURITES_FILE, {"styles": sorted(marked)})
    return is_marked


def preview_place(workspace: Workspace, style: Style) -> Path:
    """Where the preview of the style goes that is drawn here."""
    return workspace.styles / DRAWN / f"{style.id}.png"


def read_styles(workspace: Workspace) -> StylesRead:
    """Read every style file; a page or a request does so once."""
    styles: list[Style] = []
    damaged: list[DamagedStyle] = []
    for file, is_own in _files(workspace):
        try:
            style = read_style(file, is_own=is_own)
        except BadRecord as error:
            damaged.append(DamagedStyle(readable_name(file), error.said))
            continue
        drawn = usable_preview(preview_place(workspace, style))
        styles.append(style if drawn is None else replace(style, preview=drawn))
    damaged += _left_out(workspace)
    order = list(GROUPS)
    styles.sort(key=lambda style: (style.is_own, order.index(style.group) if style.group in order else len(order)))
    return StylesRead(tuple(styles), tuple(damaged))


def _files(workspace: Workspace) -> Iterator[tuple[Path, bool]]:
    """The files of styles, and whether each is the user's own."""
    yield from ((file, False) for file in matching(styles_folder(), f"*{SUFFIX}"))
    yield from ((file, True) for file in _own_files(workspace)[:MOST_STYLES])


def _own_files(workspace: Workspace) -> list[Path]:
    return [file for file in matching(workspace.styles, f"*{SUFFIX}") if not file.name.startswith(".")]


def _left_out(workspace: Workspace) -> Iterator[DamagedStyle]:
    """The first of the files that are too many, for all of them."""
    own = _own_files(workspace)
    if len(own) > MOST_STYLES:
        said = text("Of your {count} styles only the first {most} by name are read.", count=len(own), most=MOST_STYLES)
        yield DamagedStyle(readable_name(own[MOST_STYLES]), said)


def _searched(style: Style) -> str:
    title = GROUPS.get(style.group, style.group)
    return folded(" ".join((style.id, style.name, style.name_zh, style.group, title, style.positive)))
