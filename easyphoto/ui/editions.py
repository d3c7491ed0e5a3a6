"""The standalone page in every language, each at a path of its own, and which one a visitor is shown.

A gradio page is built in one language. One path for all, answered by a cookie, would send the events of a page that is
still open in one language to the other; with a path each, pages in two languages are open side by side.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from starlette.requests import Request
from starlette.responses import RedirectResponse

from easyphoto.host.base import LANGUAGES
from easyphoto.ui.language import Translator

COOKIE = "easyphoto_language"
QUERY = "language"
"""What the switch asks the root for."""
NAMES: Mapping[str, str] = MappingProxyType({"en": "English", "zh_CN": "中文"})
"""Each language in its own words, so whoever is lost in the other one finds it."""
_SECONDS = 31_536_000


@dataclass(frozen=True)
class Editions:
    language: str = ""
    """The language that was set, one of LANGUAGES; "" follows each visitor's browser."""

    @property
    def at_root(self) -> str:
        return self.language or LANGUAGES[0]

    def path(self, language: str) -> str:
        """Return where the edition is mounted: "" or "/zh-CN"."""
        return "" if language == self.at_root else f"/{Translator(language).tag}"

    @property
    def below_root(self) -> Mapping[str, str]:
        """Return the paths of the other languages."""
        return {language: self.path(language) for language in LANGUAGES if language != self.at_root}

    def within(self, path: str) -> str:
        """Return a path as it is inside its edition."""
        return path.removeprefix(self.path(self._language(path)))

    def tag(self, path: str) -> str:
        """Return the `lang` of the edition that a path belongs to."""
        return Translator(self._language(path)).tag

    def _language(self, path: str) -> str:
        found = (each for each, below in self.below_root.items() if path.startswith(f"{below}/"))
        return next(found, self.at_root)

    def answer(self, request: Request) -> RedirectResponse | None:
        """Return the way to another edition than the asked-for one; None if that is the right one.

        The root is everybody's first address, so only there somebody is sent elsewhere.
        """
        path = request.url.path
        if path != "/" and path in map(self.path, LANGUAGES):
            return _redirect(path)
        if request.method != "GET" or path != "/":
            return None
        chosen = request.query_params.get(QUERY)
        if chosen in LANGUAGES:
            answer = _redirect(self.path(chosen))
            answer.set_cookie(COOKIE, chosen, max_age=_SECONDS, samesite="lax")
            return answer
        wanted = request.cookies.get(COOKIE)
        if wanted not in LANGUAGES:
            wanted = self.language or preferred(request.headers.get("accept-language", ""))
        return _redirect(self.path(wanted)) if wanted != self.at_root else None


def speaking(html: bytes, tag: str) -> bytes:
    """Return gradio's page in the edition's language.

    Gradio says its own words, as on a file drop, in the browser's language, whatever the page's is.
    """
    names = {"language": f'"{tag}"', "languages": f'["{tag}"]'}
    told = "".join(
        f"Object.defineProperty(navigator, '{name}', {{ value: {value} }});" for name, value in names.items()
    )
    html = re.sub(rb'(<html\b[^>]*?\blang=)"[^"]*"', rb'\1"%b"' % tag.encode(), html, count=1)
    return html.replace(b"<head>", f"<head><script>{told}</script>".encode(), 1)


def preferred(accepted: str) -> str:
    """Return which of LANGUAGES an Accept-Language header prefers."""
    for tag in sorted(accepted.split(","), key=_weight, reverse=True):
        name = tag.partition(";")[0].strip().partition("-")[0].lower()
        for language in LANGUAGES:
            if name == language.partition("_")[0]:
                return language
    return LANGUAGES[0]


def _weight(tag: str) -> float:
    _, marker, said = tag.partition("q=")
    try:
        return float(said) if marker else 1.0
    except ValueError:
        return 0.0


def _redirect(path: str) -> RedirectResponse:
    """Relative, because a server in front may have a path of its own; not stored, because the choice may change."""
    return RedirectResponse(f".{path}/", 303, {"Cache-Control": "no-store", "Vary": "Cookie, Accept-Language"})
