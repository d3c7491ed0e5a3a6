"""Skeletons in the colours and widths of OpenPose's drawings, and how such a drawing is recognised."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from easyphoto.backends.skeletons import COLOURS, JOINTS, LIMBS, draw_skeletons, head_figure, is_skeleton_drawing
from easyphoto.geometry import Size
from easyphoto.workspace.poses import pose_named

SIZE = Size(512, 768)


def standing() -> np.ndarray:
    """Somebody whose joints lie in the middle of pixels, far enough apart that none covers another."""
    places = [
        (256, 100), (256, 180), (190, 180), (170, 300), (160, 400), (322, 180), (342, 300), (352, 400), (220, 420),
        (215, 560), (210, 700), (292, 420), (297, 560), (302, 700), (236, 80), (276, 80), (206, 92), (306, 92),
    ]  # fmt: skip
    return np.array(places, np.float64)


def pixel(drawing: Image.Image, place: np.ndarray) -> tuple[int, ...]:
    return tuple(int(value) for value in np.asarray(drawing)[round(place[1]), round(place[0])])


def test_every_joint_has_its_colour() -> None:
    figure = standing()

    drawing = draw_skeletons([figure], SIZE)

    assert drawing.size == (512, 768)
    assert [pixel(drawing, joint) for joint in figure] == list(COLOURS)
    assert dict(zip(JOINTS, COLOURS, strict=True))["right shoulder"] == (255, 170, 0)
    assert dict(zip(JOINTS, COLOURS, strict=True))["left ear"] == (255, 0, 85)


def test_every_limb_has_its_colour_darkened_to_three_fifths() -> None:
    figure = standing()

    drawing = draw_skeletons([figure], SIZE)

    for (start, end), colour in zip(LIMBS, COLOURS, strict=False):
        middle = figure[start] + 0.45 * (figure[end] - figure[start])
        assert pixel(drawing, middle) == tuple(int(0.6 * value) for value in colour), (JOINTS[start], JOINTS[end])


def test_limbs_are_eight_pixels_thick_in_their_middle_at_512_and_joints_too() -> None:
    figure = np.full((18, 2), np.nan)
    figure[[2, 3]] = (256, 100), (256, 300)

    drawn = np.asarray(draw_skeletons([figure], SIZE)).max(axis=2)

    assert (drawn[200] > 60).sum() in (8, 9)
    assert (drawn[100] > 60).sum() in (8, 9)
    assert (drawn[120] > 60).sum() < 8


def test_a_picture_of_twice_the_size_has_twice_the_widths() -> None:
    figure = np.full((18, 2), np.nan)
    figure[[2, 3]] = (512, 200), (512, 600)

    drawn = np.asarray(draw_skeletons([figure], Size(1024, 1536))).max(axis=2)

    assert (drawn[400] > 60).sum() in (16, 17)


def test_what_is_not_seen_is_not_drawn_nor_its_limbs() -> None:
    figure = standing()
    figure[JOINTS.index("right elbow")] = np.nan

    drawing = draw_skeletons([figure], SIZE)

    assert pixel(drawing, standing()[3]) == (0, 0, 0)
    assert pixel(drawing, (standing()[2] + standing()[3]) / 2) == (0, 0, 0)
    assert pixel(drawing, standing()[4]) == COLOURS[4]


def test_several_figures_share_the_picture_and_parts_may_lie_outside() -> None:
    left, right = standing() - (150, 0), standing() - (-150, -300)

    drawing = draw_skeletons([left, right], SIZE)

    assert pixel(drawing, left[0]) == pixel(drawing, right[0]) == COLOURS[0]


def test_five_points_of_a_face_give_nose_and_eyes_and_nothing_else() -> None:
    face = np.array([[200, 300], [260, 300], [230, 330], [205, 360], [255, 360]], np.float32)

    figure = head_figure(face)

    assert figure[JOINTS.index("right eye")].tolist() == [200, 300]
    assert figure[JOINTS.index("left eye")].tolist() == [260, 300]
    assert figure[JOINTS.index("nose")].tolist() == [230, 330]
    assert np.isnan(figure).any(axis=1).sum() == 15


def as_jpeg(drawing: Image.Image) -> Image.Image:
    stream = io.BytesIO()
    drawing.save(stream, "JPEG", quality=75)
    return Image.open(stream).convert("RGB")


@pytest.mark.parametrize("name", ["portrait", "at-a-desk", "standing", "two-side-by-side"])
@pytest.mark.parametrize(
    "kept",
    [lambda drawing: drawing, as_jpeg, lambda drawing: drawing.resize((300, 301)), lambda d: d.resize((1900, 2000))],
    ids=["as it is", "as JPEG", "smaller", "larger"],
)
def test_a_drawn_skeleton_is_recognised(name: str, kept: Callable[[Image.Image], Image.Image]) -> None:
    pose = pose_named(name)
    figures = [points * [pose.size.width, pose.size.height] for points in pose.points()]

    assert is_skeleton_drawing(kept(draw_skeletons(figures, pose.size)))


def noise() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (256, 256, 3))


def night() -> np.ndarray:
    """A dark street with warm lamps and their glow."""
    y, x = np.mgrid[:256, :256]
    glow = sum(np.exp(-((x - a) ** 2 + (y - b) ** 2) / 300) for a, b in ((60, 80), (130, 60), (200, 90)))
    return np.clip(glow[..., None] * [255, 190, 110], 0, 255)


def white_on_black() -> np.ndarray:
    edges = np.zeros((256, 256, 3))
    edges[::16] = 255
    return edges


@pytest.mark.parametrize(
    "pixels",
    [noise(), night(), white_on_black(), np.zeros((64, 64, 3)), np.full((64, 64, 3), 255)],
    ids=["noise", "night", "edges", "black", "white"],
)
def test_other_pictures_are_not_taken_for_skeletons(pixels: np.ndarray) -> None:
    assert not is_skeleton_drawing(Image.fromarray(pixels.astype(np.uint8)))
