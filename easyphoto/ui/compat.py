"""What differs between the hosts' versions of gradio: 3.41 (AUTOMATIC1111, reForge), 4.40 (Forge), 6 (standalone).

Everything else in `ui` is written in the words that all of them know.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from easyphoto.errors import EasyPhotoError
from easyphoto.images import read_picture

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
        handler,
        inputs=inputs,
        outputs=outputs,
        queue=queue,
        show_progress="hidden",
        **event_words(version(), js=js),
    )


def blocks(title: str) -> gr.Blocks:
    return gr.Blocks(title=title, analytics_enabled=False)


def upload_image(*, type: str = "pil", is_seen_only: bool = False, **words: Any) -> gr.Image:
    """A picture that comes in by upload, or, `is_seen_only`, one that is shown."""
    of = version()
    words["interactive"] = not is_seen_only
    if not is_seen_only:
        words |= {"source": "upload"} if of < (4,) else {"sources": ["upload", "clipboard"]}
    if of >= (6,):
        return gr.Image(type=type, buttons=["download", "fullscreen"], **words)
    words |= {"show_share_button": False}
    return gr.Image(type=type, **words)


def gallery(**words: Any) -> gr.Gallery:
    """Pictures to look at and choose from; never a place to upload to."""
    of = version()
    if of >= (4,):
        words |= {"interactive": False, "type": "filepath"}
    if of >= (6,):
        return gr.Gallery(buttons=["download", "fullscreen"], **words)
    return gr.Gallery(show_share_button=False, **words)


def paths_of(value: Any) -> tuple[Path, ...]:
    """The files of an upload or a gallery, whatever the version hands over: text, wrapper, dict, pair, or a list."""
    if value is None:
        return ()
    if isinstance(value, (str, Path)):
        return (Path(value),)
    if isinstance(value, Mapping):
        return _paths_of_record(value)
    if _is_captioned(value):
        return paths_of(value[0])
    if hasattr(value, "root"):
        return paths_of(value.root)
    if isinstance(value, Iterable) and not hasattr(value, "name"):
        return tuple(path for each in value for path in paths_of(each))
    for name in ("path", "name"):
        if isinstance(getattr(value, name, None), str):
            return (Path(getattr(value, name)),)
    return ()


def _is_captioned(value: Any) -> bool:
    """A picture of a gallery with its words: a pair, or gradio 3's list of a record and text."""
    if not isinstance(value, (tuple, list)) or len(value) != 2 or not isinstance(value[1], (str, type(None))):
        return False
    return isinstance(value, tuple) or isinstance(value[0], Mapping)


def _paths_of_record(value: Mapping[str, Any]) -> tuple[Path, ...]:
    for key in ("image", "video", "path", "name"):
        if value.get(key):
            return paths_of(value[key])
    return ()


def upload_names(value: Any) -> tuple[tuple[str, Path], ...]:
    """The files of an upload with the names they had with the user."""
    found = value if isinstance(value, (list, tuple)) else [value]
    named = [(getattr(each, "orig_name", None), paths_of(each)) for each in found]
    return tuple((str(name or path.name), path) for name, paths in named for path in paths)


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


def selected_index(event: gr.SelectData) -> int:
    """Which picture of a gallery was chosen."""
    index: int | Sequence[int] = event.index
    return index if isinstance(index, int) else index[0]
