"""One domain's engine with the other's behind it."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from easyphoto.faces.engine import Covering, Domain, Face, FaceEngine
from easyphoto.faces.paired_engine import PairedEngine
from easyphoto.geometry import Box
from easyphoto.weights.catalog import UsedWeight
from tests.fakes import FakeEngine, face_at

PICTURE = Image.new("RGB", (100, 100), (90, 120, 150))
OWN, THEIRS = face_at(Box(10, 10, 40, 40)), face_at(Box(50, 50, 90, 90))
WEIGHT = UsedWeight("yunet", "yunet.onnx", "Apache-2.0", "00")


class Labelled(FakeEngine):
    """Its part maps say whose they are."""

    def parse(self, picture: Image.Image, face: Face) -> np.ndarray:
        return np.full((picture.height, picture.width), 7 if self.domain is Domain.DRAWINGS else 3, np.uint8)


def photos(*faces: Face, **values: object) -> FakeEngine:
    return Labelled(faces, domain=Domain.PHOTOGRAPHS, embedder=None, weights=(WEIGHT,), **values)


def drawings(*faces: Face) -> FakeEngine:
    return Labelled(faces, domain=Domain.DRAWINGS, embedder="drawn-faces")


def looks_by_place(picture: Image.Image, face: Face) -> Domain:
    """Faces in the upper left half are drawn."""
    return Domain.DRAWINGS if face.box.left < 45 else Domain.PHOTOGRAPHS


def paired(own: FaceEngine, other: FaceEngine | None) -> PairedEngine:
    return PairedEngine(own, lambda: other, looks_by_place)


def test_what_a_face_looks_like_is_told_once_for_each_picture() -> None:
    asked = []

    def told(picture: Image.Image, face: Face) -> Domain:
        asked.append((picture, face))
        return Domain.DRAWINGS

    engine, another = PairedEngine(drawings(OWN), lambda: None, told), PICTURE.copy()
    for picture in (PICTURE, another):
        for _ in range(2):
            engine.detect(picture)
            engine.embed(picture, OWN)
            engine.parse(picture, OWN)

    assert [(picture is PICTURE, face is OWN) for picture, face in asked] == [(True, True), (False, True)]


def test_it_is_what_its_own_engine_is() -> None:
    engine = paired(drawings(OWN), photos())

    assert (engine.id, engine.domain, engine.embedder) == ("fake", Domain.DRAWINGS, "drawn-faces")
    assert engine.same_person_limit == 0.5
    assert engine.scale is not None
    assert engine.scale.embedder == "drawn-faces"


def test_faces_of_its_own_kind_are_its_own_engines_and_the_other_is_not_even_opened() -> None:
    def opened() -> FaceEngine:
        raise AssertionError("the other engine was opened")

    engine = PairedEngine(drawings(OWN), opened, looks_by_place)

    assert engine.detect(PICTURE) == (OWN,)
    assert engine.weights == ()


def test_where_its_own_engine_sees_no_face_the_other_is_asked() -> None:
    engine = paired(drawings(), photos(THEIRS))

    assert engine.detect(PICTURE) == (THEIRS,)
    assert engine.weights == (WEIGHT,)


def test_a_face_that_looks_of_the_other_kind_is_taken_as_the_other_engine_sees_it() -> None:
    again = face_at(Box(52, 52, 88, 88))

    assert paired(drawings(THEIRS), photos(again)).detect(PICTURE) == (again,)
    assert paired(drawings(THEIRS), photos()).detect(PICTURE) == (THEIRS,)


def test_a_face_is_parsed_by_the_engine_of_what_it_looks_like() -> None:
    engine = paired(drawings(OWN), photos(THEIRS))

    assert engine.parse(PICTURE, OWN)[0, 0] == 7
    assert engine.parse(PICTURE, THEIRS)[0, 0] == 3
    assert paired(drawings(OWN), None).parse(PICTURE, THEIRS)[0, 0] == 7


def test_an_outline_is_trusted_where_the_engine_that_parses_the_face_draws_true_ones() -> None:
    engine = paired(drawings(OWN), photos(THEIRS, outlines=False))

    assert engine.outlines_at(PICTURE, OWN)
    assert not engine.outlines_at(PICTURE, THEIRS)


def test_what_hides_a_face_is_asked_of_the_engine_of_what_it_looks_like() -> None:
    eye, mouth = Covering(left_eye=True), Covering(mouth=True)
    unsure = Labelled((OWN,), domain=Domain.DRAWINGS, covered=((OWN.box, eye), (THEIRS.box, eye)))
    sure = photos(THEIRS, covered=((THEIRS.box, mouth),))

    assert paired(unsure, sure).covering(PICTURE, OWN) is eye
    assert paired(drawings(OWN), sure).covering(PICTURE, THEIRS) is mouth
    assert paired(unsure, sure).covering(PICTURE, THEIRS) is eye
    assert paired(unsure, photos(THEIRS)).covering(PICTURE, THEIRS) is None


def test_only_faces_of_the_embedders_own_kind_get_a_vector() -> None:
    engine = paired(drawings(OWN), photos(THEIRS))

    assert engine.embed(PICTURE, OWN) is not None
    assert engine.embed(PICTURE, THEIRS) is None


def test_what_looks_of_the_other_kind_is_said() -> None:
    with_embedder, without = paired(drawings(OWN), photos()), paired(photos(THEIRS), drawings())

    assert with_embedder.remarks(PICTURE, OWN) == ()
    assert with_embedder.remarks(PICTURE, THEIRS) == (
        "looks photographed, while the person's photos are treated as drawings: its likeness cannot be measured",
    )
    assert without.remarks(PICTURE, OWN) == ("looks drawn, while the person's photos are treated as photographs",)


@pytest.mark.parametrize("faces", [(), (THEIRS,)])
def test_that_the_other_engine_is_not_at_hand_is_said_once_it_is_wanted(faces: tuple[Face, ...]) -> None:
    engine = paired(drawings(*faces), None)
    before = engine.notes

    assert engine.detect(PICTURE) == faces
    assert before == ()
    assert [note[-40:] for note in engine.notes] == ["missing. Run: easyphoto weights get yunet"[-40:]]
