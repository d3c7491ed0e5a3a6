"""Coverings of faces painted like photographs, with YuNet itself."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
import pytest

from easyphoto.faces.engine import Covering, Face
from easyphoto.faces.photo_covering import PhotoCovering
from easyphoto.geometry import Box
from easyphoto.images.pictures import as_picture
from easyphoto.weights.places import default_mirrors
from easyphoto.weights.store import WeightStore
from tests.faces.painted_face import HAIR, Painting, face_at, head, places
from tests.faces.test_covering_measures import CLOTH, with_lens, with_mask

pytestmark = pytest.mark.skipif(
    not os.environ.get("EASYPHOTO_WEIGHTS_MIRROR"), reason="EASYPHOTO_WEIGHTS_MIRROR is not set"
)


@pytest.fixture(scope="module")
def sense(tmp_path_factory: pytest.TempPathFactory) -> PhotoCovering:
    file = WeightStore(tmp_path_factory.mktemp("store"), default_mirrors()).find("yunet")
    assert file is not None
    return PhotoCovering(file)


def found(sense: PhotoCovering, painting: Painting) -> Covering | None:
    return sense.covering(as_picture(painting.photograph()), face_at())


def with_glasses(painting: Painting) -> Painting:
    u, v = places()
    for side in (-0.5, 0.5):
        painting.lay(np.abs(np.hypot((u - side) / 0.42, (v - 0.04) / 0.36) - 1) < 0.03, (30, 26, 24))
    return painting


def with_fringe(painting: Painting) -> Painting:
    _, v = places()
    painting.strands((np.abs(places()[0]) < 0.95) & (v > -1.2) & (v < -0.3))
    return painting


@pytest.mark.parametrize("worn", [lambda bare: bare, with_glasses, with_fringe], ids=["nothing", "glasses", "fringe"])
def test_what_hides_neither_eyes_nor_mouth_is_no_covering(
    sense: PhotoCovering, worn: Callable[[Painting], Painting]
) -> None:
    assert found(sense, worn(head())) is None


def test_sunglasses_hide_the_eyes(sense: PhotoCovering) -> None:
    assert found(sense, with_lens(with_lens(head(), -0.5), 0.5)) == Covering(left_eye=True, right_eye=True)


@pytest.mark.parametrize("side", [-0.5, 0.5])
def test_hair_over_an_eye_hides_that_eye(sense: PhotoCovering, side: float) -> None:
    painting = head()
    u, v = places()
    painting.strands((np.abs(u - 1.1 * side) < 0.45) & (v > -1.2) & (v < 0.6), HAIR)

    assert found(sense, painting) == Covering(left_eye=side < 0, right_eye=side > 0)


def test_a_mask_hides_the_mouth(sense: PhotoCovering) -> None:
    assert found(sense, with_mask(head(), CLOTH)) == Covering(mouth=True)


def test_a_face_of_a_few_pixels_is_left_alone(sense: PhotoCovering) -> None:
    points = face_at().points / 12
    small = as_picture(with_mask(head(), CLOTH).photograph()).resize((33, 33))

    assert sense.covering(small, Face(Box(11, 9, 22, 24), points, 0.9)) is None
