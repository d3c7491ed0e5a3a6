"""Differences between the hosts' versions of gradio: 3.41 (AUTOMATIC1111, reForge), 4.40 (Forge), 6 (standalone).

The rest of `ui` uses only what all of them have in common.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from easyphoto.errors import EasyPhotoError
from easyphoto.images.pictures import read_picture
from easyphoto.ui.client_files import SeenImage
from easyphoto.ui.visitors import as_visitor

HIDDEN = "easyphoto-hidden"
"""The class of components that only the script uses."""
PAGE_QUALITY = 82
"""JPEG quality of pictures embedded in the page."""
_JPEG = "data:image/jpeg;base64,"


def version(text: str | None = None) -> tuple[int, ...]:
    """Parse "3.41.2" as (3, 41, 2); the default is gradio's own version."""
    return tuple(int(part) for part in (text or gr.__version__).split(".")[:3] if part.isdecimal())


def event_words(of: tuple[int, ...], *, js: str | None = None) -> dict[str, Any]:
    """Return an event listener's keywords: its JavaScript, and that it is not an endpoint of gradio's own API."""
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
    """Connect `event` (a component's `click`, `change`, `upload` …); returns gradio's dependency.

    By default the queue is not used, so that a picture that the host paints does not block the page.
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
    """Return a picture component that only shows, and takes no uploads."""
    words |= {"type": "pil", "interactive": False}
    if version() >= (6,):
        return SeenImage(buttons=["download", "fullscreen"], **words)
    return SeenImage(show_share_button=False, **words)


def update(**words: Any) -> Any:
    """Return a component's update; without keywords it changes nothing."""
    return gr.update(**words)


def key_of(labels: Mapping[str, str], shown: object, *, otherwise: str) -> str:
    """Return the key whose label a choice shows, since gradio 3 shows a choice as its own value."""
    return next((key for key, label in labels.items() if label == shown), otherwise)


def picture_link(picture: Image.Image | Path, *, side: int | None = None) -> str:
    """Return a picture as a data: URI, no side longer than `side` pixels; hosts do not serve the workspace's files."""
    if isinstance(picture, Path) and side is None and picture.suffix.lower() in (".jpg", ".jpeg"):
        return _JPEG + base64.b64encode(picture.read_bytes()).decode("ascii")
    with io.BytesIO() as stream:
        if isinstance(picture, Path):
            # The page's copy has no profile, so its colours must be sRGB.
            small = read_picture(picture, longest=side)
        else:
            small = picture.convert("RGB")
            if side is not None:
                small.thumbnail((side, side))
        small.save(stream, format="JPEG", quality=PAGE_QUALITY)
        return _JPEG + base64.b64encode(stream.getvalue()).decode("ascii")


def link_or_none(picture: Image.Image | Path, *, side: int | None = None) -> str | None:
    """Like `picture_link`; None for a damaged or missing file, which must not break the whole page."""
    try:
        return picture_link(picture, side=side)
    except (OSError, EasyPhotoError):
        return None
