"""The dataset on disk: what is in it, and that it is whole or not there."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from easyphoto.architectures.miniature import MINIATURE
from easyphoto.errors import InputError, TooFewPhotos
from easyphoto.faces.engine import Face
from easyphoto.geometry import Box
from easyphoto.preprocess.check import check_photos
from easyphoto.preprocess.crop import Crop
from easyphoto.preprocess.dataset import Dataset, caption_of, prepare_dataset, read_dataset, worst_half
from easyphoto.preprocess.verdict import Check
from easyphoto.progress import Cancelled, NullProgress
from easyphoto.settings.training import PreprocessSettings
from tests.fakes import RecordingProgress
from tests.preprocess.marked import MarkedEngine, photo

ENGINE = MarkedEngine()


@pytest.fixture
def checked(tmp_path: Path) -> Check:
    photos = [photo(tmp_path, f"{seed}.png", seed=seed, blur=seed * 0.4) for seed in range(3)]
    return check_photos(photos, ENGINE, MINIATURE, PreprocessSettings(), NullProgress())


def prepared(check: Check, folder: Path, **settings: object) -> Dataset:
    return prepare_dataset(check, ENGINE, MINIATURE, PreprocessSettings(**settings), folder, NullProgress())  # type: ignore[arg-type]


def test_a_dataset_holds_pictures_weights_captions_and_a_reference(checked: Check, tmp_path: Path) -> None:
    dataset = prepared(checked, tmp_path / "dataset")

    files = sorted(str(path.relative_to(dataset.folder)) for path in dataset.folder.rglob("*") if path.is_file())
    assert files == [
        "dataset.json", "images/000.png", "images/001.png", "images/002.png", "metadata.jsonl", "reference.png",
        "weights/000.png", "weights/001.png", "weights/002.png",
    ]  # fmt: skip
    lines = [json.loads(line) for line in (dataset.folder / "metadata.jsonl").read_text().splitlines()]
    assert lines[0]["file_name"] == "images/000.png"
    assert lines[0]["text"] == "easyphoto_face, easyphoto, 1person"
    # The side of the square in the photo, before it was brought to 128 pixels.
    assert lines[0]["original_size"] == [232, 232]
    assert [entry.photo for entry in dataset.entries] == ["0.png", "1.png", "2.png"]


def test_every_picture_has_the_familys_size_and_the_weights_are_1_03_and_01(checked: Check, tmp_path: Path) -> None:
    dataset = prepared(checked, tmp_path / "dataset")

    with Image.open(dataset.entries[0].image) as picture, Image.open(dataset.entries[0].weights) as weights:
        assert picture.size == weights.size == (128, 128)
        values = np.unique(np.asarray(weights))
    # 255, 0.3 × 255 and 0.1 × 255 rounded.
    assert values.tolist() == [26, 76, 255]


def test_a_white_background_erases_what_is_not_the_person(checked: Check, tmp_path: Path) -> None:
    kept = prepared(checked, tmp_path / "kept")
    white = prepared(checked, tmp_path / "white", background="white")

    with Image.open(kept.entries[0].image) as picture:
        assert picture.getpixel((2, 125)) != (255, 255, 255)
        middle = picture.getpixel((64, 64))
    with Image.open(white.entries[0].image) as picture:
        assert picture.getpixel((2, 125)) == (255, 255, 255)
        assert picture.getpixel((64, 64)) == middle


def test_a_new_dataset_replaces_the_old_one(checked: Check, tmp_path: Path) -> None:
    prepared(checked, tmp_path / "dataset")
    (tmp_path / "dataset" / "images" / "099.png").write_bytes(b"left over")

    dataset = prepared(checked, tmp_path / "dataset")

    assert not (dataset.folder / "images" / "099.png").exists()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_cancelled_preparation_leaves_the_old_dataset_as_it_was(checked: Check, tmp_path: Path) -> None:
    before = prepared(checked, tmp_path / "dataset")

    with pytest.raises(Cancelled):
        prepare_dataset(
            checked, ENGINE, MINIATURE, PreprocessSettings(), tmp_path / "dataset", RecordingProgress(cancel_at=2)
        )

    assert read_dataset(tmp_path / "dataset") == before


def test_an_incomplete_dataset_is_refused(checked: Check, tmp_path: Path) -> None:
    dataset = prepared(checked, tmp_path / "dataset")
    dataset.entries[1].image.unlink()

    with pytest.raises(InputError, match="incomplete"):
        read_dataset(dataset.folder)


def test_a_dataset_of_nothing_is_a_named_error(tmp_path: Path) -> None:
    check = check_photos(
        [photo(tmp_path, "empty.png", faces=())], ENGINE, MINIATURE, PreprocessSettings(), NullProgress()
    )

    with pytest.raises(TooFewPhotos):
        prepared(check, tmp_path / "dataset")


def test_at_most_half_of_the_crops_are_enhanced_worst_first() -> None:
    assert worst_half([128, 60, 100, 70], 128) == {1, 3}
    assert worst_half([200, 60, 300, 400], 128) == {1}
    assert worst_half([60], 128) == {0}
    assert worst_half([128, 130], 128) == set()


def test_attribute_captions_say_light_and_pose_and_nothing_else(tmp_path: Path) -> None:
    def crop(tilt: float, nose: float) -> Crop:
        points = np.array([[40, 50], [80, 50 + tilt], [nose, 65], [45, 85], [75, 85]], np.float32)
        labels = np.ones((128, 128), np.uint8)
        return Crop(Image.new("RGB", (128, 128), (120, 120, 120)), Face(Box(30, 30, 90, 110), points, 1.0), labels)

    assert caption_of(crop(0, 60), "sks", with_attributes=False) == "sks"
    assert caption_of(crop(0, 60), "sks", with_attributes=True) == "sks, even light"
    assert caption_of(crop(20, 45), "sks", with_attributes=True) == "sks, even light, head tilted, head turned"
