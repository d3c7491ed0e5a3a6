"""What a job has painted so far: the newest picture large enough to be judged, and each earlier pass small."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from easyphoto.ui.language import Translator
from easyphoto.ui.thumbnails import Thumbnails

LARGE, SMALL = 640, 192


def previews_sheet(previews: Sequence[tuple[Path, str]], words: Translator, thumbnails: Thumbnails) -> str:
    """`previews` are files with the phase that they were painted in, oldest first."""
    if not previews:
        return ""
    newest, phase = previews[-1]
    earlier = {caption: file for file, caption in previews if caption != phase}
    large = _figure(thumbnails.link(newest, LARGE), words.translate(phase))
    small = "".join(
        _figure(thumbnails.link(file, SMALL), words.translate(caption)) for caption, file in earlier.items()
    )
    rest = f'<div class="easyphoto-painted">{small}</div>' if small else ""
    title = escape(words("As it is painted"))
    return f'<section class="easyphoto-preview" lang="{words.tag}" aria-label="{title}">{large}{rest}</section>'


def _figure(link: str, caption: str) -> str:
    said = escape(caption)
    return f'<figure><img src="{escape(link)}" alt="{said}"><figcaption>{said}</figcaption></figure>'
