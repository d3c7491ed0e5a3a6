"""What differs between the hosts' versions of gradio: 3.41 (AUTOMATIC1111, reForge), 4.40 (Forge), 6 (standalone).

Everything else in `ui` is written in the words that all of them know.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from easyphoto.errors import EasyPhotoError
from easyphoto.images.pictures import read_picture
from easyphoto.ui.client_files import SeenImage
from easyphoto.ui.visitors import as_visitor

PAGE_QUALITY = 82
"""JPEG quality of pictures that travel within the page."""
_JPEG = "data:image/jpeg;base64,"


def version(text: str | None = None) -> tuple[int, ...]:
    """(3, 41, 2) of "3.41.2"; gradio's own by default."""
    return tuple(int(part) for part in (text or gr.__version__).split(".")[:3] if part.isdecimal())


def event_words(of: tuple[int, ...], *, js: str | None = None) -> dict[str, Any]:
    """The keywords of an event listener: its JavaScript, and that it is no endpoint of gradio's own API."""
    words: dict[str, Any] = {} if js is None else {"_js" if of < (4,) else "js": js}
    if of >= (6,):
        return {**words, "api_visibility": "private"}
    return {**words, "api_name": False}


def listen(
    event: Callable[..., Any],
    handler: Callable[..., Any] | None,
    *,
    inputs: Any = None,
    outputs: Any = None,
    js: str | None = None,
    queue: bool = False,
) -> Any:
    """Connect `event` (a component's `click`, `change`, `upload` …).

    Without the queue, so that a picture that the host paints holds nothing up here. Returns gradio's dependency.
    """
    return event(
        None if handler is None else as_visitor(handler),
        inputs=inputs,
        outputs=outputs,
        queue=queue,
        show_progress="hidden",
        **event_words(version(), js=js),
    )


def blocks(title: str) -> gr.Blocks:
    return gr.Blocks(title=title, analytics_enabled=False)


def seen_image(**words: Any) -> Any:
    """A picture that is shown, never a place to upload to."""
    words |= {"type": "pil", "interactive": False}
    if version() >= (6,):
        return SeenImage(buttons=["download", "fullscreen"], **words)
    return SeenImage(show_share_button=False, **words)


def update(**words: Any) -> Any:
    """A change of a component; without words none at all."""
    return gr.update(**words)


def picture_link(picture: Image.Image | Path, *, side: int | None = None) -> str:
    """A picture as a data: URI, at most `side` pixels long; for hosts that hand out no files of the workspace."""
    if isinstance(picture, Path) and side is None and picture.suffix.lower() in (".jpg", ".jpeg"):
        return _JPEG + base64.b64encode(picture.read_bytes()).decode("ascii")
    with io.BytesIO() as stream:
        if isinstance(picture, Path):
            # The page's copy has no profile, so the colours must be sRGB's.
            small = read_picture(picture, longest=side)
        else:
            small = picture.convert("RGB")
            if side is not None:
                small.thumbnail((side, side))
        small.save(stream, format="JPEG", quality=PAGE_QUALITY)
        return _JPEG + base64.b64encode(stream.getvalue()).decode("ascii")


def link_or_none(picture: Path, *, side: int | None = None) -> str | None:
    """As `picture_link`; None for a file that is damaged or gone, which must not take the whole page down."""
    try:
        return picture_link(picture, side=side)
    except (OSError, EasyPhotoError):
        return None
