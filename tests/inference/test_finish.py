"""Steps of the finish that a whole run would only show by chance."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from easyphoto.faces.engine import Part
from easyphoto.geometry import Box
from easyphoto.inference.finish import WorkingPicture, evened
from easyphoto.inference.ground import Ground
from easyphoto.inference.prepare import without_neighbours
from easyphoto.settings.inference import InferenceSettings
from tests.fakes import face_at


@pytest.mark.parametrize(
    ("settings", "blotch_left"),
    [
        (InferenceSettings(retouch=False), 1.0),
        (InferenceSettings(retouch_strength=0.0), 1.0),
        (InferenceSettings(retouch_strength=0.4), 0.78),
        (InferenceSettings(retouch_strength=1.0), 0.45),
    ],
)
def test_the_retouch_is_as_strong_as_the_setting(settings: InferenceSettings, blotch_left: float):
    rows, columns = np.mgrid[:120, :120]
    blotch = 20 * np.exp(-((columns - 60) ** 2 + (rows - 60) ** 2) / (2 * 4.0**2))
    crop = Image.fromarray(np.rint(np.array([180, 140, 120]) + blotch[..., None]).astype(np.uint8))

    made, notes = evened(crop, np.full((60, 60), Part.SKIN, np.uint8), 100.0, settings)

    assert notes == ()
    height = float(np.asarray(made)[60, 60, 0]) - float(np.asarray(made)[10, 10, 0])
    assert height / 20 == pytest.approx(blotch_left, abs=0.1)


def test_what_was_painted_for_one_face_is_no_ground_for_the_next():
    picture = np.full((20, 40, 3), 50, np.uint8)
    touched = np.zeros((20, 40), np.float32)
    touched[:, :10] = 0.5
    ground = Ground(Box(0, 0, 20, 20), np.full((20, 20, 3), 200, np.uint8), picture[..., 0], np.ones((20, 20)))

    made = WorkingPicture(picture, touched).with_ground(ground)

    assert (made.picture[:, :10] == 50).all()
    assert (made.picture[:, 10:20] == 200).all()
    assert (made.picture[:, 20:] == 50).all()


def test_of_two_cheeks_that_touch_neither_gets_the_other_s_eyes():
    labels = np.full((60, 120), Part.HAIR, np.uint8)
    labels[20:40, 10:110] = Part.SKIN
    labels[25:28, 70:80] = Part.EYES
    left, right = face_at(Box(10, 10, 58, 50)), face_at(Box(62, 10, 110, 50))

    mine = without_neighbours(labels, left, [right])

    assert (mine[:, :60] == labels[:, :60]).all()
    assert set(np.unique(mine[:, 61:])) == {Part.BACKGROUND, Part.HAIR}
    assert (without_neighbours(labels, left, []) == labels).all()
