"""Where an object goes: what counts as painted in a mask file, what a box is, and which of both are refused."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from easyphoto.errors import BadMask, BadPicture
from easyphoto.geometry import Size
from easyphoto.images.painted_masks import boxed, read_painted

SIZE = Size(60, 40)


@pytest.fixture
def spot() -> np.ndarray:
    """bool (40, 60): what is painted in every file below."""
    painted = np.zeros((40, 60), bool)
    painted[10:30, 20:50] = True
    return painted


def opaque_where(spot: np.ndarray, colour: tuple[int, int, int]) -> Image.Image:
    """As an editor saves a layer: one colour, opaque where somebody painted."""
    layer = np.zeros((*spot.shape, 4), np.uint8)
    layer[spot] = (*colour, 255)
    return Image.fromarray(layer)


def files(spot: np.ndarray) -> dict[str, Image.Image]:
    white = Image.fromarray((spot * 255).astype(np.uint8))
    return {
        "grey.png": white,
        "rgb.png": white.convert("RGB"),
        "one-bit.png": white.convert("1"),
        "palette.gif": white.convert("P"),
        "sixteen-bits.png": Image.fromarray((spot * 65535).astype(np.uint16)),
        "white-with-opaque-alpha.png": white.convert("RGBA"),
        "black-layer.png": opaque_where(spot, (0, 0, 0)),
        "red-layer.png": opaque_where(spot, (200, 0, 0)),
        "white-layer.webp": opaque_where(spot, (255, 255, 255)),
        "off-white.jpg": Image.fromarray(np.where(spot, 230, 20).astype(np.uint8)),
    }


@pytest.mark.parametrize("name", sorted(files(np.zeros((2, 2), bool))))
def test_white_is_painted_and_where_something_is_transparent_the_opaque_is(spot, tmp_path, name):
    files(spot)[name].save(tmp_path / name, **({"lossless": True} if name.endswith("webp") else {}))

    found = read_painted(tmp_path / name, SIZE)

    # A JPEG's blocks may move its edge by a pixel.
    assert (found != spot).sum() == 0 or (name.endswith("jpg") and (found != spot).sum() < 10)
    assert found.dtype == bool


def test_a_mask_that_lies_on_its_side_is_stood_up_as_templates_are(spot, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned clockwise by a viewer
    lying = Image.fromarray((np.rot90(spot) * 255).astype(np.uint8))
    lying.save(tmp_path / "mask.png", exif=exif)

    assert (read_painted(tmp_path / "mask.png", SIZE) == spot).all()


@pytest.mark.parametrize(
    ("picture", "said"),
    [
        (Image.new("L", (40, 60), 255), "The mask has 40×60 pixels, the template 60×40."),
        (Image.new("L", (60, 40), 0), "Nothing is painted on the mask."),
        (Image.new("RGBA", (60, 40), (255, 255, 255, 0)), "Nothing is painted on the mask."),
        (Image.new("L", (60, 40), 255), "The mask covers the whole template, so that nothing of it would be left."),
        (Image.new("L", (60, 40), 127), "Nothing is painted on the mask."),
    ],
)
def test_a_mask_that_says_no_place_is_refused_by_name(tmp_path, picture, said):
    picture.save(tmp_path / "mask.png")

    with pytest.raises(BadMask) as refused:
        read_painted(tmp_path / "mask.png", SIZE)

    assert refused.value.message == said
    assert refused.value.advice


def test_a_mask_that_is_no_picture_is_refused_as_pictures_are(tmp_path):
    (tmp_path / "mask.png").write_bytes(b"white where the dog sits")

    with pytest.raises(BadPicture):
        read_painted(tmp_path / "mask.png", SIZE)


@pytest.mark.parametrize(
    "box",
    [(12, 8, 24, 20), (12.0, 8.0, 24.0, 20.0), (0.2, 0.2, 0.4, 0.5)],
)
def test_a_box_is_in_pixels_or_in_shares_of_the_picture(box):
    found = boxed(box, SIZE)

    rows, columns = np.nonzero(found)
    assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == (12, 8, 36, 28)
    assert found.sum() == 24 * 20


def test_a_box_reaches_the_template_s_edges_and_no_farther():
    assert boxed((0.5, 0.5, 0.5, 0.5), SIZE).sum() == 30 * 20
    assert boxed((30, 20, 30, 20), SIZE).sum() == 30 * 20


@pytest.mark.parametrize(
    ("box", "said"),
    [
        ((1, 2, 3), "1,2,3 is not a box."),
        ((5, 5, 0, 9), "5,5,0,9 is not a box."),
        ((5, 5, 9, -1), "5,5,9,-1 is not a box."),
        ((-1, 5, 9, 9), "-1,5,9,9 is not a box."),
        ((float("nan"), 5, 9, 9), "nan,5,9,9 is not a box."),
        ((40, 20, 30, 10), "The box 40,20,30,10 reaches beyond the template, which has 60×40 pixels."),
        ((0.9, 0.2, 0.4, 0.4), "The box 0.9,0.2,0.4,0.4 reaches beyond the template, which has 60×40 pixels."),
        ((0, 0, 1, 1), "The box covers the whole template, so that nothing of it would be left."),
        ((0, 0, 60, 40), "The box covers the whole template, so that nothing of it would be left."),
    ],
)
def test_a_box_that_says_no_place_is_refused_by_name(box, said):
    with pytest.raises(BadMask) as refused:
        boxed(box, SIZE)

    assert refused.value.message == said
    assert "0.2,0.3,0.4,0.4" in refused.value.advice


def test_nothing_is_written_beside_a_mask(spot, tmp_path: Path):
    Image.fromarray((spot * 255).astype(np.uint8)).save(tmp_path / "mask.png")

    read_painted(tmp_path / "mask.png", SIZE)

    assert [file.name for file in tmp_path.iterdir()] == ["mask.png"]
