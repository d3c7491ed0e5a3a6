"""What was painted over a picture: a mask of the template's size, and no file but what was uploaded."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from easyphoto.errors import BadPicture
from easyphoto.geometry import Size
from easyphoto.ui.mask_painting import Painting, _in_link, _painting, mask_of


def png(size: tuple[int, int], box: tuple[int, int, int, int], *, mode: str = "RGBA", opacity: int = 255) -> bytes:
    picture = Image.new(mode, size)
    picture.paste((255, 255, 255, opacity) if mode == "RGBA" else "white", box)
    with io.BytesIO() as stream:
        picture.save(stream, "PNG")
        return stream.getvalue()


@pytest.mark.parametrize("mode", ["RGBA", "RGB"], ids=["strokes on nothing", "gradio 3: light on dark"])
def test_strokes_become_a_mask_of_the_templates_size(mode: str):
    mask = mask_of(Painting((png((100, 50), (10, 10, 30, 20), mode=mode),)), Size(400, 200))

    assert mask is not None
    assert (mask.size, mask.mode) == ((400, 200), "L")
    assert set(np.unique(np.asarray(mask))) == {0, 255}
    left, top, right, bottom = mask.getbbox()
    assert max(abs(left - 40), abs(top - 40), abs(right - 120), abs(bottom - 80)) <= 4


def test_layers_are_one_mask_and_a_breath_of_a_stroke_is_none():
    layers = (png((40, 40), (0, 0, 10, 10)), png((40, 40), (30, 30, 40, 40)))

    mask = mask_of(Painting(layers), Size(40, 40))

    assert mask is not None
    assert mask.getbbox() == (0, 0, 40, 40)
    assert mask_of(Painting((png((40, 40), (0, 0, 10, 10), opacity=8),)), Size(40, 40)) is None
    assert mask_of(Painting(), Size(40, 40)) is mask_of(None, Size(40, 40)) is None


def test_what_is_no_picture_is_refused_by_name():
    with pytest.raises(BadPicture, match="What was painted did not arrive"):
        mask_of(Painting((b"GIF89a nothing",)), Size(40, 40))


def test_in_gradio_3_strokes_come_as_a_link_and_no_path_or_address_is_followed(tmp_path: Path):
    (tmp_path / "secret.png").write_bytes(png((4, 4), (0, 0, 4, 4)))
    link = "data:image/png;base64," + base64.b64encode(b"strokes").decode()

    assert list(_in_link(link)) == [b"strokes"]
    for other in (str(tmp_path / "secret.png"), "http://127.0.0.1/a.png", "data:text/html;base64,AA==", None, 7):
        assert list(_in_link(other)) == []


@pytest.fixture
def editor(tmp_path: Path) -> Any:
    """Stands for the component, as far as its folder goes."""
    return SimpleNamespace(GRADIO_CACHE=str(tmp_path / "gradio"))


def test_uploaded_strokes_are_taken_and_the_pages_copies_deleted(editor: Any):
    files = [uploaded(editor, name) for name in ("layer.png", "background.png", "composite.png")]
    layer, background, composite = (SimpleNamespace(path=str(file)) for file in files)
    payload = SimpleNamespace(layers=[layer], background=background, composite=composite)

    assert _painting(editor, payload) == Painting((b"layer.png",))
    assert not any(file.exists() for file in files)


@pytest.mark.parametrize("part", ["layers", "background", "composite"])
def test_a_file_that_was_not_uploaded_is_neither_read_nor_deleted(editor: Any, tmp_path: Path, part: str):
    secret = tmp_path / "secret.png"
    secret.write_bytes(b"secret")
    foreign: Any = SimpleNamespace(path=str(secret))
    payload = SimpleNamespace(layers=[], background=None, composite=None)
    setattr(payload, part, [foreign] if part == "layers" else foreign)

    with pytest.raises(gr.Error, match="was not uploaded"):
        _painting(editor, payload)
    assert secret.read_bytes() == b"secret"


def uploaded(editor: Any, name: str) -> Path:
    folder = Path(editor.GRADIO_CACHE) / ("0" * 64)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(name.encode())
    return folder / name
