"""Every verdict, on pictures with painted cards for faces."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from easyphoto.architectures.miniature import MINIATURE
from easyphoto.errors import TooFewPhotos
from easyphoto.preprocess.check import check_photos
from easyphoto.preprocess.verdict import Check, Reason
from easyphoto.progress import Cancelled, NullProgress
from easyphoto.settings.training import PreprocessSettings
from tests.fakes import RecordingProgress
from tests.preprocess.marked import MarkedEngine, photo


def check(
    photos: list[Path],
    *,
    engine: MarkedEngine | None = None,
    keep: int = 15,
    same_person: float | None = None,
    **options: object,
) -> Check:
    settings = PreprocessSettings(keep=keep, same_person=same_person)
    return check_photos(photos, engine or MarkedEngine(), MINIATURE, settings, NullProgress(), **options)  # type: ignore[arg-type]


def reasons(result: Check) -> list[Reason | None]:
    return [verdict.reason for verdict in result.verdicts]


def test_good_photos_are_kept_and_the_numbers_are_said(tmp_path: Path) -> None:
    result = check([photo(tmp_path, f"{seed}.png", seed=seed) for seed in range(5)])

    assert reasons(result) == [None] * 5
    assert result.notes == ()
    assert result.verdicts[0].explanation.startswith("Kept: sharpness ")
    assert result.verdicts[0].angle == 1.0


def test_no_photos_at_all_are_a_named_error() -> None:
    with pytest.raises(TooFewPhotos, match="There are no photos"):
        check([])


def test_a_single_photo_works_with_a_note(tmp_path: Path) -> None:
    result = check([photo(tmp_path, "one.png")])

    assert [verdict.photo for verdict in result.kept] == ["one.png"]
    assert result.reference == "one.png"
    assert result.notes == ("Only one photo is kept: the result will look like that photo. 5 to 20 are better.",)


def test_a_photo_with_a_broken_profile_is_kept_and_says_so(tmp_path: Path) -> None:
    file = photo(tmp_path, "one.png")
    with Image.open(file) as opened:
        opened.save(file, icc_profile=b"junk")

    verdict = check([file]).verdicts[0]

    assert verdict.kept
    assert verdict.notes == ("its colour profile was ignored, because it is broken",)


def test_an_orientation_that_does_not_exist_changes_no_verdict(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 9
    file = photo(tmp_path, "one.png")
    before = check([file]).verdicts[0]
    with Image.open(file) as opened:
        opened.save(file, exif=exif)

    assert check([file]).verdicts[0].record() == before.record()


def test_what_is_no_picture_gets_a_verdict_not_a_crash(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("not a picture")
    Image.new("RGB", (300, 300), "red").save(tmp_path / "whole.jpg")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "whole.jpg").read_bytes()[:700])
    Image.new("RGB", (1, 1)).save(tmp_path / "dot.png")
    (tmp_path / "empty.png").write_bytes(b"")

    result = check([tmp_path / name for name in ("text.jpg", "cut.jpg", "dot.png", "empty.png", "absent.png")])

    assert reasons(result) == [
        Reason.UNREADABLE,
        Reason.UNREADABLE,
        Reason.NO_FACE,
        Reason.UNREADABLE,
        Reason.UNREADABLE,
    ]
    assert result.verdicts[1].explanation == "The file is cut off: part of the picture is missing."
    assert all(verdict.advice for verdict in result.verdicts)
    assert result.reference is None


def test_a_photo_without_a_face_says_so(tmp_path: Path) -> None:
    result = check([photo(tmp_path, "empty.png", faces=())])

    assert reasons(result) == [Reason.NO_FACE]


def test_two_faces_of_like_size_are_asked_about_instead_of_guessed(tmp_path: Path) -> None:
    # 81² is more than a quarter of 160², 79² is less.
    asked = photo(tmp_path, "asked.png", faces=((40, 100, 160), (300, 100, 81)))
    clear = photo(tmp_path, "clear.png", faces=((40, 100, 160), (300, 100, 79)), seed=3)

    result = check([asked, clear])

    assert reasons(result) == [Reason.SEVERAL_FACES, None]
    assert "a number from 1 to 2" in result.verdicts[0].advice


def test_the_chosen_face_is_taken(tmp_path: Path) -> None:
    both = photo(tmp_path, "both.png", faces=((40, 100, 160), (300, 100, 120)))

    result = check([both], chosen_faces={"both.png": 2})

    assert result.verdicts[0].kept
    assert result.verdicts[0].face is not None
    assert result.verdicts[0].face.box.width == pytest.approx(120)
    assert "face 2 was chosen" in result.verdicts[0].notes


def test_a_chosen_face_that_does_not_exist_is_said(tmp_path: Path) -> None:
    result = check([photo(tmp_path, "one.png")], chosen_faces={"one.png": 4})

    assert reasons(result) == [Reason.SEVERAL_FACES]
    assert result.verdicts[0].explanation == "Face 4 was chosen, but 1 were found."


def test_a_small_face_is_measured_in_the_pixels_of_the_original(tmp_path: Path) -> None:
    # The detector sees the large picture at 1600 px, where its face has 27 px; the original has 40, of 32 needed.
    small = photo(tmp_path, "small.png", faces=((150, 100, 31),))
    large = photo(tmp_path, "large.png", faces=((1000, 800, 40),), size=(2400, 1800), seed=2)

    result = check([small, large])

    assert reasons(result) == [Reason.TOO_SMALL, None]
    assert result.verdicts[0].explanation == "The face is 31 pixels wide; at least 32 are needed."
    assert result.verdicts[1].face is not None
    assert result.verdicts[1].face.box.width == pytest.approx(40, abs=2)


def test_a_blurred_face_is_set_aside(tmp_path: Path) -> None:
    result = check([photo(tmp_path, "soft.png", blur=9), photo(tmp_path, "crisp.png", seed=4)])

    assert reasons(result) == [Reason.BLURRED, None]


def test_someone_else_is_set_aside_and_does_not_pull_the_mean(tmp_path: Path) -> None:
    photos = [photo(tmp_path, f"{seed}.png", seed=seed) for seed in range(4)]
    photos.append(photo(tmp_path, "other.png", person="ben", seed=9))

    result = check(photos)

    assert reasons(result) == [None, None, None, None, Reason.SOMEONE_ELSE]
    identities = [verdict.identity for verdict in result.verdicts[:4]]
    assert all(identity is not None and identity > 0.97 for identity in identities)


def test_two_photos_that_disagree_are_both_kept_with_a_note(tmp_path: Path) -> None:
    result = check([photo(tmp_path, "a.png"), photo(tmp_path, "b.png", person="ben", seed=9)])

    assert reasons(result) == [None, None]
    assert any("seem to show different people" in note for note in result.notes)


def test_without_an_embedder_nobody_is_a_stranger_and_that_is_said(tmp_path: Path) -> None:
    photos = [photo(tmp_path, "a.png"), photo(tmp_path, "b.png", person="ben", seed=9)]

    result = check(photos, engine=MarkedEngine(has_embedder=False))

    assert reasons(result) == [None, None]
    assert [verdict.identity for verdict in result.verdicts] == [None, None]
    assert all("identity not checked" in verdict.notes for verdict in result.verdicts)
    assert result.notes[0].startswith("identity not checked: there is no face recognition for drawings")


def test_without_a_limit_the_embedder_ranks_but_nobody_is_a_stranger(tmp_path: Path) -> None:
    engine = MarkedEngine()
    engine.same_person_limit = None
    photos = [photo(tmp_path, f"{index}.png", seed=7 * index) for index in range(3)]
    photos.append(photo(tmp_path, "ben.png", person="ben", seed=40))

    result = check(photos, engine=engine)

    assert reasons(result) == [None, None, None, None]
    identities = [verdict.identity or 0 for verdict in result.verdicts]
    assert min(identities[:3]) > 0.9
    assert identities[3] < 0.5
    assert result.kept[-1].photo == "ben.png"
    assert result.notes[0].startswith("identity not checked: it is not known how much likeness colours finds")
    assert result.identity_words == "ranked with colours, identity not checked"
    assert "Much less alike than the other photos" in result.notes[1]
    assert "ben.png" in result.notes[1]
    assert "0.png" not in result.notes[1]


def test_without_a_limit_photos_that_agree_raise_no_doubt(tmp_path: Path) -> None:
    engine = MarkedEngine()
    engine.same_person_limit = None
    photos = [photo(tmp_path, f"{index}.png", seed=7 * index) for index in range(4)]

    result = check(photos, engine=engine)

    assert not any("Much less alike" in note for note in result.notes)


def test_a_limit_of_the_settings_counts_where_the_embedder_has_none(tmp_path: Path) -> None:
    engine = MarkedEngine()
    engine.same_person_limit = None
    photos = [photo(tmp_path, f"{index}.png", seed=7 * index) for index in range(3)]
    photos.append(photo(tmp_path, "ben.png", person="ben", seed=40))

    result = check(photos, engine=engine, same_person=0.5)

    assert reasons(result) == [None, None, None, Reason.SOMEONE_ELSE]
    assert result.identity_words == "identity checked with colours"


def test_a_copy_counts_once_and_the_larger_one_stays(tmp_path: Path) -> None:
    large = photo(tmp_path, "large.png", seed=5)
    with Image.open(large) as picture:
        picture.resize((240, 180), Image.Resampling.BOX).save(tmp_path / "a-copy.png")

    result = check([tmp_path / "a-copy.png", large, photo(tmp_path, "other.png", seed=6)])

    assert reasons(result) == [Reason.NEAR_DUPLICATE, None, None]
    assert result.verdicts[0].duplicate_of == "large.png"
    assert result.verdicts[0].explanation == (
        "It is nearly the same picture as large.png, which shows the face larger."
    )


def test_a_compressed_copy_loses_against_its_original(tmp_path: Path) -> None:
    original = photo(tmp_path, "original.png", seed=5)
    with Image.open(original) as picture:
        picture.save(tmp_path / "a-copy.jpg", quality=30)

    result = check([tmp_path / "a-copy.jpg", original])

    assert reasons(result) == [Reason.NEAR_DUPLICATE, None]
    assert result.verdicts[0].explanation == (
        "It is nearly the same picture as original.png, which is less compressed."
    )


def test_of_equal_copies_the_first_one_stays(tmp_path: Path) -> None:
    photos = [photo(tmp_path, name, seed=5) for name in ("b.png", "a.png", "c.png")]

    result = check(photos)

    assert [verdict.photo for verdict in result.kept] == ["b.png"]
    assert {verdict.duplicate_of for verdict in result.verdicts[1:]} == {"b.png"}
    assert result.verdicts[1].explanation == "It is nearly the same picture as b.png, which comes first."


def test_a_lying_photo_is_turned_upright(tmp_path: Path) -> None:
    upright = photo(tmp_path, "upright.png", size=(480, 360))
    with Image.open(upright) as picture:
        # Turned counterclockwise, so that a clockwise quarter brings it back.
        picture.rotate(90, expand=True).save(tmp_path / "lying.png")

    result = check([tmp_path / "lying.png"])

    verdict = result.verdicts[0]
    assert verdict.rotation == 90
    assert verdict.notes == ("turned by 90° to stand upright",)
    assert verdict.face is not None
    assert [round(value) for value in (verdict.face.box.left, verdict.face.box.top)] == [150, 100]


def test_the_exif_tag_comes_before_the_vote(tmp_path: Path) -> None:
    upright = photo(tmp_path, "upright.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(upright) as picture:
        picture.rotate(90, expand=True).save(tmp_path / "tagged.jpg", exif=exif, quality=95)

    result = check([tmp_path / "tagged.jpg"])

    assert result.verdicts[0].rotation == 0
    assert result.verdicts[0].kept


def test_only_the_best_are_kept(tmp_path: Path) -> None:
    photos = [photo(tmp_path, f"{seed}.png", seed=seed, blur=seed * 0.7) for seed in range(4)]

    result = check(photos, keep=2)

    assert reasons(result) == [None, None, Reason.NOT_AMONG_BEST, Reason.NOT_AMONG_BEST]
    assert [verdict.photo for verdict in result.kept] == ["0.png", "1.png"]


def test_checking_can_be_cancelled_between_photos(tmp_path: Path) -> None:
    photos = [photo(tmp_path, f"{seed}.png", seed=seed) for seed in range(3)]
    progress = RecordingProgress(cancel_at=2)

    with pytest.raises(Cancelled):
        check_photos(photos, MarkedEngine(), MINIATURE, PreprocessSettings(), progress)

    assert progress.steps == [(0, 3, "looking at 0.png")]


def test_verdicts_do_not_depend_on_how_many_photos_are_looked_at_at_once(tmp_path: Path) -> None:
    photos = [photo(tmp_path, f"{seed}.png", seed=seed) for seed in range(6)]
    (tmp_path / "text.jpg").write_text("not a picture")
    photos[2:2] = [tmp_path / "text.jpg", tmp_path / "absent.png"]

    one, three = ([verdict.record() for verdict in check(photos, threads=threads).verdicts] for threads in (1, 3))

    assert one == three
    assert [verdict["photo"] for verdict in one][:4] == ["0.png", "1.png", "text.jpg", "absent.png"]


def test_progress_names_the_photos_in_their_order_whichever_thread_is_first(tmp_path: Path) -> None:
    photos, progress = [photo(tmp_path, f"{seed}.png", seed=seed) for seed in range(5)], RecordingProgress()

    check_photos(photos, MarkedEngine(), MINIATURE, PreprocessSettings(), progress, threads=3)

    assert [step[:2] for step in progress.steps] == [(0, 5), (1, 5), (2, 5), (3, 5), (4, 5), (5, 5)]
    assert [step[2] for step in progress.steps][:5] == [f"looking at {seed}.png" for seed in range(5)]


def test_a_check_by_several_threads_can_be_cancelled(tmp_path: Path) -> None:
    photos = [photo(tmp_path, f"{seed}.png", seed=seed) for seed in range(12)]

    with pytest.raises(Cancelled):
        check_photos(photos, MarkedEngine(), MINIATURE, PreprocessSettings(), RecordingProgress(cancel_at=3), threads=2)
