"""The training set of a scene and of an object."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from easyphoto.architectures.miniature import MINIATURE
from easyphoto.errors import TooFewPhotos
from easyphoto.geometry import Size
from easyphoto.images.pictures import as_array, read_picture
from easyphoto.preprocess.concept_check import check_pictures
from easyphoto.preprocess.concept_dataset import MaskFinder, prepare_pictures, squares_in
from easyphoto.preprocess.dataset import Dataset
from easyphoto.progress import NullProgress
from easyphoto.settings.training import PreprocessSettings
from easyphoto.training.data import read_entries
from tests.preprocess.test_concept_check import pattern, save


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Two square ones, and one of two thirds of its width."""
    wide = np.concatenate([pattern(3), pattern(4)], axis=1)[:, :768]
    return [
        save(tmp_path, "a.png", pattern(1)),
        save(tmp_path, "b.png", pattern(2)),
        save(tmp_path, "wide.png", wide),
    ]


def prepared(photos: list[Path], kind: str, folder: Path, find: MaskFinder | None = None, **settings: str) -> Dataset:
    chosen = PreprocessSettings(**settings)  # type: ignore[arg-type]
    check = check_pictures(photos, kind, MINIATURE, chosen, NullProgress())
    more = {} if find is None else {"find": find}
    return prepare_pictures(check, MINIATURE, chosen, folder, NullProgress(), words="easyphoto_scene, room", **more)


def test_a_scene_is_learned_whole_a_wide_picture_in_squares_that_overlap(photos: list[Path], tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("by night")
    (tmp_path / "b.txt").write_text("easyphoto_scene, room, by day")

    dataset = prepared(photos, "scene", tmp_path / "dataset")

    entries = {entry.image.name: entry for entry in read_entries(dataset.folder)}
    lines = [json.loads(line) for line in (dataset.folder / "metadata.jsonl").read_text().splitlines()]
    assert sorted((line["photo"], line["text"], line["original_size"], line["corner"]) for line in lines) == [
        ("a.png", "easyphoto_scene, room, by night", [512, 512], [0, 0]),
        ("b.png", "easyphoto_scene, room, by day", [512, 512], [0, 0]),
        ("wide.png", "easyphoto_scene, room", [768, 512], [0, 0]),
        ("wide.png", "easyphoto_scene, room", [768, 512], [0, 256]),
    ]
    for entry in entries.values():
        assert read_picture(entry.image).size == (128, 128)
        assert entry.weights is not None
        assert (as_array(read_picture(entry.weights)) == 255).all()
    assert read_picture(dataset.reference).size[1] == 512
    assert dataset.notes == ("2 of 3 captions come from text files beside the photos.",)


@pytest.mark.parametrize(
    ("size", "lefts"),
    [((100, 100), [0]), ((125, 100), [12]), ((126, 100), [0, 26]), ((201, 100), [0, 50, 101])],
)
def test_squares_show_the_whole_picture(size: tuple[int, int], lefts: list[int]) -> None:
    assert [box.left for box in squares_in(Size(*size))] == lefts
    assert [box.top for box in squares_in(Size(*size[::-1]))] == lefts
    assert all(box.width == box.height == 100 for box in squares_in(Size(*size)))


def found(picture: Image.Image) -> np.ndarray:
    mask = np.zeros((picture.height, picture.width), np.float32)
    mask[100:200, 60:160] = 1
    return mask


def test_an_object_is_learned_in_a_square_and_counts_more_than_its_ground(photos: list[Path], tmp_path: Path) -> None:
    dataset = prepared(photos, "object", tmp_path / "dataset", found)

    records = json.loads((dataset.folder / "dataset.json").read_text())["entries"]
    assert len(records) == 3
    assert {tuple(record["corner"]) for record in records} == {(88, 48)}
    weights = as_array(read_picture(dataset.entries[0].weights))[..., 0]
    assert (weights[64, 64], weights[2, 2]) == (255, 38)
    # Softly, from one to the other.
    assert np.unique(weights[64]).tolist() == [38, 127, 213, 255]
    # The reference is not cropped: it is what lists show.
    assert read_picture(dataset.reference).size[1] == 512


def test_an_object_that_does_not_stand_out_is_learned_whole_and_that_is_said(
    photos: list[Path], tmp_path: Path
) -> None:
    dataset = prepared(photos, "object", tmp_path / "dataset", lambda _: None)

    assert len(dataset.entries) == 4
    assert "No object stands out from these pictures" in dataset.notes[0]
    assert all(name in dataset.notes[0] for name in ("a.png", "b.png", "wide.png"))


def test_a_white_background_is_for_objects(photos: list[Path], tmp_path: Path) -> None:
    white = prepared(photos, "object", tmp_path / "object", found, background="white")
    scene = prepared(photos, "scene", tmp_path / "scene", background="white")

    assert (as_array(read_picture(white.entries[0].image))[:4, :4] == 255).all()
    assert (as_array(read_picture(white.entries[0].image))[60:68, 60:68] != 255).any()
    assert scene.notes == ("The background of a scene is the scene: it was kept.",)


def test_fewer_than_three_pictures_are_too_few(photos: list[Path], tmp_path: Path) -> None:
    with pytest.raises(TooFewPhotos, match="Only 2 pictures can be used; at least 3 are needed"):
        prepared(photos[:2], "scene", tmp_path / "dataset")
    assert not (tmp_path / "dataset").exists()
