"""One source on three versions of gradio."""

import base64
import io
from pathlib import Path

from PIL import Image

from easyphoto.ui import compat
from tests import icc


def test_a_version_is_numbers():
    assert compat.version("3.41.2") == (3, 41, 2)
    assert compat.version("6.0.0b1") == (6, 0)


def test_an_event_speaks_the_words_of_its_version():
    assert compat.event_words((3, 41, 2), js="f") == {"_js": "f", "api_name": False}
    assert compat.event_words((4, 40, 0), js="f") == {"js": "f", "api_name": False}
    assert compat.event_words((6, 31, 0), js="f") == {"js": "f", "api_visibility": "private"}
    assert compat.event_words((6, 31, 0)) == {"api_visibility": "private"}


def test_a_picture_within_the_page_is_no_larger_than_asked(tmp_path: Path):
    Image.new("RGB", (400, 200)).save(tmp_path / "large.png")

    link = compat.picture_link(tmp_path / "large.png", side=32)

    assert link.startswith("data:image/jpeg;base64,")
    assert len(link) < 1500


def test_a_picture_within_the_page_has_the_colours_of_its_profile(tmp_path: Path):
    Image.new("L", (40, 20), 128).save(tmp_path / "linear.png", icc_profile=icc.grey_profile(icc.gamma(1.0)))
    Image.new("I;16", (40, 20), 30_000).save(tmp_path / "deep.png")

    for name, grey in (("linear", 188), ("deep", 117)):
        link = compat.picture_link(tmp_path / f"{name}.png", side=32)
        shown = Image.open(io.BytesIO(base64.b64decode(link.partition(",")[2])))
        assert shown.getpixel((5, 5)) == (grey, grey, grey)
