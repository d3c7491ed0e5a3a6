"""How soft a picture is, on drawn faces blurred by known amounts."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image

from easyphoto.drawings.identity import sample_identity
from easyphoto.drawings.renderer import Drawing, draw
from easyphoto.drawings.scene import sample_scene
from easyphoto.faces.engine import Face
from easyphoto.faces.resolution import as_soft_as, edge_blur, resolved_width
from easyphoto.geometry import Box


def drawn(seed: int) -> Drawing:
    identity = sample_identity(1_000_000 + seed)
    scene = sample_scene(seed, identity, style="ink", framing="close")
    return draw(identity, scene, 512)


@pytest.fixture(scope="module")
def crisp() -> Drawing:
    return next(drawing for drawing in map(drawn, range(20)) if edge_blur(grey(drawing.image)) < 0.6)


def grey(picture: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)


def blurred(picture: np.ndarray, by: float) -> np.ndarray:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), by))


@pytest.mark.parametrize("by", [1.0, 1.25, 1.5])
def test_a_known_blur_is_measured(crisp: Drawing, by: float):
    assert edge_blur(grey(blurred(crisp.image, by))) == pytest.approx(by, abs=0.3)


def test_jpeg_blocks_hide_no_blur(crisp: Drawing):
    _, file = cv2.imencode(".jpg", blurred(crisp.image, 2.0), [cv2.IMWRITE_JPEG_QUALITY, 30])

    assert edge_blur(grey(cv2.imdecode(file, cv2.IMREAD_COLOR))) > 1.4


def test_an_enlarged_face_shows_no_more_than_it_did(crisp: Drawing):
    face = Face(Box(*crisp.faces[0].box), crisp.faces[0].points, 1.0)
    small = Image.fromarray(crisp.image)
    large = small.resize((1024, 1024), Image.Resampling.BICUBIC)
    twice = Face(Box(*(2 * side for side in crisp.faces[0].box)), 2 * face.points, 1.0)

    assert resolved_width(large, twice) < 1.3 * resolved_width(small, face)


def test_a_crisp_face_becomes_as_soft_as_the_picture_it_is_laid_in(crisp: Drawing):
    soft, everywhere = blurred(crisp.image, 2.0), np.ones(crisp.image.shape[:2], np.float32)

    made = as_soft_as(crisp.image, soft, everywhere, most=10.0)

    assert (edge_blur(grey(crisp.image)), edge_blur(grey(soft))) == pytest.approx((0.5, 1.6), abs=0.15)
    assert edge_blur(grey(made)) == pytest.approx(1.3, abs=0.15)


def test_the_blur_is_bounded(crisp: Drawing):
    soft, everywhere = blurred(crisp.image, 3.0), np.ones(crisp.image.shape[:2], np.float32)

    assert (as_soft_as(crisp.image, soft, everywhere, most=1.0) == blurred(crisp.image, 1.0)).all()


def test_nothing_is_sharpened(crisp: Drawing):
    everywhere = np.ones(crisp.image.shape[:2], np.float32)
    soft = blurred(crisp.image, 2.0)

    assert (as_soft_as(soft, crisp.image, everywhere, most=10.0) == soft).all()


def test_a_face_of_a_few_pixels_shows_nothing():
    assert edge_blur(np.zeros((3, 5), np.float32)) == 5.0
