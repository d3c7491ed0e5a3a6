"""Steps of the finish that a whole run would only show by chance."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from easyphoto.faces.engine import Part
from easyphoto.inference.finish import evened
from easyphoto.settings import InferenceSettings


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
