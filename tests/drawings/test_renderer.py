"""Laws of the drawn people: determinism, geometry, labels, identity."""

from __future__ import annotations

import dataclasses
import hashlib
from itertools import pairwise

import numpy as np
import pytest

from easyphoto.drawings.identity import GEOMETRY_RANGES, IDENTITY_PARAMETERS, sample_identity, with_colours_of
from easyphoto.drawings.renderer import PARTS, Drawing, draw, draw_empty, draw_group
from easyphoto.drawings.scene import FRAMINGS, sample_scene

SEEDS = range(12)


def _digest(drawing: Drawing) -> str:
    return hashlib.sha256(drawing.image.tobytes() + drawing.parts.tobytes()).hexdigest()


def _drawn(seed: int, size: int = 256, **scene: object) -> Drawing:
    person = sample_identity(seed)
    return draw(person, sample_scene(seed, person, **scene), size)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", [0, 5])
def test_same_seed_gives_same_bytes(seed: int) -> None:
    assert _digest(_drawn(seed)) == _digest(_drawn(seed))
    assert _digest(draw_empty(seed, 256)) == _digest(draw_empty(seed, 256))


def test_other_seed_or_photo_gives_other_bytes() -> None:
    assert _digest(_drawn(1)) != _digest(_drawn(2))
    assert _digest(_drawn(1, photo_index=0)) != _digest(_drawn(1, photo_index=1))


@pytest.mark.parametrize("size", [128, 256, 384])
def test_shapes_and_types(size: int) -> None:
    drawing = _drawn(3, size)
    assert drawing.image.shape == (size, size, 3)
    assert drawing.image.dtype == np.uint8
    assert drawing.parts.shape == (size, size)
    assert drawing.parts.max() < len(PARTS) == 10
    assert drawing.faces[0].points.shape == (5, 2)
    assert drawing.faces[0].points.dtype == np.float32


@pytest.mark.parametrize("framing", list(FRAMINGS))
@pytest.mark.parametrize("seed", SEEDS)
def test_box_is_inside_the_picture_and_as_wide_as_the_framing(seed: int, framing: str) -> None:
    left, top, right, bottom = _drawn(seed, framing=framing).faces[0].box
    low, high = FRAMINGS[framing]
    assert 0 <= left < right <= 256
    assert 0 <= top < bottom <= 256
    assert low - 1e-6 <= (right - left) / 256 <= high + 1e-6
    assert 1.0 < (bottom - top) / (right - left) < 1.6


@pytest.mark.parametrize("seed", SEEDS)
def test_points_lie_inside_the_box_in_order(seed: int) -> None:
    face = _drawn(seed).faces[0]
    left, top, right, bottom = face.box
    assert np.all((face.points > (left, top)) & (face.points < (right, bottom)))
    left_eye, right_eye, nose, left_mouth, right_mouth = face.points
    assert left_eye[0] < nose[0] < right_eye[0]
    assert left_mouth[0] < right_mouth[0]
    assert max(left_eye[1], right_eye[1]) < nose[1] < max(left_mouth[1], right_mouth[1])


@pytest.mark.parametrize("style", ["paint", "ink"])
@pytest.mark.parametrize("seed", SEEDS)
def test_labels_at_the_points(seed: int, style: str) -> None:
    drawing = _drawn(seed, 512, style=style)
    points = np.rint(drawing.faces[0].points).astype(int)
    named = [PARTS[drawing.parts[y, x]] for x, y in points[:3]]
    assert named == ["eyes", "eyes", "nose"]


@pytest.mark.parametrize("seed", SEEDS)
def test_every_inner_part_is_drawn(seed: int) -> None:
    present = {PARTS[label] for label in np.unique(_drawn(seed, 512).parts)}
    assert {"skin", "brows", "eyes", "nose", "mouth", "background"} <= present


def test_identity_vector_does_not_depend_on_the_scene() -> None:
    person = sample_identity(4)
    vectors = [draw(person, sample_scene(s, person), 256).faces[0].identity.vector() for s in (1, 2)]
    assert np.array_equal(*vectors)
    assert vectors[0].shape == (len(IDENTITY_PARAMETERS),)
    assert vectors[0].dtype == np.float32


def test_vectors_are_scaled_and_tell_people_apart() -> None:
    vectors = np.stack([sample_identity(s).vector() for s in range(200)])
    assert np.abs(vectors).max() <= 1.0 + 1e-5
    assert len(np.unique(vectors, axis=0)) == 200
    spread = dict(zip(IDENTITY_PARAMETERS, vectors.std(axis=0), strict=True))
    assert all(spread[name] > 0.4 for name in GEOMETRY_RANGES)


def test_with_colours_of_takes_four_colours_and_keeps_the_rest() -> None:
    person, other = sample_identity(1), sample_identity(2)
    mixed = with_colours_of(person, other)
    changed = {f.name for f in dataclasses.fields(person) if getattr(mixed, f.name) != getattr(person, f.name)}
    assert changed == {"skin", "iris", "lips", "hair"}
    assert all(getattr(mixed, name) == getattr(other, name) for name in changed)


def test_identity_is_hashable_and_described() -> None:
    person = sample_identity(9)
    assert hash(person) == hash(sample_identity(9))
    assert " eyes" in person.words()
    assert " skin" in person.words()


def test_half_of_the_photos_keep_the_usual_hair() -> None:
    person = sample_identity(11)
    scenes = [sample_scene(0, person, photo_index=i) for i in range(400)]
    usual = sum(s.hair_form == person.hair_form and s.hair == person.hair for s in scenes)
    assert 150 < usual < 250


@pytest.mark.parametrize("seed", [0, 3])
def test_larger_picture_is_the_same_picture(seed: int) -> None:
    large, small = _drawn(seed, 512), _drawn(seed, 256)
    halved = large.image.reshape(256, 2, 256, 2, 3).mean(axis=(1, 3))
    assert np.abs(halved - small.image).mean() < 4.0
    assert np.allclose(np.array(large.faces[0].box) / 2, small.faces[0].box)


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_group_has_one_separate_face_for_each_person(count: int) -> None:
    people = [(p, sample_scene(7, p)) for p in map(sample_identity, range(count))]
    drawing = draw_group(people, 1, 640, 400)
    assert drawing.image.shape == (400, 640, 3)
    assert [f.identity.seed for f in drawing.faces] == list(range(count))
    boxes = sorted(f.box for f in drawing.faces)
    assert all(a[2] < b[0] for a, b in pairwise(boxes))
    assert all(b[0] >= 0 and b[1] >= 0 and b[2] <= 640 and b[3] <= 400 for b in boxes)


def test_group_of_five_is_refused() -> None:
    person = sample_identity(0)
    with pytest.raises(ValueError, match="1 to 4"):
        draw_group([(person, sample_scene(0, person))] * 5, 0, 640, 400)


@pytest.mark.parametrize("seed", SEEDS)
def test_empty_picture_has_no_face(seed: int) -> None:
    drawing = draw_empty(seed, 256)
    assert drawing.faces == ()
    assert not set(np.unique(drawing.parts)) & {1, 2, 3, 4, 5, 6}
