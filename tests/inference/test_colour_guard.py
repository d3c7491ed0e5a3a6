"""A face that shows no skin gets no colour from the template's, and that is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from easyphoto.faces.engine import Face, Part
from easyphoto.images.pictures import as_array
from easyphoto.settings.inference import InferenceSettings
from tests.inference.oracle import OracleEngine
from tests.inference.test_pipeline import Studio

SETTINGS = InferenceSettings(first_steps=1, second_steps=1, second_strength=0.0, seed=7)
LEFT_OUT = "Colour transfer was left out (only 0 pixels of skin to take the colour from)."


class Painted(OracleEngine):
    """Sees brows wherever skin is, as on a face that is made up all over."""

    def parse(self, picture: Image.Image, face: Face) -> np.ndarray:
        labels = super().parse(picture, face)
        return np.where(np.isin(labels, (Part.SKIN, Part.NOSE)), np.uint8(Part.BROWS), labels)


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return Studio(tmp_path)


def test_a_face_without_skin_keeps_what_was_painted_and_that_is_said(studio: Studio) -> None:
    studio.engine = Painted(studio.engine.known)

    made = studio.photograph(studio.one, settings=SETTINGS).best

    stages = {stage.name: as_array(stage.image) for stage in made.stages}
    assert (stages["colour"] == stages["first pass"]).all()
    assert LEFT_OUT in made.notes


def test_a_face_with_skin_takes_the_template_s_colour_without_a_word(studio: Studio) -> None:
    made = studio.photograph(studio.one, settings=SETTINGS).best

    stages = {stage.name: as_array(stage.image) for stage in made.stages}
    assert (stages["colour"] != stages["first pass"]).any()
    assert LEFT_OUT not in made.notes
