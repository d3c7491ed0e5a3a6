"""The comparison with a plain loop: that it runs, and says what it should."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from easyphoto.architectures.miniature import MINIATURE
from easyphoto.backends.loading import load_components
from easyphoto.bench.learners import write_noise_pictures
from easyphoto.bench.trainer import PlainLoop, TrainerComparison, compare
from easyphoto.progress import NullProgress
from easyphoto.settings.training import TrainSettings


def test_the_ratio_counts_the_caching_and_the_step_ratio_does_not():
    found = TrainerComparison(ours=(1.0, 1.0), plain=(4.0, 4.0), caching=2.0, pictures=4)

    assert (found.ratio, found.ratio_step) == (0.5, 0.25)
    assert "0.50 with caching, 0.25 a step" in found.table()


@pytest.mark.parametrize("base", ["tiny_base", "tiny_sdxl"])
def test_both_loops_run_on_the_same_model(base: str, request: pytest.FixtureRequest):
    settings = TrainSettings(batch=2, resolution=128)

    found = compare(str(request.getfixturevalue(base)), steps=2, progress=NullProgress(), settings=settings)

    assert (len(found.ours), len(found.plain), found.record()["steps"]) == (2, 2, 2)


def test_the_plain_loop_learns_as_ours_does(tiny_base: Path, tmp_path: Path):
    """A loop without an update would be a wrong measure."""
    settings = TrainSettings(batch=1)
    components = load_components(MINIATURE.at(64), tiny_base, dtype=torch.float32, device="cpu")
    write_noise_pictures(tmp_path, 64, "anna")
    loop = PlainLoop(components, tmp_path, settings=settings, steps=2, device="cpu")
    before = {name: value.clone() for name, value in loop._adapted.weights.flat.items()}

    loop.advance()

    assert all(not torch.equal(value, before[name]) for name, value in loop._adapted.weights.flat.items())
    assert all(leaf.grad is None for leaf in loop._parameters)
