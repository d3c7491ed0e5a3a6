"""ModelScope's CurricularFace file: the same numbers as the network built of torch's own layers."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from easyphoto.errors import EnvironmentFailure, WeightsMissing
from easyphoto.faces.crop import CropRecipe
from easyphoto.faces.curricular import CurricularEmbedder, ResidualLayout
from tests.faces.tiny_embedder import soft_face

torch = pytest.importorskip("torch")

TINY = ResidualLayout(widths=(4, 6, 8, 10), units=(1, 2, 2, 1), dimensions=64)


def built(layout: ResidualLayout):
    """The published network, of layers in sequences; their numbers are the keys of the file."""
    nn = torch.nn

    class Unit(nn.Module):
        def __init__(self, inputs: int, outputs: int, stride: int) -> None:
            super().__init__()
            self.shortcut_layer = nn.MaxPool2d(1, stride)
            if inputs != outputs:
                conv = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
                self.shortcut_layer = nn.Sequential(conv, nn.BatchNorm2d(outputs))
            first, second = nn.Conv2d(inputs, outputs, 3, 1, 1, bias=False), nn.Conv2d(outputs, outputs, 3, stride, 1)
            second.bias = None
            norms = nn.BatchNorm2d(inputs), nn.BatchNorm2d(outputs), nn.BatchNorm2d(outputs)
            self.res_layer = nn.Sequential(norms[0], first, norms[1], nn.PReLU(outputs), second, norms[2])

        def forward(self, x):
            return self.res_layer(x) + self.shortcut_layer(x)

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            first, last = layout.widths[0], layout.widths[-1]
            conv = nn.Conv2d(3, first, 3, 1, 1, bias=False)
            self.input_layer = nn.Sequential(conv, nn.BatchNorm2d(first), nn.PReLU(first))
            self.body = nn.Sequential(*(Unit(*step) for step in layout.steps()))
            linear = nn.Linear(last * 49, layout.dimensions)
            norm = nn.BatchNorm1d(layout.dimensions, affine=False)
            self.output_layer = nn.Sequential(nn.BatchNorm2d(last), nn.Dropout(0.4), nn.Flatten(), linear, norm)

        def forward(self, x):
            return self.output_layer(self.body(self.input_layer(x)))

    torch.manual_seed(0)
    network = Network()
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if tensor.is_floating_point() and tensor.dim() == 1:
                tensor.copy_(torch.rand(tensor.shape) + (0.5 if name.endswith(("var", "weight")) else -0.5))
    return network.eval()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    torch.save(built(TINY).state_dict(), tmp_path / "pytorch_model.bin")
    return tmp_path / "pytorch_model.bin"


def test_the_reader_gives_the_networks_own_numbers(file: Path) -> None:
    picture, face = soft_face()
    recipe = CropRecipe()
    numbers = recipe.numbers(recipe.square(picture, face, 112)).transpose(2, 0, 1)[None]
    with torch.inference_mode():
        expected = built(TINY)(torch.from_numpy(np.ascontiguousarray(numbers)))[0].numpy()

    vector = CurricularEmbedder(file, id="curricularface", layout=TINY).embed(picture, face)

    assert float(np.linalg.norm(vector)) == pytest.approx(1, abs=1e-6)
    assert vector == pytest.approx(expected / np.linalg.norm(expected), abs=1e-5)


def test_the_full_network_has_the_size_of_an_ir_101() -> None:
    shapes = ResidualLayout().shapes()

    assert shapes["output_layer.3.weight"] == (512, 25088)
    assert shapes["body.48.res_layer.5.running_var"] == (512,)
    # 49 units; four change the width or begin with it: the first one keeps 64.
    assert sorted(key for key in shapes if key.endswith("shortcut_layer.0.weight")) == [
        "body.16.shortcut_layer.0.weight", "body.3.shortcut_layer.0.weight", "body.46.shortcut_layer.0.weight"
    ]  # fmt: skip
    learned = sum(math.prod(shape) for key, shape in shapes.items() if "running" not in key)
    assert learned == 65_150_912


def test_a_file_with_another_networks_tensors_is_named(file: Path, tmp_path: Path) -> None:
    state = torch.load(file, weights_only=True)
    torch.save({**state, "head.weight": torch.zeros(2)}, tmp_path / "more.bin")
    del state["body.3.res_layer.1.weight"]
    torch.save(state, tmp_path / "less.bin")

    with pytest.raises(EnvironmentFailure, match=r"less\.bin is not a CurricularFace .* first body\.3\.res_layer\.1"):
        CurricularEmbedder(tmp_path / "less.bin", id="curricularface", layout=TINY)
    with pytest.raises(EnvironmentFailure, match=r"more\.bin .* first head\.weight"):
        CurricularEmbedder(tmp_path / "more.bin", id="curricularface", layout=TINY)


def test_a_file_that_would_run_code_is_not_read(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self):
            return (Path.write_text, (tmp_path / "ran", "code"))

    torch.save({"input_layer.0.weight": Trap()}, tmp_path / "trap.bin")

    with pytest.raises(WeightsMissing, match=r"trap\.bin cannot be read by torch as a table"):
        CurricularEmbedder(tmp_path / "trap.bin", id="curricularface", layout=TINY)
    assert not (tmp_path / "ran").exists()
