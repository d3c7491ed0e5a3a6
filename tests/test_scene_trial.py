"""The tool that has a room and a cup learned: what it draws, and what near means."""

from __future__ import annotations

import numpy as np
import pytest
from word_trials.rooms import PICTURES, RoomMeasure, cup_picture, histogram, room_measure, room_picture

from easyphoto.bench.persons import draw_member

WHITE, BLACK = np.full((64, 64, 3), 255, np.uint8), np.zeros((64, 64, 3), np.uint8)


def test_a_histogram_is_shares():
    assert histogram(WHITE).sum() == pytest.approx(1.0)
    assert histogram(WHITE).shape == (6, 8, 8)


def test_the_same_colours_are_no_distance_and_black_is_far_from_white():
    measure = RoomMeasure((histogram(WHITE),))

    assert measure.distance(WHITE) == pytest.approx(0.0, abs=1e-6)
    assert measure.distance(BLACK) > 0.95


def test_the_room_is_near_to_itself_from_every_side_and_other_pictures_are_far():
    measure = room_measure()
    own = [measure.distance(room_picture(number)) for number in range(PICTURES)]
    others = [measure.distance(drawing.image) for drawing in draw_member(7).photos]

    assert np.mean(own) < 0.35
    assert np.mean(others) > 0.45


def test_no_two_pictures_of_the_room_are_alike_and_each_is_drawn_alike_again():
    pictures = [room_picture(number) for number in range(3)]

    assert (pictures[1] == room_picture(1)).all()
    assert not (pictures[0] == pictures[1]).all()
    assert not (pictures[1] == pictures[2]).all()


def test_the_cup_has_its_colour_before_every_background():
    red = [cup_picture(number)[256, 256] for number in range(PICTURES)]

    assert [tuple(colour) for colour in red] == [(237, 77, 104)] * PICTURES
