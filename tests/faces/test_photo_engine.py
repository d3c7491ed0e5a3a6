"""The engine of photographs hands each question to the part that answers it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from easyphoto.faces.engine import Domain, Face, FaceEngine, LikenessScale, Part
from easyphoto.faces.photo_engine import PhotoEngine
from easyphoto.geometry import Box
from easyphoto.weights.catalog import UsedWeight
from tests.fakes import face_at

FACE = face_at(Box(80, 60, 140, 140))


ONES_SCALE = LikenessScale("ones", (), 0.4, "the test")


def used(id: str) -> tuple[UsedWeight, ...]:
    return (UsedWeight(id, f"{id}.onnx", "MIT", "00"),)


@dataclass
class OneFace:
    id: str = "finder"
    weights: tuple[UsedWeight, ...] = used("finder")

    def detect(self, picture: Image.Image) -> tuple[Face, ...]:
        return (FACE,)


@dataclass
class Ones:
    id: str = "ones"
    weights: tuple[UsedWeight, ...] = used("ones")
    scale: LikenessScale | None = ONES_SCALE

    def embed(self, picture: Image.Image, face: Face) -> np.ndarray:
        return np.ones(1, np.float32)


@dataclass
class LeftHalf:
    """The person is whatever lies in the left half of what it is shown."""

    id: str = "left"
    weights: tuple[UsedWeight, ...] = used("left")
    shown: list[tuple[int, int]] = field(default_factory=list)

    def mask(self, picture: Image.Image) -> np.ndarray:
        self.shown.append(picture.size)
        mask = np.zeros((picture.height, picture.width), np.float32)
        mask[:, : picture.width // 2] = 1
        return mask


@dataclass
class Remembering:
    id: str = "remembering"
    weights: tuple[UsedWeight, ...] = ()
    foreground: np.ndarray | None = None

    def parse(self, picture: Image.Image, face: Face, foreground: np.ndarray | None = None) -> np.ndarray:
        self.foreground = foreground
        return np.full((picture.height, picture.width), Part.SKIN, np.uint8)


def test_without_an_embedder_nobody_is_told_apart() -> None:
    engine: FaceEngine = PhotoEngine(OneFace())

    assert (engine.id, engine.domain) == ("photographs", Domain.PHOTOGRAPHS)
    assert (engine.embedder, engine.scale, engine.same_person_limit) == (None, None, None)
    assert engine.embed(Image.new("RGB", (9, 9)), FACE) is None
    assert [weight.id for weight in engine.weights] == ["finder"]


def test_limit_scale_and_weights_are_those_of_its_parts() -> None:
    engine = PhotoEngine(OneFace(), Ones(), saliency=LeftHalf(), notes=("one thing is missing",))

    assert engine.parts == ("finder", "ones", "landmarks", "left")
    assert [weight.id for weight in engine.weights] == ["finder", "ones", "left"]
    assert (engine.embedder, engine.same_person_limit) == ("ones", 0.4)
    assert engine.notes == ("one thing is missing",)
    assert engine.detect(Image.new("RGB", (9, 9))) == (FACE,)


def test_the_saliency_network_sees_the_face_s_surroundings_and_the_parser_the_whole_mask() -> None:
    saliency, parser = LeftHalf(), Remembering()

    PhotoEngine(OneFace(), parser=parser, saliency=saliency).parse(Image.new("RGB", (400, 300)), FACE)

    # 2.4 × 80 px around (110, 100): from 14 to 206 and from 4 to 196.
    assert saliency.shown == [(192, 192)]
    assert parser.foreground is not None
    rows, columns = np.nonzero(parser.foreground)
    assert (columns.min(), columns.max(), rows.min(), rows.max()) == (14, 109, 4, 195)


def test_a_face_outside_the_picture_is_parsed_without_a_foreground() -> None:
    parser = Remembering()

    PhotoEngine(OneFace(), parser=parser, saliency=LeftHalf()).parse(Image.new("RGB", (10, 10)), FACE)

    assert parser.foreground is None


def test_the_mask_decides_what_is_hair_and_what_is_background() -> None:
    picture = Image.new("RGB", (220, 200), (120, 90, 70))

    labels = PhotoEngine(OneFace(), saliency=LeftHalf()).parse(picture, FACE)

    # Above the face, left and right of its middle.
    assert labels[50, 95] == Part.HAIR
    assert labels[50, 150] == Part.BACKGROUND
    # The middle of the face stays a face whatever the mask says.
    assert labels[105, 118] == Part.NOSE or labels[105, 118] == Part.SKIN


class Small:
    """Sees a bright face only where it is a twentieth of the picture or more; tells what pictures it saw."""

    id = "small"
    weights: tuple[UsedWeight, ...] = ()

    def __init__(self) -> None:
        self.seen: list[tuple[int, int]] = []

    def detect(self, picture: Image.Image) -> tuple[Face, ...]:
        self.seen.append(picture.size)
        rows, columns = np.nonzero(np.asarray(picture.convert("L")) > 200)
        if not len(rows) or np.ptp(columns) + 1 < max(picture.size) / 20:
            return ()
        box = Box(float(columns.min()), float(rows.min()), float(columns.max()) + 1, float(rows.max()) + 1)
        return (face_at(box, score=0.9 + box.width / 10_000),)


def test_a_face_too_small_for_the_whole_picture_is_found_in_its_parts() -> None:
    """1450 pixels from the left it lies on the border between two tiles, and whole in both: it is one face."""
    for left in (10, 1550, 7800):
        picture = Image.new("RGB", (8000, 1200))
        picture.paste("white", (left, 500, left + 110, 640))
        detector = Small()

        faces = PhotoEngine(detector).detect(picture)

        assert [face.box for face in faces] == [Box(left, 500, left + 110, 640)]
        assert np.allclose(faces[0].points, face_at(Box(left, 500, left + 110, 640)).points)
        assert detector.seen[0] == (8000, 1200)
        assert max(max(size) for size in detector.seen[1:]) == 2000


def test_a_small_picture_and_one_with_a_face_are_searched_once() -> None:
    empty, full = Small(), Small()
    picture = Image.new("RGB", (3000, 2000))
    picture.paste("white", (100, 100, 700, 800))

    assert PhotoEngine(empty).detect(Image.new("RGB", (1600, 900))) == ()
    assert len(PhotoEngine(full).detect(picture)) == 1
    assert (empty.seen, full.seen) == ([(1600, 900)], [(3000, 2000)])
