"""Fusion on drawn people, whose parts are known exactly."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image

from easyphoto.drawings.identity import sample_identity
from easyphoto.drawings.renderer import draw
from easyphoto.drawings.scene import sample_scene
from easyphoto.faces.engine import FACE_PARTS, Face, Part, part_mask
from easyphoto.faces.fuse import Laid, laid, mixed, without_ends
from easyphoto.geometry import Box, nose_place
from easyphoto.images.pictures import as_array

EVERYWHERE = np.ones((100, 100), np.float32)
Seen = tuple[Image.Image, Face, np.ndarray]


def person(seed: int) -> Seen:
    identity = sample_identity(seed)
    drawing = draw(identity, sample_scene(seed * 16, identity, style="paint", framing="close"), 192)
    face = drawing.faces[0]
    return Image.fromarray(drawing.image), Face(Box(*face.box), face.points, 1.0), drawing.parts


@pytest.fixture(scope="module")
def people() -> tuple[Seen, Seen]:
    return person(9000), person(9108)


def over(source: Seen, target: Seen) -> Laid:
    return laid(*source, as_array(target[0]), *target[1:])


def fused(source: Seen, target: Seen, ratio: float) -> np.ndarray:
    return mixed(as_array(target[0]), over(source, target), ratio)


def test_at_ratio_0_nothing_changes(people: tuple[Seen, Seen]):
    source, target = people

    assert (fused(source, target, 0.0) == as_array(target[0])).all()


def test_hair_ears_and_background_of_the_target_stay_byte_for_byte(people: tuple[Seen, Seen]):
    source, target = people

    result = fused(source, target, 1.0)

    outside = part_mask(target[2], FACE_PARTS) == 0
    assert (result == as_array(target[0]))[outside].all()


def test_from_a_half_on_the_features_are_wholly_the_reference_s(people: tuple[Seen, Seen]):
    source, target = people
    ready = over(source, target)

    half, whole = (mixed(as_array(target[0]), ready, ratio).astype(int) for ratio in (0.5, 1.0))

    heart = (ready.features > 0.99) & (ready.face > 0.99)
    assert heart.sum() > 300
    assert np.abs(half - whole)[heart].max() <= 2
    assert np.abs(half - whole).max() > 8


def test_the_fused_skin_has_the_target_s_colour(people: tuple[Seen, Seen]):
    source, target = people

    result = fused(source, target, 1.0).astype(float)

    skin = part_mask(target[2], (Part.SKIN,)) > 0
    assert result[skin].mean(0) == pytest.approx(as_array(target[0])[skin].mean(0), abs=14)


def test_a_face_laid_on_itself_hardly_changes(people: tuple[Seen, Seen]):
    _, target = people

    result = fused(target, target, 1.0).astype(float)

    inside = part_mask(target[2], FACE_PARTS) > 0
    assert np.abs(result - as_array(target[0]))[inside].mean() < 3


def test_detail_finer_than_was_painted_is_the_reference_s_at_any_ratio(people: tuple[Seen, Seen]):
    source, target = people
    ready = over(source, target)
    soft = cv2.GaussianBlur(as_array(target[0]), (0, 0), 4.0)

    def detail(picture: np.ndarray) -> float:
        inside = (ready.face > 0.99) & (ready.features < 0.01)
        fine = picture.astype(float) - cv2.GaussianBlur(picture.astype(float), (0, 0), 1.0)
        return float(np.abs(fine[inside]).mean())

    plain, fine = mixed(soft, ready, 0.5), mixed(soft, ready, 0.5, fine=2.0)

    assert detail(plain) < 0.65 * detail(ready.picture)
    assert detail(fine) == pytest.approx(detail(ready.picture), rel=0.1)


def test_faces_without_common_skin_are_refused(people: tuple[Seen, Seen]):
    source, target = people

    with pytest.raises(ValueError, match="too little skin is visible"):
        laid(source[0], source[1], np.zeros_like(source[2]), as_array(target[0]), *target[1:])


def test_a_frontal_face_is_not_laid_on_one_turned_far_away(people: tuple[Seen, Seen]):
    source, target = people
    points = target[1].points.copy()
    line = points[1] - points[0]
    points[2] = points[0] + (nose_place(source[1].points) - 0.4) * line + 0.6 * np.array([-line[1], line[0]])

    with pytest.raises(ValueError, match="turned much farther"):
        laid(*source, as_array(target[0]), Face(target[1].box, points, 1.0), target[2])


def browed() -> tuple[np.ndarray, np.ndarray]:
    """Skin with a dark brow that ends at a lock of hair, and its part map."""
    labels = np.full((100, 100), Part.SKIN, np.uint8)
    picture = np.full((100, 100, 3), (210, 170, 150), np.uint8)
    labels[40:46, 10:80], labels[:, 80:] = Part.BROWS, Part.HAIR
    picture[40:46, 10:80], picture[:, 80:] = 50, (40, 30, 20)
    return picture, labels


def test_the_end_of_a_brow_that_the_reference_leaves_bare_becomes_skin():
    picture, labels = browed()
    covered = np.zeros((100, 100), np.float32)
    covered[:, :50] = 1

    made, gone = without_ends(picture, labels, covered, 100.0, exact=True, free=EVERYWHERE)

    assert np.abs(made[42, 54:78].astype(int) - (210, 170, 150)).max() <= 12
    assert (made[:, :46] == picture[:, :46]).all()
    assert (made[:, 80:] == picture[:, 80:]).all()
    assert (made[gone == 0] == picture[gone == 0]).all()


def test_on_a_face_of_thousands_of_pixels_the_same_is_filled():
    large = [cv2.resize(each, (2000, 2000), interpolation=cv2.INTER_NEAREST) for each in browed()]

    made, gone = without_ends(
        *large, np.zeros((2000, 2000), np.float32), 2000.0, exact=True, free=np.ones((2000, 2000), np.float32)
    )

    assert np.abs(made[860, 240:1540].astype(int) - (210, 170, 150)).max() <= 12
    assert (made[:, 1600:] == large[0][:, 1600:]).all()
    assert (made[gone == 0] == large[0][gone == 0]).all()


def test_the_hair_s_drawn_outline_stays_where_a_brow_ends_at_it():
    picture, labels = browed()
    picture[:, 78:81], picture[:, 81:] = 10, (60, 100, 200)
    picture[40:46, 10:78] = (130, 110, 55)
    # The part map takes the outline for face and what is left of the brow for hair, by two pixels each.
    labels[40:46, 76:78] = Part.HAIR

    made, _ = without_ends(picture, labels, np.zeros((100, 100), np.float32), 100.0, exact=True, free=EVERYWHERE)

    assert (made[:, 78:] == picture[:, 78:]).all()
    assert np.abs(made[42, 60:77].astype(int) - (210, 170, 150)).max() <= 12


def test_a_guessed_brow_is_filled_up_to_the_fringe_and_no_stub_stays_beside_it():
    picture, labels = browed()

    made, gone = without_ends(picture, labels, np.zeros((100, 100), np.float32), 100.0, exact=False, free=EVERYWHERE)

    assert (made[:, 80:] == picture[:, 80:]).all()
    assert gone[:, 80:].max() == 0
    assert made[42, 12:78].min() > 120


def test_a_guessed_end_of_a_brow_that_mostly_lies_at_the_fringe_stays_whole():
    picture, labels = browed()
    covered = np.zeros((100, 100), np.float32)
    covered[:, :70] = 1

    made, gone = without_ends(picture, labels, covered, 100.0, exact=False, free=EVERYWHERE)

    assert (made == picture).all()
    assert gone.max() == 0


def test_a_brow_that_is_covered_stays_for_the_reference_s():
    picture, labels = browed()

    made, gone = without_ends(picture, labels, np.ones((100, 100), np.float32), 100.0, exact=True, free=EVERYWHERE)

    assert (made == picture).all()
    assert gone.max() == 0
