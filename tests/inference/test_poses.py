"""From a pose to its control image: by name, from a drawing, from OpenPose's JSON, from a picture with a face."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from easyphoto.architectures.base import Family
from easyphoto.architectures.miniature import MINIATURE
from easyphoto.architectures.sd15 import SD15
from easyphoto.architectures.sdxl import SDXL
from easyphoto.backends.base import Capabilities, Control
from easyphoto.backends.skeletons import COLOURS, JOINTS, draw_skeletons
from easyphoto.errors import BadPicture, BadPose, UnknownPose
from easyphoto.faces.engine import Face
from easyphoto.geometry import Box, Size
from easyphoto.inference.poses import face_points, fitted, heads_in, placing, pose_controls, pose_size
from easyphoto.messages import text
from easyphoto.workspace.poses import all_poses, pose_named
from tests.fakes import face_at

SIZE = Size(512, 768)


def able(*kinds: str, **refused: str) -> Capabilities:
    return Capabilities(
        ("any",), kinds, (), (), (), "fake", None, refused={kind: text(why) for kind, why in refused.items()}
    )


def nobody(picture: Image.Image) -> tuple[Face, ...]:
    return ()


def controls(
    pose: str = "",
    *,
    family: Family = SD15,
    can: Capabilities | None = None,
    size: Size = SIZE,
    weight: float = 0.5,
    picture: Path | None = None,
    faces: tuple[Face, ...] = (),
) -> tuple[tuple[Control, ...], tuple[str, ...]]:
    return pose_controls(
        family, can or able("openpose"), size, pose=pose, picture=picture, weight=weight, find_faces=lambda _: faces
    )


def pixels(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture).astype(int)


def middle_of(picture: Image.Image, colour: tuple[int, int, int]) -> tuple[float, float]:
    """(x, y) of the middle of everything that has that colour."""
    rows, columns = np.nonzero((pixels(picture) == colour).all(axis=2))
    return float(columns.mean()), float(rows.mean())


def test_a_pose_by_name_is_its_skeleton_at_the_pictures_size() -> None:
    (control,), notes = controls("standing")

    assert (control.kind, control.weight, control.start, control.end, notes) == ("openpose", 0.5, 0.0, 1.0, ())
    assert control.image.size == (512, 768)
    joints = dict(zip(JOINTS, pose_named("standing").points()[0] * [512, 768], strict=True))
    assert middle_of(control.image, COLOURS[0]) == pytest.approx(tuple(joints["nose"]), abs=1)
    assert middle_of(control.image, COLOURS[10]) == pytest.approx(tuple(joints["right ankle"]), abs=1)


def test_without_a_pose_there_is_no_control() -> None:
    assert controls() == ((), ())
    assert controls("   ") == ((), ())


def test_a_pose_of_weight_zero_is_no_control_but_its_name_is_looked_up() -> None:
    assert controls("standing", weight=0.0) == ((), ())
    with pytest.raises(UnknownPose):
        controls("standin", weight=0.0)


@pytest.mark.parametrize("size", [Size(512, 512), Size(768, 512), Size(512, 1024)], ids=str)
def test_in_another_shape_the_figure_keeps_its_proportions_and_stays_at_the_lower_edge(size: Size) -> None:
    (control,), _ = controls("standing", size=size)

    scale = min(size.width / 512, size.height / 768)
    joints = dict(zip(JOINTS, pose_named("standing").points()[0] * [512 * scale, 768 * scale], strict=True))
    for name in ("nose", "left wrist", "right ankle"):
        x, y = joints[name]
        wanted = x + (size.width - 512 * scale) / 2, y + size.height - 768 * scale
        assert middle_of(control.image, COLOURS[JOINTS.index(name)]) == pytest.approx(wanted, abs=1)


def test_everybody_of_a_group_is_drawn() -> None:
    (control,), _ = controls("three-in-a-row", size=Size(768, 512))

    noses = [points[0] * [768, 512] for points in pose_named("three-in-a-row").points()]
    assert [tuple(pixels(control.image)[round(y), round(x)]) for x, y in noses] == [COLOURS[0]] * 3


def test_a_family_without_a_model_for_poses_is_drawn_without_and_that_is_said() -> None:
    assert controls("standing", family=replace(SDXL, controls={}), can=able("canny")) == (
        (),
        ("The pose is left out: SDXL knows no poses.",),
    )
    assert controls("standing", can=able("canny", openpose="its model is missing: easyphoto weights get x")) == (
        (),
        ("The pose is left out: its model is missing: easyphoto weights get x.",),
    )


def test_a_drawing_by_openpose_is_used_as_it_is(tmp_path: Path) -> None:
    pose = pose_named("dancing")
    drawn = draw_skeletons([points * [512, 768] for points in pose.points()], SIZE)
    drawn.save(tmp_path / "pose.png")

    (control,), notes = controls(picture=tmp_path / "pose.png")

    assert (pixels(control.image) == pixels(drawn)).all()
    assert notes == ()


def test_a_drawing_of_another_shape_is_fitted_undistorted_onto_black(tmp_path: Path) -> None:
    drawn = draw_skeletons([points * [512, 768] for points in pose_named("dancing").points()], SIZE)
    drawn.save(tmp_path / "pose.png")

    (control,), _ = controls(picture=tmp_path / "pose.png", size=Size(1024, 768))

    assert (pixels(control.image)[:, 256:768] == pixels(drawn)).all()
    assert pixels(control.image)[:, :256].max() == pixels(control.image)[:, 768:].max() == 0
    assert (pixels(fitted(drawn, Size(512, 900)))[132:] == pixels(drawn)).all()


def test_openposes_json_is_drawn(tmp_path: Path) -> None:
    points = pose_named("standing").points()[0] * [512, 768]
    written = [value for x, y in points for value in (x, y, 0.9)]
    said = {"people": [{"pose_keypoints_2d": written}], "canvas_width": 512, "canvas_height": 768}
    (tmp_path / "pose.json").write_text(json.dumps(said), "utf-8")

    (control,), notes = controls(picture=tmp_path / "pose.json")

    assert (pixels(control.image) == pixels(controls("standing")[0][0].image)).all()
    assert notes == ()


def photo(folder: Path, size: tuple[int, int] = (300, 450)) -> Path:
    file = folder / "photo.png"
    Image.fromarray(np.random.default_rng(0).integers(60, 200, (*size[::-1], 3), np.uint8)).save(file)
    return file


def test_from_a_photo_comes_the_head_and_the_body_is_left_open(tmp_path: Path) -> None:
    face = face_at(Box(100, 60, 200, 160))

    (control,), notes = controls(picture=photo(tmp_path), faces=(face,))

    scale = 512 / 300
    for point, name in ((0, "right eye"), (1, "left eye"), (2, "nose")):
        wanted = tuple(float(value) * scale for value in face.points[point])
        assert middle_of(control.image, COLOURS[JOINTS.index(name)]) == pytest.approx(wanted, abs=1)
    drawn = {tuple(each) for each in pixels(control.image).reshape(-1, 3)}
    assert not drawn & {COLOURS[JOINTS.index(name)] for name in JOINTS if name not in ("right eye", "left eye", "nose")}
    assert notes == (
        "From photo.png the drawing takes where the heads are and how they are held; the bodies are left open.",
    )


def test_a_picture_without_any_of_these_is_refused_with_advice(tmp_path: Path) -> None:
    with pytest.raises(BadPose) as refused:
        controls(picture=photo(tmp_path))

    assert refused.value.message == (
        "photo.png shows no pose: it is no drawing by OpenPose, and there is no face on it."
    )
    assert "easyphoto poses" in refused.value.advice
    with pytest.raises(BadPicture):
        controls(picture=tmp_path / "none.png")


def test_a_picture_goes_before_a_name(tmp_path: Path) -> None:
    (control,), _ = controls("standing", picture=photo(tmp_path), faces=(face_at(Box(100, 60, 200, 160)),))

    assert (pixels(control.image) != pixels(controls("standing")[0][0].image)).any()


@pytest.mark.parametrize("pose", all_poses(), ids=lambda pose: pose.id)
def test_the_miniature_gets_the_five_points_of_the_heads(pose: object) -> None:
    id, people = pose.id, len(pose.figures)  # type: ignore[attr-defined]
    size = Size(128 * people, 128)

    (control,), notes = controls(id, family=MINIATURE, can=able("facepoints"), size=size)

    assert (control.kind, control.image.size) == ("facepoints", (size.width, 128))
    assert notes == ("This model draws heads: of the pose it takes where the head is and how it is held.",)
    drawn = pixels(control.image)
    for colour in ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (255, 0, 255)):
        assert (drawn == colour).all(axis=2).sum() >= 20 * people


def frontal(apart: float = 40.0, nose: tuple[float, float] = (100.0, 100.0)) -> np.ndarray:
    figure = np.full((18, 2), np.nan)
    x, y = nose
    figure[[JOINTS.index(name) for name in ("right eye", "left eye", "nose")]] = (
        (x - apart / 2, y - 0.6 * apart), (x + apart / 2, y - 0.6 * apart), (x, y),
    )  # fmt: skip
    return figure


def test_the_mouth_is_below_the_nose_and_turns_with_the_head() -> None:
    right_eye, left_eye, nose, right, left = face_points(frontal()).tolist()  # type: ignore[union-attr]

    assert (right_eye, left_eye, nose) == ([80, 76], [120, 76], [100, 100])
    assert right == pytest.approx([100 - 0.43 * 40, 76 + 1.8 * 24])
    assert left == pytest.approx([100 + 0.43 * 40, 76 + 1.8 * 24])

    quarter = np.array([[0, -1], [1, 0]])
    turned = face_points(frontal() @ quarter.T)
    assert turned == pytest.approx(face_points(frontal()) @ quarter.T)  # type: ignore[operator]


@pytest.mark.parametrize("hidden", ["right eye", "left eye", "nose"])
def test_a_head_that_looks_away_has_no_five_points(hidden: str) -> None:
    figure = frontal()
    figure[JOINTS.index(hidden)] = np.nan

    assert face_points(figure) is None


def test_a_small_head_grows_until_the_miniature_follows_it_and_stays_in_the_picture() -> None:
    small = face_points(frontal(4.0, nose=(20.0, 10.0)))
    assert small is not None

    (grown,) = heads_in([small], Size(128, 128))

    apart = float(np.linalg.norm(grown[1] - grown[0]))
    assert apart == pytest.approx(0.26 * 128)
    assert grown[2].tolist() == pytest.approx([1.5 * apart, 1.85 * apart])
    shape = (small - small[2]) / 4.0
    assert (grown - grown[2]) / apart == pytest.approx(shape)


def test_a_head_that_is_large_enough_stays_where_it_is() -> None:
    large = face_points(frontal(36.0, nose=(64.0, 70.0)))
    assert large is not None

    assert heads_in([large], Size(128, 128))[0] == pytest.approx(large)


def test_a_pose_has_a_size_for_a_model_that_draws_bodies() -> None:
    standing = pose_named("standing")

    assert pose_size(standing, SD15) == Size(512, 768)
    assert pose_size(standing, SDXL) == Size(1024, 1536)
    assert pose_size(standing, MINIATURE) is None


def test_a_picture_is_placed_whole() -> None:
    scale, moved = placing(Size(100, 100), Size(300, 200))

    assert scale == 2
    assert moved.tolist() == [50, 0]
