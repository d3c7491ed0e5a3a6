"""The styles as HTML: tiles to choose from, each with its preview, and the line that says which one is chosen."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from easyphoto.ui.language import Translator
from easyphoto.ui.orders import order_button
from easyphoto.ui.thumbnails import Thumbnails
from easyphoto.workspace.style_files import Style
from easyphoto.workspace.styles import GROUPS

CHOOSE, STAR = "choose", "star"
NONE = ""
"""The id that stands for no style."""
SIDE = 240


@dataclass(frozen=True)
class StyleTiles:
    words: Translator
    thumbnails: Thumbnails
    to: str
    """Id of the hidden button that receives the orders."""

    def html(self, styles: Sequence[Style], *, chosen: str, favourites: frozenset[str], hidden: int = 0) -> str:
        """Return a tile for no style, and one for each. `hidden`: how many are for other models."""
        words = self.words
        tiles = self._none(is_on=chosen == NONE) + "".join(
            self._tile(style, is_on=style.id == chosen, is_favourite=style.id in favourites) for style in styles
        )
        said = [words("Styles: {count}", count=len(styles))]
        said += [words("Not shown, because they are for other models: {count}", count=hidden)] if hidden else []
        return (
            f'<div lang="{words.tag}"><p class="easyphoto-hint" role="status">{escape(" · ".join(said))}</p>'
            f'<div class="easyphoto-results easyphoto-gallery easyphoto-styles" role="group"'
            f' aria-label="{escape(words("Styles"))}">{tiles}</div></div>'
        )

    def sheet(self, styles: Sequence[Style]) -> str:
        """Return a style sheet with the previews, which is sent less often than the tiles."""
        links = [(style.id, self.thumbnails.link_or_none(style.preview, SIDE)) for style in styles if style.preview]
        rules = [f"{_picture(id)}{{--easyphoto-picture:url({link})}}" for id, link in links if link]
        return f"<style>{''.join(rules)}</style>"

    def chosen(self, style: Style | None) -> str:
        """Return what is chosen, what that adds to the words, and the button that takes it away again."""
        words = self.words
        if style is None:
            return ""
        name = self.name(style)
        button = order_button(words("Without a style"), order_of(CHOOSE, NONE), to=self.to)
        return (
            f'<div class="easyphoto-message easyphoto-chosen" lang="{words.tag}" role="status">'
            f"<p><strong>{escape(words('Style: {name}', name=name))}</strong></p>"
            f'<p class="easyphoto-hint" lang="en">{escape(style.positive)}</p>'
            f'<span class="easyphoto-orders">{button}</span></div>'
        )

    def name(self, style: Style) -> str:
        return self.words.one_of(style.name, style.name_zh)

    def group(self, group: str) -> str:
        return self.words.translate(GROUPS[group]) if group in GROUPS else group

    def _none(self, *, is_on: bool) -> str:
        said = escape(self.words("No style"))
        return (
            f'<div class="easyphoto-result-tile"><button type="button" class="easyphoto-result"'
            f'{self._order(CHOOSE, NONE)} aria-pressed="{str(is_on).lower()}">'
            f'<i class="easyphoto-style-picture" aria-hidden="true">—</i>'
            f"<span>{said}</span></button></div>"
        )

    def _tile(self, style: Style, *, is_on: bool, is_favourite: bool) -> str:
        words, name, group = self.words, self.name(style), self.group(style.group)
        picture = f'<i class="easyphoto-style-picture" data-easyphoto-style="{escape(style.id)}" aria-hidden="true">'
        drawn = "" if style.preview is not None else words("not drawn yet")
        label = ", ".join(each for each in (name, group, drawn) if each)
        star = words("Favourite: {name}", name=name)
        return (
            f'<div class="easyphoto-result-tile"><button type="button" class="easyphoto-result"'
            f'{self._order(CHOOSE, style.id)} aria-pressed="{str(is_on).lower()}" aria-label="{escape(label)}">'
            f"{picture}{escape(drawn)}</i><span>{escape(name)}</span><small>{escape(group)}</small></button>"
            f'<button type="button" class="easyphoto-mark easyphoto-star"{self._order(STAR, style.id)}'
            f' aria-pressed="{str(is_favourite).lower()}" aria-label="{escape(star)}" title="{escape(star)}">'
            f"{'★' if is_favourite else '☆'}</button></div>"
        )

    def _order(self, verb: str, id: str) -> str:
        return f' data-easyphoto-order="{escape(order_of(verb, id))}" data-easyphoto-to="{escape(self.to)}"'


def order_of(verb: str, id: str) -> str:
    return json.dumps([verb, id])


def read_order(order: str) -> tuple[str, str]:
    """Parse the verb and the style's id."""
    verb, id = json.loads(order)
    return str(verb), str(id)


def _picture(id: str) -> str:
    """Return the selector of a style's picture; a file's name may have any sign."""
    quoted = id.replace("\\", "\\\\").replace('"', '\\"').replace("<", "\\3c ").replace("\n", "")
    return f'[data-easyphoto-style="{quoted}"]'
