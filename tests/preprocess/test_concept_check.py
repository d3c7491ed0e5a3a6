"""Pictures of a scene or an object: which are kept, without a look at faces."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from easyphoto.architectures.miniature import MINIATURE
from easyphoto.architectures.sd15 import SD15
from easyphoto.errors import TooFewPhotos
from easyphoto.preprocess.concept_check import check_pictures, picture_sharpness
from easyphoto.preprocess.verdict import Check, Reason
from easyphoto.progress import NullProgress
from easyphoto.settings.training import PreprocessSettings


def pattern(seed: int, side: int = 512) -> np.ndarray:
    """Crisp squares of many colours, unlike those of another seed."""
    cells = np.random.default_rng(seed).integers(0, 256, (16, 16, 3)).astype(np.uint8)
    return cv2.resize(cells, (side, side), interpolation=cv2.INTER_NEAREST)


def save(folder: Path, name: str, image: np.ndarray) -> Path:
    Image.fromarray(image).save(folder / name, quality=92)
    return folder / name


def checked(photos: list[Path], family=MINIATURE, **settings: object) -> Check:
    return check_pictures(photos, "scene", family, PreprocessSettings(**settings), NullProgress())  # type: ignore[arg-type]


def test_what_cannot_be_learned_is_set_aside_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "torn.jpg").write_bytes(b"\xff\xd8\xff")
    found = checked(
        [
            save(tmp_path, "a.png", pattern(1)),
            save(tmp_path, "b.png", pattern(2)),
            save(tmp_path, "again.jpg", cv2.resize(pattern(1), (400, 400), interpolation=cv2.INTER_AREA)),
            save(tmp_path, "soft.png", cv2.GaussianBlur(pattern(3), (0, 0), 30)),
            save(tmp_path, "small.png", pattern(4, 63)),
            tmp_path / "torn.jpg",
        ]
    )

    assert {verdict.photo: verdict.reason for verdict in found.verdicts} == {
        "a.png": None, "b.png": None, "again.jpg": Reason.NEAR_DUPLICATE, "soft.png": Reason.BLURRED,
        "small.png": Reason.TOO_SMALL, "torn.jpg": Reason.UNREADABLE,
    }  # fmt: skip
    said = {verdict.photo: verdict.explanation for verdict in found.verdicts}
    assert said["again.jpg"] == "It is nearly the same picture as a.png, which is larger."
    assert said["small.png"] == "The picture has 63×63 pixels; its shorter side needs at least 64."
    assert found.kind == found.record()["kind"] == "scene"
    assert (found.engine, found.embedder, found.question) == ("", None, None)
    assert found.notes == ("Only 2 pictures are kept; 5 to 20 from several sides give a better result.",)


def test_how_large_a_picture_must_be_follows_the_family_and_the_kind(tmp_path: Path) -> None:
    photos = [save(tmp_path, "a.png", pattern(1, 300)), save(tmp_path, "b.png", pattern(2, 400))]

    for family, kept in ((SD15, 2), (SD15.for_kind("scene"), 1)):
        assert len(checked(photos, family).kept) == kept


def test_a_sharp_thing_before_a_blurred_background_is_sharp() -> None:
    image = cv2.GaussianBlur(pattern(1), (0, 0), 30)
    assert picture_sharpness(Image.fromarray(image)) < 0.12

    image[192:320, 192:320] = pattern(2)[192:320, 192:320]

    assert picture_sharpness(Image.fromarray(image)) > 0.5


def test_only_the_clearest_are_kept_of_many(tmp_path: Path) -> None:
    photos = [save(tmp_path, f"{seed}.png", pattern(seed)) for seed in range(4)]

    found = checked(photos, keep=3)

    assert len(found.kept) == 3
    assert [verdict.reason for verdict in found.verdicts if not verdict.kept] == [Reason.NOT_AMONG_BEST]


def test_no_pictures_are_an_error() -> None:
    with pytest.raises(TooFewPhotos, match="at least 3 pictures"):
        checked([])
