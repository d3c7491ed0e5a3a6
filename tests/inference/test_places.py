"""Which parts of a template are painted anew: crops, masks, and masks that are no place at all."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from easyphoto.architectures.registry import family_named
from easyphoto.errors import BadMask
from easyphoto.geometry import Box, Size
from easyphoto.inference.places import around, border_of, places_of, working_size
from easyphoto.settings.placing import PlacingSettings

MINIATURE, SD15 = family_named("miniature"), family_named("sd15")
PLAIN = PlacingSettings(mask_growth=0.04, feather=0.06)


def painted(size: Size, *boxes: tuple[int, int, int, int]) -> np.ndarray:
    mask = np.zeros((size.height, size.width), bool)
    for left, top, right, bottom in boxes:
        mask[top:bottom, left:right] = True
    return mask


def test_a_place_is_a_square_around_what_was_painted_at_the_networks_resolution():
    (place,), notes = places_of(painted(Size(800, 600), (300, 200, 400, 280)), SD15, PLAIN)

    left, top, right, bottom = place.crop.as_ints()
    assert right - left == bottom - top
    assert left < 300
    assert top < 200
    assert right > 400
    assert bottom > 280
    assert abs(place.crop.centre[0] - 350) <= 1
    assert abs(place.crop.centre[1] - 240) <= 1
    assert place.work == Size(512, 512)
    assert notes == ()


def test_what_changes_is_what_was_painted_grown_and_feathered_and_nothing_beyond():
    mask = painted(Size(800, 600), (300, 200, 400, 300))
    (place,), _ = places_of(mask, SD15, PLAIN)

    left, top, right, bottom = place.crop.as_ints()
    here = mask[top:bottom, left:right]
    assert (place.painted == here).all()
    assert (place.alpha[here] == 1).all()
    rows, columns = np.nonzero(place.alpha)
    # 100 px a side: grown by 4, feathered by 6.
    assert (columns.min() + left, rows.min() + top) == (290, 190)
    assert (columns.max() + left, rows.max() + top) == (409, 309)
    assert place.alpha[0].max() == place.alpha[-1].max() == place.alpha[:, 0].max() == place.alpha[:, -1].max() == 0


def test_the_second_pass_works_on_the_edge_of_what_is_taken_from_inside():
    (place,), _ = places_of(painted(Size(800, 600), (300, 200, 400, 300)), SD15, PLAIN)

    for alpha in (place.alpha, place.painted):
        ring, pasted = border_of(alpha, place.side)
        assert ((ring > 0) <= (alpha > 0)).all()
        assert (pasted <= alpha).all()
        middle = alpha.shape[0] // 2
        assert alpha[middle, middle] == 1
        assert ring[middle, middle] == pasted[middle, middle] == 0
        assert ring[middle].max() == 1


@pytest.mark.parametrize("where", [(0, 0, 80, 80), (720, 520, 800, 600), (0, 250, 60, 350)])
def test_a_place_at_the_template_s_edge_is_painted_up_to_that_edge(where):
    mask = painted(Size(800, 600), where)
    (place,), _ = places_of(mask, SD15, PLAIN)

    left, top, right, bottom = place.crop.as_ints()
    assert 0 <= left < right <= 800
    assert 0 <= top < bottom <= 600
    assert (place.alpha[mask[top:bottom, left:right]] == 1).all()


def test_pieces_that_lie_apart_are_places_of_their_own_from_the_left():
    places, notes = places_of(painted(Size(800, 600), (600, 100, 700, 200), (100, 300, 180, 400)), SD15, PLAIN)

    assert [place.number for place in places] == [0, 1]
    assert [round(place.crop.centre[0] / 10) for place in places] == [14, 65]
    assert [note.code for note in notes] == ["several-places"]


def test_strokes_that_nearly_touch_are_one_place():
    places, notes = places_of(painted(Size(800, 600), (300, 200, 340, 300), (346, 200, 390, 300)), SD15, PLAIN)

    assert len(places) == 1
    assert notes == ()


def test_slips_of_the_brush_are_left_out_with_a_note():
    places, notes = places_of(
        painted(Size(800, 600), (300, 200, 450, 350), (10, 10, 24, 24), (700, 500, 705, 590)), SD15, PLAIN
    )

    assert len(places) == 1
    assert [str(note) for note in notes] == ["2 small pieces of the mask were left out, as slips of the brush."]


@pytest.mark.parametrize("boxes", [[(10, 10, 18, 18)], [(10, 10, 400, 16)], [(10, 10, 15, 15), (200, 200, 204, 290)]])
def test_what_is_too_thin_for_any_object_is_refused_with_its_size(boxes):
    with pytest.raises(BadMask, match="pixels thick") as refused:
        places_of(painted(Size(800, 600), *boxes), SD15, PLAIN)

    assert "at least 12 pixels" in refused.value.advice


def test_more_places_than_anybody_would_paint_are_refused():
    dots = [(80 * n + 10, 100, 80 * n + 40, 130) for n in range(9)]

    with pytest.raises(BadMask, match="9 separate pieces"):
        places_of(painted(Size(800, 600), *dots), SD15, PLAIN)


def test_a_place_larger_than_the_networks_picture_is_said_to_become_soft():
    _, notes = places_of(painted(Size(2000, 1500), (300, 200, 1300, 1200)), SD15, PLAIN)

    assert [note.code for note in notes] == ["place-enlarged"]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_crop_holds_its_place_lies_in_the_picture_and_suits_the_networks(data):
    wide, high = data.draw(st.integers(32, 900)), data.draw(st.integers(32, 900))
    left, top = data.draw(st.integers(0, wide - 16)), data.draw(st.integers(0, high - 16))
    box = Box(left, top, data.draw(st.integers(left + 12, wide)), data.draw(st.integers(top + 12, high)))
    picture = Size(wide, high)

    crop = around(box, 5, picture, 1.25)
    work = working_size(crop, MINIATURE)

    assert crop.clipped(picture) == crop
    assert crop.left <= box.left
    assert crop.top <= box.top
    assert crop.right >= box.right
    assert crop.bottom >= box.bottom
    assert crop.width <= 1.25 * (max(box.width, box.height) + 10) + 1
    assert work.width % 8 == work.height % 8 == 0
    # As many pixels as the family's square, or what is left of them in whole cells of a very long strip.
    assert 0.7 * 128**2 <= work.width * work.height <= 1.4 * 128**2
