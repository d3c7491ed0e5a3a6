"""What is one picture and what is two: copies as messengers, editors and screenshots make them, and flat cartoons."""

from __future__ import annotations

import io
from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from easyphoto.bench.persons import photo_of
from easyphoto.drawings.identity import sample_identity
from easyphoto.faces.engine import Face
from easyphoto.geometry import Box
from easyphoto.images.pictures import as_picture
from easyphoto.preprocess.duplicates import are_duplicates, signature
from tests.preprocess.cartoons import cartoon

Picture = tuple[Image.Image, Face]


def drawn(number: int) -> Picture:
    drawing = photo_of(sample_identity(1_000_021), number)
    return as_picture(drawing.image), Face(Box(*drawing.faces[0].box), drawing.faces[0].points, 1.0)


def compressed(picture: Image.Image, face: Face, quality: int) -> Picture:
    held = io.BytesIO()
    picture.save(held, format="JPEG", quality=quality)
    return Image.open(held).convert("RGB"), face


def scaled(picture: Image.Image, face: Face, scale: float) -> Picture:
    size = round(picture.width * scale), round(picture.height * scale)
    return picture.resize(size, Image.Resampling.BICUBIC), Face(face.box.scaled(scale), face.points * scale, 1.0)


def brightened(picture: Image.Image, face: Face, factor: float) -> Picture:
    return ImageEnhance.Brightness(picture).enhance(factor), face


def cropped(picture: Image.Image, face: Face, share: float) -> Picture:
    """That share of each side, the face in the middle as far as the picture allows."""
    width, height = round(share * picture.width), round(share * picture.height)
    x, y = face.box.centre
    left = int(np.clip(x - width / 2, 0, picture.width - width))
    top = int(np.clip(y - height / 2, 0, picture.height - height))
    return picture.crop((left, top, left + width, top + height)), moved(face, -left, -top)


def moved(face: Face, right: float, down: float) -> Face:
    box = Box(face.box.left + right, face.box.top + down, face.box.right + right, face.box.bottom + down)
    return Face(box, (face.points + np.array([right, down])).astype(np.float32), 1.0)


def with_bars(picture: Image.Image, face: Face) -> Picture:
    wide = Image.new("RGB", (2 * picture.width, picture.height))
    wide.paste(picture, (picture.width // 2, 0))
    return wide, moved(face, picture.width // 2, 0)


def grey(picture: Image.Image, face: Face) -> Picture:
    return picture.convert("L").convert("RGB"), face


def misplaced(picture: Image.Image, face: Face) -> Picture:
    """As a detector finds the points of a small, spoiled copy: each a few pixels off."""
    off = np.random.default_rng(4).normal(0, 0.03 * face.box.width, (5, 2))
    return picture, Face(face.box, (face.points + off).astype(np.float32), 1.0)


COPIES: dict[str, Callable[[Image.Image, Face], Picture]] = {
    "quality 10": lambda picture, face: compressed(picture, face, 10),
    "quality 40": lambda picture, face: compressed(picture, face, 40),
    "a third": lambda picture, face: scaled(picture, face, 0.33),
    "small and compressed": lambda picture, face: compressed(*scaled(picture, face, 0.5), 15),
    "brighter": lambda picture, face: brightened(picture, face, 1.15),
    "darker": lambda picture, face: brightened(picture, face, 0.85),
    "cropped": lambda picture, face: cropped(picture, face, 0.7),
    "cropped, small, compressed": lambda picture, face: compressed(*scaled(*cropped(picture, face, 0.7), 0.5), 40),
    "two pixels on": lambda picture, face: (as_picture(np.roll(np.asarray(picture), 2, axis=1)), moved(face, 2, 0)),
    "black bars": with_bars,
    "without colours": grey,
    "points elsewhere": misplaced,
}


@pytest.mark.parametrize("original", [drawn(0), drawn(1), cartoon(0), cartoon(5)], ids=["one", "two", "flat", "loud"])
@pytest.mark.parametrize("copied", COPIES)
def test_a_copy_is_the_same_picture(original: Picture, copied: str) -> None:
    assert are_duplicates(signature(*original), signature(*COPIES[copied](*original)))


def test_drawings_that_share_the_face_are_different_pictures() -> None:
    signatures = [signature(*cartoon(number)) for number in range(8)]

    taken = [pair for pair in combinations(range(8), 2) if are_duplicates(signatures[pair[0]], signatures[pair[1]])]

    assert taken == []


def test_photos_of_one_person_are_different_pictures() -> None:
    signatures = [signature(*drawn(number)) for number in range(8)]

    assert not any(are_duplicates(one, other) for one, other in combinations(signatures, 2))


def test_a_face_that_fills_both_pictures_is_compared_by_itself() -> None:
    picture, face = drawn(0)
    near = cropped(picture, face, 1.1 * face.box.height / picture.height)

    assert are_duplicates(signature(*near), signature(*compressed(*near, 30)))
    assert not are_duplicates(signature(*near), signature(*drawn(4)))
