"""The shipped networks on drawings they have not seen: what the pipeline relies on, as laws."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

from easyphoto.architectures.base import models_folder
from easyphoto.drawings.identity import sample_identity, with_colours_of
from easyphoto.drawings.renderer import Drawing, draw, draw_empty, draw_group
from easyphoto.drawings.scene import sample_scene
from easyphoto.faces import drawn_analysis, networks
from easyphoto.geometry import Box

FACES = models_folder() / "miniature" / "faces"
UNSEEN = 1_600_000


@pytest.fixture(scope="module")
def detector() -> tuple[Any, Any]:
    return networks.load_network(FACES, "detector")


@pytest.fixture(scope="module")
def embedder() -> tuple[Any, Any]:
    return networks.load_network(FACES, "embedder")


def photo(seed: int, number: int = 0, *, colours_of: int | None = None) -> Drawing:
    identity = sample_identity(seed)
    if colours_of is not None:
        identity = with_colours_of(identity, sample_identity(colours_of))
    return draw(identity, sample_scene(seed * 10 + number, identity, photo_index=number), 384)


@pytest.mark.parametrize("number", range(4))
def test_a_drawn_face_is_found_where_it_is(detector: tuple[Any, Any], number: int):
    drawing = photo(UNSEEN + number)

    found = drawn_analysis.detect(*detector, drawing.image)

    assert len(found) == 1
    box, points, score = found[0]
    true = drawing.faces[0]
    assert Box(*box).intersection_over_union(Box(*true.box)) > 0.7
    eyes = np.linalg.norm(true.points[0] - true.points[1])
    assert np.linalg.norm(points - true.points, axis=1).mean() < 0.08 * eyes
    assert 0.4 < score <= 1


@pytest.mark.parametrize("seed", range(4))
def test_a_picture_without_a_face_gives_none(detector: tuple[Any, Any], seed: int):
    assert drawn_analysis.detect(*detector, draw_empty(UNSEEN + seed, 384).image) == []


def test_every_face_of_a_group_is_found(detector: tuple[Any, Any]):
    identities = [sample_identity(UNSEEN + 20 + number) for number in range(3)]
    group = draw_group([(who, sample_scene(who.seed, who)) for who in identities], UNSEEN, 900, 500)

    assert len(drawn_analysis.detect(*detector, group.image)) == 3


def test_a_face_on_its_side_scores_lower_than_upright(detector: tuple[Any, Any]):
    drawing = photo(UNSEEN + 5)
    upright = drawn_analysis.detect(*detector, drawing.image)[0][2]

    turned = drawn_analysis.detect(*detector, np.rot90(drawing.image).copy())

    assert max((score for _, _, score in turned), default=0.0) < upright


def test_alignment_puts_the_five_points_on_the_template():
    points = drawn_analysis.ALIGN_TEMPLATE * 2.0 + 30
    picture = np.zeros((400, 400, 3), np.uint8)
    left, top = np.rint(points[0]).astype(int)
    picture[top - 4 : top + 5, left - 4 : left + 5] = 255

    aligned = drawn_analysis.align(picture, points)

    rows, columns = np.nonzero(aligned[..., 0] > 127)
    assert aligned.shape == (112, 112, 3)
    assert (columns.mean(), rows.mean()) == pytest.approx(tuple(drawn_analysis.ALIGN_TEMPLATE[0]), abs=0.6)


def test_photos_of_one_person_are_nearer_than_a_stranger_of_the_same_colours(embedder: tuple[Any, Any]):
    person, stranger = UNSEEN + 10, UNSEEN + 11

    def vector(drawing: Drawing) -> np.ndarray:
        return drawn_analysis.embed(*embedder, drawn_analysis.align(drawing.image, drawing.faces[0].points)[None])[0]

    one, two = vector(photo(person, 1)), vector(photo(person, 2))
    other = vector(photo(stranger, 1, colours_of=person))

    assert np.linalg.norm(one) == pytest.approx(1.0, abs=1e-3)
    assert float(one @ two) > 0.7
    assert float(one @ other) < 0.5


def test_parts_lie_where_the_drawing_has_them():
    parser = networks.load_network(FACES, "parser")
    drawing = photo(UNSEEN + 12)
    crop, (left, top, side) = drawn_analysis.parse_crop(drawing.image, drawing.faces[0].box)

    labels = drawn_analysis.parse(*parser, crop)

    places = np.rint((drawing.faces[0].points - (left, top)) * (128 / side)).astype(int)
    names = [networks_label(labels[y, x]) for x, y in places]
    assert labels.shape == (128, 128)
    assert names[:3] == ["eyes", "eyes", "nose"]


def networks_label(value: int) -> str:
    from easyphoto.drawings.renderer import PARTS

    return PARTS[int(value)]


def test_a_crop_of_the_wrong_size_is_refused():
    parser = networks.load_network(FACES, "parser")

    with pytest.raises(ValueError, match="128x128"):
        drawn_analysis.parse(*parser, np.zeros((64, 64, 3), np.uint8))
