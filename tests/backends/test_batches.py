"""How many pictures it pays to paint together."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from easyphoto.backends.batches import worth_at_a_time
from easyphoto.backends.folders import base_model
from easyphoto.backends.local import open_local


@pytest.mark.parametrize(("side", "pictures"), [(64, 8), (128, 8), (192, 3), (256, 2), (384, 1), (512, 1), (1024, 1)])
def test_a_processor_gains_nothing_from_batches_of_large_pictures(side: int, pictures: int) -> None:
    assert worth_at_a_time(torch.device("cpu"), (side // 8) ** 2) == pictures


@pytest.mark.parametrize("side", [128, 512, 1024])
def test_on_a_card_large_pictures_are_painted_together_as_well(side: int) -> None:
    assert worth_at_a_time(torch.device("cuda"), (side // 8) ** 2) == 8


def test_the_local_backend_says_so_of_its_family_s_resolution(tiny_base: Path) -> None:
    assert open_local(*base_model(str(tiny_base))).capabilities().at_a_time == 8
