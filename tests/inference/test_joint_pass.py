"""What the pass over several faces' borders leaves on the photograph: told by two backends that differ in it alone."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import pytest
from PIL import Image

from easyphoto.backends.base import InpaintRequest, Result
from easyphoto.faces.engine import FACE_PARTS, Face, part_mask
from easyphoto.images.pictures import as_array
from easyphoto.progress import Progress
from easyphoto.settings.inference import InferenceSettings
from tests.fakes import FakeBackend
from tests.inference.oracle import drawn_group
from tests.inference.test_pipeline import Studio

SETTINGS = InferenceSettings(first_steps=1, second_steps=1, second_strength=0.0, seed=7)
# Wide enough that a face's hundredth is a pixel.
WIDTH, HEIGHT = 448, 280


@dataclass
class OnlyBorders(FakeBackend):
    """Leaves every face as it is handed over; in the joint pass, which names nobody, it paints one grey."""

    brightness: int = 0

    def inpaint(self, request: InpaintRequest, progress: Progress) -> Result:
        answer = super().inpaint(request, progress)
        if "easyphoto" in request.prompt:
            return replace(answer, image=request.image)
        return replace(answer, image=Image.new("RGB", request.image.size, (self.brightness,) * 3))


@dataclass(frozen=True)
class Group:
    change: np.ndarray
    """(height, width): how much of the way from black to white the joint pass moved each pixel, 0..1."""
    mask: np.ndarray
    """What the photograph says that was touched."""
    faces: tuple[Face, ...]
    parts: tuple[np.ndarray, ...]
    """Of each face 1 where its skin and features are."""


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory) -> Group:
    """The two largest of three people; between black and white the difference is how much was let through."""
    studio = Studio(tmp_path_factory.mktemp("group"))
    template = studio.engine.shown(drawn_group(9105, 9108, 9111, width=WIDTH, height=HEIGHT))
    made = {}
    for brightness in (0, 255):
        studio.backend = OnlyBorders(brightness=brightness)
        made[brightness] = studio.photograph(template, 2, SETTINGS)
    black, white = (as_array(made[brightness].best.image).astype(float) for brightness in (0, 255))
    seated = tuple(made[0].faces[number] for number, _ in made[0].seated)
    parts = tuple(part_mask(studio.engine.parse(template, face), FACE_PARTS) for face in seated)
    return Group((white - black).mean(2) / 255, made[0].best.mask, seated, parts)


def depth(parts: np.ndarray, face: Face) -> np.ndarray:
    """How far inside the face each pixel lies, in face widths; gaps inside it (brows' edges, lips) are none."""
    outlines, _ = cv2.findContours(parts.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    whole = cv2.drawContours(np.zeros(parts.shape, np.uint8), outlines, -1, 1, cv2.FILLED)
    return cv2.distanceTransform(whole, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) / face.box.width


def let_through(group: Group, low: float, high: float) -> list[float]:
    """The median of both faces between two depths, in face widths."""
    found = []
    for face, parts in zip(group.faces, group.parts, strict=True):
        inside = depth(parts, face)
        found.append(float(np.median(group.change[(inside > low) & (inside <= high)])))
    return found


def test_a_border_is_painted_whole_in_the_middle_of_its_tenth_of_the_face_s_width(group: Group) -> None:
    assert len(group.faces) == 2
    assert min(let_through(group, 0.06, 0.08)) > 0.9


def test_its_inner_edge_falls_softly_around_a_tenth_of_the_face_s_width(group: Group) -> None:
    assert let_through(group, 0.08, 0.09) == pytest.approx([0.85, 0.85], abs=0.08)
    assert let_through(group, 0.10, 0.11) == pytest.approx([0.55, 0.55], abs=0.1)
    assert let_through(group, 0.12, 0.13) == pytest.approx([0.12, 0.12], abs=0.06)


def test_its_outer_edge_rises_from_nothing_inside_the_face(group: Group) -> None:
    assert max(let_through(group, 0.00, 0.02)) < 0.05
    assert let_through(group, 0.03, 0.04) == pytest.approx([0.33, 0.33], abs=0.1)


def test_the_faces_themselves_stay_byte_for_byte(group: Group) -> None:
    for face, parts in zip(group.faces, group.parts, strict=True):
        middle = depth(parts, face) > 0.16
        assert middle.sum() > 1000
        assert group.change[middle].max() == 0


def test_around_the_faces_every_byte_stays_and_what_changed_is_said(group: Group) -> None:
    beyond = np.ones(group.change.shape, bool)
    for face, parts in zip(group.faces, group.parts, strict=True):
        beyond &= depth(parts, face) == 0
    assert group.change[beyond].max() == 0
    assert group.mask[group.change > 0].min() > 0
