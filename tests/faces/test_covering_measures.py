"""The numbers by which covered eyes and mouths differ from bare ones, on a painted head."""

from __future__ import annotations

import numpy as np

from easyphoto.faces.covering_measures import EyeMeasures, MouthMeasures, measured
from tests.faces.painted_face import SKIN, Painting, face_at, head, places

CLOTH = (120, 170, 215)


def seen(painting: Painting, *, light: float = 1.0) -> tuple[EyeMeasures, EyeMeasures, MouthMeasures]:
    return measured((painting.photograph() * light).astype(np.uint8), face_at().points)


def with_lens(painting: Painting, side: float) -> Painting:
    u, v = places()
    painting.lay(np.hypot((u - side) / 0.42, v / 0.32) < 1, (24, 24, 28))
    return painting


def with_mask(painting: Painting, colour: tuple[int, int, int]) -> Painting:
    u, v = places()
    painting.lay((np.abs(u) < 0.95) & (v > 0.45) & (v < 1.75), colour)
    return painting


def test_both_eyes_of_a_symmetric_head_measure_alike() -> None:
    left, right, _ = seen(head())

    for name in vars(left):
        assert abs(getattr(left, name) - getattr(right, name)) < 0.05, name


def test_behind_a_dark_lens_an_eye_has_no_lids_and_another_colour_and_differs_from_the_other() -> None:
    bare, _, _ = seen(head())
    left, right, _ = seen(with_lens(head(), -0.5))

    assert left.lids < 0.2 * bare.lids
    assert left.light < bare.light - 1
    assert left.colour > bare.colour + 0.5
    assert left.unlike > 5 * bare.unlike
    assert abs(right.lids - bare.lids) < 0.05


def test_a_pair_of_lenses_are_alike() -> None:
    left, _, _ = seen(with_lens(with_lens(head(), -0.5), 0.5))

    assert left.unlike < 0.1


def test_behind_a_mask_there_are_no_lips_and_the_hue_is_not_the_skin_s() -> None:
    bare, masked = seen(head())[2], seen(with_mask(head(), CLOTH))[2]

    assert masked.lips < 0.2 * bare.lips
    assert masked.red < 0.2 * bare.red
    assert masked.hue > bare.hue + 1


def test_under_skin_coloured_cloth_only_the_lips_are_missed() -> None:
    bare, masked = seen(head())[2], seen(with_mask(head(), SKIN))[2]

    assert masked.lips < 0.2 * bare.lips
    assert abs(masked.hue - bare.hue) < 0.5


def test_less_light_hides_no_mouth() -> None:
    bright, dim = seen(head())[2], seen(head(), light=0.6)[2]

    assert abs(bright.hue - dim.hue) < 0.3
    assert dim.lips > 0.5 * bright.lips
    assert dim.red > 0.5 * bright.red
