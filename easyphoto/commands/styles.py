"""The styles as lists show them: favourites first, with what drew their previews."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from easyphoto.errors import EasyPhotoError
from easyphoto.workspace.folders import Workspace
from easyphoto.workspace.styles import Style, all_styles, favourite_styles, found_styles, style_named


@dataclass(frozen=True)
class StyleEntry:
    style: Style
    is_favourite: bool

    @property
    def facts(self) -> dict[str, Any]:
        """What programs are told of a style, over HTTP and on the command line."""
        style = self.style
        return {
            "id": style.id, "name": style.name, "name_zh": style.name_zh, "group": style.group,
            "medium": style.medium, "positive": style.positive, "negative": style.negative,
            "loras": [{"name": name, "weight": weight} for name, weight in style.loras],
            "sizes": {family: [size.width, size.height] for family, size in style.sizes.items()},
            "families": list(style.families), "licence": style.licence, "author": style.author,
            "own": style.is_own, "favourite": self.is_favourite, "drawn_with": drawn_with(style),
        }  # fmt: skip


def listed_styles(
    workspace: Workspace, styles: Iterable[Style] | None = None, *, family: str = "", group: str = "", search: str = ""
) -> tuple[StyleEntry, ...]:
    """The styles as `found_styles` finds them, favourites first; `styles` where they were read already."""
    marked = favourite_styles(workspace)
    found = found_styles(all_styles(workspace) if styles is None else styles, family=family, group=group, search=search)
    entries = (StyleEntry(style, style.id in marked) for style in found)
    return tuple(sorted(entries, key=lambda entry: not entry.is_favourite))


def style_entry(workspace: Workspace, written: str) -> StyleEntry:
    """Raises UnknownStyle, BadRecord."""
    style = style_named(workspace, written)
    return StyleEntry(style, style.id in favourite_styles(workspace))


def drawn_with(style: Style) -> str | None:
    """The checkpoint that drew the preview; "" where the picture does not say, None where there is no picture."""
    from easyphoto.images.pictures import picture_record

    if style.preview is None:
        return None
    with suppress(EasyPhotoError, ValueError):
        record = picture_record(style.preview)
        base = record.get("base") if isinstance(record, dict) else None
        return base if isinstance(base, str) else ""
    return ""
