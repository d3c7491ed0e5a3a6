"""How a picture stands is read from its faces, and a face of the upright picture is found again in the lying one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from easyphoto.geometry import Size
from easyphoto.preprocess.standing import turned, turned_back, upright_faces
from tests.preprocess.marked import MarkedEngine, photo


@pytest.mark.parametrize("longest", [300, 3300])
@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_a_lying_picture_is_turned_until_its_face_stands(tmp_path: Path, rotation: int, longest: int) -> None:
    upright = Image.open(photo(tmp_path, "1.png", seed=1)).convert("RGB")
    upright = upright.resize((longest, round(upright.height * longest / upright.width)), Image.Resampling.NEAREST)
    lying = turned(upright, (360 - rotation) % 360)

    found, faces = upright_faces(lying, MarkedEngine())

    assert found == rotation
    assert turned(lying, found).tobytes() == upright.tobytes()
    assert faces[0].box == MarkedEngine().detect(upright)[0].box


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_a_face_turned_back_lies_where_its_pixels_are(tmp_path: Path, rotation: int) -> None:
    upright = Image.open(photo(tmp_path, "1.png", seed=1)).convert("RGB")
    face = MarkedEngine().detect(upright)[0]
    lying = turned(upright, (360 - rotation) % 360)

    found = turned_back(face, rotation, Size.of(upright))

    there = np.asarray(lying.crop(found.box.as_ints()))
    assert (np.asarray(turned(Image.fromarray(there), rotation)) == np.asarray(upright.crop(face.box.as_ints()))).all()
    for (x, y), (left, top) in zip(found.points.round().astype(int), face.points.round().astype(int), strict=True):
        assert lying.getpixel((int(x), int(y))) == upright.getpixel((int(left), int(top)))
