"""A face goes upright to the restorer and comes back where it was."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from PIL import Image

from easyphoto.restoration.aligned import FACE_POINTS, enlargement, restored
from tests.restoration.fakes import ramp_picture


def points_at(x: float, y: float, *, scale: float, degrees: float = 0.0) -> np.ndarray:
    """The template's points, turned and scaled about their middle, on another picture."""
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return (FACE_POINTS - 256) @ turn.T * scale + (x, y)


def unchanged(face: Image.Image) -> Image.Image:
    return face


@pytest.mark.parametrize(("scale", "degrees"), [(1.0, 0.0), (0.4, 20.0), (0.25, -35.0)])
def test_a_restorer_that_does_nothing_moves_nothing(scale: float, degrees: float):
    smooth = np.asarray(Image.fromarray(ramp_picture(32, 32)).resize((320, 320), Image.Resampling.BICUBIC))

    made = restored(smooth, points_at(160, 160, scale=scale, degrees=degrees), unchanged, allowed=np.ones((320, 320)))

    assert np.abs(made.astype(int) - smooth)[130:190, 130:190].mean() < 0.2


def test_the_restorer_sees_the_face_upright_and_in_its_place():
    picture = np.zeros((300, 300, 3), np.uint8)
    points = points_at(150, 150, scale=0.4, degrees=30)
    for x, y in points:
        picture[round(y) - 3 : round(y) + 4, round(x) - 3 : round(x) + 4] = 255
    seen: list[np.ndarray] = []

    def watching(face: Image.Image) -> Image.Image:
        seen.append(np.asarray(face))
        return face

    restored(picture, points, watching, allowed=np.ones((300, 300)))

    assert seen[0].shape == (512, 512, 3)
    assert [int(seen[0][round(y), round(x), 0]) for x, y in FACE_POINTS] == [255] * 5


def test_only_what_is_allowed_changes():
    picture, allowed = ramp_picture(200, 200), np.zeros((200, 200))
    allowed[60:140, 60:140] = 1

    made = restored(
        picture, points_at(100, 100, scale=0.3), lambda _: Image.new("RGB", (512, 512), "red"), allowed=allowed
    )

    assert (made[allowed == 0] == picture[allowed == 0]).all()
    assert (made[90:110, 90:110] == (255, 0, 0)).all()


def test_half_allowed_is_half_restored():
    picture = np.full((200, 200, 3), 100, np.uint8)

    made = restored(
        picture, points_at(100, 100, scale=0.3), lambda _: Image.new("RGB", (512, 512), (200, 100, 0)),
        allowed=np.full((200, 200), 0.5),
    )  # fmt: skip

    assert made[100, 100].tolist() == [150, 100, 50]


def test_the_square_s_edge_does_not_show():
    picture = np.full((300, 300, 3), 100, np.uint8)

    made = restored(
        picture, points_at(150, 150, scale=0.4), lambda _: Image.new("RGB", (512, 512), "white"),
        allowed=np.ones((300, 300)),
    )  # fmt: skip

    steps = np.abs(np.diff(made[..., 0].astype(int), axis=0)).max(), np.abs(np.diff(made[..., 0].astype(int))).max()
    assert made[150, 150, 0] == 255
    assert made[0, 0, 0] == 100
    assert max(steps) < 25


def test_an_answer_of_another_size_is_refused():
    with pytest.raises(ValueError, match="64×64"):
        restored(
            ramp_picture(200, 200), points_at(100, 100, scale=0.3), lambda _: Image.new("RGB", (64, 64)),
            allowed=np.ones((200, 200)),
        )  # fmt: skip


def test_a_restorer_that_only_changes_moves_no_byte_where_it_changes_nothing():
    picture = ramp_picture(320, 320) // 2

    def brighter_below(face: Image.Image) -> Image.Image:
        made = np.array(face)
        made[256:] = np.clip(made[256:].astype(int) + 20, 0, 255)
        return Image.fromarray(made)

    points = points_at(160, 160, scale=0.4, degrees=0)
    same = restored(picture, points, unchanged, allowed=np.ones((320, 320)), changes_only=True)
    made = restored(picture, points, brighter_below, allowed=np.full((320, 320), 0.5), changes_only=True)

    assert same.tobytes() == picture.tobytes()
    # The square's middle lies at the points' middle; what is above it stays, a half of 20 is added below it.
    change = made.astype(int) - picture
    assert not change[:150].any()
    assert (change[175:200, 140:180] == 10).all()


def test_how_much_a_restored_face_is_enlarged():
    assert enlargement(points_at(500, 500, scale=2.0)) == pytest.approx(2.0)
    assert enlargement(points_at(50, 50, scale=0.25, degrees=40)) == pytest.approx(0.25)


def test_a_face_of_a_large_picture_costs_its_own_place_only():
    picture, allowed = np.zeros((4000, 5000, 3), np.uint8), np.ones((4000, 5000), np.float32)
    tracemalloc.start()
    try:
        restored(picture, points_at(2500, 2000, scale=0.5), unchanged, allowed=allowed)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    # The copy that is handed back, and a few squares of 512.
    assert most < picture.nbytes + 60_000_000


def test_a_face_beside_the_picture_changes_nothing():
    picture = ramp_picture(100, 100)

    made = restored(picture, points_at(-900, 50, scale=0.3), unchanged, allowed=np.ones((100, 100)))

    assert (made == picture).all()
