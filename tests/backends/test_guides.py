"""Control images: what they show, and where."""

import hashlib

import numpy as np
import pytest
from PIL import Image

from easyphoto.backends.guides import draw_guide
from easyphoto.errors import InputError

POINTS = np.array([[30, 40], [70, 40], [50, 60], [35, 80], [65, 80]], np.float32)


def half_white(size: int = 100) -> Image.Image:
    pixels = np.zeros((size, size, 3), np.uint8)
    pixels[:, size // 2 :] = 255
    return Image.fromarray(pixels)


def test_canny_draws_the_edge_white_on_black() -> None:
    guide = np.asarray(draw_guide("canny", half_white()))

    assert sorted(np.unique(guide)) == [0, 255]
    assert set(np.nonzero(guide[50, :, 0])[0]) <= {49, 50}
    assert guide[50].any()


def test_face_points_are_discs_of_five_colours() -> None:
    guide = np.asarray(draw_guide("facepoints", half_white(), POINTS))

    centres = [tuple(int(value) for value in guide[int(y), int(x)]) for x, y in POINTS]
    assert centres == [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (255, 0, 255)]
    assert guide[40, 32].tolist() == [255, 0, 0]
    assert guide[40, 35].tolist() == [0, 0, 0]
    assert guide[10, 10].tolist() == [0, 0, 0]


def test_face_points_of_several_faces_share_one_picture() -> None:
    guide = np.asarray(draw_guide("facepoints", half_white(200), np.stack([POINTS, POINTS + 100])))

    assert guide[40, 30].tolist() == [255, 0, 0]
    assert guide[140, 130].tolist() == [255, 0, 0]


def test_face_points_ask_for_points() -> None:
    with pytest.raises(InputError, match="five points"):
        draw_guide("facepoints", half_white())


def test_the_head_pose_is_nose_and_eyes_in_openposes_colours() -> None:
    guide = np.asarray(draw_guide("openpose", half_white(512), POINTS * 5))

    joints = [guide[int(y), int(x)].tolist() for x, y in POINTS[:3] * 5]
    assert joints == [[170, 0, 255], [255, 0, 255], [255, 0, 0]]
    half_way = (POINTS[0] * 5 + POINTS[2] * 5) / 2
    assert guide[int(half_way[1]), int(half_way[0])].tolist() == [51, 0, 153]
    mouth = POINTS[3] * 5
    assert guide[int(mouth[1]), int(mouth[0])].tolist() == [0, 0, 0]


def test_the_head_pose_asks_for_points() -> None:
    with pytest.raises(InputError, match="openpose needs the five points"):
        draw_guide("openpose", half_white())


@pytest.mark.parametrize("kind", ["color", "tile"])
def test_tile_is_the_picture_slightly_blurred(kind: str) -> None:
    guide = np.asarray(draw_guide(kind, half_white()))

    assert guide.shape == (100, 100, 3)
    assert 0 < guide[50, 50, 0] < 255
    assert guide[50, 30].tolist() == [0, 0, 0]


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(InputError, match="smell"):
        draw_guide("smell", half_white())


# Of the bytes that InstantID's own `draw_kps` draws (github.com/instantX-research/InstantID at 2145b67).
@pytest.mark.parametrize(
    ("size", "points", "digest"),
    [
        (
            (1024, 1024),
            [[420.0, 480.0], [600.3, 470.9], [512.0, 590.0], [440.0, 690.0], [590.0, 684.0]],
            "683907021b4182d257873a50c62e7e0c8cd86549eb963f87ea307640e47b34ea",
        ),
        (
            (384, 512),
            [[150.5, 200.25], [230.75, 190.5], [188.0, 240.9], [160.1, 290.0], [229.0, 281.3]],
            "ea852786e41ff264844b6208b170d60d4635963b1f5e62bb704a39a139d79e68",
        ),
    ],
)
def test_instantids_five_points_are_drawn_as_its_authors_draw_them(
    size: tuple[int, int], points: list[list[float]], digest: str
) -> None:
    guide = draw_guide("instantid", Image.new("RGB", size), np.array(points))

    assert hashlib.sha256(np.asarray(guide).tobytes()).hexdigest() == digest


def test_instantids_points_of_several_faces_share_one_picture_and_lie_above_all_lines() -> None:
    picture, second = half_white(300), POINTS + 20
    guide = np.asarray(draw_guide("instantid", picture, np.stack([POINTS, second])))

    alone = np.asarray(draw_guide("instantid", picture, second))
    x, y = POINTS[0]
    assert guide[int(y), int(x)].tolist() == [255, 0, 0]
    assert (guide[alone > 200] == alone[alone > 200]).all()
