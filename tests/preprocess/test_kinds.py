"""Verdicts where photographs and drawings meet: what is assumed, what cannot be told, and what will come out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from easyphoto.architectures.base import Family
from easyphoto.architectures.miniature import MINIATURE
from easyphoto.architectures.sd15 import SD15
from easyphoto.faces.engine import Domain, Face, FaceEngine
from easyphoto.faces.paired_engine import PairedEngine
from easyphoto.preprocess.check import check_photos
from easyphoto.preprocess.verdict import Check
from easyphoto.progress import NullProgress
from easyphoto.settings.training import PreprocessSettings
from tests.preprocess.marked import MarkedEngine, photo

BASE_NOTE = "The base miniature only knows drawn people: it learns a photographed face as a drawn one"
ELSE = "looks drawn, while the person's photos are treated as photographs: its likeness cannot be measured"


class PhotoEngine(MarkedEngine):
    id = "photographs"
    domain = Domain.PHOTOGRAPHS


def dark_is_drawn(picture: Image.Image, face: Face) -> Domain:
    corner = np.asarray(picture)[0, 0].mean()
    return Domain.DRAWINGS if corner < 60 else Domain.PHOTOGRAPHS


def paired(own: FaceEngine | None = None, **values: str) -> PairedEngine:
    return PairedEngine(own or PhotoEngine(), lambda: MarkedEngine(), dark_is_drawn, **values)  # type: ignore[return-value]


def checked(files: list[Path], engine: FaceEngine, family: Family = SD15) -> Check:
    return check_photos(files, engine, family, PreprocessSettings(), NullProgress())


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Four photographs and, 4.png, a drawing: the frontal one, and the only one on dark ground."""
    made = [photo(tmp_path, f"{seed}.png", seed=seed) for seed in range(5)]
    image = np.array(Image.open(made[4]))
    # Cards are coloured, the ground is grey.
    ground = (image.max(2).astype(int) - image.min(2)) < 5
    image[ground] = image[ground] // 4
    Image.fromarray(image).save(made[4])
    return made


def test_a_drawing_among_photographs_is_kept_last_and_said(files: list[Path]) -> None:
    check = checked(files, paired())

    drawing = check.verdicts[4]
    assert (drawing.kept, drawing.identity, drawing.notes) == (True, None, (f"the face {ELSE}",))
    assert [verdict.identity for verdict in check.verdicts[:4]] == [pytest.approx(1.0, abs=0.01)] * 4
    assert check.kept[-1].photo == "4.png"
    assert check.reference != "4.png"
    assert check.identity_words == "identity checked with colours"
    assert "These look drawn, so they come last and are not compared with the other photos: 4.png." in check.notes


def test_without_an_embedder_a_drawing_among_photographs_is_no_reference_either(files: list[Path]) -> None:
    check = checked(files, paired(PhotoEngine(has_embedder=False)))

    assert check.kept[-1].photo == "4.png"
    assert check.reference != "4.png"
    assert "These look drawn, so they come last and are not compared with the other photos: 4.png." in check.notes


def test_a_drawing_that_is_chosen_as_reference_of_photographs_is_taken_and_said(files: list[Path]) -> None:
    check = check_photos(files, paired(), SD15, PreprocessSettings(), NullProgress(), reference="4.png")

    assert check.reference == "4.png"
    assert (
        "4.png, the reference photo that you chose, looks drawn, and the photos are taken for photographs: results mix "
        "both. Choose another photo as the reference, or, if all are drawings, say so: --engine drawings (in the tab: "
        "Kind of pictures; in the API: options.engine)."
    ) in check.notes
    usual = check_photos(files, paired(), SD15, PreprocessSettings(), NullProgress(), reference="1.png")
    assert not [said for said in usual.notes if "that you chose" in said]


def test_the_photographs_beside_a_drawing_are_still_held_against_each_other(files: list[Path], tmp_path: Path) -> None:
    files.append(photo(tmp_path, "5.png", seed=5, person="ben"))

    check = checked(files, paired())

    assert [verdict.reason.value for verdict in check.verdicts if verdict.reason] == ["someone else"]
    assert not check.verdicts[5].kept


def test_photographs_that_are_insisted_to_be_drawings_are_not_compared_and_that_is_said(files: list[Path]) -> None:
    check = checked(files[:4], paired(MarkedEngine()))

    assert [verdict.identity for verdict in check.verdicts] == [None] * 4
    assert check.identity_words == "identity not checked"
    assert not check.reference_assured
    assert (
        "No face looks drawn, although the photos are treated as drawings. If they are photographs, say so: --engine "
        "photographs (in the tab: Kind of pictures; in the API: options.engine)."
    ) in check.notes
    assert check.kept[0].rank > 0


def test_why_the_photos_were_taken_for_what_they_are_is_recorded(files: list[Path]) -> None:
    check = checked(files, paired(decided="4 of 5 faces look photographed"))

    assert check.record()["domain"] == "photographs"
    assert check.record()["decided"] == "4 of 5 faces look photographed"
    assert checked(files, MarkedEngine()).record()["decided"] == ""


@pytest.mark.parametrize(
    ("engine", "family", "said"),
    [(PhotoEngine(), MINIATURE, True), (PhotoEngine(), SD15, False), (MarkedEngine(), MINIATURE, False)],
    ids=["photographs, miniature", "photographs, SD 1.5", "drawings, miniature"],
)
def test_what_the_miniature_makes_of_photographs_is_said_before_a_training(
    files: list[Path], engine: FaceEngine, family: Family, said: bool
) -> None:
    notes = [note for note in checked(files, engine, family).notes if note.startswith(BASE_NOTE)]

    assert len(notes) == said
    assert all("Stable Diffusion 1.5 or SDXL: --base FILE (in the tab: Base checkpoint" in note for note in notes)
