"""The restorer of drawn faces that ships: it cleans what was painted, and leaves the person and the rest as they are.

The people are those that the model card measures (seeds from 920000), whom no network has seen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.numpy import save_file

from easyphoto.architectures.base import models_folder
from easyphoto.drawings.identity import sample_identity
from easyphoto.drawings.renderer import Drawing, draw
from easyphoto.drawings.scene import sample_scene
from easyphoto.errors import BackendError, WeightsMissing
from easyphoto.faces.drawn_engine import DrawnEngine
from easyphoto.faces.engine import Face
from easyphoto.geometry import Box
from easyphoto.images.pictures import as_picture
from easyphoto.restoration.aligned import restored
from easyphoto.restoration.drawn import DrawnRestorer, RestoringNetwork
from easyphoto.restoration.opening import drawn_file

FIRST, PEOPLE = 920_000, 6


@pytest.fixture(scope="module")
def restorer() -> DrawnRestorer:
    return DrawnRestorer(drawn_file())


def drawings() -> Iterator[Drawing]:
    for seed in range(FIRST, FIRST + PEOPLE):
        identity = sample_identity(seed)
        yield draw(identity, sample_scene(seed, identity), 512)


def face_mask(drawing: Drawing) -> np.ndarray:
    """float32 (height, width): 1 in the ellipse of the face's box."""
    left, top, right, bottom = drawing.faces[0].box
    mask = np.zeros(drawing.image.shape[:2], np.float32)
    centre = round((left + right) / 2), round((top + bottom) / 2)
    return cv2.ellipse(mask, centre, (round((right - left) / 2), round((bottom - top) / 2)), 0, 0, 360, 1.0, -1)


def softened(picture: np.ndarray, factor: int) -> np.ndarray:
    height, width = picture.shape[:2]
    small = cv2.resize(picture, (width // factor, height // factor), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LANCZOS4)


def after(restorer: DrawnRestorer, drawing: Drawing, picture: np.ndarray) -> np.ndarray:
    points, allowed = drawing.faces[0].points, face_mask(drawing)
    return restored(picture, points, restorer.restore, allowed=allowed, changes_only=restorer.changes_only)


def psnr(one: np.ndarray, other: np.ndarray, inside: np.ndarray) -> float:
    return float(-10 * np.log10((((one.astype(float) - other)[inside > 0] / 255) ** 2).mean() + 1e-9))


def test_a_face_reduced_and_enlarged_gets_nearer_to_the_truth_and_stays_the_same_person(restorer: DrawnRestorer):
    engine = DrawnEngine(models_folder() / "miniature" / "faces")
    gains, likenesses = [], []
    for drawing in drawings():
        soft, inside = softened(drawing.image, 3), face_mask(drawing)
        made = after(restorer, drawing, soft)
        gains.append(psnr(made, drawing.image, inside) - psnr(soft, drawing.image, inside))
        face = Face(Box(*drawing.faces[0].box), drawing.faces[0].points, 1.0)
        vectors = [engine.embed(as_picture(each), face) for each in (drawing.image, soft, made)]
        truth, before, now = (np.asarray(vector) for vector in vectors)
        likenesses.append(float(now @ truth - before @ truth))

    assert np.mean(gains) > 0.1
    assert min(likenesses) > -0.01


def test_a_clean_drawing_stays(restorer: DrawnRestorer):
    kept = [psnr(after(restorer, each, each.image), each.image, face_mask(each)) for each in drawings()]

    assert min(kept) > 48.0


def test_what_was_not_painted_keeps_every_byte_and_the_same_face_becomes_the_same_bytes(restorer: DrawnRestorer):
    drawing = next(drawings())
    soft = softened(drawing.image, 3)

    made, again = (after(restorer, drawing, soft) for _ in range(2))

    outside = face_mask(drawing) == 0
    assert made[outside].tobytes() == soft[outside].tobytes()
    assert (made != soft).any()
    assert made.tobytes() == again.tobytes()


def test_a_face_of_another_size_is_refused(restorer: DrawnRestorer):
    with pytest.raises(ValueError, match="256×256"):
        restorer.restore(Image.new("RGB", (256, 256)))


def test_a_file_that_holds_something_else_is_named(tmp_path: Path):
    other, broken = tmp_path / "other.safetensors", tmp_path / "broken.safetensors"
    save_file({"weight": np.zeros(3, np.float32)}, other)
    broken.write_bytes(b"no model")

    for file in (other, broken, tmp_path / "gone.safetensors"):
        with pytest.raises(WeightsMissing, match=file.name):
            DrawnRestorer(file)


def test_opening_it_takes_no_random_numbers_and_no_default_of_torch() -> None:
    torch.manual_seed(5)
    before, usual = torch.random.get_rng_state(), torch.get_default_dtype()
    torch.set_default_dtype(torch.float16)
    try:
        made = DrawnRestorer(drawn_file()).restore(Image.new("RGB", (512, 512), (200, 160, 140)))
    finally:
        torch.set_default_dtype(usual)

    assert torch.equal(torch.random.get_rng_state(), before)
    assert made.size == (512, 512)


def test_what_fails_is_to_be_restored_from_the_repository(
    restorer: DrawnRestorer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    advice = "It ships with EasyPhoto: restore models/miniature/restorer from the repository."
    face = Image.new("RGB", (512, 512))

    with pytest.raises(WeightsMissing) as gone:
        DrawnRestorer(tmp_path / "gone.safetensors")
    monkeypatch.setattr(RestoringNetwork, "forward", lambda self, pictures: pictures * float("nan"))
    with pytest.raises(BackendError, match="not numbers") as no_numbers:
        restorer.restore(face)
    monkeypatch.setattr(RestoringNetwork, "forward", lambda self, pictures: pictures.reshape(7))
    with pytest.raises(BackendError, match="The model failed") as failed:
        restorer.restore(face)

    assert [str(each.value.advice) for each in (gone, no_numbers, failed)] == [advice] * 3


def test_its_list_of_checksums_is_that_of_the_file() -> None:
    listed = (drawn_file().parent / "SHA256SUMS").read_text().split()

    assert listed == [hashlib.sha256(drawn_file().read_bytes()).hexdigest(), "face.safetensors"]
