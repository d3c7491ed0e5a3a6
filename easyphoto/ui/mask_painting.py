"""A mask that is painted over a picture: gradio's own editor, of which only the strokes come in, and unopened.

Gradio 3 sends the strokes inside the event, later versions upload them as files with the event. Those are taken as
every upload is: only from gradio's folder, and opened only after that check.
"""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from easyphoto.errors import BadPicture, ForeignFile
from easyphoto.geometry import Size
from easyphoto.images.pictures import read_picture
from easyphoto.messages import text
from easyphoto.storage.files import read_regular
from easyphoto.ui.client_files import client_kind, gradio_folder, left_alone, uploaded_path

BACKGROUND = 1024
"""Longest side in pixels of the picture that is painted over; the mask is enlarged to the template's size."""
MOST_BYTES = 8_000_000
"""Limit for what was painted in one layer; strokes compress well, and have some kB."""
MOST_LAYERS = 20
LEAST_OPACITY = 32
"""From here on, of 255, a pixel counts as painted: what a stroke's soft edge only touches does not."""
_MOST_PIXELS = 4096 * 4096
_IS_THREE = not hasattr(gr, "ImageEditor")


@dataclass(frozen=True)
class Painting:
    """The strokes as they came in: one picture with transparency for each layer; in gradio 3, light on dark."""

    layers: tuple[bytes, ...] = ()


def place_painting(label: str, elem_id: str) -> Any:
    """Return the editor. What it stands in must appear with its picture: else some versions give it no size."""
    words = {"label": label, "elem_id": elem_id, "interactive": True}
    if _IS_THREE:
        return _Editor(
            source="upload", tool="sketch", type="pil", image_mode="RGB", brush_color="#ffffff", brush_radius=24,
            mask_opacity=0.75, show_share_button=False, show_download_button=False, height=480, **words,
        )  # fmt: skip
    brush = gr.Brush(default_size=40, colors=["#ffffff"], default_color="#ffffff", color_mode="fixed")
    more: dict[str, Any] = {"show_download_button": False, "show_share_button": False}
    if hasattr(gr, "LayerOptions"):
        more = {"buttons": [], "height": 560}
    return _Editor(sources=(), transforms=(), layers=False, brush=brush, type="pil", format="png", **more, **words)


def background_of(picture: Path) -> Any:
    """Return the editor's value for a picture to be painted over."""
    seen = read_picture(picture, longest=BACKGROUND)
    return seen if _IS_THREE else {"background": seen, "layers": [], "composite": None}


def mask_of(painting: Any, size: Size) -> Image.Image | None:
    """Return a mask of the template's `size`, white where it was painted; None where nothing was.

    Raises BadPicture for strokes that cannot be read.
    """
    layers = painting.layers if isinstance(painting, Painting) else ()
    mask = Image.new("L", (size.width, size.height), 0)
    for layer in layers:
        strokes = _opacity(layer)
        strokes = strokes.resize(mask.size, Image.Resampling.BILINEAR)
        mask.paste(255, mask=strokes.point(lambda value: 255 if value >= LEAST_OPACITY else 0))
    return mask if mask.getbbox() else None


def png_of(mask: Image.Image) -> bytes:
    with io.BytesIO() as stream:
        mask.save(stream, format="PNG")
        return stream.getvalue()


def _opacity(layer: bytes) -> Image.Image:
    try:
        with Image.open(io.BytesIO(layer), formats=("PNG", "WEBP")) as opened:
            if opened.width * opened.height > _MOST_PIXELS:
                raise ValueError("too large")
            return opened.getchannel("A") if "A" in opened.getbands() else opened.convert("L")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise BadPicture(
            text("What was painted did not arrive."), advice=text("Paint it again, or give a box.")
        ) from error


def _painting(component: Any, payload: Any) -> Painting | None:
    """Replaces gradio's preprocessing, which opens every file that the event names."""
    if payload is None:
        return None
    if isinstance(payload, dict):
        return Painting(tuple(_in_link(payload.get("mask"))))
    try:
        folder = gradio_folder(component)
        layers = [uploaded_path(layer.path, folder) for layer in payload.layers[:MOST_LAYERS]]
        others = [uploaded_path(each.path, folder) for each in (payload.background, payload.composite) if each]
        painting = Painting(tuple(read_regular(file, MOST_BYTES) for file in layers))
        for file in (*layers, *others):
            file.unlink(missing_ok=True)
    except (ForeignFile, OSError) as error:
        raise gr.Error(str(error)) from error
    return painting


def _in_link(link: Any) -> Iterator[bytes]:
    """Yield the content of a data: URI; nothing for anything else."""
    head, _, body = link.partition(",") if isinstance(link, str) else ("", "", "")
    if head.startswith("data:image/") and head.endswith(";base64") and len(body) <= MOST_BYTES * 4 / 3:
        with suppress(binascii.Error):
            yield base64.b64decode(body, validate=True)


_Editor = (
    client_kind(gr.Image, preprocess=_painting)
    if _IS_THREE
    # Without the function that takes strokes ahead of an event, and keeps them for ever: nothing here needs it.
    else client_kind(
        gr.ImageEditor, preprocess=_painting, async_move_resource_to_block_cache=left_alone, accept_blobs=None
    )
)
