"""Tokens as the original implementations make them; the numbers were printed by `tools/identity_golden.py`.

From tencent-ailab/IP-Adapter at 62e4af9 and InstantID/InstantID at 2145b67, run with torch 2.13 on a processor.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from easyphoto.backends.face_tokens import load_projection
from easyphoto.backends.picture_encoder import PictureStates
from tests.backends import adapter_states as states
from tests.backends.golden_faces import CASES, Looked, inputs, looked_at

EXPECTED: dict[str, tuple[Looked, Looked]] = {
    "plus-face": (
        (0.070112, -0.440453, -0.581032, 0.085525, -0.454231, -0.685397, 0.117322, -0.441096, -0.6894),
        (0.071647, -0.42957, -0.573561, 0.086944, -0.442398, -0.676687, 0.119462, -0.434021, -0.681229),
    ),
    "full-face": (
        (0.034278, -0.011252, 0.041878, -0.001158, -0.0166, 0.046388, 0.078414, -0.033597, 0.107326),
        (0.038148, -0.014777, 0.044158, -0.045385, -0.023076, -0.081712, -0.002795, -0.031292, -0.01874),
    ),
    "faceid": (
        (0.186549, 0.079248, -0.013233, 0.08743, 0.113229, -0.006147, 0.04504, 0.02983, -0.06716),
        (0.172888, 0.099264, -0.040259, 0.172008, 0.08494, -0.029783, 0.035043, 0.057522, -0.095822),
    ),
    "faceid-portrait": (
        (0.265276, 0.034648, -0.426363, 0.211378, 0.09675, -0.534838, 0.166298, 0.098853, -0.439559),
        (0.282765, 0.012934, -0.263008, 0.201872, 0.039642, -0.287912, 0.202743, 0.133537, -0.403938),
    ),
    "faceid-plus": (
        (0.420351, -0.899281, 0.043668, 0.409733, -0.963551, 0.043537, 0.482341, -0.973651, 0.043697),
        (0.478015, -0.862834, 0.043611, 0.393161, -0.956676, 0.043472, 0.507918, -0.880286, 0.043616),
    ),
    "faceid-plusv2": (
        (0.134707, -1.22155, 0.080275, 0.183005, -1.374967, 0.091945, 0.35409, -1.1618, 0.110689),
        (0.141981, -1.229783, 0.037514, 0.194508, -1.380827, 0.111893, 0.299879, -1.094829, 0.130319),
    ),
    "instantid": (
        (-0.153655, -0.240284, -0.294762, -0.141262, -0.294182, -0.262569, -0.153917, -0.33265, -0.311011),
        (-0.153755, -0.269301, -0.297875, -0.140549, -0.325783, -0.267586, -0.15421, -0.362617, -0.315364),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_tokens_are_those_of_the_original(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    projection = states.tensors(case.projection, case.seed, deviation=case.deviation)
    layers = states.tensors(states.one_layer(case.words), 1)
    flat = {f"image_proj.{key}": tensor for key, tensor in projection.items()}
    save_file(flat | {f"ip_adapter.{key}": tensor for key, tensor in layers.items()}, tmp_path / f"{name}.safetensors")
    vector, photo, blank = inputs(case)

    tokens = load_projection(tmp_path / f"{name}.safetensors", dtype=torch.float32, device=torch.device("cpu")).tokens(
        vectors=vector, pictures=PictureStates(torch.from_numpy(photo), torch.from_numpy(blank))
    )

    assert tokens.positive.shape == (1, case.tokens, case.words)
    assert looked_at(tokens.positive.numpy()) == pytest.approx(EXPECTED[name][0], abs=1e-5)
    assert looked_at(tokens.negative.numpy()) == pytest.approx(EXPECTED[name][1], abs=1e-5)
