"""RetinaFace from files of the published layout with narrow random tensors, and its decoding by hand."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from easyphoto.errors import OutOfMemory, WeightsMissing
from easyphoto.faces.retinaface import (
    RetinaFace,
    RetinaLayout,
    decoded_boxes,
    decoded_points,
    prior_boxes,
)

torch = pytest.importorskip("torch")

NARROW = RetinaLayout(width=4, blocks=(3, 4, 6, 3), out=8)


def random_tensors() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    tensors = {key: 0.1 * torch.randn(shape) for key, shape in NARROW.shapes().items()}
    return {key: value.abs() + 0.5 if key.endswith("running_var") else value for key, value in tensors.items()}


def written(folder: Path, tensors: dict[str, torch.Tensor], *, modelscope: bool = False) -> Path:
    counters = {
        key.replace("running_mean", "num_batches_tracked"): torch.tensor(7)
        for key in tensors
        if key.endswith("running_mean")
    }
    content = {("module." if modelscope else "") + key: value for key, value in (tensors | counters).items()}
    torch.save({"state_dict": content} if modelscope else content, folder / "retinaface.pth")
    return folder / "retinaface.pth"


def test_the_published_network_has_the_published_size() -> None:
    shapes = RetinaLayout().shapes()

    # torchvision's ResNet-50 has 25,557,032 parameters, of which its classifier has 2,049,000.
    body = sum(math.prod(shape) for key, shape in shapes.items() if key.startswith("body.") and "running" not in key)
    assert body == 25_557_032 - 2_049_000
    # facexlib's file of 109,497,761 bytes: these numbers, and some 200 bytes of names for each of 456 tensors.
    every = 4 * sum(math.prod(shape) for shape in shapes.values())
    assert (every, len(shapes) + 73) == (109_406_336, 456)
    assert shapes["body.layer3.0.downsample.0.weight"] == (1024, 512, 1, 1)
    assert shapes["ssh2.conv7x7_3.0.weight"] == (64, 64, 3, 3)
    assert shapes["LandmarkHead.2.conv1x1.bias"] == (20,)


@pytest.mark.parametrize("modelscope", [False, True])
def test_every_tensor_of_the_file_takes_part(tmp_path: Path, modelscope: bool) -> None:
    tensors = random_tensors()
    image = np.random.default_rng(0).integers(0, 255, (40, 56, 3), dtype=np.uint8)
    before = RetinaFace(written(tmp_path, tensors, modelscope=modelscope), layout=NARROW)._answers(image)

    read = Recorded(RetinaFace(tmp_path / "retinaface.pth", layout=NARROW)._tensors)
    detector = RetinaFace(tmp_path / "retinaface.pth", layout=NARROW)
    detector._tensors = read
    again = detector._answers(image)

    assert read.keys_read == set(NARROW.shapes())
    # 5 × 7, 3 × 4 and 2 × 2 places with two priors each.
    assert [one.shape for one in before] == [(102, 4), (102,), (102, 10)]
    assert all((one == other).all() for one, other in zip(before, again, strict=True))
    assert len(prior_boxes(40, 56)) == 102


class Recorded(dict[str, "torch.Tensor"]):
    """Remembers which of its keys were asked for."""

    def __init__(self, tensors: dict[str, torch.Tensor]) -> None:
        super().__init__(tensors)
        self.keys_read: set[str] = set()

    def __getitem__(self, key: str) -> torch.Tensor:
        self.keys_read.add(key)
        return super().__getitem__(key)


def test_a_face_that_the_heads_report_everywhere_is_decoded_by_hand(tmp_path: Path) -> None:
    tensors = {key: torch.zeros(shape) for key, shape in NARROW.shapes().items()}
    # Nothing anywhere but at stride 16, first prior: 64 px around (8, 8) of a picture of 16 px.
    for level in range(3):
        tensors[f"ClassHead.{level}.conv1x1.bias"][:] = torch.tensor([9.0, 0.0, 9.0, 0.0])
    tensors["ClassHead.1.conv1x1.bias"][:2] = torch.tensor([0.0, 9.0])
    tensors["BboxHead.1.conv1x1.bias"][:4] = torch.tensor([1.0, 0.5, 0.0, math.log(2) / 0.2])
    tensors["LandmarkHead.1.conv1x1.bias"][:10] = torch.tensor([-1.0, -1, 1, -1, 0, 0, -1, 1, 1, 1])
    tensors = {key: torch.ones_like(value) if key.endswith("running_var") else value for key, value in tensors.items()}

    faces = RetinaFace(written(tmp_path, tensors), layout=NARROW).detect(Image.new("RGB", (16, 16)))

    assert len(faces) == 1
    box = faces[0].box
    # Centre 8 + 1 · 0.1 · 64 = 14.4 and 11.2; 64 wide, twice as high.
    assert [box.left, box.top, box.right, box.bottom] == pytest.approx([-17.6, -52.8, 46.4, 75.2], abs=1e-3)
    expected = [[1.6, 1.6], [14.4, 1.6], [8, 8], [1.6, 14.4], [14.4, 14.4]]
    assert faces[0].points.tolist() == [pytest.approx(point) for point in expected]
    assert faces[0].score == pytest.approx(1 / (1 + math.exp(-9)))


def test_a_picture_without_a_sure_prior_has_no_face(tmp_path: Path) -> None:
    tensors = {key: torch.zeros(shape) for key, shape in NARROW.shapes().items()}

    # Both classes weigh the same everywhere: every score is 0.5.
    assert RetinaFace(written(tmp_path, tensors), layout=NARROW).detect(Image.new("RGB", (33, 20))) == ()


def test_priors_stand_in_the_middle_of_their_cells_and_offsets_are_scaled_by_the_variances() -> None:
    priors = prior_boxes(16, 24)

    assert priors[:3].tolist() == [[4, 4, 16, 16], [4, 4, 32, 32], [12, 4, 16, 16]]
    assert priors[-2:].tolist() == [[16, 16, 256, 256], [16, 16, 512, 512]]
    assert decoded_boxes(np.zeros((1, 4)), priors[2:3]).tolist() == [[4, -4, 20, 12]]
    assert decoded_points(np.full((1, 10), 5.0), priors[2:3])[0, 0].tolist() == [20, 12]


def test_another_network_s_file_names_what_does_not_fit(tmp_path: Path) -> None:
    tensors = random_tensors()
    tensors["fc.weight"] = tensors.pop("fpn.merge1.0.weight")

    with pytest.raises(WeightsMissing, match=r"2 of its tensors do not fit, first fc.weight.*choose yunet"):
        RetinaFace(written(tmp_path, tensors), layout=NARROW)


def test_a_file_that_would_run_code_is_not_unpickled(tmp_path: Path) -> None:
    torch.save({"state_dict": {"body.conv1.weight": Path("anything")}}, tmp_path / "retinaface.pth")

    with pytest.raises(WeightsMissing, match="cannot be read by torch"):
        RetinaFace(tmp_path / "retinaface.pth", layout=NARROW)


def test_too_little_memory_is_a_named_error(monkeypatch: pytest.MonkeyPatch) -> None:
    detector = RetinaFace.__new__(RetinaFace)

    def failing(image: np.ndarray) -> None:
        raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    monkeypatch.setattr(detector, "_answers", failing, raising=False)

    with pytest.raises(OutOfMemory, match="retinaface"):
        detector.detect(Image.new("RGB", (40, 30)))
