"""The colour of hair in words."""

from __future__ import annotations

import numpy as np
import pytest

from easyphoto.drawings.identity import HAIR_COLOURS
from easyphoto.drawings.scene import DYES
from easyphoto.faces.engine import Part
from easyphoto.faces.hair_colour import hair_name


def head(colour: tuple[float, float, float], *, hair: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """A face with hair of that colour above it, `hair` rows high."""
    image = np.full((120, 100, 3), (230, 180, 150), np.uint8)
    labels = np.zeros((120, 100), np.uint8)
    labels[50:110, 20:80] = Part.SKIN
    labels[50 - hair : 50, 20:80] = Part.HAIR
    image[labels == Part.HAIR] = np.rint(np.array(colour) * 255).astype(np.uint8)
    return image, labels


@pytest.mark.parametrize("name", [*HAIR_COLOURS, *DYES])
def test_hair_has_the_name_of_its_colour(name: str) -> None:
    assert hair_name(*head({**HAIR_COLOURS, **DYES}[name])) == name


@pytest.mark.parametrize("name", HAIR_COLOURS)
def test_a_third_of_it_in_shadow_changes_no_name(name: str) -> None:
    image, labels = head(HAIR_COLOURS[name])
    image[10:24][labels[10:24] == Part.HAIR] //= 2

    assert hair_name(image, labels) == name


def test_a_head_without_hair_is_bald() -> None:
    assert hair_name(*head((0.1, 0.1, 0.1), hair=0)) == "bald"


def test_where_hardly_any_hair_or_no_face_is_seen_nothing_is_told() -> None:
    image, labels = head((0.1, 0.1, 0.1), hair=3)
    labels[47:50, 20:80:2] = 0
    labels[47:50, 20:30] = Part.HAIR
    assert hair_name(image, labels) in (None, "bald")

    assert hair_name(image, np.zeros_like(labels)) is None
