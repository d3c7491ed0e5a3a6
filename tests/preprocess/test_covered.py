"""What becomes of photos whose face is covered."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from easyphoto.architectures.miniature import MINIATURE
from easyphoto.errors import BadReference
from easyphoto.preprocess.check import check_photos
from easyphoto.preprocess.sheet import verdict_sheet
from easyphoto.preprocess.verdict import Check, Reason
from easyphoto.progress import NullProgress
from easyphoto.settings.training import PreprocessSettings
from tests.preprocess.marked import MarkedEngine, photo

EYES, MOUTH, BOTH = (0.30, 0.40), (0.70, 0.80), (0.30, 0.80)
"""From where to where in a card something lies over it; its eyes are at 0.35, the mouth's corners at 0.75."""


def check(photos: list[Path], settings: PreprocessSettings | None = None) -> Check:
    return check_photos(photos, MarkedEngine(), MINIATURE, settings or PreprocessSettings(), NullProgress())


@pytest.mark.parametrize(
    ("covered", "explanation"),
    [
        (EYES, "The eyes are covered (sunglasses?)."),
        (MOUTH, "The mouth is covered (a mask or a hand?)."),
        (BOTH, "Most of the face is covered."),
    ],
    ids=["eyes", "mouth", "face"],
)
def test_a_covered_face_is_set_aside_and_what_is_hidden_is_said(
    tmp_path: Path, covered: tuple[float, float], explanation: str
) -> None:
    verdict = check([photo(tmp_path, "covered.png", covered=covered)]).verdicts[0]

    assert (verdict.kept, verdict.reason) == (False, Reason.COVERED)
    assert verdict.explanation == explanation
    assert verdict.advice == (
        "Use a photo where eyes and mouth are visible; to use such photos anyway, switch on Keep covered faces."
    )


def test_covered_photos_are_kept_where_that_is_asked_for_and_never_are_the_reference(tmp_path: Path) -> None:
    # The covered photo's face is the larger and so the better one.
    photos = [
        photo(tmp_path, "covered.png", covered=EYES, faces=((100, 60, 240),)),
        photo(tmp_path, "bare.png", seed=3, faces=((150, 100, 80),)),
    ]

    result = check(photos, PreprocessSettings(keep_covered=True))

    assert [verdict.reason for verdict in result.verdicts] == [None, None]
    assert result.verdicts[0].notes == ("the eyes are covered (sunglasses?)",)
    assert result.verdicts[1].notes == ()
    assert result.reference == "bare.png"


def test_somebody_who_is_always_covered_has_a_reference_all_the_same(tmp_path: Path) -> None:
    photos = [photo(tmp_path, f"{seed}.png", seed=seed, covered=EYES) for seed in range(2)]

    result = check(photos, PreprocessSettings(keep_covered=True))

    assert len(result.kept) == 2
    assert result.reference in ("0.png", "1.png")


def test_a_covered_photo_is_the_reference_where_the_user_names_it(tmp_path: Path) -> None:
    photos = [photo(tmp_path, "covered.png", covered=EYES), photo(tmp_path, "bare.png", seed=3)]
    keeping = PreprocessSettings(keep_covered=True)

    result = check_photos(photos, MarkedEngine(), MINIATURE, keeping, NullProgress(), reference="covered.png")

    assert result.reference == "covered.png"


def test_a_covered_photo_that_is_named_but_set_aside_is_refused_with_the_reason(tmp_path: Path) -> None:
    photos = [photo(tmp_path, "covered.png", covered=EYES), photo(tmp_path, "bare.png", seed=3)]

    with pytest.raises(BadReference, match=r"covered\.png cannot be the reference photo: The eyes are covered"):
        check_photos(photos, MarkedEngine(), MINIATURE, PreprocessSettings(), NullProgress(), reference="covered.png")


def test_the_record_and_the_sheet_say_it(tmp_path: Path) -> None:
    result = check([photo(tmp_path, "covered.png", covered=MOUTH), photo(tmp_path, "bare.png", seed=3)])

    records = result.record()["verdicts"]
    assert [one["reason"] for one in records] == ["covered", None]
    assert [one["covering"] for one in records] == ["the mouth is covered (a mask or a hand?)", None]
    assert verdict_sheet(replace(result, verdicts=result.verdicts[:1])).size[0] > 0
